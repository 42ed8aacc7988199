//! The command line. It says what may be written; what values are good is for [`config`](crate::config) to judge.
//! PURE, but for LISTENER_TOKEN, which clap looks up.

mod indicate;
mod options;
mod provision;
mod repair_data;
mod report_update;
mod stages;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

pub use indicate::{IndicateArgs, StatusArgs};
pub use options::{ApiOptions, DataOptions, DeviceOptions, FileOptions, MicrophoneOptions, SoundOptions, VideoOptions};
pub use provision::ProvisionArgs;
pub use repair_data::RepairDataArgs;
pub use report_update::ReportUpdateArgs;
pub use stages::{CaptureArgs, ReportOptions, UploadArgs};

use crate::config::RawConfig;

/// Listens and watches in a room and feeds a conversational assistant's API, losing nothing.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Options are spelled as in the API's documentation; hyphens do as well as underscores.\n\
                  What is given here goes before the configuration file, and that before the defaults."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Listen, watch and deliver until stopped
    Run(Box<RunArgs>),
    /// Listen and watch only, into the data folder; `listener upload` delivers from there
    Capture(Box<CaptureArgs>),
    /// Deliver only, from the data folder that `listener capture` fills
    Upload(Box<UploadArgs>),
    /// Take a recorded video or sound through the whole path, as if live
    Replay(Box<ReplayArgs>),
    /// Show the cameras, microphones and encoders there are
    Devices(DevicesArgs),
    /// Look at configuration, devices, API, token and home, one line each; the exit code says whether all is well
    Check(Box<CheckArgs>),
    /// Show how loud the room is, and at the end the energy threshold that would suit it
    Meter(MeterArgs),
    /// Show the utterances in a recording, as the live path would find them
    Segment(SegmentArgs),
    /// Take the settings in a listener.toml from a stick or the boot partition, or say whether one would be taken
    Provision(ProvisionArgs),
    /// Show what waits for delivery, what was dropped and what was refused; also while a listener is running
    Spool(SpoolArgs),
    /// Play on the status LEDs how the stages fare, by what they report to a socket
    Indicate(IndicateArgs),
    /// Tell `listener indicate` what becomes of an update; for the scripts that install it
    ReportUpdate(ReportUpdateArgs),
    /// Put right what a power cut left on the data partition, before it is mounted; for the card's image
    RepairData(RepairDataArgs),
    /// Say what the LEDs say, why, and what to do; the exit code says whether all is well
    Status(StatusArgs),
}

/// `listener run`
#[derive(Debug, Args)]
#[command(rename_all = "snake_case")]
pub struct RunArgs {
    /// Where sound and pictures come from
    #[arg(long, value_enum, default_value_t)]
    pub source: Source,
    /// Stop after this long, then deliver what waits; without it, go on until stopped
    #[arg(long = "for", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub for_s: Option<u64>,
    /// Take one picture into this file, as it would be recorded, and end; `-` for standard output. It needs no API
    #[arg(long, value_name = "FILE.jpg", conflicts_with = "for_s")]
    pub snapshot: Option<PathBuf>,
    /// Light the status LEDs on a Raspberry Pi: health, attention and data at the pins of `[leds]`, BCM 17, 27 and 22
    #[arg(long)]
    pub leds: bool,
    /// Where recordings wait.
    #[command(flatten)]
    pub data: DataOptions,
    /// The configuration file.
    #[command(flatten)]
    pub file: FileOptions,
    /// Where to deliver.
    #[command(flatten)]
    pub api: ApiOptions,
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

/// `listener replay FILE`
#[derive(Debug, Args)]
#[command(rename_all = "snake_case")]
pub struct ReplayArgs {
    /// The recorded video or sound
    #[arg(value_name = "FILE")]
    pub recording: PathBuf,
    /// As fast as the machine can, not at the pace it was recorded in; it then counts as having ended now
    #[arg(long)]
    pub fast: bool,
    /// Where recordings wait.
    #[command(flatten)]
    pub data: DataOptions,
    /// The configuration file.
    #[command(flatten)]
    pub file: FileOptions,
    /// Where to deliver.
    #[command(flatten)]
    pub api: ApiOptions,
    /// How to listen.
    #[command(flatten)]
    pub sound: SoundOptions,
    /// How to watch.
    #[command(flatten)]
    pub video: VideoOptions,
}

/// `listener devices`
#[derive(Debug, Args)]
pub struct DevicesArgs {
    /// As JSON, for programs
    #[arg(long)]
    pub json: bool,
}

/// `listener check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The configuration file.
    #[command(flatten)]
    pub file: FileOptions,
    /// Where to deliver.
    #[command(flatten)]
    pub api: ApiOptions,
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

/// `listener meter`
#[derive(Debug, Args)]
#[command(rename_all = "snake_case")]
pub struct MeterArgs {
    /// Where sound comes from
    #[arg(long, value_enum, default_value_t)]
    pub source: Source,
    /// Stop after this long; without it, go on until stopped
    #[arg(long = "for", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub for_s: Option<u64>,
    /// The configuration file.
    #[command(flatten)]
    pub file: FileOptions,
    /// How to listen.
    #[command(flatten)]
    pub sound: SoundOptions,
    /// With what.
    #[command(flatten)]
    pub microphone: MicrophoneOptions,
}

/// `listener segment FILE.wav`
#[derive(Debug, Args)]
pub struct SegmentArgs {
    /// The recording, in any format that GStreamer decodes
    #[arg(value_name = "FILE.wav")]
    pub recording: PathBuf,
    /// As JSON, for programs
    #[arg(long)]
    pub json: bool,
    /// Draw sound, energy, threshold and utterances into this file, too
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    /// The configuration file.
    #[command(flatten)]
    pub file: FileOptions,
    /// How to listen.
    #[command(flatten)]
    pub sound: SoundOptions,
}

/// `listener spool`
#[derive(Debug, Args)]
pub struct SpoolArgs {
    /// What to do with it, other than show it
    #[arg(value_enum)]
    pub action: Option<SpoolAction>,
    /// As JSON, for programs
    #[arg(long, conflicts_with = "action")]
    pub json: bool,
    /// Where recordings wait.
    #[command(flatten)]
    pub data: DataOptions,
}

/// What to do with the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SpoolAction {
    /// Put back what the API has refused, and what of the damaged is whole, to be delivered again
    Retry,
}

/// Where sound and pictures come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Source {
    /// The microphone and the camera
    #[default]
    Device,
    /// A made-up voice and picture, for trying without devices
    Test,
}

impl Cli {
    /// Reads the command line, the program's name first. The error also carries `--help` and `--version`.
    pub fn from_args(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
        let matches = Cli::command().try_get_matches_from(underscored(args))?;
        if let Some((_, command)) = matches.subcommand() {
            one_token(command)?;
        }
        Cli::from_arg_matches(&matches)
    }
}

/// A token in the environment gives way to a file that was asked for; two that were both asked for do not go.
fn one_token(command: &ArgMatches) -> Result<(), clap::Error> {
    let typed = |name: &str| {
        let known = command.try_contains_id(name).unwrap_or(false);
        known && command.value_source(name) == Some(ValueSource::CommandLine)
    };
    if typed("token") && typed("token_file") {
        let told = "give --token or --token_file, not both";
        return Err(Cli::command().error(ErrorKind::ArgumentConflict, told));
    }
    Ok(())
}

/// Hyphens in the names of long options become underscores; values, and what follows a bare `--`, are left alone.
fn underscored(args: impl IntoIterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    let mut options_over = false;
    args.into_iter().map(move |arg| {
        options_over |= arg == "--";
        let name = arg.to_str().filter(|_| !options_over).and_then(|text| text.strip_prefix("--"));
        let Some(name) = name else { return arg };
        match name.split_once('=') {
            Some((name, value)) => format!("--{}={value}", name.replace('-', "_")).into(),
            None => format!("--{}", name.replace('-', "_")).into(),
        }
    })
}

impl Command {
    /// The configuration file to read.
    pub fn config_file(&self) -> Option<&Path> {
        let file = match self {
            Command::Run(args) => &args.file,
            Command::Capture(args) => &args.file,
            Command::Upload(args) => &args.file,
            Command::Replay(args) => &args.file,
            Command::Check(args) => &args.file,
            Command::Meter(args) => &args.file,
            Command::Segment(args) => &args.file,
            Command::Devices(_)
            | Command::Provision(_)
            | Command::Spool(_)
            | Command::Indicate(_)
            | Command::ReportUpdate(_)
            | Command::RepairData(_)
            | Command::Status(_) => return None,
        };
        file.config.as_deref()
    }

    /// The file to read the token from, for [`RawConfig::with_token`].
    pub fn token_file(&self) -> Option<&Path> {
        let api = match self {
            Command::Run(args) => &args.api,
            Command::Upload(args) => &args.api,
            Command::Replay(args) => &args.api,
            Command::Check(args) => &args.api,
            Command::Capture(_)
            | Command::Meter(_)
            | Command::Segment(_)
            | Command::Devices(_)
            | Command::Provision(_)
            | Command::Spool(_)
            | Command::Indicate(_)
            | Command::ReportUpdate(_)
            | Command::RepairData(_)
            | Command::Status(_) => return None,
        };
        api.token_file.as_deref()
    }

    /// The settings on the command line and in LISTENER_TOKEN, for [`RawConfig::or`] with those of the file.
    pub fn raw(&self) -> RawConfig {
        let raw = RawConfig::default();
        match self {
            Command::Run(args) => args.devices.add_to(args.video.add_to(args.sound.add_to(args.api.add_to(raw)))),
            Command::Capture(args) => args.devices.add_to(args.video.add_to(args.sound.add_to(raw))),
            Command::Upload(args) => args.api.add_to(raw),
            Command::Replay(args) => args.video.add_to(args.sound.add_to(args.api.add_to(raw))),
            Command::Check(args) => args.devices.add_to(args.video.add_to(args.sound.add_to(args.api.add_to(raw)))),
            Command::Meter(args) => args.microphone.add_to(args.sound.add_to(raw)),
            Command::Segment(args) => args.sound.add_to(raw),
            Command::Devices(_)
            | Command::Provision(_)
            | Command::Spool(_)
            | Command::Indicate(_)
            | Command::ReportUpdate(_)
            | Command::RepairData(_)
            | Command::Status(_) => raw,
        }
    }
}
