//! How one side of the spool is woken when the other has done something. EDGE.
//!
//! Ringing opens a file, which inotify(7) tells whoever waits for it, and which writes nothing to the card. Nothing depends on it: who
//! waits looks at the ledger after a while anyway.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "EDGE: files, and what the kernel tells of them"
)]

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

use crate::durable;

/// Where to ring.
#[derive(Debug, Clone)]
pub struct Doorbell(PathBuf);

impl Doorbell {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Wakes who waits.
    pub fn ring(&self) {
        drop(File::open(&self.0));
    }
}

/// Hears the bell.
#[derive(Debug)]
pub struct Ear(Option<OwnedFd>);

impl Ear {
    pub(super) fn at(path: &Path) -> Self {
        let watch = || -> io::Result<OwnedFd> {
            drop(durable::shared_file(path)?);
            let kernel = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
            inotify::add_watch(&kernel, path, WatchFlags::OPEN)?;
            Ok(kernel)
        };
        let kernel = watch()
            .inspect_err(|error| log::warn!("cannot watch {}: {error}; what is new is seen late", path.display()));
        Self(kernel.ok())
    }

    /// Waits until the bell rings, or has rung since this was last asked; `patience` at most.
    pub(super) fn wait(&self, patience: Duration) {
        let Some(kernel) = &self.0 else { return thread::sleep(patience) };
        let timeout = Timespec { tv_sec: patience.as_secs() as i64, tv_nsec: patience.subsec_nanos().into() };
        // Woken for nothing is woken, too.
        let _ = poll(&mut [PollFd::new(kernel, PollFlags::IN)], Some(&timeout));
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut rung = inotify::Reader::new(kernel, &mut buffer);
        while rung.next().is_ok() {}
    }
}
