//! The options of `listener report-update`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgGroup, Args};

/// `listener report-update`
#[derive(Debug, Args)]
#[command(
    rename_all = "snake_case",
    group = ArgGroup::new("what").required(true).args(["installing", "installed", "failed"])
)]
pub struct ReportUpdateArgs {
    /// It is being written
    #[arg(long)]
    pub installing: bool,
    /// It is written and about to be started, or is what runs already
    #[arg(long)]
    pub installed: bool,
    /// It was not taken, or was given up, and why
    #[arg(long, value_name = "WHY")]
    pub failed: Option<OsString>,
    /// The socket on which the indicator listens
    #[arg(long, value_name = "SOCKET", default_value = "/run/listener/indicate.sock")]
    pub report_to: PathBuf,
}
