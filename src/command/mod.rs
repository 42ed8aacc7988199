//! What each command does. EDGE: reads the files and the environment that the command line names.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "EDGE: files and the environment"
)]

mod axis;
pub mod check;
pub mod devices;
pub mod indicate;
pub mod meter;
mod plot;
pub mod provision;
pub mod repair_data;
pub mod report_update;
pub mod segment;
mod snapshot;
pub mod spool;
pub mod status;
mod trace;

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context;

use self::devices::Devices;
use crate::capture::gstreamer::Pace;
use crate::capture::mute::{self, Switch};
use crate::capture::stages::{self, Source};
use crate::cli::{self, Command, DataOptions, SpoolAction};
use crate::clock::SystemClock;
use crate::config::{self, Config, RawConfig};
use crate::daemon::{self, Job, SPOOL, Side};

/// Does what was asked; says whether all went well. `stop`, once set, ends a recording or a meter.
///
/// # Errors
/// When the settings are wrong, or what is needed cannot be had.
pub fn perform(command: &Command, stop: &AtomicBool, out: &mut dyn Write) -> anyhow::Result<bool> {
    let config = match configure(command) {
        Err(error) if matches!(command, Command::Check(_)) => return check::tell_bad_configuration(&error, out),
        config => config?,
    };
    match command {
        Command::Provision(args) => provision::run(args, out),
        Command::Devices(args) => Devices::find(&config.video)?.print(args.json, out).map(|()| true),
        Command::Run(_) | Command::Capture(_) | Command::Check(_) | Command::Meter(_)
            if config.audio.microphone == "list" =>
        {
            Devices::find(&config.video)?.print_microphones(out).map(|()| true)
        }
        Command::Segment(args) => segment::run(args, config.audio.settings, out).map(|()| true),
        Command::Meter(args) => meter::run(&config.audio, args.source, args.for_s, stop, out).map(|()| true),
        Command::Check(_) => check::run(&config, out),
        Command::Spool(args) => {
            let dir = data_dir(&args.data)?.join(SPOOL);
            match args.action {
                None => spool::show(&dir, args.json, out).map(|()| true),
                Some(SpoolAction::Retry) => spool::retry(&dir, out).map(|()| true),
            }
        }
        Command::Run(args) => {
            let source = source(args.source);
            if let Some(file) = &args.snapshot {
                return take_picture(config, &source, file, out);
            }
            let run_for = args.for_s.map(Duration::from_secs);
            let mute = mute_switch(&config)?;
            record(Job { run_for, mute, leds: args.leds, ..job(config, source, &args.data)? }, stop)
        }
        Command::Capture(args) => {
            let source = source(args.source);
            if let Some(file) = &args.snapshot {
                return take_picture(config, &source, file, out);
            }
            let (report_to, mute) = (args.report.report_to.clone(), mute_switch(&config)?);
            record(Job { side: Side::Capture, report_to, mute, ..job(config, source, &args.data)? }, stop)
        }
        Command::Upload(args) => {
            let report_to = args.report.report_to.clone();
            record(Job { side: Side::Upload, report_to, ..job(config, Source::Devices, &args.data)? }, stop)
        }
        Command::Indicate(args) => indicate::run(args, Arc::new(SystemClock), stop).map(|()| true),
        Command::ReportUpdate(args) => {
            report_update::run(args);
            Ok(true)
        }
        Command::RepairData(args) => repair_data::run(args),
        Command::Status(args) => status::run(args, &SystemClock, out),
        Command::Replay(args) => {
            let pace = if args.fast { Pace::Fast } else { Pace::Live };
            record(job(config, Source::File { path: args.recording.clone(), pace }, &args.data)?, stop)
        }
    }
}

fn data_dir(data: &DataOptions) -> anyhow::Result<PathBuf> {
    let folder = data.folder(|name| env::var_os(name));
    folder.context("there is no folder to keep recordings in; name one with --data_dir")
}

fn job(config: Config, source: Source, data: &DataOptions) -> anyhow::Result<Job> {
    let data_dir = data_dir(data)?;
    let runtime_dir = env::var_os("RUNTIME_DIRECTORY").map(Into::into);
    let side = Side::Both;
    Ok(Job { side, config, source, data_dir, runtime_dir, report_to: None, mute: None, leds: false, run_for: None })
}

fn source(named: cli::Source) -> Source {
    if named == cli::Source::Test { Source::Test } else { Source::Devices }
}

fn mute_switch(config: &Config) -> anyhow::Result<Option<Box<dyn Switch>>> {
    config.mute.as_ref().map(|switch| mute::open(switch).map_err(Into::into)).transpose()
}

fn take_picture(config: Config, source: &Source, file: &Path, out: &mut dyn Write) -> anyhow::Result<bool> {
    let video = if *source == Source::Test { stages::test_video(&config.video) } else { config.video };
    snapshot::run(&video, file, out).map(|()| true)
}

fn configure(command: &Command) -> anyhow::Result<Config> {
    let cannot_read = |file: &Path| format!("cannot read {}", file.display());
    let mut raw = command.raw();
    if let Some(file) = command.token_file() {
        let bytes = fs::read(file).with_context(|| cannot_read(file))?;
        raw = raw.with_token_of(&bytes).with_context(|| file.display().to_string())?;
    }
    if let Some(file) = command.config_file() {
        let bytes = fs::read(file).with_context(|| cannot_read(file))?;
        let parsed = config::decode(&bytes).and_then(|text| RawConfig::parse(&text));
        raw = raw.or(parsed.with_context(|| file.display().to_string())?);
    }
    let mut config = raw.validate()?;
    config.api.token_file = command.token_file().map(Path::to_owned);
    if !matches!(command, Command::Check(_)) {
        config.warnings().iter().for_each(|warning| log::warn!("{warning}"));
    }
    Ok(config)
}

fn record(job: Job, stop: &AtomicBool) -> anyhow::Result<bool> {
    let (side, data_dir) = (job.side, job.data_dir.clone());
    let summary = daemon::run(job, Arc::new(SystemClock), stop)?;
    log::info!("{summary}");
    if let Some(why) = summary.given_up().filter(|_| side.uploads()) {
        log::warn!("not all is delivered, because {why}; `listener upload --data_dir {}` goes on", data_dir.display());
    }
    anyhow::ensure!(
        summary.stopped || summary.missed.is_empty(),
        "not all of it was recorded: {}",
        summary.missed.join("; ")
    );
    Ok(summary.is_complete())
}
