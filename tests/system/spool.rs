//! What waits can be looked at, and what was set aside put back, whether a listener is running or not.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use listener::item::Kind;
use listener::spool::queue::Want;
use listener::spool::{Intake, Outbox};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::tempdir;

use crate::api::DemoApi;
use crate::process::{bare, listener, said, signal};

fn spool(data_dir: &Path, arguments: &[&str]) -> (bool, String) {
    let output = bare("spool").args(arguments).arg("--data_dir").arg(data_dir).output().expect("it runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &said(&output);
    (output.status.success(), printed)
}

fn survey(data_dir: &Path) -> Value {
    let (is_well, printed) = spool(data_dir, &["--json"]);
    assert!(is_well, "{printed}");
    serde_json::from_str(&printed).expect("JSON")
}

/// Sets a picture aside as if the API had refused it.
fn set_aside_a_picture(data_dir: &Path) {
    let outbox = Outbox::open(&data_dir.join("spool"), None).expect("it opens");
    let take = || outbox.take(Want::Any, Duration::ZERO, || Duration::ZERO).expect("it can be read");
    let picture = std::iter::from_fn(take).find(|id| id.kind == Kind::Picture).expect("pictures wait");
    outbox.load(&picture).expect("it is whole");
    outbox.refuse(&picture, "the API refused it (400): no", jiff::Timestamp::now()).expect("writable");
}

#[test]
fn what_waits_and_what_was_refused_is_shown_and_put_back() {
    let (api, data_dir) = (DemoApi::start(&["--storage_solution", "tape"]), tempdir().expect("a folder"));
    let (is_well, printed) = spool(data_dir.path(), &[]);
    assert!(!is_well && printed.contains("spool"), "there is none yet: {printed}");

    let run = |seconds: &[&str]| {
        let mut run = listener("run", &api, data_dir.path());
        run.args(["--source", "test", "--video_length", "1", "--width", "160", "--height", "120"]).args(seconds);
        run.stderr(Stdio::null());
        run
    };
    run(&["--for", "4"]).status().expect("it runs");
    set_aside_a_picture(data_dir.path());
    let seen = survey(data_dir.path());
    assert_eq!(seen["refused"]["picture"]["items"], 1, "{seen:#}");
    for kind in ["utterance", "clip", "picture"] {
        let waiting = &seen["waiting"][kind];
        assert!(waiting["items"].as_u64() >= Some(1) && waiting["bytes"].as_u64() > Some(0), "{kind}: {seen:#}");
        assert!(waiting["oldest"].is_string() && waiting["by_age"][0].as_u64() >= Some(1), "{kind}: {seen:#}");
    }
    let (_, printed) = spool(data_dir.path(), &[]);
    assert!(printed.contains("refused it (400): no") && printed.contains("listener spool retry"), "{printed}");

    // Nobody uses it.
    let (is_well, printed) = spool(data_dir.path(), &["retry"]);
    assert!(is_well && printed.starts_with("1 items put back"), "{printed}");
    assert_eq!(survey(data_dir.path())["refused"]["picture"], Value::Null);

    // A listener uses it.
    set_aside_a_picture(data_dir.path());
    let status = data_dir.path().join("status.json");
    fs::remove_file(&status).expect("it was written");
    let mut running = run(&[]).spawn().expect("it starts");
    while !status.exists() {
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(survey(data_dir.path())["refused"]["picture"]["items"], 1);
    let (is_well, printed) = spool(data_dir.path(), &["retry"]);
    assert!(is_well && printed.starts_with("1 items put back"), "{printed}");
    assert_eq!(survey(data_dir.path())["refused"]["picture"], Value::Null);
    signal(&running, Signal::TERM);
    assert!(running.wait().expect("it ends").success());
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let data_dir = tempdir().expect("a folder");
    drop(Intake::open(&data_dir.path().join("spool"), None).expect("it opens"));
    for arguments in [&[][..], &["--json"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = bare("spool");
        let output = command.args(arguments).arg("--data_dir").arg(data_dir.path()).stdout(writer).output();
        let output = output.expect("it runs");
        assert!(output.status.success() && said(&output).is_empty(), "{arguments:?}: {}", said(&output));
    }
}

#[test]
fn of_a_folder_in_which_nothing_was_recorded_that_is_said() {
    let data_dir = tempdir().expect("a folder");
    for arguments in [&[][..], &["--json"]] {
        let (is_well, printed) = spool(data_dir.path(), arguments);
        assert!(!is_well && printed.contains("nothing was recorded here"), "{printed}");
    }
}
