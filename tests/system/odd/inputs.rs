//! What is no ordinary file.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use rustix::fs::{CWD, Mode, mkfifoat};
use tempfile::tempdir;

use super::made::{assert_heard, assert_refused, found, segment, wav, written};
use crate::api::DemoApi;
use crate::process::{bare, listener, said};

fn fifo(folder: &Path) -> PathBuf {
    let path = folder.join("fifo");
    mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).expect("a FIFO");
    path
}

/// Writes into a FIFO once somebody reads it, and keeps it open until that is dropped.
fn feed(path: &Path, bytes: Vec<u8>) -> thread::JoinHandle<File> {
    let path = path.to_owned();
    thread::spawn(move || {
        let mut file = File::options().write(true).open(path).expect("somebody reads it");
        file.write_all(&bytes).expect("it is read");
        file
    })
}

#[test]
fn a_fifo_is_heard_to_its_end() {
    let folder = tempdir().expect("a folder");
    let path = fifo(folder.path());
    let feeder = feed(&path, wav(1, |_, one| one));
    let end = thread::spawn(move || drop(feeder.join()));
    assert_heard("a FIFO", &found(&segment(&path)), &[0.0]);
    end.join().expect("it ends");
}

#[test]
fn what_is_handed_over_as_a_descriptor_is_heard() {
    let folder = tempdir().expect("a folder");
    let file = written(folder.path(), "speech.wav", &wav(1, |_, one| one));
    let mut segment = bare("segment");
    segment.args(["--json", "--energy_threshold", "1000", "/dev/fd/0"]);
    let opened = segment.stdin(File::open(&file).expect("it is there")).output().expect("it runs");
    assert_heard("a file", &found(&opened), &[0.0]);
    let mut cat = Command::new("cat").arg(&file).stdout(Stdio::piped()).spawn().expect("it runs");
    let pipe = cat.stdout.take().expect("piped").as_fd().try_clone_to_owned().expect("a descriptor");
    let piped = segment.stdin(pipe).output().expect("it runs");
    assert_heard("a pipe", &found(&piped), &[0.0]);
    cat.wait().expect("it ends");
}

#[test]
fn a_fifo_is_replayed_without_a_row_in_the_future() {
    let (api, folder) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let path = fifo(folder.path());
    let feeder = feed(&path, wav(1, |_, one| one));
    let end = thread::spawn(move || drop(feeder.join()));
    let output = listener("replay", &api, &folder.path().join("data"))
        .args(["--fast", "--energy_threshold", "1000"])
        .arg(&path)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", said(&output));
    end.join().expect("it ends");
    let rows = api.rows("audio");
    assert_eq!(rows.len(), 1);
    let end: jiff::Timestamp = rows[0]["end_time"].as_str().and_then(|text| text.parse().ok()).expect("a time");
    assert!(end <= jiff::Timestamp::now(), "{}", rows[0]);
}

#[test]
fn a_source_that_stalls_ends_with_an_error_that_says_so() {
    let folder = tempdir().expect("a folder");
    let path = fifo(folder.path());
    let half = wav(1, |_, one| one)[..40_000].to_vec();
    let feeder = feed(&path, half);
    let output = segment(&path);
    assert_refused(&output, "its sound ends early: nothing more came of it for 8 s");
    drop(feeder.join());
}
