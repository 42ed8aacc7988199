//! The services, by systemd's own command. EDGE: the only file that runs `systemctl`.

#![expect(clippy::disallowed_types, reason = "EDGE: another process")]

use std::io;
use std::process::{Command, Stdio};

/// Has services started anew, without waiting for them: those that lack what they need stay away.
///
/// # Errors
/// When systemd does not take the order.
pub fn restart(units: &[String]) -> io::Result<()> {
    order(&["--no-block", "restart"], units)
}

/// Has services started that are not running, without waiting for them.
///
/// # Errors
/// When systemd does not take the order.
pub fn start(units: &[String]) -> io::Result<()> {
    order(&["--no-block", "start"], units)
}

/// Stops services, and waits until they have ended.
///
/// # Errors
/// When systemd does not take the order.
pub fn stop(units: &[String]) -> io::Result<()> {
    order(&["stop"], units)
}

fn order(words: &[&str], units: &[String]) -> io::Result<()> {
    if units.is_empty() {
        return Ok(());
    }
    let mut command = Command::new("systemctl");
    let status = command.args(words).arg("--").args(units).stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    let failed = || io::Error::other(format!("systemctl {} {}: {status}", words.join(" "), units.join(" ")));
    if status.success() { Ok(()) } else { Err(failed()) }
}
