//! A real SSH server on loopback, with keys of its own.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// A running sshd; ends with the test.
pub struct Sshd {
    child: Child,
    folder: TempDir,
    pub port: u16,
}

impl Sshd {
    /// Lets the user of this test in with a key.
    pub fn start() -> Self {
        Self::start_by(|sshd, _| sshd)
    }

    /// The same, started through another program.
    pub fn start_by(wrap: impl FnOnce(Command, &Path) -> Command) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |file: &str| folder.path().join(file).display().to_string();
        for key in ["host_key", "user_key", "other_key"] {
            let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &path(key)]).status();
            assert!(made.expect("ssh-keygen is installed (scripts/test does it)").success());
        }
        let port = TcpListener::bind("127.0.0.1:0").and_then(|taken| taken.local_addr()).expect("a port").port();
        let config = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\n\
             UsePAM no\nPermitRootLogin yes\nPasswordAuthentication yes\nMaxStartups 100\nPrintMotd no\n",
            path("host_key"),
            path("user_key.pub")
        );
        fs::write(folder.path().join("sshd_config"), config).expect("writable");
        // Debian's sshd wants it; its service would make it. Without rights sshd needs none.
        let _ = fs::create_dir_all("/run/sshd");
        let mut sshd = Command::new("/usr/sbin/sshd");
        sshd.args(["-f", &path("sshd_config")]);
        // From OpenSSH 9.8 on whoever gives a wrong password is shut out for a while; before, there is no such option.
        let forgiving = ["-o", "PerSourcePenalties=no"];
        let is_known = Command::new("/usr/sbin/sshd").args(sshd.get_args()).args(forgiving).arg("-t").output();
        if is_known.expect("sshd is installed").status.success() {
            sshd.args(forgiving);
        }
        sshd.args(["-D", "-e"]);
        let mut child =
            wrap(sshd, folder.path()).stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("sshd is installed");
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(child.try_wait().expect("it can be asked").is_none(), "sshd has ended");
            thread::sleep(Duration::from_millis(20));
        }
        Self { child, folder, port }
    }

    pub fn public_key(&self, key: &str) -> String {
        fs::read_to_string(self.folder.path().join(key).with_extension("pub")).expect("readable").trim().to_owned()
    }

    pub fn private_key(&self, key: &str) -> PathBuf {
        let path = self.folder.path().join(key);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
        path
    }

    /// The section of a configuration, for this folder, to log in with this key.
    pub fn section(&self, port: u16, dir: &Path, key: &str) -> String {
        let login = format!("ssh_key_file = \"{}\"", self.private_key(key).display());
        self.section_with(port, dir, &login, "host_key")
    }

    pub fn section_with(&self, port: u16, dir: &Path, login: &str, host_key: &str) -> String {
        format!(
            "[storage.local]\ndest_dir = \"127.0.0.1:{}\"\nssh_port = {port}\n{login}\nssh_host_key = \"{}\"\n",
            dir.display(),
            self.public_key(host_key)
        )
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
