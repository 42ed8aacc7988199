//! `listener check` tries the place where the API wants files.

use std::fs;

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::api::{DemoApi, TOKEN};
use crate::process::bare;
use crate::proxy::answering;
use crate::s3::{self, Moto};
use crate::sshd::Sshd;

/// What it says of the place.
fn storage(api: &DemoApi, section: &str) -> String {
    line_of(&api.address, "storage", section, &[])
}

/// Its line on one thing, for the API at this address, with more settings and more in its environment.
fn line_of(address: &str, what: &str, section: &str, more: &[(&str, &str)]) -> String {
    let folder = tempdir().expect("a folder");
    let config = folder.path().join("listener.toml");
    let head = format!("home_id = 1\ntoken = \"{TOKEN}\"\napi_domain = \"{address}\"\n");
    fs::write(&config, head + section).expect("writable");
    let mut check = bare("check");
    check.args(["--camera", "test", "--default_microphone", "no-such-microphone", "--config"]).arg(config);
    check.envs(more.iter().copied());
    let text = String::from_utf8(check.output().expect("it runs").stdout).expect("text");
    let line = text.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("{text}"));
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

/// A server that answers every request so, and says first what it was asked.
fn server(status: &'static str) -> String {
    answering(move |asked| {
        let body = json!({"asked": String::from_utf8_lossy(&asked.head)}).to_string();
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    })
}

#[test]
fn a_server_that_says_what_it_was_asked_does_not_have_the_token_shown() {
    let line = line_of(&server("200 OK"), "API", "", &[]);
    assert!(line.starts_with("FAIL") && line.contains("Token …") && !line.contains(TOKEN), "{line}");
}

#[test]
fn a_proxy_that_answers_itself_is_named() {
    let proxy = server("407 Proxy Authentication Required");
    let with_password = proxy.replace("http://", "http://me:geheim@");
    let line = line_of("http://api.example", "API", "", &[("http_proxy", &with_password)]);
    assert!(line.starts_with("FAIL") && line.contains(&format!("by the proxy {proxy}")), "{line}");
    assert!(!line.contains("geheim"), "{line}");
}
