//! `listener provision` on folders, and on real sticks where there are loop devices.

mod boot;
mod needs_loop_devices;
mod taken;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use listener::status::report::{Provisioned, Report};
use listener::status::socket::Inbox;

const TOKEN: &str = "s3cr3t-0f-a-h0me";
const WIFI_PASSWORD: &str = "hunter2hunter2";
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB5tIdKPqUUxnV4n0cvjYmUUJXsbeWmUtSEqSXXaWaHB me@desk";

/// As somebody writes it in Notepad.
fn good() -> String {
    let lines = [
        "# the box in the kitchen".to_owned(),
        "home_id = 3".to_owned(),
        format!("token = \"{TOKEN}\"   # from the administrator"),
        "api_domain = \"https://api.example.org\"".to_owned(),
        "[wifi]".to_owned(),
        "ssid = \"kitchen\"".to_owned(),
        format!("password = \"{WIFI_PASSWORD}\""),
        "country = \"DE\"".to_owned(),
        "[ssh]".to_owned(),
        format!("authorized_key = \"{KEY}\""),
        "[storage.s3]".to_owned(),
        "access_key_id = \"AKIA\"".to_owned(),
        format!("secret_access_key = \"{TOKEN}-s3\""),
        "[storage.local]".to_owned(),
        "dest_dir = \"me@server:/srv\"".to_owned(),
        format!("ssh_password = \"{TOKEN}-ssh\""),
        "ssh_host_key = \"server ssh-ed25519 AAAA\"".to_owned(),
    ];
    lines.map(|line| line + "\r\n").concat()
}

/// A Listener's disk, its indicator, and a `systemctl` that notes what it is told: no systemd runs where tests run.
struct Appliance {
    dir: tempfile::TempDir,
    inbox: Inbox,
}

impl Appliance {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let systemctl = dir.path().join("bin/systemctl");
        fs::create_dir(dir.path().join("bin")).expect("a folder");
        fs::write(&systemctl, format!("#!/bin/sh\necho \"$@\" >> {}/orders\n", dir.path().display()))
            .expect("a script");
        fs::set_permissions(&systemctl, fs::Permissions::from_mode(0o755)).expect("a program");
        let inbox = Inbox::bind(&dir.path().join("indicate.sock")).expect("a socket");
        Self { dir, inbox }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, place: &str, from: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_listener"));
        command.args(["provision", place]).arg(from).arg("--state_dir").arg(self.path("state"));
        command.arg("--wifi_file").arg(self.path("wpa/wlan0.conf")).arg("--report_to").arg(self.path("indicate.sock"));
        command.args(["--wifi_unit", "wpa.service", "--restart", "a.service", "--restart", "b.service"]);
        let path = std::env::var("PATH").expect("a path");
        command.env("PATH", format!("{}:{path}", self.path("bin").display())).env("RUST_LOG", "trace");
        command
    }

    /// Runs `listener provision`; what it was told, and what its indicator was.
    fn provision(&mut self, place: &str, from: &Path) -> (Output, Option<Provisioned>) {
        let output = self.command(place, from).output().expect("it runs");
        let told = self.inbox.receive(Duration::from_millis(1)).expect("the socket works");
        let provisioned = told.map(|envelope| match envelope.report {
            Report::Provisioned(provisioned) => provisioned,
            other => panic!("{other:?}"),
        });
        (output, provisioned)
    }

    fn truth(&self) -> Option<String> {
        fs::read_to_string(self.path("state/config/listener.toml")).ok()
    }

    fn public(&self) -> Option<String> {
        fs::read_to_string(self.path("state/public/listener.toml")).ok()
    }

    /// What systemd was told since the last time.
    fn orders(&self) -> Vec<String> {
        let orders = fs::read_to_string(self.path("orders")).unwrap_or_default();
        let _ = fs::remove_file(self.path("orders"));
        orders.lines().map(str::to_owned).collect()
    }

    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}")).permissions().mode() & 0o7777
    }
}

/// A folder with a provisioning file, as a boot partition that is mounted already.
fn folder(text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("listener.toml"), text).expect("writable");
    dir
}
