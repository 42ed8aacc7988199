//! What is kept in the data folder, and that it outlives the program.

use std::fs;

use predicates::prelude::PredicateBooleanExt;
use reqwest::Method;
use serde_json::json;

use crate::server::*;

#[test]
fn the_same_path_again_replaces_the_file_and_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start_in(folder.path(), &[]);
    json_of(server.upload(&audio_path(), b"first, and longer"), 200);
    json_of(server.upload(&audio_path(), b"second"), 200);
    assert_eq!(fs::read(folder.path().join("files").join(audio_path())).expect("the file"), b"second");
    let incoming = fs::read_dir(folder.path().join("incoming")).expect("the folder").count();
    assert_eq!(incoming, 0);
    assert_eq!(server.get_json("/demo/rows.json")["uploads"], json!({ audio_path(): 2 }));
}

#[test]
fn nothing_is_written_outside_the_data_folder() {
    let parent = tempfile::tempdir().expect("a folder");
    let server = Server::start_in(&parent.path().join("data"), &[]);
    let absolute = parent.path().join("absolute").display().to_string();
    for dest_path in
        ["../escaped", "../../escaped", "Listener/../../../escaped", "..", "/escaped", "a/", "a//b", &absolute]
    {
        json_of(server.upload(dest_path, b"x"), 400);
    }
    let names: Vec<_> =
        fs::read_dir(parent.path()).expect("the folder").map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(names, ["data"]);
    assert_eq!(fs::read_dir(parent.path().join("data/files")).expect("the folder").count(), 0);
}

#[test]
fn everything_is_still_there_after_a_kill_and_ids_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start_in(folder.path(), &[]);
    json_of(server.post("/hardware/register/", &device_fields()), 201);
    json_of(server.upload(&audio_path(), b"RIFF"), 200);
    json_of(server.post("/hardware/audio/", &audio_fields()), 201);
    json_of(server.post("/hardware/audio/", &audio_fields()), 201);
    json_of(server.task(&task_parameters()), 200);
    json_of(server.post("/hardware/video/", &video_fields()), 201);
    server.call(Method::DELETE, "/hardware/audio/2/").send().expect("an answer");
    let paths = ["/demo/summary.json", "/demo/rows.json", "/demo/tasks.json"];
    let before = paths.map(|path| server.get_json(path));
    server.kill();
    // A line that was being written when the power went.
    let rows = folder.path().join("rows.jsonl");
    let whole = fs::read_to_string(&rows).expect("the journal");
    fs::write(&rows, format!("{whole}{{\"seq\":99,\"at\":")).expect("write");

    let server = Server::start_in(folder.path(), &[]);
    assert_eq!(paths.map(|path| server.get_json(path)), before);
    json_of(server.post("/hardware/register/", &device_fields()), 400);
    assert_eq!(json_of(server.post("/hardware/audio/", &audio_fields()), 201)["id"], 3);
}

#[test]
fn a_damaged_journal_is_not_taken_for_an_empty_one() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("rows.jsonl"), "not JSON\n").expect("write");
    assert_cmd::Command::cargo_bin("demo-api")
        .expect("the program")
        .args(["--listen", "127.0.0.1:0", "--data_dir"])
        .arg(folder.path())
        .assert()
        .failure()
        .stderr(predicates::str::contains("rows.jsonl").and(predicates::str::contains("line 1")));
}
