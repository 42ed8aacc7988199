//! A bucket of moto, a server that speaks S3; `scripts/test` installs it.

use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use listener::item::{Item, name};
use listener::spool::Outbox;
use tempfile::tempdir;

use crate::api::DemoApi;
use crate::proxy::answering;
use crate::pypi;
use crate::spool::{self, Items, UID};

/// A running moto; ends with the test.
pub struct Moto {
    child: Child,
    pub address: String,
}

impl Moto {
    /// With one empty bucket.
    pub fn start(bucket: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|taken| taken.local_addr()).expect("a port").port();
        let mut child = Command::new(pypi::program("moto/bin/moto_server"))
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto is installed (scripts/test does it)");
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(child.try_wait().expect("it can be asked").is_none(), "moto has ended");
            thread::sleep(Duration::from_millis(50));
        }
        let moto = Self { child, address: format!("http://127.0.0.1:{port}") };
        moto.send(reqwest::Method::PUT, bucket);
        moto
    }

    fn send(&self, method: reqwest::Method, path: &str) -> reqwest::blocking::Response {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::blocking::Client::builder().no_proxy().build().expect("a client");
        // It looks at who asks, not whether that is true.
        let who = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
        let request = client.request(method, format!("{}/{path}", self.address)).header("Authorization", who);
        let answer = request.send().expect("moto answers");
        assert!(answer.status().is_success(), "{path}: {answer:?}");
        answer
    }

    pub fn get(&self, path: &str) -> reqwest::blocking::Response {
        self.send(reqwest::Method::GET, path)
    }

    /// The keys in a bucket.
    pub fn keys(&self, bucket: &str) -> BTreeSet<String> {
        let (mut keys, mut query) = (BTreeSet::new(), String::from("?list-type=2"));
        loop {
            let xml = self.get(&format!("{bucket}{query}")).text().expect("XML");
            let document = roxmltree::Document::parse(&xml).expect("XML");
            let texts = |tag: &'static str| {
                let found: Vec<String> = document
                    .descendants()
                    .filter(|node| node.has_tag_name(tag) || node.tag_name().name() == tag)
                    .filter_map(|node| node.text().map(str::to_owned))
                    .collect();
                found
            };
            keys.extend(texts("Key"));
            match texts("NextContinuationToken").first() {
                Some(token) => query = format!("?list-type=2&continuation-token={token}"),
                None => return keys,
            }
        }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The section of a configuration.
pub fn section(endpoint: &str, bucket: &str) -> String {
    format!(
        "[storage.s3]\nendpoint = \"{endpoint}\"\nbucket = \"{bucket}\"\naccess_key_id = \"AKIATEST\"\n\
         secret_access_key = \"a-secret-for-tests\"\n"
    )
}

/// The keys that these items have.
pub fn expected_keys(spool: &Outbox) -> BTreeSet<String> {
    spool::items(spool).iter().map(name::api_path).collect()
}

#[test]
fn files_go_into_the_bucket_whole_and_rows_to_the_api() {
    let (api, moto) = (DemoApi::start(&["--storage_solution", "s3"]), Moto::start("homes"));
    let data_dir = tempdir().expect("a folder");
    let items = Items { utterances: 3, clips: 2, pictures: 5 };
    let spool = spool::filled(data_dir.path(), items);
    let expected = expected_keys(&spool);
    let config = spool::config(&api.address, &section(&moto.address, "homes"));
    assert_eq!(spool::deliver(&spool, &config, data_dir.path(), |_| false), []);
    assert_eq!(moto.keys("homes"), expected);
    for key in &expected {
        assert_eq!(format!("Listener/{}", moto.get(&format!("homes/{key}")).text().expect("text")), *key);
    }
    spool::assert_rows_once(&api.summary(), items);
}

#[test]
fn a_long_file_goes_in_checksummed_parts() {
    let (api, moto) = (DemoApi::start(&["--storage_solution", "s3"]), Moto::start("homes"));
    let data_dir = tempdir().expect("a folder");
    let start = spool::beginning();
    let item = Item::Clip { uid: UID, start, end: start + jiff::SignedDuration::from_secs(20) };
    let content: Vec<u8> = (0..20_000_000u32).map(|n| (n ^ (n >> 9)) as u8).collect();
    let spool = spool::of(data_dir.path(), [(item.clone(), content.clone())]);
    let config = spool::config(&api.address, &section(&moto.address, "homes"));
    assert_eq!(spool::deliver(&spool, &config, data_dir.path(), |_| false), []);
    let answer = moto.get(&format!("homes/{}", name::api_path(&item)));
    let etag = answer.headers()["etag"].to_str().expect("text").to_owned();
    assert!(etag.ends_with("-3\""), "20 MB are three parts: {etag}");
    assert!(answer.bytes().expect("a body").as_ref() == content, "it is another file");
}

#[test]
fn a_bucket_that_is_not_there_or_refuses_is_said() {
    let (api, moto) = (DemoApi::start(&["--storage_solution", "s3"]), Moto::start("homes"));
    let data_dir = tempdir().expect("a folder");
    let spool = spool::filled(data_dir.path(), Items { utterances: 1, clips: 0, pictures: 1 });
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let cases = [
        (section(&moto.address, "elsewhere"), "check bucket, region and endpoint"),
        (section(&format!("http://{closed}"), "homes"), "did not take a file"),
        (
            "[storage.local]\ndest_dir = \"a:/b\"\nssh_key_file = \"/k\"\nssh_host_key = \"ssh-x AAAA\"\n".into(),
            "[storage.s3]",
        ),
    ];
    for (section, expected) in cases {
        let config = spool::config(&api.address, &section);
        let told = spool::deliver(&spool, &config, data_dir.path(), |told| !told.is_empty());
        assert!(told[0].text.contains(expected) && !told[0].text.contains("a-secret"), "{told:?}");
    }
    assert_eq!(spool.waiting(listener::item::Kind::Utterance), 1);
}

/// What S3 answers is from its documentation (Amazon S3 API Reference, "Redirects" and "List of error codes"): moto does neither.
#[test]
fn a_bucket_in_another_region_and_a_clock_that_is_wrong_are_told_as_what_they_are() {
    let (api, data_dir) = (DemoApi::start(&["--storage_solution", "s3"]), tempdir().expect("a folder"));
    let spool = spool::filled(data_dir.path(), Items { utterances: 1, clips: 0, pictures: 0 });
    let cases = [
        (
            "HTTP/1.1 301 Moved Permanently\r\nx-amz-bucket-region: eu-west-1\r\ncontent-length: 0\r\n\r\n",
            "write region = \"eu-west-1\" into [storage.s3]",
        ),
        (
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://elsewhere.example/homes\r\ncontent-length: 0\r\n\r\n",
            "it is at http://elsewhere.example/homes; write that as endpoint",
        ),
        (
            "HTTP/1.1 403 Forbidden\r\ncontent-length: 94\r\n\r\n<Error><Code>RequestTimeTooSkewed</Code><Message>The \
             difference is too large</Message></Error>",
            "finds this machine's clock wrong",
        ),
    ];
    for (answer, expected) in cases {
        let config = spool::config(&api.address, &section(&answering(|_| answer.into()), "homes"));
        let told = spool::deliver(&spool, &config, data_dir.path(), |told| !told.is_empty());
        assert!(told[0].text.contains(expected), "{expected}: {told:?}");
    }
}
