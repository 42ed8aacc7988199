//! The program: arguments, logging, the real clock and the signals, the exit code.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context;
use listener::capture::gstreamer::Pace;
use listener::capture::stages::Source;
use listener::cli::{self, Cli, Command, DataOptions};
use listener::clock::SystemClock;
use listener::command::{check, devices::Devices, segment};
use listener::config::{Config, RawConfig};
use listener::daemon::{self, Job};
use listener::status::terminal;

fn main() -> ExitCode {
    let cli = match Cli::from_args(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to standard output, everything else to standard error; a closed one cannot be helped.
            let _ = error.print();
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    terminal::start_logging();
    match perform(&cli.command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            log::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Does what was asked; says whether all went well.
fn perform(command: &Command) -> anyhow::Result<bool> {
    let config = configure(command)?;
    let out = &mut io::stdout().lock();
    match command {
        Command::Devices(args) => Devices::find()?.print(args.json, out).map(|()| true),
        Command::Run(_) | Command::Check(_) if config.audio.microphone == "list" => {
            Devices::find()?.print_microphones(out).map(|()| true)
        }
        Command::Segment(args) => segment::run(&args.recording, config.audio.settings, args.json, out).map(|()| true),
        Command::Check(_) => check::run(&config, out),
        Command::Run(args) => {
            let source = if args.source == cli::Source::Test { Source::Test } else { Source::Devices };
            record(config, source, &folder(&args.data)?, args.for_s)
        }
        Command::Replay(args) => {
            let pace = if args.fast { Pace::Fast } else { Pace::Live };
            record(config, Source::File { path: args.recording.clone(), pace }, &folder(&args.data)?, None)
        }
    }
}

fn configure(command: &Command) -> anyhow::Result<Config> {
    let read = |file: &Path| std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()));
    let mut raw = command.raw();
    if let Some(file) = command.token_file() {
        raw = raw.with_token(read(file)?.into());
    }
    if let Some(file) = command.config_file() {
        raw = raw.or(RawConfig::parse(&read(file)?).with_context(|| file.display().to_string())?);
    }
    let config = raw.validate()?;
    config.warnings().iter().for_each(|warning| log::warn!("{warning}"));
    Ok(config)
}

fn folder(data: &DataOptions) -> anyhow::Result<PathBuf> {
    data.folder(|name| std::env::var_os(name)).context("no folder to keep recordings in; name one with --data_dir")
}

fn record(config: Config, source: Source, data_dir: &Path, for_s: Option<u64>) -> anyhow::Result<bool> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot wait for signals")?;
    }
    let run_for = for_s.map(Duration::from_secs);
    let runtime_dir = std::env::var_os("RUNTIME_DIRECTORY").map(Into::into);
    let job = Job { config, source, data_dir: data_dir.into(), runtime_dir, run_for };
    let summary = daemon::run(job, Arc::new(SystemClock), &stop)?;
    log::info!("{summary}");
    Ok(summary.is_complete())
}
