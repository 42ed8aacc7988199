//! `listener status`: what the LEDs say, in words.

#![expect(clippy::disallowed_macros, clippy::disallowed_methods, reason = "EDGE: files and the terminal")]

use std::convert::Infallible;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::cli::StatusArgs;
use crate::clock::Clock;
use crate::limits::{STATUS_OLD, STATUS_WATCH_INTERVAL};
use crate::status::file::{self, Status};
use crate::status::words;

/// Where the indicator writes.
const OF_SERVICES: &str = "/run/listener/status.json";

/// What was found.
#[derive(Serialize)]
struct Found {
    file: PathBuf,
    /// Whether whoever wrote it is still there.
    current: bool,
    /// Since it was written; none if that was before the machine was started.
    #[serde(skip)]
    age: Option<Duration>,
    status: Status,
}

/// Shows the status; says whether all is well, or if only faults are asked for, whether they are known.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(args: &StatusArgs, clock: &dyn Clock, out: &mut dyn Write) -> anyhow::Result<bool> {
    let files = files(args);
    if args.watch {
        return match watch(args.json, &files, clock, out) {
            // Nobody reads on.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(true),
            Err(error) => Err(error.into()),
        };
    }
    let found = newest(&files, clock);
    if args.faults {
        out.write_all(found.as_ref().map(|found| faults(&found.status)).unwrap_or_default().as_bytes())?;
        return Ok(found.is_some_and(|found| found.current));
    }
    out.write_all(shown(found.as_ref(), &files, args.json).as_bytes())?;
    Ok(found.is_some_and(|found| found.current && found.status.well))
}

fn files(args: &StatusArgs) -> Vec<PathBuf> {
    if let Some(file) = &args.status_file {
        return vec![file.clone()];
    }
    let data_dir = args.data.folder(|name| std::env::var_os(name));
    let of_run = data_dir.map(|dir| file::path(None, &dir));
    // Whoever names a data folder means that one.
    let of_services = args.data.data_dir.is_none().then(|| PathBuf::from(OF_SERVICES));
    of_services.into_iter().chain(of_run).collect()
}

fn newest(files: &[PathBuf], clock: &dyn Clock) -> Option<Found> {
    let read = |file: &PathBuf| {
        let status = Status::read(file).inspect_err(|error| log::debug!("{}: {error}", file.display())).ok()?;
        let age = status.age(clock);
        let current = age.is_some_and(|age| age < STATUS_OLD);
        Some(Found { file: file.clone(), current, age, status })
    };
    files.iter().filter_map(read).min_by_key(|found| found.age.unwrap_or(Duration::MAX))
}

fn shown(found: Option<&Found>, files: &[PathBuf], json: bool) -> String {
    match found {
        found if json => {
            // There is nothing in it that JSON cannot hold.
            let text = serde_json::to_string(&found).unwrap_or_default();
            format!("{text}\n")
        }
        None => none(files),
        Some(found) if found.current => words::told(&found.status),
        Some(found) => format!("{}\n{}", old(&found.file, &found.status), words::told(&found.status)),
    }
}

/// By the names that they have in `status.json`.
fn faults(status: &Status) -> String {
    let faults = serde_json::to_value(&status.faults);
    let names = faults.as_ref().ok().and_then(Value::as_object).into_iter().flat_map(|faults| faults.keys());
    names.map(|name| format!("{name}\n")).collect()
}

fn none(files: &[PathBuf]) -> String {
    let files: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    format!(
        "Nothing is known: no status is at {}.\nNeither listener-indicate nor `listener run` is running; \
         `systemctl status listener-indicate` says why.\n",
        files.join(", nor at ")
    )
}

fn old(file: &Path, status: &Status) -> String {
    format!(
        "Nothing is known now: {} was last written at {:.0} (UTC).\nNeither listener-indicate nor `listener run` is running; \
         `systemctl status listener-indicate` says why. What was said last:\n",
        file.display(),
        status.updated
    )
}

/// On a terminal in place of what was shown before; elsewhere what has changed.
fn watch(json: bool, files: &[PathBuf], clock: &dyn Clock, out: &mut dyn Write) -> io::Result<Infallible> {
    let is_terminal = io::stdout().is_terminal();
    let mut before = String::new();
    loop {
        let text = shown(newest(files, clock).as_ref(), files, json);
        if text != before {
            if is_terminal && !json {
                // From the upper left corner on; what is left of longer lines, and below, is cleared.
                let first = if before.is_empty() { "\x1b[2J" } else { "" };
                write!(out, "{first}\x1b[H{}\x1b[J", text.replace('\n', "\x1b[K\n"))?;
            } else {
                out.write_all(text.as_bytes())?;
            }
            out.flush()?;
            before = text;
        }
        thread::sleep(STATUS_WATCH_INTERVAL);
    }
}
