//! Where a person or the journal reads what happens. EDGE.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "EDGE: the terminal")]

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use env_logger::{Builder, Env, Target};
use log::LevelFilter;

/// Whether a live line stands on the terminal, to be wiped before a log line.
static LINE_SHOWN: AtomicBool = AtomicBool::new(false);

const WIPE: &str = "\r\x1b[2K";

/// Sends log lines to the systemd journal, with levels and fields, when that is where standard error goes; else to
/// standard error. `RUST_LOG` chooses the level, `info` if unset.
pub fn start_logging() {
    if super::journal::start() {
        return;
    }
    let mut builder = Builder::from_env(Env::default().default_filter_or("info"));
    builder.filter_module("rustls", LevelFilter::Warn).filter_module("hyper_util", LevelFilter::Warn);
    if is_terminal() {
        builder.target(Target::Pipe(Box::new(AboveTheLine)));
        builder.format(|out, record| {
            let level = out.default_level_style(record.level());
            writeln!(out, "{level}{}{level:#} {}", word(record.level()), record.args())
        });
    }
    // A second logger is refused, as in tests that run in one process; the first then goes on.
    let _ = builder.try_init();
}

fn word(level: log::Level) -> &'static str {
    match level {
        log::Level::Error => "error:",
        log::Level::Warn => "note: ",
        log::Level::Info => "·",
        log::Level::Debug | log::Level::Trace => " ",
    }
}

/// Whether a person sees standard error on a terminal that can wipe a line.
pub fn is_terminal() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|kind| kind != "dumb")
}

/// Shows the live line in place of the one before.
pub fn show_line(line: &str) {
    LINE_SHOWN.store(true, Ordering::Relaxed);
    let mut stderr = io::stderr().lock();
    // A terminal that has gone away is no reason to stop recording.
    let _ = write!(stderr, "{WIPE}{line}").and_then(|()| stderr.flush());
}

/// Wipes the live line.
pub fn wipe_line() {
    if LINE_SHOWN.swap(false, Ordering::Relaxed) {
        let _ = write!(io::stderr().lock(), "{WIPE}");
    }
}

/// How many columns the terminal has; 80 where nobody knows.
pub fn columns() -> usize {
    rustix::termios::tcgetwinsize(io::stderr()).map_or(80, |size| usize::from(size.ws_col).max(20))
}

/// Log lines are written above the live line, which is drawn again with the next tick.
struct AboveTheLine;

impl Write for AboveTheLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        wipe_line();
        io::stderr().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
