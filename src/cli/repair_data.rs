//! The options of `listener repair-data`.

use std::path::PathBuf;

use clap::Args;

/// `listener repair-data`
#[derive(Debug, Args)]
#[command(rename_all = "snake_case")]
pub struct RepairDataArgs {
    /// The partition, or an image of one; it must not be mounted
    pub device: PathBuf,
}
