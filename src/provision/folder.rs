//! The folder that a provisioning file is in: looked through, and left with an answer. EDGE.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "EDGE: files")]

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use crate::config::without_token;
use crate::durable;
use crate::limits::{MAX_CONFIG_BYTES, MAX_TOP_ENTRIES};

const NAME: &str = "listener.toml";
const RESULT: &str = "listener-result.txt";

/// What is in a folder.
#[derive(Debug)]
pub enum Found {
    /// No provisioning file.
    Nothing,
    /// A provisioning file.
    File(FoundFile),
    /// Something of that name, or almost, that is none: why, and what to do.
    Unfit(String),
}

/// What was seen in a folder.
#[derive(Debug)]
pub struct Seen {
    /// The provisioning file.
    pub found: Found,
    /// The answer that was left there earlier; empty if none.
    answered: Vec<u8>,
}

/// A provisioning file as it was found.
pub struct FoundFile {
    /// Its name, in its own letter case.
    pub name: OsString,
    /// At most one more than [`MAX_CONFIG_BYTES`].
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for FoundFile {
    /// Without what is in it: the token is.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FoundFile").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Looks for `listener.toml` at the top of a folder, in any letter case. Follows no link and waits for nobody.
///
/// # Errors
/// When the folder or the file cannot be read.
pub fn look(dir: &Path) -> io::Result<Seen> {
    let found = find(dir)?;
    let answered = plain_file(&dir.join(RESULT), MAX_CONFIG_BYTES)?.unwrap_or_default();
    Ok(Seen { found, answered })
}

fn find(dir: &Path) -> io::Result<Found> {
    let mut other_case = None;
    let mut with_ending = None;
    for entry in fs::read_dir(dir)?.take(MAX_TOP_ENTRIES) {
        let name = entry?.file_name();
        if name == NAME {
            other_case = Some(name);
            break;
        } else if name.eq_ignore_ascii_case(NAME) {
            // Of several, always the same one.
            other_case = other_case.filter(|known| *known < name).or(Some(name));
        } else if name.to_str().is_some_and(|name| name.eq_ignore_ascii_case("listener.toml.txt")) {
            with_ending = Some(name);
        }
    }
    match (other_case, with_ending) {
        (Some(name), _) => read(dir, name),
        (None, Some(name)) => Ok(Found::Unfit(format!(
            "the file is called {}; rename it to {NAME} (in Windows' Explorer: View, File name extensions)",
            name.display()
        ))),
        // Behind so many other names that they were not all looked at.
        (None, None) => match fs::symlink_metadata(dir.join(NAME)) {
            Ok(_) => read(dir, NAME.into()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Found::Nothing),
            Err(error) => Err(error),
        },
    }
}

fn read(dir: &Path, name: OsString) -> io::Result<Found> {
    let path = dir.join(&name);
    let kind = fs::symlink_metadata(&path)?.file_type();
    let other = if kind.is_symlink() {
        Some("a link")
    } else if kind.is_dir() {
        Some("a folder")
    } else if kind.is_fifo() || kind.is_socket() || kind.is_block_device() || kind.is_char_device() {
        Some("a device")
    } else {
        None
    };
    if let Some(other) = other {
        let name = name.display();
        return Ok(Found::Unfit(format!("{name} is {other}, not a file; put the file itself onto the stick")));
    }
    let bytes = plain_file(&path, MAX_CONFIG_BYTES + 1)?;
    Ok(bytes.map_or(Found::Nothing, |bytes| Found::File(FoundFile { name, bytes })))
}

/// What is to be written, so that nothing is where nothing would change.
#[derive(Debug)]
pub struct Reply {
    /// The file without its token, if it is to lose it.
    blanked: Option<(FoundFile, Vec<u8>)>,
    /// Not there yet.
    answer: Option<String>,
}

impl Reply {
    /// What has to be written where `seen` was seen, to say `answer` and, if wanted, to take the token out of the file.
    /// `None` if nothing has to.
    pub fn to(seen: Seen, blank_token: bool, answer: &str) -> Option<Self> {
        let file = if let Found::File(file) = seen.found { Some(file) } else { None };
        let blanked =
            file.filter(|_| blank_token).and_then(|file| without_token(&file.bytes).map(|blank| (file, blank)));
        // As Windows ends its lines; every other system shows them as well.
        let answer = answer.replace('\n', "\r\n") + "\r\n";
        let answer = (seen.answered != answer.as_bytes()).then_some(answer);
        (blanked.is_some() || answer.is_some()).then_some(Self { blanked, answer })
    }

    /// Writes it. A file that is no longer what was seen stays as it is.
    ///
    /// # Errors
    /// When it cannot be written, as on a stick with a switch against that.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        if let Some((file, blanked)) = &self.blanked {
            let path = dir.join(&file.name);
            if plain_file(&path, MAX_CONFIG_BYTES + 1)?.as_ref() == Some(&file.bytes) {
                durable::write_for_others(dir, &path, blanked)?;
            }
        }
        match &self.answer {
            Some(answer) => durable::write_for_others(dir, &dir.join(RESULT), answer.as_bytes()),
            None => Ok(()),
        }
    }
}

/// The beginning of an ordinary file; `None` if it is none.
fn plain_file(path: &Path, most_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    if !fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        return Ok(None);
    }
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    // The bits are those of open(2), whatever the sign.
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    // It may have been replaced in between.
    if !opened.metadata()?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    opened.take(most_bytes).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}
