//! The listener, started for one test.

use std::path::Path;
use std::process::{Command, Output};

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

/// Standard error, for messages of failed assertions and for what a user reads.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
