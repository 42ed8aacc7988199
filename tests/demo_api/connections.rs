//! What happens below the calls: connections, bodies without a length, large bodies, clients that go away.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use reqwest::Method;
use reqwest::blocking::multipart::{Form, Part};

use crate::server::*;

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let server = Server::start();
    let mut stream = TcpStream::connect(&server.address).expect("connect");
    let mut answers = BufReader::new(stream.try_clone().expect("a second handle"));
    for _ in 0..3 {
        let head = "GET /hardware/storage_solution/ HTTP/1.1\r\nHost: x\r\nAuthorization: Token demo-token\r\n\r\n";
        stream.write_all(head.as_bytes()).expect("send");
        let mut length = 0;
        let mut line = String::new();
        answers.read_line(&mut line).expect("the status");
        assert!(line.starts_with("HTTP/1.1 200"), "{line}");
        while line != "\r\n" {
            line.clear();
            answers.read_line(&mut line).expect("a header");
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        answers.read_exact(&mut body).expect("the body");
        assert_eq!(body, br#"{"storage_solution":"api"}"#);
    }
}

#[test]
fn a_chunked_body_is_not_seen_and_ends_the_connection() {
    let server = Server::start();
    let head = "POST /hardware/audio/ HTTP/1.1\r\nHost: x\r\nAuthorization: Token demo-token\r\n\
                Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = server.raw(&format!("{head}5\r\nuid=u\r\n0\r\n\r\n"));
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("\r\nconnection: close\r\n"), "{answer}");
    assert!(answer.contains(r#""uid":["This field is required."]"#), "{answer}");
}

#[test]
fn an_upload_of_three_hundred_megabytes_arrives_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start_in(folder.path(), &[]);
    let megabytes = 300;
    let body = std::io::repeat(7).take(megabytes << 20);
    let part = Part::reader_with_length(body, megabytes << 20).file_name("large.mp4");
    let form = Form::new().text("dest_path", clip_path()).part("file", part);
    let request = server.call(Method::POST, "/hardware/upload_file/").multipart(form).timeout(Duration::from_secs(300));
    json_of(request.send().expect("an answer"), 200);
    let stored = folder.path().join("files").join(clip_path());
    assert_eq!(stored.metadata().expect("the file").len(), megabytes << 20);
}

#[test]
fn an_upload_cut_short_leaves_nothing() {
    let server = Server::start();
    let body = "--b\r\nContent-Disposition: form-data; name=\"dest_path\"\r\n\r\nListener/x\r\n--b\r\n\
                Content-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nhalf of i";
    let head = "POST /hardware/upload_file/ HTTP/1.1\r\nHost: x\r\nAuthorization: Token demo-token\r\n\
                Content-Type: multipart/form-data; boundary=b\r\n";
    let answer = server.raw(&format!("{head}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let mut stream = TcpStream::connect(&server.address).expect("connect");
    stream.write_all(format!("{head}Content-Length: 100000\r\n\r\n{body}").as_bytes()).expect("send");
    stream.shutdown(std::net::Shutdown::Write).expect("hang up");
    let _ = stream.read_to_end(&mut Vec::new());
    assert_eq!(server.get_json("/demo/rows.json")["uploads"], serde_json::json!({}));
    assert_eq!(server.bare(Method::GET, "/demo/files/Listener/x").send().expect("an answer").status(), 404);
}

#[test]
fn a_delayed_answer_comes_after_the_deed() {
    let server = Server::start_with(&["--answer_delay_ms", "3600000"]);
    let mut stream = TcpStream::connect(&server.address).expect("connect");
    let body = "home=1&mac_address=a";
    let head = "POST /hardware/register/ HTTP/1.1\r\nHost: x\r\nAuthorization: Token demo-token\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n";
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).expect("send");
    // The answer is an hour away; the deed is seen from outside long before.
    let registered = || server.get_json("/demo/summary.json")["devices"] == 1;
    assert!((0..10_000).any(|_| registered()));
    stream.set_nonblocking(true).expect("do not wait");
    let unanswered = stream.read(&mut [0; 1]).expect_err("no answer yet");
    assert_eq!(unanswered.kind(), std::io::ErrorKind::WouldBlock);
    drop(stream);
    assert!(registered());
}

#[test]
fn a_deed_that_is_delayed_is_done_though_the_client_has_gone() {
    let server = Server::start_with(&["--act_delay_ms", "300"]);
    let mut stream = TcpStream::connect(&server.address).expect("connect");
    let body = "home=1&mac_address=a";
    let head = "POST /hardware/register/ HTTP/1.1\r\nHost: x\r\nAuthorization: Token demo-token\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n";
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).expect("send");
    // So that it has been read when the connection ends: no answer comes before.
    stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
    stream.read(&mut [0; 1]).expect_err("no answer yet");
    drop(stream);
    assert!((0..10_000).any(|_| server.get_json("/demo/summary.json")["devices"] == 1));
}

#[test]
fn a_late_row_is_answered_with_an_error_and_kept_afterwards() {
    let server = Server::start_with(&["--late_every", "2", "--late_ms", "100"]);
    json_of(server.post("/hardware/audio/", &audio_fields()), 201);
    assert_eq!(server.post("/hardware/audio/", &audio_fields()).status(), 500);
    json_of(server.post("/hardware/audio/", &audio_fields()), 201);
    let ids = || -> Vec<u64> {
        let rows = server.get_json("/demo/rows.json")["audio"].as_array().expect("rows").clone();
        rows.iter().filter_map(|row| row["id"].as_u64()).collect()
    };
    assert!((0..10_000).any(|_| ids() == [1, 2, 3]), "{:?}", ids());
}
