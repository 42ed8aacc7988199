//! What the summary and the page show.

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::*;

fn deliver(server: &Server) {
    json_of(server.upload(&audio_path(), b"RIFF"), 200);
    json_of(server.post("/hardware/audio/", &audio_fields()), 201);
    json_of(server.task(&task_parameters()), 200);
    json_of(server.upload(&clip_path(), b"0123456789"), 200);
    json_of(server.post("/hardware/video/", &video_fields()), 201);
    json_of(server.upload(&format!("Listener/videos/{UID}/frames/2024-05-01_09-08/59.jpg"), b"jpeg"), 200);
}

#[track_caller]
fn only_fault(server: &Server, words: &str) {
    let faults = server.faults();
    assert!(matches!(faults.as_slice(), [fault] if fault.contains(words)), "{words}: {faults:?}");
}

#[test]
fn what_is_delivered_in_order_is_counted_and_has_no_fault() {
    let server = Server::start();
    deliver(&server);
    let expected = json!({
        "utterances": {"delivered": 1, "files": 1, "rows": 1, "tasks": 1, "duplicate_rows": 0, "duplicate_tasks": 0},
        "clips": {"delivered": 1, "files": 1, "rows": 1, "duplicate_rows": 0},
        "frames": {"delivered": 1, "files": 1},
        "devices": 0,
        "faults": [],
    });
    let answer = server.bare(Method::GET, "/demo/summary.json").send().expect("an answer without a token");
    assert_eq!(json_of(answer, 200), expected);
}

#[test]
fn two_rows_of_one_utterance_are_none() {
    let server = Server::start();
    deliver(&server);
    json_of(server.post("/hardware/audio/", &audio_fields()), 201);
    json_of(server.task(&task_parameters()), 200);
    let utterances = &server.get_json("/demo/summary.json")["utterances"];
    let counts = ["delivered", "rows", "duplicate_rows", "duplicate_tasks"].map(|name| utterances[name].as_u64());
    assert_eq!(counts, [Some(0), Some(2), Some(1), Some(1)]);
    only_fault(&server, "it has 2 rows");
    server.call(Method::DELETE, "/hardware/audio/2/").send().expect("an answer");
    assert_eq!(server.get_json("/demo/summary.json")["utterances"]["delivered"], 1);
    assert_eq!(server.faults(), [""; 0]);
}

#[test]
fn the_wrong_order_is_a_fault_for_ever() {
    let server = Server::start();
    json_of(server.task(&task_parameters()), 200);
    only_fault(&server, "queued before its row was there");
    json_of(server.post("/hardware/audio/", &audio_fields()), 201);
    json_of(server.upload(&audio_path(), b"RIFF"), 200);
    let faults = server.faults();
    assert!(faults.len() == 2 && faults[0].contains("posted before its file"), "{faults:?}");
}

#[test]
fn a_task_that_the_worker_cannot_read_is_a_fault() {
    let changed = |name: &str, value: Value| {
        let mut parameters = task_parameters();
        parameters[name] = value;
        parameters
    };
    let cases = [
        (changed("audio_index", json!(0)), "audio_index is not a JSON string"),
        (changed("end_time", json!("2024-05-01T09:08:07")), "is not %Y-%m-%dT%H:%M:%S.%f"),
        (changed("end_time", json!("2024-05-01T09:08:07.750000Z")), "is not %Y-%m-%dT%H:%M:%S.%f"),
        (changed("end_time", json!("2024-05-01T09:08:07.1234567")), "is not %Y-%m-%dT%H:%M:%S.%f"),
        (changed("end_time", json!("2024-05-01T10:08:07.750000")), "will look for 0-20240501100807.wav"),
    ];
    for (parameters, words) in cases {
        let server = Server::start();
        json_of(server.upload(&audio_path(), b"RIFF"), 200);
        json_of(server.post("/hardware/audio/", &audio_fields()), 201);
        json_of(server.task(&parameters), 200);
        only_fault(&server, words);
    }
}

#[test]
fn rows_that_the_consumers_would_misread_are_faults() {
    let other_track = TRACK.replace("0123", "ffff");
    let cases = [
        (audio_fields().with("track_id", &other_track), "differ"),
        (audio_fields().with("start_time", "2024-05-01T09:08:04"), "start_time is naive"),
        (audio_fields().with("end_time", "2024-05-01T09:08:08Z"), "it should be 0-20240501090808.wav"),
        (audio_fields().with("start_time", "2024-05-01T09:08:09Z"), "ends before it starts"),
    ];
    for (fields, words) in cases {
        let server = Server::start();
        json_of(server.upload(&audio_path(), b"RIFF"), 200);
        json_of(server.post("/hardware/audio/", &fields), 201);
        json_of(server.task(&task_parameters()), 200);
        only_fault(&server, words);
    }
}

#[test]
fn a_clip_must_not_cross_a_minute_and_must_be_named_for_its_start() {
    let server = Server::start();
    json_of(server.upload(&clip_path(), b"mp4"), 200);
    json_of(server.post("/hardware/video/", &video_fields().with("end_time", "2024-05-01T09:09:00Z")), 201);
    assert_eq!(server.faults(), [""; 0], "the end is not part of the clip");
    server.call(Method::DELETE, "/hardware/video/1/").send().expect("an answer");
    json_of(server.post("/hardware/video/", &video_fields().with("end_time", "2024-05-01T09:09:00.000001Z")), 201);
    only_fault(&server, "it crosses a minute");
    server.call(Method::DELETE, "/hardware/video/2/").send().expect("an answer");
    json_of(server.post("/hardware/video/", &video_fields().with("start_time", "2024-05-01T09:08:21Z")), 201);
    only_fault(&server, "it should be 2024-05-01_09-08-21.mp4");
}

#[test]
fn every_odd_file_is_a_fault() {
    let cases = [
        format!("Listener/videos/{UID}/frames/2024-05-01_09-08/60.jpg"),
        format!("Listener/videos/{UID}/frames/2024-05-01_09-08/5.jpg.tmp"),
        format!("Listener/videos/{UID}/frames/2024-05-01/5.jpg"),
        format!("Listener/videos/{UID}/clip.mp4"),
        format!("Listener/audio/{UID}/0.wav"),
        "elsewhere.jpg".to_owned(),
    ];
    for dest_path in cases {
        let server = Server::start();
        json_of(server.upload(&dest_path, b"x"), 200);
        only_fault(&server, &dest_path);
    }
}

#[test]
fn files_that_come_past_the_api_are_seen_where_the_storage_solution_lets_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start_in(folder.path(), &["--storage_solution", "volume"]);
    let file = folder.path().join("files").join(audio_path());
    std::fs::create_dir_all(file.parent().expect("a parent")).expect("make");
    std::fs::write(file, b"RIFF").expect("write");
    json_of(server.post("/hardware/audio/", &audio_fields()), 201);
    json_of(server.task(&task_parameters()), 200);
    assert_eq!(server.get_json("/demo/summary.json")["utterances"]["delivered"], 1);
    assert_eq!(server.faults(), [""; 0]);
}

#[test]
fn files_are_served_in_parts_and_never_as_pages() {
    let server = Server::start();
    deliver(&server);
    let request = server.bare(Method::GET, &format!("/demo/files/{}", clip_path())).header("Range", "bytes=2-5");
    let answer = request.send().expect("an answer");
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-range"]),
        (206, &"bytes 2-5/10".parse().expect("a value"))
    );
    assert_eq!(answer.headers()["content-security-policy"], "sandbox");
    assert_eq!(answer.bytes().expect("a body").as_ref(), b"2345");
}

#[test]
fn the_page_needs_nothing_from_elsewhere_and_shows_no_token() {
    let server = Server::start();
    for path in ["/", "/demo/page.css", "/demo/minutes.js", "/demo/timeline.js", "/demo/icon.svg"] {
        let answer = server.bare(Method::GET, path).send().expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        let text = answer.text().expect("a body").replace("http://www.w3.org/2000/svg", "");
        for unwanted in ["http://", "https://", "demo-token", "innerHTML"] {
            assert!(!text.contains(unwanted), "{path} holds {unwanted}");
        }
    }
    deliver(&server);
    let page = server.get_json("/demo/page.json");
    let minute = &page["minutes"][0];
    assert_eq!(minute["utterances"][0]["lacks"], json!([]));
    assert_eq!(minute["pictures"][0]["second"], 59);
}
