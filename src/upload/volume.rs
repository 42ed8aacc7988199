//! A folder that the server shares: files are copied there whole, and leave the spool when their rows are posted. EDGE.
//!
//! A share that is not mounted is an ordinary folder on the card, and would be filled by mistake. So the share itself
//! carries a mark, an empty file that somebody has put there once: where it is missing, nothing is written.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "EDGE: files")]

use std::fs;
use std::path::{Path, PathBuf};

use super::store::{FileStore, Probe, StoreError, Tried};
use crate::durable;
use crate::item::{Item, name};

/// The mark of a share.
pub const MARK: &str = ".listener-volume";

/// Being written: on the same file system, and where no consumer looks.
const SCRATCH: &str = ".listener-scratch";

/// A shared folder.
#[derive(Debug)]
pub struct Volume {
    dir: PathBuf,
    may_be_away: bool,
}

impl Volume {
    /// Nothing is looked at yet: it may be mounted later.
    pub fn share(dir: &Path) -> Self {
        Self { dir: dir.into(), may_be_away: true }
    }

    /// The data folder itself, which the server shares: it is there, and needs no mark.
    pub fn own(dir: &Path) -> Self {
        Self { dir: dir.into(), may_be_away: false }
    }
}

impl Volume {
    /// Copies a file to this path below the share.
    fn write(&self, path: &str, media: &Path) -> Result<PathBuf, StoreError> {
        let mark = self.dir.join(MARK);
        if self.may_be_away
            && let Err(error) = fs::metadata(&mark)
        {
            return Err(StoreError::Away(format!(
                "the shared volume is not mounted at {}: its mark {} is not there ({error}); mount it, and if it is new, \
                 make the mark on it: touch {}",
                self.dir.display(),
                MARK,
                mark.display()
            )));
        }
        let target = self.dir.join(path);
        let failed = |path: &Path, error| StoreError::Failed(format!("cannot write {}: {error}", path.display()));
        let scratch = self.dir.join(SCRATCH);
        let folder = target.parent().unwrap_or(&self.dir);
        for folder in [&scratch, folder] {
            durable::create_shared_dirs(folder).map_err(|error| failed(folder, error))?;
        }
        let from = fs::File::open(media)
            .map_err(|error| StoreError::File(format!("cannot read {}: {error}", media.display())))?;
        durable::copy(from, &scratch, &target).map_err(|error| failed(&target, error))?;
        Ok(target)
    }
}

impl FileStore for Volume {
    fn put(&self, item: &Item, media: &Path) -> Result<(), StoreError> {
        self.write(&name::data_path(item), media).map(drop)
    }

    fn try_out(&self, probe: &Probe) -> Result<Tried, StoreError> {
        let file = self.write(&probe.name, &probe.file)?;
        let lacks = |what, error| Tried::Lacks(format!("{} cannot be {what}: {error}", file.display()));
        Ok(match (fs::read_to_string(&file), durable::remove_volatile(&file)) {
            (Err(error), _) => lacks("read back", error),
            (Ok(text), _) if text != probe.text => Tried::Lacks(format!("{} is not what was written", file.display())),
            (Ok(_), Err(error)) => lacks("removed", error),
            (Ok(_), Ok(())) => Tried::All,
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_share_without_its_mark_is_waited_for_and_not_filled() {
        let dir = tempfile::tempdir().expect("a folder");
        let media = dir.path().join("media");
        fs::write(&media, b"jpeg").expect("writable");
        let share = dir.path().join("share");
        fs::create_dir(&share).expect("writable");
        let item = Item::Picture { uid: Uuid::nil(), taken: Timestamp::UNIX_EPOCH };
        let volume = Volume::share(&share);
        assert!(matches!(volume.put(&item, &media), Err(StoreError::Away(text)) if text.contains("touch")));
        assert_eq!(fs::read_dir(&share).expect("readable").count(), 0);

        fs::write(share.join(MARK), b"").expect("writable");
        for content in [&b"jpeg"[..], b"again"] {
            fs::write(&media, content).expect("writable");
            assert_eq!(volume.put(&item, &media), Ok(()));
            assert_eq!(fs::read(share.join(name::data_path(&item))).expect("readable"), content);
        }
        assert_eq!(fs::read_dir(share.join(SCRATCH)).expect("readable").count(), 0);
    }

    #[test]
    fn the_data_folder_itself_needs_no_mark() {
        let dir = tempfile::tempdir().expect("a folder");
        let media = dir.path().join("media");
        fs::write(&media, b"jpeg").expect("writable");
        let item = Item::Picture { uid: Uuid::nil(), taken: Timestamp::UNIX_EPOCH };
        assert_eq!(Volume::own(dir.path()).put(&item, &media), Ok(()));
        assert_eq!(fs::read(dir.path().join(name::data_path(&item))).expect("readable"), b"jpeg");
    }
}
