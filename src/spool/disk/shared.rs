//! One spool, two processes: capture adds and gives up, upload takes and removes. The folder is all they share. Each is
//! told by the kernel (inotify) what the other has done, and keeps its own picture of the contents.
//!
//! - What is in hand for delivery has its file locked (`flock`), and is not given up meanwhile.
//! - What is moved between folders is moved under a lock of its own, so that a start of capture sees no half of it.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "EDGE: files, and what the kernel tells of them"
)]

use std::ffi::CStr;
use std::fs::{File, TryLockError};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use uuid::Uuid;

use super::open::listing;
use super::{Doing, Folders, Spool, SpoolError};
use crate::spool::placement::Placement;
use crate::spool::{ItemName, Sacrifice};
use crate::supervise::named;

/// Which side of the spool a process is. Each side may be taken once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Capture and upload in one.
    Both,
    /// Adds items, and gives some up when the disk is short.
    Capture,
    /// Delivers items.
    Upload,
}

impl Side {
    /// Whether it adds.
    pub fn captures(self) -> bool {
        self != Self::Upload
    }

    /// Whether it delivers.
    pub fn uploads(self) -> bool {
        self != Self::Capture
    }

    /// Of a folder of the spool, before the umask: another side runs as another user of the same group.
    pub(super) fn folder_mode(self) -> u32 {
        if self == Self::Both { 0o700 } else { 0o770 }
    }
}

/// Takes the sides in `dir`, until the files are closed.
pub(super) fn lock(dir: &Path, side: Side) -> Result<Vec<File>, SpoolError> {
    let sides = [("lock", side.captures()), ("lock-upload", side.uploads())];
    sides.into_iter().filter(|(_, is_taken)| *is_taken).map(|(file, _)| lock_file(dir, file)).collect()
}

fn lock_file(dir: &Path, name: &str) -> Result<File, SpoolError> {
    let path = dir.join(name);
    let file = crate::durable::shared_file(&path).doing("open", &path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SpoolError::InUse(dir.into())),
        Err(TryLockError::Error(source)) => Err(source).doing("lock", &path),
    }
}

impl Folders {
    /// While this is held no other process moves an item from one folder to another.
    pub(super) fn moving(&self) -> Result<File, SpoolError> {
        let path = self.dir.join("lock-moves");
        let file = crate::durable::shared_file(&path).doing("open", &path)?;
        file.lock().doing("lock", &path)?;
        Ok(file)
    }

    /// Keeps an item in hand out of the other side's reach, until the file is closed. `None` if it is gone.
    pub(super) fn hold(&self, name: &ItemName) -> Result<Option<File>, SpoolError> {
        let path = self.items.join(name.media());
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.doing("open", &path)?,
        };
        // Waits only for a removal, which takes the manifest first.
        file.lock_shared().doing("lock", &path)?;
        Ok(self.items.join(name.manifest()).exists().then_some(file))
    }

    /// Whether nobody has it in hand; nobody takes it either until the file is closed.
    fn seize(&self, name: &ItemName) -> Option<File> {
        let file = File::open(self.items.join(name.media())).ok()?;
        file.try_lock().is_ok().then_some(file)
    }
}

impl Spool {
    /// Splits what is to be given up into what is free and what the other side has in hand. The locks last as long as
    /// the files.
    pub(super) fn seize(&self, chosen: Vec<Sacrifice>) -> (Vec<Sacrifice>, Vec<Sacrifice>, Vec<File>) {
        if self.side == Side::Both {
            return (chosen, Vec::new(), Vec::new());
        }
        let (mut free, mut in_hand, mut locks) = (Vec::new(), Vec::new(), Vec::new());
        for sacrifice in chosen {
            match self.folders.seize(&sacrifice.name) {
                Some(lock) => locks.push(lock),
                // Refused items are in no hand; and of one that is gone there is nothing to hold.
                None if sacrifice.was_refused || !self.media(&sacrifice.name).exists() => {}
                None => {
                    in_hand.push(sacrifice);
                    continue;
                }
            }
            free.push(sacrifice);
        }
        (free, in_hand, locks)
    }

    /// Follows what the other side does, in a thread of its own, as long as the program runs. `boot` is the start of the
    /// machine that goes on.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn follow(self: &Arc<Self>, boot: Uuid) -> Result<(), SpoolError> {
        let watch = Watch::of(&self.folders)?;
        self.look_again(boot)?;
        let spool = Arc::clone(self);
        named("spool", move || watch.each(|change| spool.apply(change, boot)));
        Ok(())
    }

    fn apply(&self, change: Change, boot: Uuid) {
        let contents = &mut *self.contents();
        match change {
            Change::Added(name) => {
                let placed = contents.placement.place(&name);
                contents.backlog.learn(name, placed);
                self.added.notify_all();
            }
            Change::Gone(name) => {
                let placed = contents.placement.place(&name);
                contents.backlog.lose(&name, placed);
            }
            Change::Refused(name) => contents.backlog.add_refused(name),
            Change::NoLongerRefused(name) => contents.backlog.take_refused(&name),
            Change::Clock if self.side.captures() => {}
            Change::Clock | Change::Unknown => {
                if let Err(error) = self.look_again_at(contents, boot) {
                    log::warn!("what is in the spool cannot be told: {}", error.line());
                }
                self.added.notify_all();
            }
        }
    }

    fn look_again(&self, boot: Uuid) -> Result<(), SpoolError> {
        self.look_again_at(&mut self.contents(), boot)
    }

    /// Nothing is added, taken or given up here meanwhile.
    fn look_again_at(&self, contents: &mut super::Contents, boot: Uuid) -> Result<(), SpoolError> {
        let items = listing(&self.folders.items)?.sort_out().complete;
        let refused = listing(&self.folders.refused)?.sort_out().complete;
        if !self.side.captures() {
            contents.placement = Placement::of(self.folders.words()?).now(boot);
            items.iter().for_each(|name| contents.placement.saw(name));
        }
        let placement = &contents.placement;
        let placed = items.into_iter().map(|name| {
            let placed = placement.place(&name);
            (name, placed)
        });
        contents.backlog.place_anew(placed, refused);
        Ok(())
    }
}

/// What the other side, or this one, has done.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    /// An item's manifest is there.
    Added(ItemName),
    /// It is there no longer.
    Gone(ItemName),
    Refused(ItemName),
    NoLongerRefused(ItemName),
    /// A run has left word of what it knows of the clock.
    Clock,
    /// More than the kernel has kept.
    Unknown,
}

struct Watch {
    kernel: OwnedFd,
    items: i32,
    refused: i32,
}

impl Watch {
    fn of(folders: &Folders) -> Result<Self, SpoolError> {
        let kernel = inotify::init(CreateFlags::CLOEXEC).map_err(io::Error::from).doing("watch", &folders.dir)?;
        let moves = WatchFlags::MOVED_TO | WatchFlags::MOVED_FROM | WatchFlags::DELETE | WatchFlags::ONLYDIR;
        let add = |dir: &Path| inotify::add_watch(&kernel, dir, moves).map_err(io::Error::from).doing("watch", dir);
        let (items, refused) = (add(&folders.items)?, add(&folders.refused)?);
        add(&folders.runs)?;
        Ok(Self { kernel, items, refused })
    }

    fn each(&self, mut apply: impl FnMut(Change)) {
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        let mut events = inotify::Reader::new(&self.kernel, &mut buffer);
        loop {
            match events.next() {
                Ok(event) => {
                    let change = self.change(event.wd(), event.events(), event.file_name());
                    change.into_iter().for_each(&mut apply);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => {
                    // Without it this side would go blind: whoever started the program does so again.
                    panic!("the kernel no longer tells what happens in the spool: {error}");
                }
            }
        }
    }

    fn change(&self, watch: i32, what: ReadFlags, file: Option<&CStr>) -> Option<Change> {
        if what.contains(ReadFlags::QUEUE_OVERFLOW) {
            return Some(Change::Unknown);
        }
        let is_there = what.contains(ReadFlags::MOVED_TO);
        let file = file?.to_str().ok()?;
        if watch != self.items && watch != self.refused {
            return is_there.then_some(Change::Clock);
        }
        let name = ItemName::parse(file.strip_suffix(".json")?)?;
        Some(match (watch == self.items, is_there) {
            (true, true) => Change::Added(name),
            (true, false) => Change::Gone(name),
            (false, true) => Change::Refused(name),
            (false, false) => Change::NoLongerRefused(name),
        })
    }
}
