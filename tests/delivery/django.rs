//! A small API of Django REST framework, as the real one is; `scripts/test` installs it. What it does is in `django/`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use jiff::Timestamp;
use listener::item::{Item, name};
use reqwest::Method;
use reqwest::blocking::{Client, Response};
use reqwest::redirect::Policy;
use serde_json::Value;
use tempfile::TempDir;

use crate::api::TOKEN;
use crate::pypi;

/// The home that it knows.
pub const HOME: u32 = 1;

/// A running Django; ends with the test, by its standard input even where the test is killed.
pub struct Django {
    child: Child,
    pub address: String,
    folder: TempDir,
}

impl Django {
    /// With one home, one token and no rows. The settings are those of `django/settings.py`.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut child = Command::new(pypi::program("django/bin/python"))
            // No cache among the sources.
            .arg("-B")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/delivery/django/serve.py"))
            .env("API_FOLDER", folder.path())
            .env("API_HOME", HOME.to_string())
            .env("API_TOKEN", TOKEN)
            .envs(settings.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Django is installed (scripts/test does it)");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("it says where it listens");
        assert!(line.starts_with("http://"), "Django has ended");
        Self { child, address: line.trim().into(), folder }
    }

    /// A call with the token.
    fn get(&self, path: &str, form: &[(&str, &str)]) -> Value {
        let answer = call(&self.address, Method::GET, path, TOKEN, form);
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().expect("JSON")
    }

    /// All rows, by the API's own call: `audio_files` or `video_files`.
    pub fn rows(&self, list: &str) -> Vec<Value> {
        self.get("/hardware/list_files/", &[("from_time", "0")])[list].as_array().expect("a list").clone()
    }

    /// All tasks, the first that was queued first.
    pub fn tasks(&self) -> Vec<Value> {
        self.get("/tests/tasks/", &[]).as_array().expect("a list").clone()
    }

    /// How many rows came `late`, and how many were `deleted`.
    pub fn counts(&self) -> Value {
        self.get("/tests/counts/", &[])
    }

    /// Every file that it keeps: its content by its path.
    pub fn files(&self) -> BTreeMap<String, String> {
        let media = self.folder.path().join("media");
        let file = |path: &PathBuf| {
            let place = path.strip_prefix(&media).expect("below").to_string_lossy().into_owned();
            (place, std::fs::read_to_string(path).expect("text"))
        };
        crate::files::files_below(&media).iter().map(file).collect()
    }
}

impl Drop for Django {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A call to an API; redirects are not followed.
pub fn call(address: &str, method: Method, path: &str, token: &str, form: &[(&str, &str)]) -> Response {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().no_proxy().redirect(Policy::none()).build().expect("a client");
    let request = client.request(method, format!("{address}{path}")).header("Authorization", format!("Token {token}"));
    request.form(form).send().expect("it answers")
}

/// Each of these items is there once: its file, its row as it was recorded, and its task, over which no worker stumbles.
pub fn assert_all_arrived(django: &Django, items: &[Item]) {
    assert_once(django, items);
    let faults: Vec<_> = django.tasks().into_iter().filter(|task| task["fault"] != "").collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The same, but for what a worker would have seen meanwhile.
pub fn assert_once(django: &Django, items: &[Item]) {
    let files = items.iter().map(|item| (name::api_path(item), name::data_path(item))).collect();
    assert_eq!(django.files(), files);
    let (mut audio, mut video, mut tasks) = (Vec::new(), Vec::new(), Vec::new());
    for item in items {
        let common = |name: String| (Some(u64::from(HOME)), item.uid().to_string(), name, item.start(), item.end());
        match item {
            Item::Utterance { index, track_id, .. } => {
                audio.push((common(name::api_file(item)), Some(u64::from(*index)), Some(track_id.clone())));
                tasks.push(track_id.clone());
            }
            Item::Clip { .. } => video.push((common(name::api_file(item)), None, None)),
            Item::Picture { .. } => {}
        }
    }
    for (list, file, mut expected) in [("audio_files", "audio_file", audio), ("video_files", "video_file", video)] {
        let time = |value: &Value| text(value).parse::<Timestamp>().expect("a time with an offset");
        let row = |row: Value| {
            let common = (
                row["home"].as_u64(),
                text(&row["uid"]),
                text(&row[file]),
                time(&row["start_time"]),
                time(&row["end_time"]),
            );
            (common, row["sequence_index"].as_u64(), row["track_id"].as_str().map(str::to_owned))
        };
        let mut rows: Vec<_> = django.rows(list).into_iter().map(row).collect();
        expected.sort();
        rows.sort();
        assert_eq!(rows, expected);
    }
    let mut queued: Vec<_> = django.tasks().iter().map(|task| text(&task["track_id"])).collect();
    tasks.sort();
    queued.sort();
    assert_eq!(queued, tasks);
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").into()
}
