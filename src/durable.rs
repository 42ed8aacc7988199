//! Files that are either there whole or not at all. EDGE: the only file that fsyncs and renames.
//!
//! Written under a temporary name elsewhere on the same file system, fsynced, renamed, folder fsynced. After an error nothing may be assumed of the target but that it is the old file or the new one.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "EDGE: files")]

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::limits::PICTURE_RESERVE_BYTES;

/// Writes `bytes` to `target`, which appears whole or not at all; a file that was there is replaced.
/// `scratch_dir` must be on the same file system. Nobody but its owner may read it.
pub fn write(scratch_dir: &Path, target: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = NamedTempFile::new_in(scratch_dir).map_err(without_name)?;
    fill(file, target, bytes)?;
    sync_parent(target)
}

/// As [`write()`], with the rights and the owner of the file that is replaced, so far as the file system has such; a new
/// file may be read by all, whatever the process's umask.
pub fn write_for_others(scratch_dir: &Path, target: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = NamedTempFile::new_in(scratch_dir)?;
    let replaced = fs::symlink_metadata(target).ok().filter(|metadata| metadata.is_file());
    let mode = replaced.as_ref().map_or(0o644, |metadata| metadata.permissions().mode() & 0o777);
    if let Some(replaced) = replaced {
        // FAT has neither, and a service may lack the right: then it is root's, as before.
        let _ = fchown(file.as_file(), Some(replaced.uid()), Some(replaced.gid()));
    }
    let _ = file.as_file().set_permissions(Permissions::from_mode(mode));
    fill(file, target, bytes)?;
    sync_parent(target)
}

/// Writes a new file, which [`sync_together`] makes durable: until then a crash may leave a part of it, or nothing.
pub fn create_volatile(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = File::options().create_new(true).write(true).mode(mode).open(path)?;
    perform(Operation::Write(path), || file.write_all(bytes))
}

/// The error without the temporary file's name: another one each time would be told each time.
fn without_name(error: io::Error) -> io::Error {
    let text = error.to_string();
    match text.split_once(" at path ") {
        Some((cause, _)) => io::Error::new(error.kind(), cause),
        None => error,
    }
}

fn fill(file: NamedTempFile, target: &Path, bytes: &[u8]) -> io::Result<()> {
    perform(Operation::Write(file.path()), || file.as_file().write_all(bytes))?;
    perform(Operation::SyncFile(file.path()), || file.as_file().sync_all())?;
    let temporary = file.into_temp_path();
    perform(Operation::Rename(&temporary, target), || fs::rename(&temporary, target))?;
    // What is left of it is the target.
    temporary.keep().map(drop).map_err(|error| error.error)
}

/// Copies a file to `target`, which appears whole or not at all; a file that was there is replaced. Others may read it
/// as far as the process's umask lets them. `scratch_dir` must be on the same file system.
pub fn copy(mut from: File, scratch_dir: &Path, target: &Path) -> io::Result<()> {
    let readable = Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().permissions(readable).tempfile_in(scratch_dir)?;
    io::copy(&mut from, file.as_file_mut())?;
    file.as_file().sync_all()?;
    file.persist(target).map_err(|error| error.error)?;
    sync_parent(target)
}

/// Adds to the end of a file, which [`sync_together`] makes durable. The first time it is made, with room reserved for so many bytes.
pub fn append_volatile(path: &Path, bytes: &[u8], mode: u32, reserved_bytes: u64) -> io::Result<()> {
    let mut file = File::options().create(true).append(true).mode(mode).open(path)?;
    if file.metadata()?.len() == 0 {
        let _ = reserve(&file, 0, reserved_bytes);
    }
    file.write_all(bytes)
}

/// Makes a file have these bytes that has them already as far as it goes, or goes beyond, but for the first `header_bytes`.
/// [`sync_together`] makes it durable.
pub fn complete_volatile(path: &Path, bytes: &[u8], header_bytes: usize) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    let there = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX).min(bytes.len());
    perform(Operation::Grow, || {
        file.write_all_at(&bytes[there..], there as u64)?;
        file.write_all_at(&bytes[..header_bytes.min(there)], 0)?;
        // Also what was reserved beyond.
        file.set_len(bytes.len() as u64)
    })
}

/// Reserves room behind the first `from` bytes of a file that grows, so that it need not be found each time that it is synced. What is
/// not used is given back by [`give_back`]. Some file systems cannot do it, and a disk that is almost full should not.
pub fn reserve(file: &File, from: u64, bytes: u64) -> io::Result<()> {
    let disk = rustix::fs::fstatvfs(file)?;
    if disk.f_bavail * disk.f_frsize < bytes + PICTURE_RESERVE_BYTES {
        return Ok(());
    }
    Ok(rustix::fs::fallocate(file, rustix::fs::FallocateFlags::KEEP_SIZE, from, bytes)?)
}

/// Gives back what was reserved and not used.
pub fn give_back(file: &File) -> io::Result<()> {
    // ext4 frees what is behind the end even if that does not move (fs/ext4/inode.c, ext4_setattr).
    file.set_len(file.metadata()?.len())
}

/// Makes durable what has been written to these files so far, and that they are there; one that is gone is no error. Gives the files and
/// folders of which it cannot be done.
///
/// A journal such as ext4's writes some 30 KB for each file that grows and is synced by itself, and little more for several together: so
/// all that has to be written is on its way before any is waited for, and the last of it is waited for first.
pub fn sync_together(paths: &[impl AsRef<Path>]) -> Vec<(PathBuf, io::Error)> {
    let (mut begun, mut failed, mut folders) = (Vec::new(), Vec::new(), BTreeSet::new());
    for path in paths.iter().map(AsRef::as_ref) {
        match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => failed.push((path.to_owned(), error)),
            Ok(file) => begun.push((path, file)),
        }
        folders.extend(path.parent());
    }
    for (_, file) in &begun {
        // Linux begins to write a file to disk on this advice (mm/fadvise.c). Where it does not, only the saving is lost.
        let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
    }
    for (path, file) in begun.iter().rev() {
        let synced = perform(Operation::SyncFile(path), || file.sync_data());
        failed.extend(synced.err().map(|error| ((*path).to_owned(), error)));
    }
    let synced = |folder: &Path| sync_folder(folder).err().map(|error| (folder.to_owned(), error));
    failed.extend(folders.into_iter().filter_map(synced));
    failed
}

/// Makes durable what another writer has written to a file so far, and that it is there.
pub fn flush(path: &Path) -> io::Result<()> {
    sync_together(&[path]).pop().map_or(Ok(()), |(_, error)| Err(error))
}

/// Moves a file that is already durable, as when an item is set aside.
pub fn relocate(from: &Path, to: &Path) -> io::Result<()> {
    perform(Operation::Rename(from, to), || fs::rename(from, to))?;
    sync_parent(to)?;
    sync_parent(from)
}

/// Puts a finished file in the place of another at once, but not durably: for what a restart makes anew.
pub fn replace_volatile(finished: &Path, target: &Path) -> io::Result<()> {
    perform(Operation::Rename(finished, target), || fs::rename(finished, target))
}

/// Removes a file durably; one that is already gone is no error.
pub fn remove(path: &Path) -> io::Result<()> {
    remove_all(&[path])
}

/// Removes files of one folder, durably when all are gone; those that are gone already are no error.
pub fn remove_all(paths: &[impl AsRef<Path>]) -> io::Result<()> {
    let mut removed = None;
    for path in paths.iter().map(AsRef::as_ref) {
        match perform(Operation::Remove(path), || fs::remove_file(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(()) => removed = Some(path),
        }
    }
    removed.map_or(Ok(()), sync_parent)
}

/// Removes a folder and all that is in it, durably; one that is already gone is no error. Links are not followed.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_parent(path),
    }
}

/// Removes a file, but not durably: a power cut may bring it back. One that is already gone is no error.
pub fn remove_volatile(path: &Path) -> io::Result<()> {
    match perform(Operation::Remove(path), || fs::remove_file(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Makes a folder for those that `mode` names, as far as the process's umask lets them; its entry is durable.
pub fn create_dir_with_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(mode).create(path)?;
    sync_parent(path)
}

/// Opens a file that several users may use, making it empty if need be.
pub fn shared_file(path: &Path) -> io::Result<File> {
    // An existing one may belong to another user of the group, and O_CREAT is refused for those in some folders.
    File::options()
        .read(true)
        .write(true)
        .open(path)
        .or_else(|_| File::options().create(true).append(true).mode(0o660).open(path))
}

/// Makes a folder and those above it, open to others as far as the process's umask lets them; their entries are durable.
pub fn create_shared_dirs(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Ok(()) => sync_parent(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create_shared_dirs(path.parent().ok_or(error)?)?;
            create_shared_dirs(path)
        }
        Err(error) => Err(error),
    }
}

/// A database is about to commit, which it makes durable by itself.
pub fn before_commit() -> io::Result<()> {
    perform(Operation::Commit, || Ok(()))
}

/// Makes durable which files are in a folder.
pub fn sync_folder(dir: &Path) -> io::Result<()> {
    perform(Operation::SyncDir(dir), || File::open(dir)?.sync_all())
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    perform(Operation::SyncDir(parent), || File::open(parent)?.sync_all())
}

/// One step that a power cut may come before.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(test), allow(dead_code, reason = "looked at by the tests alone, which cut the power"))]
enum Operation<'a> {
    Write(&'a Path),
    Grow,
    SyncFile(&'a Path),
    Rename(&'a Path, &'a Path),
    Remove(&'a Path),
    SyncDir(&'a Path),
    Commit,
}

/// The seam at which tests put a disk that loses its power.
#[cfg(not(test))]
fn perform(_: Operation<'_>, operation: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    operation()
}

#[cfg(test)]
use power::perform;

#[cfg(test)]
pub mod power;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_file_is_whole_and_leaves_no_temporary_behind() -> io::Result<()> {
        let (scratch, target) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let file = target.path().join("item");
        write(scratch.path(), &file, b"first")?;
        write(scratch.path(), &file, b"second")?;
        assert_eq!(fs::read(&file)?, b"second");
        assert_eq!(fs::read_dir(scratch.path())?.count(), 0);
        assert_eq!(fs::read_dir(target.path())?.count(), 1);
        Ok(())
    }

    #[test]
    fn a_write_that_fails_says_so_in_the_same_words_each_time() {
        let failed =
            || write(Path::new("/nonexistent"), Path::new("/nonexistent/item"), b"new").expect_err("no folder");
        assert_eq!(failed().to_string(), failed().to_string());
        assert_eq!(failed().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_file() -> io::Result<()> {
        let target = tempfile::tempdir()?;
        let file = target.path().join("item");
        fs::write(&file, b"old")?;
        assert!(write(Path::new("/nonexistent"), &file, b"new").is_err());
        assert_eq!(fs::read(&file)?, b"old");
        Ok(())
    }

    #[test]
    fn files_are_made_durable_together_and_of_which_that_cannot_be_done_is_told() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let [there, gone, loops] = ["there", "gone", "loops"].map(|name| dir.path().join(name));
        create_volatile(&there, b"new", 0o600)?;
        std::os::unix::fs::symlink(&loops, &loops)?;
        let failed: Vec<_> = sync_together(&[&there, &gone, &loops]).into_iter().map(|(path, _)| path).collect();
        assert_eq!(failed, [loops]);
        Ok(())
    }

    #[test]
    fn a_file_that_grew_becomes_what_it_was_to_be_whether_it_is_too_short_or_too_long() -> io::Result<()> {
        for beginning in [&b"____ab"[..], b"____abcdefgh"] {
            let file = tempfile::NamedTempFile::new()?;
            fs::write(file.path(), b"")?;
            append_volatile(file.path(), beginning, 0o600, 4096)?;
            complete_volatile(file.path(), b"headabcd", 4)?;
            assert_eq!(fs::read(file.path())?, b"headabcd");
        }
        Ok(())
    }

    #[test]
    fn removing_what_is_gone_is_no_error() -> io::Result<()> {
        remove(&tempfile::tempdir()?.path().join("gone"))
    }
}
