//! The copies of an ext4 file system's superblock (kernel: Documentation/filesystems/ext4/super.rst and blockgroup.rst). PURE: what it
//! reads from is passed in.

use std::io::{self, Read, Seek, SeekFrom};

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

/// From 1 KiB to 64 KiB, as powers of two of 1 KiB.
const BLOCK_LENGTHS: std::ops::RangeInclusive<u32> = 0..=6;

/// The groups of blocks that have a copy: 0, 1 and the powers of 3, 5 and 7 (`sparse_super`); beyond these no card is that large.
const GROUPS: [u64; 18] = [0, 1, 3, 5, 7, 9, 25, 27, 49, 81, 125, 243, 343, 625, 729, 2187, 2401, 3125];

/// Those that can be recognised.
///
/// # Errors
/// When what should be there cannot be read.
pub fn all(partition: &mut (impl Read + Seek)) -> io::Result<Vec<Superblock>> {
    let bytes = partition.seek(SeekFrom::End(0))?;
    let mut found = Vec::new();
    for length in BLOCK_LENGTHS {
        let block_bytes = 1024 << length;
        // A group has as many blocks as its bitmap, one block, has bits.
        let blocks_per_group = 8 * block_bytes;
        for group in GROUPS {
            let block = group * blocks_per_group + u64::from(length == 0);
            let at = if group == 0 { FIRST_AT } else { block * block_bytes };
            if at + LENGTH_BYTES as u64 > bytes {
                break;
            }
            partition.seek(SeekFrom::Start(at))?;
            let mut text = [0; LENGTH_BYTES];
            partition.read_exact(&mut text)?;
            if is_one(&text, length, group, blocks_per_group) {
                found.push(Superblock { block, block_bytes });
            }
        }
    }
    Ok(found)
}

fn is_one(text: &[u8; LENGTH_BYTES], length: u32, group: u64, blocks_per_group: u64) -> bool {
    let short = |at: usize| u16::from_le_bytes([text[at], text[at + 1]]);
    let long = |at: usize| u32::from_le_bytes([text[at], text[at + 1], text[at + 2], text[at + 3]]);
    // s_magic, s_log_block_size, s_block_group_nr, s_blocks_per_group
    short(0x38) == MAGIC
        && long(0x18) == length
        && u64::from(short(0x5A)) == group
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

    #[test]
    fn copies_are_found_where_blocks_of_their_length_put_them() {
        let mut partition = vec![0; 30 << 20];
        write(&mut partition, 1024, 0, 0, 8192);
        write(&mut partition, 8193 * 1024, 0, 1, 8192);
        write(&mut partition, (3 * 8192 + 1) * 1024, 0, 3, 8192);
        // What says to be another group's, or of other blocks, is left from something else.
        write(&mut partition, 2 << 20, 0, 1, 8192);
        let found = all(&mut Cursor::new(partition)).expect("readable");
        let blocks: Vec<_> = found.iter().map(|copy| (copy.block, copy.block_bytes)).collect();
        assert_eq!(blocks, [(1, 1024), (8193, 1024), (24_577, 1024)]);
    }

    #[test]
    fn nothing_is_found_in_nothing() {
        for partition in [vec![], vec![0; 1024], vec![0xFF; 9 << 20]] {
            assert_eq!(all(&mut Cursor::new(partition)).expect("readable"), []);
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
        assert!(all(&mut Broken).is_err());
    }
}
