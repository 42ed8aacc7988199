//! A look into a file. Reads what it is given and decides nothing else.

use std::io::{Read, Seek, SeekFrom};

/// So many bytes from this place on; `None` where the file ends before, or cannot be read.
pub(super) fn read<const N: usize>(file: &mut (impl Read + Seek), at: u64) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(at)).ok()?;
    file.read_exact(&mut bytes).ok()?;
    Some(bytes)
}
