//! `listener check` tries the place where the API wants files.

use std::fs;

use serde_json::Value;
use tempfile::tempdir;

use crate::api::{DemoApi, TOKEN};
use crate::process::bare;
use crate::s3::{self, Moto};
use crate::sshd::Sshd;

/// What it says of the place.
fn storage(api: &DemoApi, section: &str) -> String {
    let folder = tempdir().expect("a folder");
    let config = folder.path().join("listener.toml");
    let head = format!("home_id = 1\ntoken = \"{TOKEN}\"\napi_domain = \"{}\"\n", api.address);
    fs::write(&config, head + section).expect("writable");
    let mut check = bare("check");
    check.args(["--camera", "test", "--default_microphone", "no-such-microphone", "--config"]).arg(config);
    let text = String::from_utf8(check.output().expect("it runs").stdout).expect("text");
    let line = text.lines().find(|line| line.contains("storage")).unwrap_or_else(|| panic!("{text}"));
    assert!(!line.contains("tried again") && !line.contains("is kept"), "it asks once: {line}");
    line.to_owned()
}

const ALL: &str = "a small file was written, read back and removed";

#[test]
fn the_api_takes_a_small_file_and_no_consumer_stumbles_over_it() {
    let api = DemoApi::start(&[]);
    assert!(storage(&api, "").contains("was written; Listener/listener-check.txt stays"));
    assert_eq!(api.summary()["faults"], Value::Array(vec![]));
}

#[test]
fn a_bucket_is_written_to_and_left_as_it_was() {
    let (api, moto) = (DemoApi::start(&["--storage_solution", "s3"]), Moto::start("homes"));
    assert!(storage(&api, &s3::section(&moto.address, "homes")).contains(ALL));
    assert_eq!(moto.keys("homes").len(), 0);
    let line = storage(&api, &s3::section(&moto.address, "nobodys"));
    assert!(line.starts_with("FAIL") && line.contains("is not there"), "{line}");
    assert!(storage(&api, "").starts_with("FAIL"), "no [storage.s3]");
}

#[test]
fn a_server_is_written_to_and_left_as_it_was_but_for_the_folder_of_what_is_not_whole() {
    let (api, sshd) = (DemoApi::start(&["--storage_solution", "local"]), Sshd::start());
    fs::create_dir_all(api.files()).expect("writable");
    assert!(storage(&api, &sshd.section(sshd.port, &api.files(), "user_key")).contains(ALL));
    fs::remove_dir(api.files().join(".listener-scratch")).expect("it is there, and empty");
    assert_eq!(fs::read_dir(api.files()).expect("readable").count(), 0);
    let line = storage(&api, &sshd.section(1, &api.files(), "user_key"));
    assert!(line.starts_with("FAIL") && line.contains("Connection refused"), "{line}");
}

#[test]
fn a_share_is_written_to_and_left_as_it_was_once_it_is_mounted() {
    let (api, share) = (DemoApi::start(&["--storage_solution", "volume"]), tempdir().expect("a folder"));
    let section = format!("[storage.volume]\ndir = \"{}\"\n", share.path().display());
    let line = storage(&api, &section);
    assert!(line.starts_with("FAIL") && line.contains("not mounted"), "{line}");
    fs::write(share.path().join(".listener-volume"), "").expect("writable");
    assert!(storage(&api, &section).contains(ALL));
    fs::remove_dir(share.path().join(".listener-scratch")).expect("it is there, and empty");
    assert_eq!(fs::read_dir(share.path()).expect("readable").count(), 1);
}
