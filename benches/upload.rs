//! What `scripts/bench upload` measures: fills a spool, and empties it into an API.
//!
//! ```text
//! upload fill DIR PICTURES BYTES     pictures of so many bytes each, into DIR/spool
//! upload deliver DIR URL TOKEN       delivers them; prints how many seconds that took
//! ```

use std::env;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use listener::clock::SystemClock;
use listener::config::{Config, Key, RawConfig};
use listener::device_id::DeviceId;
use listener::item::{Dated, Item};
use listener::spool::{Intake, Outbox};
use listener::upload::http::ApiClient;
use listener::upload::store::Stores;
use listener::upload::worker::Worker;
use uuid::Uuid;

fn main() {
    let args: Vec<String> = env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match &args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["fill", dir, pictures, bytes] => {
            fill(Path::new(dir), pictures.parse().expect("a number"), bytes.parse().expect("a number"));
        }
        ["deliver", dir, url, token] => deliver(Path::new(dir), url, token),
        // `cargo bench` without arguments runs every benchmark; this one needs a server.
        _ => {}
    }
}

fn fill(dir: &Path, pictures: i64, bytes: usize) {
    let (intake, _) = Intake::open(&dir.join("spool"), None).expect("it opens");
    let (uid, mut jpeg) = (Uuid::new_v4(), vec![0; bytes]);
    let mut chance = fastrand::Rng::with_seed(1);
    for second in 0..pictures {
        chance.fill(&mut jpeg);
        let taken = Timestamp::from_second(1_790_000_040 + second).expect("in range");
        intake.admit_bytes(Dated::known(Item::Picture { uid, taken }), &jpeg).expect("it is kept");
    }
}

fn deliver(dir: &Path, url: &str, token: &str) {
    let outbox = Outbox::open(&dir.join("spool"), None).expect("it opens");
    let config: Config = [(Key::ApiDomain, url), (Key::Token, token), (Key::HomeId, "1")]
        .into_iter()
        .fold(RawConfig::default(), |raw, (key, value)| raw.with_option(key, value))
        .validate()
        .expect("good settings");
    let (home_id, token) = config.require_api().expect("both are there");
    let device = DeviceId { mac_address: "02:00:00:00:00:01".into(), name: "bench".into(), model: "bench".into() };
    let api = Arc::new(ApiClient::new(&config.api, token, home_id, device).expect("a client"));
    let mut stores = Stores::new(Arc::clone(&api), config.storage.clone(), None, dir.into());
    let stop = AtomicBool::new(false);
    let worker =
        Worker { outbox: &outbox, api: &api, track_cluster: "C", clock: &SystemClock, stop: &stop, tell: &|_| {} };
    let began = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| worker.run(&mut stores));
        while !outbox.is_empty() {
            thread::sleep(Duration::from_millis(1));
        }
        writeln!(std::io::stdout(), "{}", began.elapsed().as_secs_f64()).expect("someone reads it");
        stop.store(true, Ordering::Relaxed);
        outbox.wake();
    });
}
