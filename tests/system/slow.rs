//! Tests that take minutes; `scripts/test` runs them in a stage of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use listener::item::name::{self, Stamp};
use listener::item::{Item, ItemName, Kind};
use rusqlite::Connection;
use serde_json::Value;
use tempfile::tempdir;

use crate::api::DemoApi;
use crate::process::{bare, listener, said};

/// How often it is killed; `scripts/power-cuts --kills` says how often for the proof.
fn rounds() -> u64 {
    std::env::var("LISTENER_KILLS").map_or(20, |count| count.parse().expect("LISTENER_KILLS is a number"))
}

const SMALL: [&str; 10] =
    ["--source", "test", "--video_length", "1", "--width", "160", "--height", "120", "--timeout", "1000"];

fn start_run(api: &DemoApi, data_dir: &Path) -> Child {
    listener("run", api, data_dir).args(SMALL).stderr(Stdio::null()).spawn().expect("it starts")
}

fn start_capture(data_dir: &Path) -> Child {
    let mut capture = bare("capture");
    capture.args(SMALL).arg("--data_dir").arg(data_dir).stderr(Stdio::null()).spawn().expect("it starts")
}

fn start_upload(api: &DemoApi, data_dir: &Path) -> Child {
    listener("upload", api, data_dir).stderr(Stdio::null()).spawn().expect("it starts")
}

fn kill(listener: &mut Child) {
    listener.kill().expect("SIGKILL");
    listener.wait().expect("it is gone");
}

/// The finished items in the spool: those with a row.
fn finished(data_dir: &Path) -> BTreeSet<String> {
    let ledger = Connection::open(data_dir.join("spool/spool.db")).expect("opens");
    // The program may have been killed before it made one.
    let Ok(mut statement) = ledger.prepare("SELECT file FROM waiting") else { return BTreeSet::new() };
    let files = statement.query_map([], |row| row.get::<_, String>(0)).expect("readable");
    files.map(|file| file.expect("text").rsplit_once('.').expect("an ending").0.to_owned()).collect()
}

/// The `field` of every row of a kind, with how often it is there.
fn often(rows: &[Value], field: impl Fn(&Value) -> String) -> BTreeMap<String, usize> {
    let mut often = BTreeMap::new();
    rows.iter().for_each(|row| *often.entry(field(row)).or_default() += 1);
    often
}

/// Killed without warning many times, at moments spread over recording, writing and every step of a delivery (the
/// server acts at once but answers late, so that many kills fall between the two).
#[test]
fn killed_at_any_moment_it_delivers_every_finished_item_once() {
    let (api, data_dir) = (DemoApi::start(&["--answer_delay_ms", "120"]), tempdir().expect("a folder"));
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut ever_finished = BTreeSet::new();
    for _ in 0..rounds() {
        let mut listener = start_run(&api, data_dir.path());
        thread::sleep(Duration::from_millis(chance.u64(300..3500)));
        kill(&mut listener);
        ever_finished.extend(finished(data_dir.path()));
    }
    all_has_arrived_once(&api, data_dir.path(), &ever_finished, seed);
}

/// The same with capture and upload in two processes: either is killed while the other goes on, or both are at once.
#[test]
fn whichever_process_is_killed_at_any_moment_every_finished_item_is_delivered_once() {
    let (api, data_dir) = (DemoApi::start(&["--answer_delay_ms", "120"]), tempdir().expect("a folder"));
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut ever_finished = BTreeSet::new();
    let (mut capture, mut upload) = (start_capture(data_dir.path()), start_upload(&api, data_dir.path()));
    for _ in 0..rounds() {
        thread::sleep(Duration::from_millis(chance.u64(300..3500)));
        let (kills_capture, kills_upload) = [(true, false), (false, true), (true, true)][chance.usize(0..3)];
        if kills_capture {
            kill(&mut capture);
        }
        if kills_upload {
            kill(&mut upload);
            upload = start_upload(&api, data_dir.path());
        }
        if kills_capture {
            capture = start_capture(data_dir.path());
        }
        ever_finished.extend(finished(data_dir.path()));
    }
    kill(&mut capture);
    kill(&mut upload);
    all_has_arrived_once(&api, data_dir.path(), &ever_finished, seed);
}

fn all_has_arrived_once(api: &DemoApi, data_dir: &Path, ever_finished: &BTreeSet<String>, seed: u64) {
    // An item whose row may be there twice waits for a second look, which the next run takes at once.
    let run = || {
        let mut run = listener("run", api, data_dir);
        run.args(["--source", "test", "--for", "1", "--video_length", "1", "--width", "160", "--height", "120"]);
        run.output().expect("it runs")
    };
    run();
    let output = run();
    assert!(output.status.success(), "seed {seed}: {}", said(&output));
    assert_eq!(finished(data_dir), BTreeSet::new());

    let summary = api.summary();
    let (sounds, clips) = (api.rows("audio"), api.rows("video"));
    assert!(sounds.len() as u64 >= rounds() / 4 && clips.len() as u64 >= rounds(), "too little to tell: {summary:#}");
    assert_eq!(summary["faults"], Value::Array(vec![]), "seed {seed}: {summary:#}");
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let sounds = often(&sounds, |row| format!("{}-{}", text(row, "uid"), row["sequence_index"]));
    let clips = often(&clips, |row| format!("{}-{}", text(row, "uid"), text(row, "video_file")));
    for (row, times) in sounds.iter().chain(&clips) {
        assert_eq!(*times, 1, "seed {seed}: {row} is there {times} times");
    }
    // Each file is followed by its row, and each row by its task: nothing stops half-way.
    assert_eq!(summary["utterances"]["delivered"].as_u64(), Some(sounds.len() as u64), "seed {seed}: {summary:#}");
    assert_eq!(summary["utterances"]["files"], summary["utterances"]["delivered"], "seed {seed}: {summary:#}");
    assert_eq!(summary["clips"]["delivered"].as_u64(), Some(clips.len() as u64), "seed {seed}: {summary:#}");
    assert_eq!(summary["clips"]["files"], summary["clips"]["delivered"], "seed {seed}: {summary:#}");
    assert_eq!(summary["frames"]["files"], summary["frames"]["delivered"], "seed {seed}: {summary:#}");
    // What was seen finished in the spool between two runs has arrived.
    let arrived = |text: &String| {
        let item = ItemName::parse(text).expect("the name of an item");
        let uid = item.run();
        let start = match item.stamp() {
            Stamp::Utc(us) => Some(Timestamp::from_microsecond(us).expect("in range")),
            // Cut short before its run had noted the time: the next run names it by the machine's uptime.
            Stamp::Up(_) => None,
        };
        match (item.kind(), start) {
            (Kind::Utterance, _) => {
                sounds.contains_key(&format!("{uid}-{}", text.split('_').nth(2).expect("a number")))
            }
            (Kind::Clip, Some(start)) => {
                clips.contains_key(&format!("{uid}-{}", name::api_file(&Item::Clip { uid, start, end: start })))
            }
            (Kind::Clip, None) => clips.keys().any(|row| row.starts_with(&format!("{uid}-"))),
            (Kind::Picture, Some(taken)) => api.files().join(name::data_path(&Item::Picture { uid, taken })).is_file(),
            (Kind::Picture, None) => panic!("{text}: pictures are never taken up by a later run"),
        }
    };
    let lost: Vec<&String> = ever_finished.iter().filter(|name| !arrived(name)).collect();
    assert!(lost.is_empty(), "seed {seed}: {lost:?}");
    // Utterances go first, and may have gone each time.
    for kind in [Kind::Clip, Kind::Picture] {
        assert!(
            ever_finished.iter().any(|name| name.starts_with(&format!("{kind}_"))),
            "seed {seed}: no {kind} was seen"
        );
    }
}
