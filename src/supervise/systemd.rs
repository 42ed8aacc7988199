//! What the service manager is told (sd_notify(3)). Where it did not start the program, nothing. EDGE: the only file that
//! uses `sd_notify`.

#![expect(clippy::disallowed_macros, clippy::disallowed_methods, reason = "EDGE: the service manager")]

use sd_notify::NotifyState;

/// The program is up.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The program makes progress: without this the service manager kills and starts it again, after `WatchdogSec=`.
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// One line for `systemctl status`.
pub fn status(line: &str) {
    tell(&[NotifyState::Status(line)]);
}

/// The program is about to end.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(state: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        log::debug!("the service manager cannot be told: {error}");
    }
}
