//! A partition by the programs of e2fsprogs. EDGE: the only file that starts them.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "EDGE: a disk, other processes")]

use std::env;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::superblock::{self, Superblock};
use super::{Check, Partition};

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

    /// What e2fsprogs says goes to the log's own place, standard error.
    fn run(&self, program: &str, words: &[&str]) -> io::Result<i32> {
        let path = env::var("PATH").map_or(SYSTEM_PROGRAMS.into(), |path| format!("{path}:{SYSTEM_PROGRAMS}"));
        let mut command = Command::new(program);
        command.args(words).arg(&self.device).env("PATH", path).stdin(Stdio::null()).stdout(io::stderr());
        let status = command.status().map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
        status.code().ok_or_else(|| io::Error::other(format!("{program}: {status}")))
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

    fn superblocks(&mut self) -> io::Result<Vec<Superblock>> {
        superblock::all(&mut File::open(&self.device)?)
    }

    fn begin_anew(&mut self) -> io::Result<()> {
        // An inode for each 32 KiB: recordings are large, and fewer are sooner checked.
        match self.run("mke2fs", &["-q", "-F", "-t", "ext4", "-i", "32768", "-L", "listener-data"])? {
            0 => Ok(()),
            code => Err(io::Error::other(format!("mke2fs ends with {code}"))),
        }
    }
}
