//! Another program is notified of each change before the client is answered.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::server::*;

#[test]
fn the_client_is_answered_after_whoever_is_notified_of_the_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("socket");
    let listener = UnixListener::bind(&socket).expect("a socket");
    let notify = ["--notify", socket.to_str().expect("UTF-8")];
    let server = Server::start_in(&folder.path().join("data"), &notify);
    let (mut stream, _) = listener.accept().expect("demo-api connects");
    let mut changes = BufReader::new(stream.try_clone().expect("a second handle")).lines();
    let (answered, answers) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            json_of(server.upload(&audio_path(), b"RIFF"), 200);
            json_of(server.post("/hardware/audio/", &audio_fields()), 201);
            answered.send(()).expect("the test waits");
        });
        for seq in ["1", "2"] {
            assert_eq!(changes.next().expect("a line").expect("readable"), seq);
            assert!(answers.recv_timeout(Duration::from_millis(200)).is_err(), "it is answered too soon");
            stream.write_all(b"+").expect("demo-api waits for it");
        }
        answers.recv_timeout(Duration::from_secs(10)).expect("both are answered");
    });
}
