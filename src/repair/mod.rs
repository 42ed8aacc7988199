//! What is done about the data partition before it is mounted. PURE: the partition is passed in.
//!
//! A new file system is made only where not one copy of a superblock is left to read: whatever else is wrong, what can be read is
//! kept, and a person is told.

pub mod ext4;
pub mod superblock;

use std::fmt;
use std::io;

use superblock::Superblock;

/// How the file system is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// What is safe to put right without asking.
    Safely,
    /// All of it, and every question is answered with yes.
    Wholly,
    /// The same by this copy of the superblock.
    By(Superblock),
}

/// What is left of file systems on a partition.
#[derive(Debug, PartialEq, Eq)]
pub enum Left {
    /// The superblock where it belongs, or another kind of file system, which is named: it can be read.
    Readable(String),
    /// Copies of one superblock, the first of them first.
    Copies(Vec<Superblock>),
    /// Copies of several: nobody knows which holds.
    Several,
    /// Nothing.
    Nothing,
}

/// A partition that is not mounted.
pub trait Partition {
    /// Checks it and puts it right; gives the exit code of e2fsck(8).
    fn check(&mut self, how: Check) -> io::Result<i32>;
    /// Looks for what is left.
    fn left(&mut self) -> io::Result<Left>;
    /// Makes a new file system on it.
    fn begin_anew(&mut self) -> io::Result<()>;
}

/// How it stands now.
#[derive(Debug, PartialEq, Eq)]
pub enum Repaired {
    /// All is well, and nothing was wrong.
    WasWell,
    /// What a power cut had left is put right.
    PutRight,
    /// There was no file system any more, and there is a new one.
    BegunAnew,
    /// Something is wrong with it that could not be put right. What is there is left as it is.
    LeftAsItIs(String),
}

/// e2fsck's exit code is a sum: from this on something is left to do (e2fsck(8), "EXIT CODE").
const LEFT: i32 = 4;

/// Puts a partition right, as far as that can be done without losing anything.
///
/// # Errors
/// When the programs that do it cannot be started, or a new file system cannot be made.
pub fn repair(partition: &mut impl Partition) -> io::Result<Repaired> {
    let mut code = 0;
    for how in [Check::Safely, Check::Wholly] {
        code = partition.check(how)?;
        match code {
            0 => return Ok(Repaired::WasWell),
            1..LEFT => return Ok(Repaired::PutRight),
            _ => {}
        }
    }
    let copies = match partition.left() {
        Ok(Left::Copies(copies)) => copies,
        Ok(Left::Nothing) => {
            partition.begin_anew()?;
            return Ok(Repaired::BegunAnew);
        }
        Ok(Left::Readable(what)) => {
            return Ok(Repaired::LeftAsItIs(format!("e2fsck ends with {code}, and {what} is there")));
        }
        Ok(Left::Several) => return Ok(Repaired::LeftAsItIs("parts of several file systems are there".into())),
        Err(error) => return Ok(Repaired::LeftAsItIs(format!("the card does not answer: {error}"))),
    };
    for copy in copies {
        if (0..LEFT).contains(&partition.check(Check::By(copy))?) {
            return Ok(Repaired::PutRight);
        }
    }
    Ok(Repaired::LeftAsItIs(format!("e2fsck ends with {code}")))
}

impl fmt::Display for Repaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WasWell => f.write_str("the file system of the data partition is well"),
            Self::PutRight => f.write_str("the file system of the data partition is put right"),
            Self::BegunAnew => {
                f.write_str("there was no file system on the data partition any more: it begins anew, without settings")
            }
            Self::LeftAsItIs(why) => write!(
                f,
                "the file system of the data partition cannot be put right ({why}); it is not formatted: copy what you need from \
                 the card with another computer, then flash the card, or another one"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A partition of which it is said beforehand how it answers; notes what was done.
    struct Told {
        codes: Vec<i32>,
        left: io::Result<Left>,
        done: Vec<String>,
    }

    impl Partition for Told {
        fn check(&mut self, how: Check) -> io::Result<i32> {
            self.done.push(match how {
                Check::By(Superblock { block, .. }) => format!("by {block}"),
                how => format!("{how:?}"),
            });
            Ok(self.codes.remove(0))
        }

        fn left(&mut self) -> io::Result<Left> {
            std::mem::replace(&mut self.left, Ok(Left::Nothing))
        }

        fn begin_anew(&mut self) -> io::Result<()> {
            self.done.push("anew".into());
            Ok(())
        }
    }

    fn copies(count: u64) -> io::Result<Left> {
        Ok(Left::Copies((0..count).map(|block| Superblock { block, block_bytes: 4096 }).collect()))
    }

    fn done(codes: &[i32], left: io::Result<Left>) -> (Repaired, String) {
        let mut partition = Told { codes: codes.into(), left, done: vec![] };
        let repaired = repair(&mut partition).expect("the programs are there");
        assert!(partition.codes.is_empty(), "it was to go on");
        (repaired, partition.done.join(", "))
    }

    #[test]
    fn what_is_well_or_can_be_put_right_is_checked_no_further() {
        assert_eq!(done(&[0], Ok(Left::Nothing)), (Repaired::WasWell, "Safely".into()));
        assert_eq!(done(&[1], Ok(Left::Nothing)), (Repaired::PutRight, "Safely".into()));
        assert_eq!(done(&[4, 1], Ok(Left::Nothing)), (Repaired::PutRight, "Safely, Wholly".into()));
        assert_eq!(done(&[8, 12, 8, 1], copies(2)), (Repaired::PutRight, "Safely, Wholly, by 0, by 1".into()));
    }

    #[test]
    fn only_where_no_superblock_is_left_is_there_a_new_file_system() {
        assert_eq!(done(&[8, 8], Ok(Left::Nothing)), (Repaired::BegunAnew, "Safely, Wholly, anew".into()));
        for code in [4, 8, 12, 16, 32, 128] {
            let (repaired, done) = done(&[code, code, code], copies(1));
            assert!(matches!(repaired, Repaired::LeftAsItIs(_)) && !done.contains("anew"), "{code}: {done}");
        }
    }

    #[test]
    fn what_is_there_where_it_belongs_or_is_not_of_one_piece_is_not_tried_by_copies() {
        for left in [Left::Readable("ext4".into()), Left::Several] {
            let (repaired, done) = done(&[4, 4], Ok(left));
            assert!(matches!(repaired, Repaired::LeftAsItIs(_)) && done == "Safely, Wholly", "{done}");
        }
    }

    #[test]
    fn a_card_that_does_not_answer_keeps_what_it_has() {
        let (repaired, done) = done(&[8, 8], Err(io::ErrorKind::TimedOut.into()));
        assert!(matches!(&repaired, Repaired::LeftAsItIs(why) if why.contains("does not answer")), "{repaired}");
        assert!(!done.contains("anew"));
    }
}
