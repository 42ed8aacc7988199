//! `listener indicate` and `listener status`: real processes, real sockets; the senders are the tests.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use listener::event::{Event, Fault, Part};
use listener::status::report::{Account, Provisioned, Report, Stage};
use listener::status::socket::Reporter;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::process::bare;

/// An indicator in a folder of its own.
struct Indicator {
    dir: TempDir,
    process: Child,
}

impl Drop for Indicator {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill().and_then(|()| self.process.wait());
    }
}

impl Indicator {
    fn start(is_configured: bool) -> Self {
        let dir = tempdir().expect("a folder");
        if is_configured {
            configure(dir.path());
        }
        let process = start_in(dir.path());
        let indicator = Self { dir, process };
        indicator.wait_until("it listens", |status| status["leds"].is_array());
        indicator
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn reporter(&self) -> Reporter {
        Reporter::to(self.path("indicate.sock"))
    }

    /// What each LED does.
    fn wait_for(&self, looks: &[&str]) {
        self.wait_until(&format!("{looks:?}"), |status| {
            let leds = status["leds"].as_array().expect("LEDs");
            leds.iter().map(|led| led["looks"].as_str().expect("text")).eq(looks.iter().copied())
        });
    }

    fn wait_until(&self, what: &str, is_so: impl Fn(&Value) -> bool) {
        let (begun, mut last) = (Instant::now(), String::new());
        while begun.elapsed() < Duration::from_secs(30) {
            last = fs::read_to_string(self.path("status.json")).unwrap_or_default();
            if serde_json::from_str(&last).is_ok_and(|status| is_so(&status)) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("never came: {what}; {last}");
    }

    fn told(&self, options: &[&str]) -> (bool, String) {
        let file = self.path("status.json");
        let output = bare("status").args(options).arg("--status_file").arg(file).output().expect("it runs");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn signal(&mut self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).expect("it runs");
        self.process.wait().expect("it ends");
    }
}

fn configure(dir: &Path) {
    fs::write(dir.join("listener.toml"), "home_id = 1\n[leds]\nhealth = 5\n").expect("writable");
}

fn start_in(dir: &Path) -> Child {
    indicate_in(dir).spawn().expect("it starts")
}

fn indicate_in(dir: &Path) -> Command {
    let mut indicate = bare("indicate");
    for (option, name) in
        [("--config", "listener.toml"), ("--listen", "indicate.sock"), ("--status_file", "status.json")]
    {
        indicate.arg(option).arg(dir.join(name));
    }
    indicate.stderr(Stdio::null());
    indicate
}

fn account(events: &[Event]) -> Box<Account> {
    let mut account = Account::default();
    events.iter().for_each(|event| drop(account.progress.add(event)));
    Box::new(account)
}

fn capture() -> Report {
    let account = account(&[Event::Recording(Part::Microphone), Event::Recording(Part::Camera)]);
    Report::Stage { stage: Stage::Capture, account }
}

fn upload() -> Report {
    Report::Stage { stage: Stage::Upload, account: account(&[]) }
}

#[test]
fn a_stage_that_falls_silent_is_a_fault_until_it_is_heard_again() {
    let indicator = Indicator::start(true);
    indicator.wait_for(&["slow blink", "off", "off"]);
    let (capturing, uploading) = (indicator.reporter(), indicator.reporter());
    capturing.send(capture());
    uploading.send(upload());
    indicator.wait_for(&["steady", "off", "off"]);
    let (is_well, told) = indicator.told(&[]);
    assert!(is_well && told.contains("health     steady  camera and microphone are recording"), "{told}");

    // Only one of them goes on.
    let since = Instant::now();
    while indicator.told(&[]).0 {
        capturing.send(capture());
        assert!(since.elapsed() < Duration::from_secs(30));
        thread::sleep(Duration::from_millis(200));
    }
    assert!(since.elapsed() >= Duration::from_secs(9), "not before its time");
    indicator.wait_for(&["steady", "steady", "off"]);
    let (is_well, told) = indicator.told(&[]);
    assert!(!is_well && told.contains("attention  steady  a fault that a restart did not cure"), "{told}");
    assert!(told.contains("journalctl -u listener-upload") && !told.contains("-u listener-capture"), "{told}");

    uploading.send(upload());
    capturing.send(capture());
    indicator.wait_for(&["steady", "off", "off"]);
}

#[test]
fn from_the_wait_for_a_file_to_a_file_that_was_taken() {
    let indicator = Indicator::start(false);
    indicator.wait_for(&["off", "fast blink", "off"]);
    let provision = indicator.reporter();
    provision.send(Report::Provisioned(Provisioned::NotValid("line 2: home_id must be a number".into())));
    indicator.wait_for(&["off", "2 blinks, pause", "off"]);
    let (is_well, told) = indicator.told(&[]);
    assert!(!is_well && told.contains("line 2: home_id must be a number"), "{told}");

    configure(indicator.dir.path());
    provision.send(Report::Provisioned(Provisioned::Taken));
    indicator.wait_for(&["three short flashes"]);
    indicator.wait_for(&["slow blink", "off", "off"]);
    fs::remove_file(indicator.path("listener.toml")).expect("it is there");
    indicator.wait_for(&["off", "fast blink", "off"]);
}

#[test]
fn an_update_is_shown_as_a_script_tells_of_it_and_then_no_longer() {
    let indicator = Indicator::start(true);
    let script = |options: &[&str]| {
        let socket = indicator.path("indicate.sock");
        let told = bare("report-update").args(options).arg("--report-to").arg(socket).status().expect("it runs");
        assert!(told.success(), "{options:?}");
    };
    script(&["--installing"]);
    indicator.wait_for(&["one after the other"]);
    let (_, told) = indicator.told(&[]);
    assert!(told.starts_with("all three  one after the other  an update is being written\n"), "{told}");
    script(&["--failed=update 0.2.0 was not installed: signature verification failed"]);
    indicator.wait_for(&["slow blink", "2 blinks, pause", "off"]);
    let (is_well, told) = indicator.told(&[]);
    assert!(!is_well && told.contains("0.2.0 was not installed: signature verification failed"), "{told}");
    script(&["--installed"]);
    indicator.wait_for(&["slow blink", "off", "off"]);
}

#[test]
fn a_script_that_tells_of_an_update_does_not_fail_for_want_of_an_indicator() {
    let dir = tempdir().expect("a folder");
    let told = bare("report-update").arg("--installing").arg("--report_to").arg(dir.path().join("none")).status();
    assert!(told.expect("it runs").success());
}

#[test]
fn a_script_is_told_what_is_at_fault_by_name_and_whether_that_is_known() {
    let mut indicator = Indicator::start(true);
    assert_eq!(indicator.told(&["--faults"]), (true, String::new()));
    let faults = [Part::Microphone, Part::Api].map(|part| Event::Fault(Fault::new(part, "gone: \"all\"\nof it")));
    let report = Report::Stage { stage: Stage::Capture, account: account(&faults) };
    indicator.reporter().send(report);
    indicator.wait_until("they are at fault", |status| status["faults"].as_object().is_some_and(|all| all.len() == 2));
    assert_eq!(indicator.told(&["--faults"]), (true, "api\nmicrophone\n".into()));
    indicator.signal(Signal::KILL);
    fs::remove_file(indicator.path("status.json")).expect("it is there");
    assert_eq!(indicator.told(&["--faults"]), (false, String::new()));
}

#[test]
fn a_muted_listener_says_so_and_is_not_well() {
    let indicator = Indicator::start(true);
    let muted = Box::new(Account { muted: true, ..Account::default() });
    indicator.reporter().send(Report::Stage { stage: Stage::Capture, account: muted });
    indicator.reporter().send(upload());
    indicator.wait_for(&["a flash every 3 s", "off", "off"]);
    let (is_well, told) = indicator.told(&["--json"]);
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert!(!is_well && told["current"] == true && told["status"]["muted"] == true, "{told:#}");
}

#[test]
fn an_indicator_that_was_killed_comes_back_and_one_that_was_stopped_leaves_the_leds_off() {
    let mut indicator = Indicator::start(true);
    let stage = indicator.reporter();
    stage.send(capture());
    indicator.wait_for(&["steady", "off", "off"]);
    indicator.signal(Signal::KILL);
    indicator.process = start_in(indicator.dir.path());
    indicator.wait_for(&["slow blink", "off", "off"]);
    let disk = account(&[Event::Fault(Fault::new(Part::Disk, "full"))]);
    stage.send(Report::Stage { stage: Stage::Upload, account: disk });
    indicator.wait_for(&["slow blink", "7 blinks, pause", "off"]);
    indicator.signal(Signal::TERM);
    indicator.wait_for(&["off", "off", "off"]);
    let (is_well, told) = indicator.told(&[]);
    assert!(!is_well && told.contains("disk: full"), "{told}");
}

#[test]
fn a_capture_that_is_killed_is_missed() {
    let indicator = Indicator::start(true);
    let mut capture = bare("capture")
        .args(["--source", "test", "--video_length", "1", "--width", "160", "--height", "120", "--data_dir"])
        .arg(indicator.path("data"))
        .arg("--report_to")
        .arg(indicator.path("indicate.sock"))
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let health = |looks: &'static str| move |status: &Value| status["leds"][0]["looks"] == looks;
    indicator.wait_until("it records", health("steady"));
    indicator.wait_until("and counts", |status| status["pictures"]["recorded"].as_u64() >= Some(1));
    capture.kill().and_then(|()| capture.wait()).expect("it ran");
    indicator.wait_until("off, and a fault", |status| health("off")(status) && status["leds"][1]["looks"] == "steady");
}

#[test]
fn the_service_manager_is_told_that_it_is_up_what_it_shows_and_that_it_goes_on() {
    let dir = tempdir().expect("a folder");
    let manager = UnixDatagram::bind(dir.path().join("notify")).expect("a socket");
    manager.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
    let indicate = indicate_in(dir.path()).env("NOTIFY_SOCKET", dir.path().join("notify")).spawn();
    let mut indicator = Indicator { dir, process: indicate.expect("it starts") };
    let mut told = String::new();
    let mut hear_until = |what: &str| {
        while !told.contains(what) {
            let mut letter = [0; 1000];
            let length = manager.recv(&mut letter).unwrap_or_else(|error| panic!("{what}: {error}; {told}"));
            told += &String::from_utf8_lossy(&letter[..length]);
        }
        told.clear();
    };
    hear_until("STATUS=health off; attention fast blink; data off");
    hear_until("READY=1");
    hear_until("WATCHDOG=1");
    hear_until("WATCHDOG=1");
    indicator.signal(Signal::TERM);
    hear_until("STOPPING=1");
}

#[test]
fn two_indicators_do_not_share_a_socket() {
    let indicator = Indicator::start(true);
    let other = start_in(indicator.dir.path()).wait().expect("it ends");
    assert!(!other.success());
}

#[test]
fn a_status_that_is_missing_or_was_left_behind_is_said_to_be() {
    let dir = tempdir().expect("a folder");
    let file = dir.path().join("status.json");
    let told = |options: &[&str]| -> Output {
        bare("status").args(options).arg("--status_file").arg(&file).output().expect("it runs")
    };
    let output = told(&[]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && said.contains("no status is at") && said.contains("systemctl"), "{said}");
    assert_eq!(String::from_utf8_lossy(&told(&["--json"]).stdout), "null\n");

    let mut indicator = Indicator::start(true);
    indicator.reporter().send(capture());
    indicator.reporter().send(upload());
    indicator.wait_for(&["steady", "off", "off"]);
    indicator.signal(Signal::KILL);
    let written = fs::read_to_string(indicator.path("status.json")).expect("a status");
    let mut status: Value = serde_json::from_str(&written).expect("JSON");
    // Of another start of the machine: as old as can be.
    status["boot"] = "00000000-0000-0000-0000-000000000001".into();
    fs::write(&file, status.to_string()).expect("writable");
    let output = told(&[]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && said.contains("Nothing is known now"), "{said}");
    assert!(said.contains("camera and microphone are recording"), "what was said last: {said}");
}

#[test]
fn watching_prints_what_changes() {
    let indicator = Indicator::start(true);
    let file = indicator.path("status.json");
    let mut watching =
        bare("status").args(["--watch", "--status_file"]).arg(&file).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(watching.stdout.take().expect("piped")));
    let mut next = |text: &str| lines.any(|line| line.expect("text").contains(text));
    assert!(next("slow blink"));
    indicator.reporter().send(capture());
    assert!(next("camera and microphone are recording"));
    watching.kill().and_then(|()| watching.wait()).expect("it ran");
}
