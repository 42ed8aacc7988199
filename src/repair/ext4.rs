//! A partition by the programs of e2fsprogs. EDGE: the only file that starts them.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "EDGE: a disk, other processes")]

use std::env;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::superblock::{self, Superblock};
use super::{Check, Left, Partition};

/// Where e2fsprogs is; not everybody's path has it.
const SYSTEM_PROGRAMS: &str = "/usr/sbin:/sbin";

/// A partition, or an image of one.
#[derive(Debug)]
pub struct Ext4 {
    device: PathBuf,
}

impl Ext4 {
    /// Looks at nothing yet.
    pub fn on(device: &Path) -> Self {
        Self { device: device.into() }
    }

    fn command(&self, program: &str, words: &[&str]) -> Command {
        let path = env::var("PATH").map_or(SYSTEM_PROGRAMS.into(), |path| format!("{path}:{SYSTEM_PROGRAMS}"));
        let mut command = Command::new(program);
        command.args(words).arg(&self.device).env("PATH", path).stdin(Stdio::null()).stderr(Stdio::inherit());
        command
    }

    /// What e2fsprogs says goes to the log's own place, standard error.
    fn run(&self, program: &str, words: &[&str]) -> io::Result<i32> {
        let status = self.command(program, words).stdout(io::stderr()).status();
        let status = status.map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
        status.code().ok_or_else(|| io::Error::other(format!("{program}: {status}")))
    }

    /// The kind of whatever else is there, swap space included; blkid(8) knows them all, and ends with 2 where it finds none.
    fn other_file_system(&self) -> io::Result<Option<String>> {
        let output = self.command("blkid", &["-p", "-o", "value", "-s", "TYPE"]).output();
        let output = output.map_err(|error| io::Error::new(error.kind(), format!("blkid: {error}")))?;
        match output.status.code() {
            Some(2) => Ok(None),
            Some(0) => Ok(Some(format!("something else ({})", String::from_utf8_lossy(&output.stdout).trim()))),
            _ => Err(io::Error::other(format!("blkid: {}", output.status))),
        }
    }
}

impl Partition for Ext4 {
    fn check(&mut self, how: Check) -> io::Result<i32> {
        match how {
            Check::Safely => self.run("e2fsck", &["-p"]),
            Check::Wholly => self.run("e2fsck", &["-f", "-y"]),
            Check::By(Superblock { block, block_bytes }) => {
                self.run("e2fsck", &["-f", "-y", "-b", &block.to_string(), "-B", &block_bytes.to_string()])
            }
        }
    }

    fn left(&mut self) -> io::Result<Left> {
        match superblock::left(&mut File::open(&self.device)?)? {
            Left::Nothing => Ok(self.other_file_system()?.map_or(Left::Nothing, Left::Readable)),
            left => Ok(left),
        }
    }

    fn begin_anew(&mut self) -> io::Result<()> {
        // An inode for each 32 KiB: recordings are large, and fewer are sooner checked.
        match self.run("mke2fs", &["-q", "-F", "-t", "ext4", "-b", "4096", "-i", "32768", "-L", "listener-data"])? {
            0 => Ok(()),
            code => Err(io::Error::other(format!("mke2fs ends with {code}"))),
        }
    }
}
