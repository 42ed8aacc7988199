//! demo-api, started for one test.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The token that demo-api is told to take.
pub const TOKEN: &str = "a-token-for-tests";

/// A running demo-api; ends with the test.
pub struct DemoApi {
    child: Child,
    pub address: String,
    folder: TempDir,
}

impl DemoApi {
    pub fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut child = Command::new(env!("CARGO_BIN_EXE_demo-api"))
            .args(["--listen", "127.0.0.1:0", "--home_id", "1", "--token", TOKEN])
            .args(options)
            .arg("--data_dir")
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("demo-api starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("it says where it listens");
        let address = line.split_whitespace().last().expect("an address").to_owned();
        let config = format!("home_id = 1\ntoken = \"{TOKEN}\"\napi_domain = \"{address}\"\n");
        std::fs::write(folder.path().join("listener.toml"), config).expect("writable");
        Self { child, address, folder }
    }

    /// A configuration file for a listener that delivers here.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("listener.toml")
    }

    pub fn get(&self, path: &str) -> Value {
        // Any provider will do; an error says that there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::blocking::Client::builder().no_proxy().build().expect("a client");
        let answer = client.get(format!("{}{path}", self.address)).send().expect("demo-api answers");
        answer.json().expect("JSON")
    }

    pub fn summary(&self) -> Value {
        self.get("/demo/summary.json")
    }

    /// Rows of one kind, in the order of their start.
    pub fn rows(&self, kind: &str) -> Vec<Value> {
        let mut rows = self.get("/demo/rows.json")[kind].as_array().expect("a list of rows").clone();
        rows.sort_by_key(|row| row["start_time"].to_string());
        rows
    }

    /// Where it keeps what was uploaded.
    pub fn files(&self) -> PathBuf {
        self.folder.path().join("files/Listener")
    }
}

impl Drop for DemoApi {
    fn drop(&mut self) {
        // It may have ended by itself, which the test has noticed by now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
