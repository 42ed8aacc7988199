//! The copies of an ext4 file system's superblock (kernel: Documentation/filesystems/ext4/super.rst and blockgroup.rst). PURE: what it
//! reads from is passed in.

use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom};

use super::Left;

/// Where one stands, as e2fsck wants it told (`-b`, `-B`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Superblock {
    /// The block it is in.
    pub block: u64,
    /// How long a block is.
    pub block_bytes: u64,
}

const LENGTH_BYTES: usize = 1024;

/// The first is this far from the start, whatever the length of a block.
const FIRST_AT: u64 = 1024;

const MAGIC: u16 = 0xEF53;

/// From 1 KiB to 4 KiB, as powers of two of 1 KiB: a Pi's kernel mounts no others.
const BLOCK_LENGTHS: std::ops::RangeInclusive<u32> = 0..=2;

/// The groups of blocks that have a copy: 1 and the powers of 3, 5 and 7 (`sparse_super`); beyond these no card is that large.
const GROUPS: [u64; 17] = [1, 3, 5, 7, 9, 25, 27, 49, 81, 125, 243, 343, 625, 729, 2187, 2401, 3125];

/// What the superblocks say that are left: of the one where it belongs, whatever else it says; of the copies, if they agree.
///
/// # Errors
/// When what should be there cannot be read.
pub fn left(partition: &mut (impl Read + Seek)) -> io::Result<Left> {
    let bytes = partition.seek(SeekFrom::End(0))?;
    if let Some(text) = read(partition, FIRST_AT, bytes)?
        && short(&text, 0x38) == MAGIC
    {
        return Ok(Left::Readable("the superblock of an ext4 file system".into()));
    }
    let (mut copies, mut names) = (Vec::new(), BTreeSet::new());
    for length in BLOCK_LENGTHS {
        let block_bytes = 1024 << length;
        // As many as the bitmap of a group, one block, has bits.
        let blocks_per_group = 8 * block_bytes;
        for group in GROUPS {
            let block = group * blocks_per_group + u64::from(length == 0);
            let Some(text) = read(partition, block * block_bytes, bytes)? else { break };
            if is_copy(&text, length, group, blocks_per_group) {
                copies.push(Superblock { block, block_bytes });
                // s_uuid
                names.insert(text[0x68..0x78].to_vec());
            }
        }
    }
    Ok(match names.len() {
        0 => Left::Nothing,
        1 => Left::Copies(copies),
        _ => Left::Several,
    })
}

/// None where the partition is shorter than that.
fn read(partition: &mut (impl Read + Seek), at: u64, bytes: u64) -> io::Result<Option<[u8; LENGTH_BYTES]>> {
    if at + LENGTH_BYTES as u64 > bytes {
        return Ok(None);
    }
    let mut text = [0; LENGTH_BYTES];
    partition.seek(SeekFrom::Start(at))?;
    partition.read_exact(&mut text)?;
    Ok(Some(text))
}

fn short(text: &[u8; LENGTH_BYTES], at: usize) -> u16 {
    u16::from_le_bytes([text[at], text[at + 1]])
}

fn is_copy(text: &[u8; LENGTH_BYTES], length: u32, group: u64, blocks_per_group: u64) -> bool {
    let long = |at: usize| u32::from_le_bytes([text[at], text[at + 1], text[at + 2], text[at + 3]]);
    // s_magic, s_log_block_size, s_block_group_nr, s_blocks_per_group
    short(text, 0x38) == MAGIC
        && long(0x18) == length
        && u64::from(short(text, 0x5A)) == group
        && u64::from(long(0x20)) == blocks_per_group
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn write(partition: &mut [u8], at: usize, length: u32, group: u16, blocks_per_group: u32) {
        partition[at + 0x38..][..2].copy_from_slice(&MAGIC.to_le_bytes());
        partition[at + 0x18..][..4].copy_from_slice(&length.to_le_bytes());
        partition[at + 0x5A..][..2].copy_from_slice(&group.to_le_bytes());
        partition[at + 0x20..][..4].copy_from_slice(&blocks_per_group.to_le_bytes());
    }

    fn left_in(partition: &[u8]) -> Left {
        left(&mut Cursor::new(partition)).expect("readable")
    }

    #[test]
    fn copies_are_found_where_blocks_of_their_length_put_them_and_must_agree() {
        let mut partition = vec![0; 30 << 20];
        write(&mut partition, 8193 * 1024, 0, 1, 8192);
        write(&mut partition, (3 * 8192 + 1) * 1024, 0, 3, 8192);
        // What says to be another group's, or of other blocks, is left from something else.
        write(&mut partition, 2 << 20, 0, 1, 8192);
        let copies = [8193, 24_577].map(|block| Superblock { block, block_bytes: 1024 });
        assert_eq!(left_in(&partition), Left::Copies(copies.into()));

        partition[8193 * 1024 + 0x68] = 7;
        assert_eq!(left_in(&partition), Left::Several, "of two file systems, one after the other");

        // The one where it belongs holds, however it was made.
        write(&mut partition, 1024, 6, 0, 12_345);
        assert!(matches!(left_in(&partition), Left::Readable(_)));
    }

    #[test]
    fn nothing_is_found_in_nothing() {
        for partition in [vec![], vec![0; 1024], vec![0xFF; 9 << 20]] {
            assert_eq!(left_in(&partition), Left::Nothing);
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_not_nothing() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::Other.into())
            }
        }
        impl Seek for Broken {
            fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
                Ok(1 << 30)
            }
        }
        assert!(left(&mut Broken).is_err());
    }
}
