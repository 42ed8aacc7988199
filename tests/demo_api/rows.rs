//! The contract's table of requests, line by line: rows and tasks.

use reqwest::Method;
use serde_json::json;

use crate::server::*;

#[test]
fn an_audio_row_is_answered_as_it_is_stored() {
    let server = Server::start();
    let fields = audio_fields().with("end_time", "2024-05-01T11:08:07.7500009+02:00");
    let row = json_of(server.post("/hardware/audio/", &fields), 201);
    assert_eq!((&row["id"], &row["home"], &row["sequence_index"]), (&json!(1), &json!(1), &json!(0)));
    assert_eq!(row["start_time"], "2024-05-01T09:08:04.250000Z");
    assert_eq!(row["end_time"], "2024-05-01T09:08:07.750000Z");
    assert_eq!((&row["uid"], &row["audio_file"], &row["track_id"]), (&json!(UID), &json!(WAV), &json!(TRACK)));
    assert!(row["created_at"].is_string());
}

#[test]
fn every_missing_field_of_a_row_is_named() {
    let server = Server::start();
    let required = json!(["This field is required."]);
    let answer = json_of(server.post("/hardware/audio/", &audio_fields().without("uid")), 400);
    assert_eq!(answer, json!({ "uid": required }));
    let answer = json_of(server.post("/hardware/audio/", &Fields::of(&[])), 400);
    for name in ["uid", "sequence_index", "audio_file", "start_time", "end_time"] {
        assert_eq!(answer[name], required, "{name}");
    }
    let answer = json_of(server.post("/hardware/video/", &Fields::of(&[])), 400);
    for name in ["uid", "video_file", "start_time", "end_time"] {
        assert_eq!(answer[name], required, "{name}");
    }
}

#[test]
fn values_that_the_tables_cannot_hold_are_refused() {
    let server = Server::start();
    let long = "x".repeat(101);
    let bad = [
        ("uid", long.as_str()),
        ("track_id", &long),
        ("audio_file", &long),
        ("sequence_index", "2147483648"),
        ("sequence_index", "one"),
        ("start_time", "yesterday"),
        ("end_time", "2024-05-01"),
        ("home", "999"),
    ];
    for (name, value) in bad {
        let answer = json_of(server.post("/hardware/audio/", &audio_fields().with(name, value)), 400);
        assert!(answer[name].is_array() && answer.as_object().expect("an object").len() == 1, "{answer}");
    }
    let good = audio_fields().with("sequence_index", "2147483647").with("uid", &"é".repeat(100));
    json_of(server.post("/hardware/audio/", &good), 201);
}

#[test]
fn a_plus_that_was_not_encoded_is_refused() {
    let server = Server::start();
    let body = "uid=u&video_file=v&start_time=2024-05-01T09:00:00+00:00&end_time=2024-05-01T09:00:20%2B00:00";
    let request = server.call(Method::POST, "/hardware/video/").body(body);
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    let answer = json_of(request.send().expect("an answer"), 400);
    assert!(answer["start_time"].is_array() && answer["end_time"].is_null(), "{answer}");
}

#[test]
fn a_row_posted_twice_is_there_twice() {
    let server = Server::start();
    for id in 1..=2 {
        assert_eq!(json_of(server.post("/hardware/audio/", &audio_fields()), 201)["id"], id);
        assert_eq!(json_of(server.post("/hardware/video/", &video_fields()), 201)["id"], id);
    }
    let rows = server.get_json("/demo/rows.json");
    assert_eq!((rows["audio"].as_array().map(Vec::len), rows["video"].as_array().map(Vec::len)), (Some(2), Some(2)));
}

#[test]
fn a_clips_record_minute_breaks_the_server() {
    let server = Server::start();
    is_html(server.post("/hardware/video/", &video_fields().with("video_record_minute", "2024-05-01_09-08")), 500);
}

#[test]
fn a_task_is_queued_from_a_form_and_from_json() {
    let server = Server::start();
    let answer = json_of(server.task(&task_parameters()), 200);
    assert_eq!(answer, json!({"message": "LLM task queued successfully", "task_id": 1}));
    let send = |parameters: serde_json::Value| {
        let body =
            json!({"name": "speech_to_text", "task_name": "speech2text", "track_id": TRACK, "parameters": parameters});
        server.call(Method::POST, "/queue_task/ai_task/").json(&body).send().expect("an answer")
    };
    assert_eq!(json_of(send(task_parameters()), 200)["task_id"], 2);
    is_html(send(json!(task_parameters().to_string())), 500);
    let tasks = server.get_json("/demo/tasks.json");
    assert_eq!(tasks[0]["parameters"], task_parameters());
    assert_eq!(tasks[0]["parameters"], tasks[1]["parameters"]);
}

#[test]
fn a_track_id_must_name_a_known_cluster() {
    let server = Server::start();
    let send = |track_id: &str| server.post("/queue_task/ai_task/", &task_fields().with("track_id", track_id));
    for track_id in ["", "nonsense", "T-CLUSTER_UNKNOWN-0123456789abcdef0123456789abcdef"] {
        is_html(send(track_id), 500);
    }
    json_of(send(&format!("{TRACK}{}", "0".repeat(100))), 400);
    json_of(server.post("/queue_task/ai_task/", &task_fields().without("name")), 400);
    json_of(server.post("/queue_task/ai_task/", &task_fields().with("parameters", "{")), 400);
    json_of(server.post("/queue_task/ai_task/", &task_fields().without("track_id")), 200);
    let tasks = server.get_json("/demo/tasks.json");
    assert_eq!(tasks.as_array().map(Vec::len), Some(1));
    assert!(tasks[0]["track_id"].as_str().expect("text").starts_with("T-CLUSTER_Q_ETE_CONVERSATION-"));
}

#[test]
fn rows_are_listed_from_the_time_in_the_body() {
    let server = Server::start();
    json_of(server.post("/hardware/audio/", &audio_fields()), 201);
    json_of(server.post("/hardware/video/", &video_fields()), 201);
    let list = || server.call(Method::GET, "/hardware/list_files/");
    let counts = |request: reqwest::blocking::RequestBuilder| {
        let answer = json_of(request.send().expect("an answer"), 200);
        let count = |name: &str| answer[name].as_array().expect("a list").len();
        (count("audio_files"), count("video_files"))
    };
    assert_eq!(counts(list()), (1, 1));
    assert_eq!(counts(list().form(&[("from_time", "0")])), (1, 1));
    assert_eq!(counts(list().form(&[("from_time", "32503680000.5")])), (0, 0));
    assert_eq!(counts(list().json(&json!({"from_time": 32_503_680_000_u64}))), (0, 0));
    assert_eq!(
        counts(server.call(Method::GET, "/hardware/list_files/?from_time=32503680000")),
        (1, 1),
        "the query is not looked at"
    );
}

#[test]
fn a_row_is_deleted_once() {
    let server = Server::start();
    json_of(server.post("/hardware/audio/", &audio_fields()), 201);
    let delete = |path: &str| server.call(Method::DELETE, path).send().expect("an answer");
    assert_eq!(delete("/hardware/audio/1/").status(), 204);
    json_of(delete("/hardware/audio/1/"), 404);
    json_of(delete("/hardware/audio/one/"), 404);
    assert_eq!(json_of(server.post("/hardware/audio/", &audio_fields()), 201)["id"], 2, "no id is given twice");
}
