//! What a user reads when something is wrong: one line that says what to do; and what can be recorded is recorded.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::tempdir;

use crate::api::{DemoApi, TOKEN};
use crate::media;
use crate::process::{IN_NAMESPACE, bare, listener, said, signal};

/// Records for three seconds from the test sources; the last of `options` win over the good ones.
fn record(api: &DemoApi, data_dir: &Path, options: &[&str]) -> Output {
    listener("run", api, data_dir)
        .args(["--source", "test", "--for", "3", "--video_length", "1", "--width", "160", "--height", "120"])
        .args(options)
        .stdin(Stdio::null())
        .output()
        .expect("it runs")
}

fn lines_with<'a>(said: &'a str, part: &str) -> Vec<&'a str> {
    said.lines().filter(|line| line.contains(part)).collect()
}

fn waiting(data_dir: &Path, kind: &str) -> u64 {
    let status = fs::read(data_dir.join("status.json")).expect("a status");
    let status: Value = serde_json::from_slice(&status).expect("JSON");
    status[kind]["waiting"].as_u64().expect("a number")
}

#[test]
fn a_wrong_token_is_said_once_and_everything_recorded_is_kept() {
    let (api, data_dir) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let output = record(&api, data_dir.path(), &["--token", "not-the-token"]);
    let said = said(&output);
    let told = lines_with(&said, "token:");
    assert_eq!(told.len(), 1, "{said}");
    assert!(told[0].contains("refuses the token") && told[0].contains("administrator"), "{said}");
    assert!(!said.contains("not-the-token"), "a token was shown: {said}");
    assert!(said.contains("because of the fault told above (token)"), "{said}");
    assert!(said.contains(&format!("`listener upload --data_dir {}` goes on", data_dir.path().display())), "{said}");
    assert!(!output.status.success());
    assert!(waiting(data_dir.path(), "utterances") >= 1 && waiting(data_dir.path(), "clips") >= 2);

    let output =
        listener("run", &api, data_dir.path()).args(["--source", "test", "--for", "1"]).output().expect("it runs");
    assert!(output.status.success(), "what was kept is delivered with the right token");
    assert_eq!(api.summary()["faults"], Value::Array(vec![]));
}

#[test]
fn an_unknown_home_is_said_and_everything_recorded_is_kept() {
    let (api, data_dir) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let output = record(&api, data_dir.path(), &["--home_id", "999"]);
    let said = said(&output);
    let told = lines_with(&said, "home:");
    assert_eq!(told.len(), 1, "{said}");
    assert!(told[0].contains("999") && told[0].contains("home_id"), "{said}");
    assert!(waiting(data_dir.path(), "pictures") >= 2);
}

#[test]
fn an_address_where_nobody_answers_or_something_else_does_is_said() {
    let (api, data_dir) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let cases = [
        (format!("http://{closed}"), "cannot be reached"),
        (format!("{}/nothing-here", api.address), "is not the API"),
    ];
    for (address, expected) in cases {
        let mut listener = listener("run", &api, data_dir.path())
            .args(["--source", "test", "--api_domain", &address])
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let said = BufReader::new(listener.stderr.take().expect("piped")).lines().map(|line| line.expect("text"));
        let told = said.into_iter().find(|line| line.contains("API:")).expect("it says so before it ends");
        assert!(told.contains(expected) && told.contains("api_domain"), "{told}");
        // A stop that was asked for waits for no delivery, and is no failure.
        signal(&listener, Signal::TERM);
        assert!(listener.wait().expect("it ends").success());
    }
    assert!(waiting(data_dir.path(), "utterances") + waiting(data_dir.path(), "pictures") > 0);
}

#[test]
fn a_place_for_files_that_is_not_configured_is_said_and_recording_goes_on() {
    let (api, data_dir) = (DemoApi::start(&["--storage_solution", "s3"]), tempdir().expect("a folder"));
    let output = record(&api, data_dir.path(), &[]);
    let said = said(&output);
    let told = lines_with(&said, "storage:");
    assert_eq!(told.len(), 1, "{said}");
    assert!(told[0].contains("S3 bucket") && told[0].contains("[storage.s3]"), "{said}");
    assert!(waiting(data_dir.path(), "clips") >= 2);
}

#[test]
fn without_camera_and_microphone_each_is_said_in_one_line() {
    let (api, data_dir) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let output = listener("run", &api, data_dir.path())
        .args(["--for", "3", "--default_microphone", "no-such-microphone", "--camera", "no-such-camera"])
        .output()
        .expect("it runs");
    let said = said(&output);
    for part in ["microphone:", "camera:"] {
        let told = lines_with(&said, part);
        assert_eq!(told.len(), 1, "{said}");
        assert!(told[0].contains("plug"), "it says what to do: {said}");
    }
}

#[test]
fn without_a_microphone_pictures_and_clips_go_on() {
    let (api, data_dir) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let output = listener("run", &api, data_dir.path())
        .args(["--for", "4", "--default_microphone", "no-such-microphone", "--camera", "test", "--video_length", "1"])
        .args(["--width", "160", "--height", "120"])
        .output()
        .expect("it runs");
    let said = said(&output);
    assert_eq!(lines_with(&said, "microphone:").len(), 1, "{said}");
    assert!(lines_with(&said, "camera:").iter().any(|line| line.contains("x264enc")), "{said}");
    let summary = api.summary();
    assert!(summary["frames"]["delivered"].as_u64() >= Some(3), "{summary:#}");
    assert!(summary["clips"]["delivered"].as_u64() >= Some(2), "{summary:#}");
}

#[test]
fn bad_settings_are_all_named_before_anything_is_recorded() {
    let (api, folder) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let config = folder.path().join("listener.toml");
    fs::write(&config, "home_id = 1\n[audio]\npasue = 700\n[video]\nvideo_length = 7\n").expect("writable");
    let data_dir = folder.path().join("data");
    let output = bare("run").arg("--config").arg(&config).arg("--data_dir").arg(&data_dir).output().expect("it runs");
    let said = said(&output);
    for expected in ["line 3", "pasue", "\"pause\"", "line 5", "video_length"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(!output.status.success() && !data_dir.exists());

    let output = listener("run", &api, &data_dir).args(["--video_length", "7"]).output().expect("it runs");
    assert!(self::said(&output).contains("--video_length"), "{}", self::said(&output));
}

#[test]
fn without_token_or_home_the_line_names_both_ways_to_give_them() {
    let output = bare("run").args(["--source", "test", "--for", "1"]).output().expect("it runs");
    let said = said(&output);
    for name in ["--token", "LISTENER_TOKEN", "--home_id"] {
        assert!(said.contains(name), "{name}: {said}");
    }
    assert!(!output.status.success());
}

#[test]
fn check_names_what_is_missing_line_by_line() {
    let (api, data_dir) = (DemoApi::start(&[]), tempdir().expect("a folder"));
    let check = |home: &str, token: &str| {
        let mut check = bare("check");
        check.args(["--api_domain", &api.address, "--camera", "test", "--home_id", home, "--token", token]);
        check.args(["--default_microphone", "no-such-microphone"]).env("STATE_DIRECTORY", data_dir.path());
        let output = check.output().expect("it runs");
        assert!(!output.status.success(), "there is no microphone");
        String::from_utf8(output.stdout).expect("text")
    };
    let line = |text: &str, what: &str| -> String {
        text.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("no {what}: {text}")).to_owned()
    };
    let good = check("1", TOKEN);
    assert!(line(&good, "microphone").starts_with("FAIL"));
    for what in ["configuration", "camera", "encoder", "API", "token", "home", "storage"] {
        assert!(line(&good, what).starts_with("ok"), "{good}");
    }
    assert!(line(&check("1", "wrong"), "token").starts_with("FAIL"));
    assert!(line(&check("999", TOKEN), "home").starts_with("FAIL"));
}

#[test]
fn a_replay_outlasts_a_fault_of_the_storage_that_passes() {
    let (api, folder) = (DemoApi::start(&["--storage_solution", "volume"]), tempdir().expect("a folder"));
    let (share, data) = (folder.path().join("share"), folder.path().join("data"));
    fs::create_dir(&share).expect("writable");
    let section = format!("[storage.volume]\ndir = \"{}\"\n", share.display());
    let config = fs::read_to_string(api.config()).expect("readable") + &section;
    fs::write(api.config(), config).expect("writable");
    let (sound, _) = media::dialogue(folder.path(), 2, 1.2);
    let mut replay = listener("replay", &api, &data);
    replay.args(["--fast", "--energy_threshold", "1000"]).arg(&sound).stderr(Stdio::piped());
    let mut replay = replay.spawn().expect("it starts");
    let mut lines = BufReader::new(replay.stderr.take().expect("a pipe")).lines();
    assert!(lines.any(|line| line.expect("text").contains("not mounted")));
    fs::write(share.join(".listener-volume"), "").expect("writable");
    lines.for_each(drop);
    assert!(replay.wait().expect("it ends").success(), "all was delivered once the share was there");
}

#[test]
fn what_is_only_to_be_looked_at_once_more_does_not_hold_up_the_end() {
    let (api, data_dir) = (DemoApi::start(&["--late_every", "2", "--late_ms", "500"]), tempdir().expect("a folder"));
    let began = Instant::now();
    let output = record(&api, data_dir.path(), &[]);
    assert!(output.status.success() && !said(&output).contains("not all is delivered"), "{}", said(&output));
    // Half the rows are asked for after five seconds; after two minutes they would be once more.
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert!(waiting(data_dir.path(), "clips") + waiting(data_dir.path(), "utterances") > 0, "some are looked at again");
}

#[test]
fn a_terminal_that_cannot_wipe_a_line_gets_plain_lines() {
    let api = DemoApi::start(&[]);
    let shown_on = |terminal: &str| {
        let folder = tempdir().expect("a folder");
        let program = env!("CARGO_BIN_EXE_listener");
        let (config, data) = (api.config(), folder.path());
        let run =
            format!("{program} run --source test --for 1 --config {} --data_dir {}", config.display(), data.display());
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--command", &run, "/dev/null"]).env("TERM", terminal);
        let output = script.stdin(Stdio::null()).output().expect("script is essential on Debian");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    const WIPE: &str = "\x1b[2K";
    assert!(shown_on("xterm").contains(WIPE));
    let plain = shown_on("dumb");
    assert!(!plain.contains('\x1b') && plain.contains("utterances:"), "{plain:?}");
}

#[test]
fn check_tells_of_bad_settings_in_a_line_of_its_own() {
    let output = bare("check").args(["--energy_threshold", "loud", "--pause", "0"]).output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let lines: Vec<_> = text.lines().collect();
    assert!(lines.len() == 2 && lines.iter().all(|line| line.starts_with("FAIL  configuration")), "{text}");
    assert!(text.contains("--energy_threshold") && text.contains("--pause"), "{text}");
    assert!(!output.status.success());
}

mod needs_user_namespaces {
    use super::*;

    #[test]
    #[ignore = "needs user namespaces"]
    fn a_full_disk_is_said_and_speech_is_kept_longest() {
        let (api, disk) = (DemoApi::start(&["--storage_solution", "s3"]), tempdir().expect("a folder"));
        let program = env!("CARGO_BIN_EXE_listener");
        let script = format!(
            "mount -t tmpfs -o size=18m tmpfs {0} && {program} run --source test --for 4 --video_length 1 --width 160 \
             --height 120 --api_domain {1} --home_id 1 --data_dir {0}/data; code=$?; cat {0}/data/status.json; exit $code",
            disk.path().display(),
            api.address,
        );
        let output = Command::new(IN_NAMESPACE[0])
            .args(&IN_NAMESPACE[1..])
            .args(["sh", "-c", &script])
            .env("LISTENER_TOKEN", TOKEN)
            .output()
            .expect("it runs");
        let said = said(&output);
        assert_eq!(lines_with(&said, "disk is almost full").len(), 1, "{said}");
        let status: Value = serde_json::from_slice(&output.stdout).expect("a status");
        assert_eq!(status["pictures"]["recorded"], 0, "{status:#}");
        assert!(status["pictures"]["dropped"].as_u64() >= Some(3), "{status:#}");
        assert!(status["utterances"]["waiting"].as_u64() >= Some(1), "{status:#}");
        assert!(!output.status.success());
    }
}
