//! Why the spool did not do as asked. PURE.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::budget::short;
use crate::item::{ItemId, Kind};

/// Why the spool did not do as asked.
#[derive(Debug, Error)]
pub enum SpoolError {
    /// Another listener has the folder.
    #[error("another listener is using {0}; stop it, or give this one a --data_dir of its own")]
    InUse(PathBuf),
    /// It does not fit, and nothing that is worth less can be given up for it.
    #[error("{}", short(*kind, *is_disk, *max_bytes))]
    Full {
        /// What was not kept.
        kind: Kind,
        /// Whether the disk is full, and not only the budget used up.
        is_disk: bool,
        /// The budget.
        max_bytes: u64,
    },
    /// It has been given up since it was taken.
    #[error("{0} has been given up, the disk is short")]
    GivenUp(ItemId),
    /// Its file is gone, or is not as long as it was.
    #[error("the file {file} cannot be read back as it was written; what is left of it is in {dir}")]
    Damaged {
        /// The item's file.
        file: String,
        /// Where it is now.
        dir: PathBuf,
    },
    /// Another program keeps the ledger to itself.
    #[error("another program, sqlite3 perhaps, keeps {0} locked; end it. What is recorded meanwhile is kept")]
    LedgerBusy(PathBuf),
    /// It cannot be read as what it is.
    #[error("{path} is damaged: {what}")]
    DamagedLedger {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        what: String,
    },
    /// The disk did not give it, or did not take it.
    #[error("the disk does not read or write {path}: {what}")]
    UnreadableLedger {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        what: String,
    },
    /// It was written by a newer version of the program.
    #[error("{0} was written by a newer version of the program")]
    NewerLedger(PathBuf),
    /// A version of the program without a ledger is still at it.
    #[error("an older version of the program still uses {0}; it is taken over when that has ended")]
    OldVersion(PathBuf),
    /// The other side has set it aside.
    #[error("{0} is another file now; the program has to be started again")]
    LedgerReplaced(PathBuf),
    /// SQLite refused for another reason.
    #[error("cannot {doing} {path}: {what}")]
    Ledger {
        /// What was being done, as a verb.
        doing: &'static str,
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        what: String,
    },
    /// The operating system refused.
    #[error("cannot {doing} {path}")]
    Io {
        /// What was being done, as a verb.
        doing: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl SpoolError {
    /// Why the ledger cannot be used any more, if it cannot.
    pub fn reason_to_replace(&self) -> Option<String> {
        let is_of_no_use =
            matches!(self, Self::DamagedLedger { .. } | Self::UnreadableLedger { .. } | Self::NewerLedger(_));
        is_of_no_use.then(|| self.to_string())
    }

    /// Whether only another start of the program can help: that makes a new ledger, or opens the one that another has made.
    pub fn needs_restart(&self) -> bool {
        matches!(self, Self::DamagedLedger { .. } | Self::LedgerReplaced(_))
    }

    /// The error with its cause, on one line.
    pub fn line(&self) -> String {
        match self {
            Self::Io { source, .. } => format!("{self}: {source}"),
            _ => self.to_string(),
        }
    }
}

/// Says what an operation on a file was for.
pub(super) trait Doing<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, SpoolError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, SpoolError> {
        self.map_err(|source| SpoolError::Io { doing, path: path.into(), source })
    }
}
