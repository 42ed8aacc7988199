//! A running stand-in, and the requests that the tests make of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::Method;
use reqwest::blocking::multipart::{Form, Part};
use reqwest::blocking::{Client, RequestBuilder, Response};
use reqwest::redirect::Policy;
use serde_json::{Value, json};

pub const UID: &str = "3f6c9f2e-1111-4222-8333-000000000001";
pub const TRACK: &str = "T-CLUSTER_GPT_4O_ETE_CONVERSATION-0123456789abcdef0123456789abcdef";
pub const WAV: &str = "0-20240501090807.wav";
pub const CLIP: &str = "2024-05-01_09-08-20.mp4";

pub struct Server {
    child: Child,
    pub address: String,
    pub client: Client,
    _folder: Option<tempfile::TempDir>,
}

impl Server {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    pub fn start_with(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut server = Self::start_in(folder.path(), arguments);
        server._folder = Some(folder);
        server
    }

    pub fn start_in(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_demo-api"))
            .args(["--listen", "127.0.0.1:0", "--data_dir"])
            .arg(folder)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("start demo-api");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("its first line");
        let address = line.trim().strip_prefix("demo-api: listening on http://").expect(&line).to_owned();
        // Fails when another test of this process was first, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().redirect(Policy::none()).no_proxy().build().expect("a client");
        Server { child, address, client, _folder: None }
    }

    pub fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path).header("Authorization", "Token demo-token")
    }

    pub fn post(&self, path: &str, fields: &Fields) -> Response {
        self.call(Method::POST, path).form(&fields.0).send().expect("an answer")
    }

    pub fn upload(&self, dest_path: &str, content: &'static [u8]) -> Response {
        let part = Part::bytes(content).file_name("x");
        let form = Form::new().text("dest_path", dest_path.to_owned()).part("file", part);
        self.call(Method::POST, "/hardware/upload_file/").multipart(form).send().expect("an answer")
    }

    pub fn task(&self, parameters: &Value) -> Response {
        let fields = task_fields().with("parameters", &parameters.to_string());
        self.post("/queue_task/ai_task/", &fields)
    }

    pub fn get_json(&self, path: &str) -> Value {
        json_of(self.call(Method::GET, path).send().expect("an answer"), 200)
    }

    pub fn faults(&self) -> Vec<String> {
        let summary = self.get_json("/demo/summary.json");
        serde_json::from_value(summary["faults"].clone()).expect("a list of texts")
    }

    /// Sends these bytes as they are and reads until the server closes the connection.
    pub fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("connect");
        stream.write_all(request.as_bytes()).expect("send");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("read to the end");
        answer
    }

    /// Ends it as a power loss would.
    pub fn kill(&mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("wait");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The fields of a form, changed field by field from those of a good request.
#[derive(Clone)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        Fields(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut changed = self.without(name);
        changed.0.push((name.to_owned(), value.to_owned()));
        changed
    }

    pub fn without(&self, name: &str) -> Self {
        Fields(self.0.iter().filter(|(other, _)| other != name).cloned().collect())
    }
}

pub fn device_fields() -> Fields {
    Fields::of(&[
        ("home", "1"),
        ("mac_address", "b8:27:eb:01:02:03"),
        ("device_name", "pi"),
        ("device_type", "listener"),
        ("description", "in the kitchen"),
    ])
}

pub fn audio_fields() -> Fields {
    Fields::of(&[
        ("home", "1"),
        ("uid", UID),
        ("sequence_index", "0"),
        ("audio_file", WAV),
        ("start_time", "2024-05-01T09:08:04.250000Z"),
        ("end_time", "2024-05-01T09:08:07.750000Z"),
        ("hardware_device_mac_address", "b8:27:eb:01:02:03"),
        ("track_id", TRACK),
    ])
}

pub fn video_fields() -> Fields {
    Fields::of(&[
        ("home", "1"),
        ("uid", UID),
        ("hardware_device_mac_address", "b8:27:eb:01:02:03"),
        ("video_file", CLIP),
        ("start_time", "2024-05-01T09:08:20Z"),
        ("end_time", "2024-05-01T09:08:40Z"),
    ])
}

pub fn task_fields() -> Fields {
    let fields = [("name", "speech_to_text"), ("task_name", "speech2text"), ("track_id", TRACK)];
    Fields::of(&fields).with("parameters", &task_parameters().to_string())
}

pub fn task_parameters() -> Value {
    json!({
        "uid": UID,
        "home_id": 1,
        "audio_index": "0",
        "start_time": "2024-05-01T09:08:04.250000",
        "end_time": "2024-05-01T09:08:07.750000",
        "hardware_device_mac_address": "b8:27:eb:01:02:03",
    })
}

pub fn audio_path() -> String {
    format!("Listener/audio/{UID}/{WAV}")
}

pub fn clip_path() -> String {
    format!("Listener/videos/{UID}/{CLIP}")
}

#[track_caller]
pub fn json_of(response: Response, status: u16) -> Value {
    let given = response.status();
    let text = response.text().expect("a body");
    assert_eq!(given, status, "{text}");
    serde_json::from_str(&text).expect(&text)
}

#[track_caller]
pub fn is_html(response: Response, status: u16) {
    assert_eq!(response.status(), status);
    assert!(response.headers()["content-type"].to_str().expect("text").starts_with("text/html"));
    assert!(response.text().expect("a body").starts_with("<!doctype html>"));
}
