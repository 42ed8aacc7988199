//! The program: arguments, logging, signals, the exit code. EDGE.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "EDGE: the command line, signals, standard output"
)]

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use listener::cli::{Cli, Command};
use listener::command;
use listener::status::terminal;
use listener::upload::rsync;
use secrecy::{ExposeSecret, SecretString};

fn main() -> ExitCode {
    if let Some(password) = rsync::asked_password() {
        return answer(&password);
    }
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
        // Whoever reads has seen enough, as `head` does.
        Err(error) if is_broken_pipe(&error) && !matches!(cli.command, Command::Check(_)) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Gives ssh, which has started this process for that alone, what it asks for.
fn answer(password: &SecretString) -> ExitCode {
    let told = writeln!(io::stdout(), "{}", password.expose_secret());
    if told.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether this process was started with a signal ignored (proc_pid_status(5), SigIgn: a bit for each, from 1).
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Does what was asked; says whether all went well.
fn perform(command: &Command) -> anyhow::Result<bool> {
    let stop = Arc::new(AtomicBool::new(false));
    if let Command::Run(_)
    | Command::Capture(_)
    | Command::Upload(_)
    | Command::Replay(_)
    | Command::Meter(_)
    | Command::Indicate(_) = command
    {
        // A terminal that is closed is a stop, too, unless whoever started this said otherwise, as nohup does.
        let hangup = (!is_ignored(signal_hook::consts::SIGHUP)).then_some(signal_hook::consts::SIGHUP);
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM].into_iter().chain(hangup) {
            signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot wait for signals")?;
        }
    }
    command::perform(command, &stop, &mut io::stdout().lock())
}
