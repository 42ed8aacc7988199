//! The file system of a stick. EDGE: the only file that mounts.
//!
//! It is mounted detached: on no folder, in nobody's sight, held by one descriptor and gone with it (fsopen(2) and
//! fsmount(2), Linux 5.2). Nothing on it is executed, no device, no set-uid and no symbolic link on it has an effect.

#![expect(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types, reason = "EDGE: disks")]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen,
};

/// What a stick may have: the kernel's name, and the options to read it with.
const FILE_SYSTEMS: [(&str, &[&str]); 3] = [
    ("vfat", &[]),
    ("exfat", &[]),
    // Reading is not to write: the journal of a stick that was pulled out would be played back.
    ("ext4", &["noload"]),
];

/// What is done with a stick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Its file is looked at.
    Read,
    /// The answer is left.
    Write,
}

/// A file system that is held.
#[derive(Debug)]
pub struct Mount(OwnedFd);

impl Mount {
    /// Mounts what is on a device; `None` if it is none of FAT, exFAT and ext4.
    ///
    /// # Errors
    /// When the device does not answer, what is on it is damaged, or somebody else has mounted it.
    pub fn of(device: &Path, access: Access) -> io::Result<Option<Self>> {
        for (kind, reading) in FILE_SYSTEMS {
            match mount(device, kind, reading, access) {
                Ok(mount) => return Ok(Some(Self(mount))),
                Err(error) if is_another_kind(error) => log::debug!("{} is not {kind}: {error}", device.display()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    /// Its top folder, while it is held.
    pub fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }
}

/// EINVAL: no such file system there, or its first blocks make no sense. ENODEV: this kernel does not know it.
fn is_another_kind(error: Errno) -> bool {
    [Errno::INVAL, Errno::NODEV].contains(&error)
}

fn mount(device: &Path, kind: &str, reading: &[&str], access: Access) -> rustix::io::Result<OwnedFd> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "source", device)?;
    // A damaged file system can ask for a panic of the kernel instead (ext4's superblock, s_errors).
    fsconfig_set_string(&context, "errors", "remount-ro")?;
    let mut rights = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC
        | MountAttrFlags::MOUNT_ATTR_NOSYMFOLLOW;
    if access == Access::Read {
        rights |= MountAttrFlags::MOUNT_ATTR_RDONLY;
        for option in ["ro"].iter().chain(reading) {
            fsconfig_set_flag(&context, *option)?;
        }
    }
    fsconfig_create(&context)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, rights)
}
