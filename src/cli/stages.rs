//! The options of a stage that runs as a process of its own, as the services do.

use std::path::PathBuf;

use clap::Args;

use super::{ApiOptions, DataOptions, DeviceOptions, FileOptions, SoundOptions, Source, VideoOptions};

/// `listener capture`
#[derive(Debug, Args)]
#[command(rename_all = "snake_case")]
pub struct CaptureArgs {
    /// Where sound and pictures come from
    #[arg(long, value_enum, default_value_t)]
    pub source: Source,
    /// Take one picture into this file, as it would be recorded, and end; `-` for standard output
    #[arg(long, value_name = "FILE.jpg")]
    pub snapshot: Option<PathBuf>,
    /// To whom it is told.
    #[command(flatten)]
    pub report: ReportOptions,
    /// Where recordings wait.
    #[command(flatten)]
    pub data: DataOptions,
    /// The configuration file.
    #[command(flatten)]
    pub file: FileOptions,
    /// How to listen.
    #[command(flatten)]
    pub sound: SoundOptions,
    /// How to watch.
    #[command(flatten)]
    pub video: VideoOptions,
    /// With what.
    #[command(flatten)]
    pub devices: DeviceOptions,
}

/// `listener upload`
#[derive(Debug, Args)]
#[command(rename_all = "snake_case")]
pub struct UploadArgs {
    /// To whom it is told.
    #[command(flatten)]
    pub report: ReportOptions,
    /// Where recordings wait.
    #[command(flatten)]
    pub data: DataOptions,
    /// The configuration file.
    #[command(flatten)]
    pub file: FileOptions,
    /// Where to deliver.
    #[command(flatten)]
    pub api: ApiOptions,
}

/// To whom a stage tells how it fares.
#[derive(Debug, Args)]
#[command(rename_all = "snake_case")]
pub struct ReportOptions {
    /// The socket of `listener indicate`; without it nobody is told
    #[arg(long, value_name = "SOCKET")]
    pub report_to: Option<PathBuf>,
}
