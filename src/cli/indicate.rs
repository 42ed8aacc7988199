//! The options of what shows how the listener fares.

use std::path::PathBuf;

use clap::Args;

use super::DataOptions;

/// `listener indicate`
#[derive(Debug, Args)]
#[command(rename_all = "snake_case")]
pub struct IndicateArgs {
    /// The configuration file, for the pins; while it is missing, a provisioning file is waited for
    #[arg(long, value_name = "FILE", default_value = "/var/lib/listener/public/listener.toml")]
    pub config: PathBuf,
    /// Where stages report to: a socket that is made there
    #[arg(long, value_name = "SOCKET", default_value = "/run/listener/indicate.sock")]
    pub listen: PathBuf,
    /// Where to write what the LEDs say
    #[arg(long, value_name = "FILE", default_value = "/run/listener/status.json")]
    pub status_file: PathBuf,
}

/// `listener status`
#[derive(Debug, Args)]
#[command(rename_all = "snake_case")]
pub struct StatusArgs {
    /// Go on, and show what changes
    #[arg(long)]
    pub watch: bool,
    /// As JSON, for programs
    #[arg(long)]
    pub json: bool,
    /// Only what is at fault, a name a line as in status.json, for scripts; the exit code says whether that is known now
    #[arg(long, conflicts_with_all = ["watch", "json"])]
    pub faults: bool,
    /// Where to read it
    /// [default: /run/listener/status.json, or status.json in the data folder, whichever is newer]
    #[arg(long, value_name = "FILE")]
    pub status_file: Option<PathBuf>,
    /// Where recordings wait.
    #[command(flatten)]
    pub data: DataOptions,
}
