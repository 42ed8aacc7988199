//! The listener, started for one test.

use std::path::Path;
use std::process::{Child, Command, Output};

use rustix::process::{Pid, Signal, kill_process};

use crate::api::DemoApi;

/// A listener command that delivers to this API and keeps its spool in `data_dir`. What it needs to know stands in a
/// configuration file, so that a test can say otherwise on the command line.
pub fn listener(command: &str, api: &DemoApi, data_dir: &Path) -> Command {
    let mut listener = bare(command);
    listener.arg("--config").arg(api.config()).arg("--data_dir").arg(data_dir);
    listener
}

/// A listener command without options.
pub fn bare(command: &str) -> Command {
    let mut listener = Command::new(env!("CARGO_BIN_EXE_listener"));
    listener.arg(command).env_remove("LISTENER_TOKEN").env("RUST_LOG", "info");
    listener
}

/// Sends a signal, as a terminal or a service manager does.
pub fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("it runs");
}

/// What runs a command in user and mount namespaces of its own, where it may mount; needs no rights.
pub const IN_NAMESPACE: [&str; 4] = ["unshare", "--user", "--map-root-user", "--mount"];

/// Standard error, for messages of failed assertions and for what a user reads.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
