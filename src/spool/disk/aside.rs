//! What was set aside, and putting it back.
//!
//! Leaving `items/`, a file goes before its manifest; coming back, the manifest goes before its file. So a file in
//! `items/` that has no manifest there is unfinished, always; and a manifest whose file is in another folder was being
//! moved when the power went, and has it brought back at the next start.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "EDGE: files")]

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::{Doing, Folders, Spool, SpoolError};
use crate::durable;
use crate::limits::REFUSAL_TOLD;
use crate::spool::disk::open::{listing, read_json};
use crate::spool::{ItemName, Kind, Manifest};

/// A file of this name in the spool asks the listener that has it to put back what was set aside.
const REQUEST: &str = "retry";

/// How the files end that hold the API's answers.
const NOTE: &str = ".answer.txt";

/// What came of putting back.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Retried {
    /// Items that wait again.
    pub put_back: usize,
    /// Files in `damaged/` of which no item can be made.
    pub unusable: usize,
}

impl fmt::Display for Retried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} items put back, to be delivered again", self.put_back)?;
        if self.unusable > 0 {
            write!(f, "; of {} damaged files no item can be made, they stay where they are", self.unusable)?;
        }
        Ok(())
    }
}

/// Where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aside {
    Refused,
    Damaged,
}

/// How to have items put back that were set aside.
#[derive(Debug)]
pub enum Retry {
    /// Nobody uses the spool: it has been done.
    Done(Retried),
    /// A listener uses it, and has been asked to. It has done so when this file is gone.
    Asked(PathBuf),
}

impl Folders {
    fn aside(&self, aside: Aside) -> &Path {
        match aside {
            Aside::Refused => &self.refused,
            Aside::Damaged => &self.damaged,
        }
    }

    /// Ends a move that a crash has cut in two. Whether the file was found.
    pub(super) fn bring_media_back(&self, name: &ItemName) -> Result<bool, SpoolError> {
        let media = name.media();
        for dir in [&self.refused, &self.damaged] {
            let path = dir.join(&media);
            if path.exists() {
                durable::relocate(&path, &self.items.join(&media)).doing("bring back", &path)?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Spool {
    /// Sets an item aside that the API will never take, with its answer.
    pub fn refuse(&self, name: &ItemName, answer: &str) -> Result<(), SpoolError> {
        let note = self.folders.refused.join(note_of(name));
        self.write(&self.folders.sending, &note, answer.as_bytes()).doing("write", &note)?;
        // In one go, so that it is not seen to be given up in between.
        let mut contents = self.contents();
        self.set_aside(name, &self.folders.refused)?;
        contents.held.remove(name);
        contents.backlog.refuse(name);
        contents.books.refused.add(name.kind(), name.media_bytes());
        Ok(())
    }

    pub(super) fn set_aside(&self, name: &ItemName, dir: &Path) -> Result<(), SpoolError> {
        let _moving = self.folders.moving()?;
        for file in [name.media(), name.manifest()] {
            move_if_there(&self.folders.items.join(&file), &dir.join(&file))?;
        }
        Ok(())
    }

    pub(super) fn remove_refused<'a>(&self, names: impl Iterator<Item = &'a ItemName>) -> Result<(), SpoolError> {
        let refused = &self.folders.refused;
        let files = names.flat_map(|name| [name.manifest(), note_of(name), name.media()]);
        let files: Vec<_> = files.map(|file| refused.join(file)).collect();
        durable::remove_all(&files).doing("remove items from", refused)
    }

    /// Puts back what was set aside when that was asked for by [`Retry::ask`], `most` items at most. `None` if nobody asked.
    pub fn retry_if_asked(&self, most: usize) -> Result<Option<Retried>, SpoolError> {
        let request = self.folders.dir.join(REQUEST);
        if !request.exists() {
            return Ok(None);
        }
        // What is refused again meanwhile was not asked for: it would be put back without end.
        let asked = self.contents().retrying.take();
        let mut asked = match asked {
            Some(asked) => asked,
            None => self.set_aside_now()?,
        };
        let rest = asked.split_off(asked.len().min(most));
        let retried = self.retry_these(asked)?;
        if rest.is_empty() {
            durable::remove(&request).doing("remove", &request)?;
        } else {
            self.contents().retrying = Some(rest);
        }
        Ok(Some(retried))
    }

    /// Puts back what the API has refused, and what was set aside as damaged and is whole.
    pub fn retry(&self) -> Result<Retried, SpoolError> {
        self.retry_these(self.set_aside_now()?)
    }

    /// Puts back these of the refused, as far as they are there.
    pub fn take_back(&self, names: &[ItemName]) -> Result<(), SpoolError> {
        self.retry_these(names.iter().map(|name| (name.clone(), Aside::Refused)).collect()).map(drop)
    }

    fn set_aside_now(&self) -> Result<Vec<(ItemName, Aside)>, SpoolError> {
        let of = |aside: Aside| -> Result<Vec<(ItemName, Aside)>, SpoolError> {
            let complete = listing(self.folders.aside(aside))?.sort_out().complete;
            Ok(complete.into_iter().map(|name| (name, aside)).collect())
        };
        Ok([of(Aside::Refused)?, of(Aside::Damaged)?].concat())
    }

    fn retry_these(&self, names: Vec<(ItemName, Aside)>) -> Result<Retried, SpoolError> {
        let damaged = listing(&self.folders.damaged)?.sort_out();
        let unusable = damaged.damaged.len() + damaged.unfinished.len() + damaged.bereft.len();
        let mut retried = Retried { unusable, ..Retried::default() };
        for (name, aside) in names {
            let dir = self.folders.aside(aside);
            let manifest: Option<Manifest> = read_json(&dir.join(name.manifest()));
            let is_whole = fs::metadata(dir.join(name.media())).is_ok_and(|file| file.len() == name.media_bytes());
            if !is_whole || !manifest.is_some_and(|manifest| name.is_of(&manifest)) {
                retried.unusable += 1;
                continue;
            }
            self.put_back(name, dir)?;
            retried.put_back += 1;
        }
        Ok(retried)
    }

    /// Whether something that the API refused is set aside.
    pub fn has_set_aside(&self) -> bool {
        let contents = self.contents();
        Kind::ALL.into_iter().any(|kind| contents.backlog.refused(kind).next().is_some())
    }

    /// How long ago something was last refused, by the wall clock, and the answer; of the last day.
    pub fn last_set_aside(&self, now: Timestamp) -> Option<(Duration, String)> {
        let notes = fs::read_dir(&self.folders.refused).ok()?.flatten();
        let notes = notes.filter(|file| file.file_name().to_string_lossy().ends_with(NOTE));
        let written = |file: &fs::DirEntry| Timestamp::try_from(file.metadata().ok()?.modified().ok()?).ok();
        let (at, last) = notes.filter_map(|file| Some((written(&file)?, file.path()))).max()?;
        // A clock that is not set yet is before it.
        let age = Duration::try_from(now.duration_since(at)).unwrap_or_default();
        (age < REFUSAL_TOLD).then(|| (age, fs::read_to_string(last).unwrap_or_default()))
    }

    fn put_back(&self, name: ItemName, dir: &Path) -> Result<(), SpoolError> {
        // Held until its file is back, so that nobody takes it before.
        let contents = &mut *self.contents();
        let _moving = self.folders.moving()?;
        for file in [name.manifest(), name.media()] {
            move_if_there(&dir.join(&file), &self.folders.items.join(&file))?;
        }
        let note = dir.join(note_of(&name));
        durable::remove(&note).doing("remove", &note)?;
        contents.backlog.take_refused(&name);
        let placed = contents.placement.place(&name);
        contents.backlog.learn_old(name, placed);
        self.added.notify_all();
        Ok(())
    }
}

impl Retry {
    /// Has everything put back that was set aside, by whoever has the spool in `dir`.
    ///
    /// # Errors
    /// When there is no spool, or it cannot be written.
    pub fn ask(dir: &Path) -> Result<Self, SpoolError> {
        fs::metadata(dir).doing("find", dir)?;
        match Spool::open(dir) {
            Ok((spool, _)) => spool.retry().map(Self::Done),
            Err(SpoolError::InUse(_)) => {
                let request = dir.join(REQUEST);
                durable::write(dir, &request, b"").doing("write", &request)?;
                Ok(Self::Asked(request))
            }
            Err(error) => Err(error),
        }
    }
}

fn note_of(name: &ItemName) -> String {
    format!("{name}{NOTE}")
}

fn move_if_there(from: &Path, to: &Path) -> Result<(), SpoolError> {
    match durable::relocate(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.doing("move", from),
    }
}
