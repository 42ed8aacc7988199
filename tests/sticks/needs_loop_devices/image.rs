//! Sticks, as images on loop devices.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A stick in its socket.
pub struct Stick {
    pub device: PathBuf,
    dir: tempfile::TempDir,
}

/// What a stick may be made with.
pub const KINDS: [(&str, &str, &[&str]); 3] = [
    ("vfat", "mkfs.vfat", &["-F", "32"]),
    ("exfat", "mkfs.exfat", &[]),
    ("ext4", "mkfs.ext4", &["-q", "-F", "-E", "root_owner=1000:1000"]),
];

/// Runs one of the system's programs, which not everybody has in their path; what it said.
pub fn run(program: &str, args: &[&str]) -> String {
    let path = std::env::var("PATH").expect("a path") + ":/usr/sbin:/sbin";
    let output = Command::new(program)
        .args(args)
        .env("PATH", path)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

impl Stick {
    /// A new stick of 64 MiB, with what `fill` puts onto it.
    pub fn new(kind: &str, fill: impl FnOnce(&Path)) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let image = dir.path().join("image");
        File::create(&image).and_then(|file| file.set_len(64 << 20)).expect("an image");
        let (_, make, options) = KINDS.into_iter().find(|(known, ..)| *known == kind).expect("it is known");
        let image = image.to_str().expect("text");
        run(make, &[options, &[image]].concat());
        let stick = Self { device: run("losetup", &["--find", "--show", image]).into(), dir };
        stick.open(fill);
        stick
    }

    /// Looks at it, or changes it, as another computer would.
    pub fn open<T>(&self, act: impl FnOnce(&Path) -> T) -> T {
        let top = self.dir.path().join("top");
        fs::create_dir_all(&top).expect("a folder");
        let [device, path] = [&self.device, &top].map(|path| path.to_str().expect("text"));
        run("mount", &[device, path]);
        let done = act(&top);
        run("umount", &[path]);
        done
    }

    /// All its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        fs::read(&self.device).expect("the device")
    }
}

impl Drop for Stick {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.dir.path().join("top")).output();
        let _ = Command::new("/usr/sbin/losetup").arg("-d").arg(&self.device).output();
    }
}
