//! Capture and upload as processes of their own, which share nothing but the spool.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::tempdir;

use crate::api::DemoApi;
use crate::process::{bare, listener, said, signal};

/// Long for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// It is given no token, and no API.
fn capture(data_dir: &Path) -> Command {
    let mut capture = bare("capture");
    capture.args(["--source", "test", "--video_length", "1", "--width", "160", "--height", "120", "--timeout", "2000"]);
    capture.arg("--data_dir").arg(data_dir).stderr(Stdio::piped());
    capture
}

fn upload(api: &DemoApi, data_dir: &Path) -> Command {
    let mut upload = listener("upload", api, data_dir);
    upload.stderr(Stdio::piped());
    upload
}

fn end(child: Child) {
    signal(&child, Signal::TERM);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", said(&output));
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn waiting(data_dir: &Path) -> u64 {
    let output = bare("spool").arg("--json").arg("--data_dir").arg(data_dir).output().expect("it runs");
    let survey: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    ["utterance", "clip", "picture"].iter().filter_map(|kind| survey["waiting"][kind]["items"].as_u64()).sum()
}

#[test]
fn what_one_process_records_another_delivers_whichever_starts_first() {
    let (api, data_dir) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let delivering = upload(&api, data_dir.path()).spawn().expect("it starts");
    let recording = capture(data_dir.path()).spawn().expect("it starts");
    let utterances = |api: &DemoApi| api.summary()["utterances"]["delivered"].as_u64().unwrap_or_default();
    eventually("what is said is delivered", || utterances(&api) >= 1);

    // Without anybody to deliver, it waits; a new one takes it up.
    end(delivering);
    let before = waiting(data_dir.path());
    eventually("it piles up", || waiting(data_dir.path()) > before + 3);
    let delivering = upload(&api, data_dir.path()).spawn().expect("it starts");
    end(recording);
    eventually("all is delivered", || waiting(data_dir.path()) == 0);
    end(delivering);
    let summary = api.summary();
    assert_eq!(summary["faults"], Value::Array(vec![]), "{summary:#}");
    assert!(summary["clips"]["delivered"].as_u64() >= Some(2), "{summary:#}");
    assert_eq!(summary["clips"]["files"], summary["clips"]["delivered"], "{summary:#}");
}

#[test]
fn a_second_process_of_either_side_is_told_that_there_is_one() {
    let (api, data_dir) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let recording = capture(data_dir.path()).spawn().expect("it starts");
    let lock = data_dir.path().join("spool/items");
    eventually("it is up", || lock.exists());
    for mut second in [capture(data_dir.path()), listener("run", &api, data_dir.path())] {
        let output = second.output().expect("it runs");
        assert!(!output.status.success());
        assert!(said(&output).contains("another listener is using"), "{}", said(&output));
    }
    end(recording);
}

#[test]
fn what_was_refused_is_put_back_by_the_process_that_delivers() {
    let (api, data_dir) = (DemoApi::start(&["--storage_solution", "tape"]), tempdir().expect("a folder"));
    let recording = capture(data_dir.path()).spawn().expect("it starts");
    eventually("there is a picture", || data_dir.path().join("spool/items").exists() && waiting(data_dir.path()) > 2);
    end(recording);
    let delivering = upload(&api, data_dir.path()).spawn().expect("it starts");
    eventually("it is up", || data_dir.path().join("spool/lock-upload").exists());
    let ledger = Connection::open(data_dir.path().join("spool/spool.db")).expect("opens");
    let refuse = "UPDATE item SET answer = 'no', refused_us = 1 WHERE id = (SELECT min(id) FROM item WHERE kind = 2)";
    assert_eq!(ledger.execute(refuse, []).expect("writable"), 1);
    let before = waiting(data_dir.path());
    let retried = bare("spool").args(["retry", "--data_dir"]).arg(data_dir.path()).output().expect("it runs");
    assert!(retried.status.success(), "{}", said(&retried));
    assert_eq!(waiting(data_dir.path()), before + 1);
    end(delivering);
}

mod needs_no_pins {
    use super::*;

    #[test]
    #[ignore = "needs a machine whose pins cannot be read"]
    fn with_a_mute_switch_that_cannot_be_read_nothing_is_recorded_and_it_is_said_why() {
        let data_dir = tempdir().expect("a folder");
        let config = data_dir.path().join("listener.toml");
        std::fs::write(&config, "[mute]\npin = 23\n").expect("writable");
        let output = capture(data_dir.path()).arg("--config").arg(&config).output().expect("it runs");
        assert!(!output.status.success());
        assert!(said(&output).contains("mute switch at pin 23 cannot be read"), "{}", said(&output));
        assert!(!data_dir.path().join("spool").exists(), "nothing was begun");
    }
}
