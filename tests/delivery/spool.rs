//! A spool with items in it, and the uploader that empties it, in this process.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use listener::clock::{Clock, SystemClock};
use listener::config::{Config, RawConfig};
use listener::device_id::DeviceId;
use listener::event::{Event, Fault};
use listener::item::name::data_path;
use listener::item::{Dated, Item, Kind};
use listener::spool::queue::Want;
use listener::spool::{Intake, Outbox};
use listener::upload::http::ApiClient;
use listener::upload::store::Stores;
use listener::upload::worker::Worker;
use serde_json::Value;
use uuid::Uuid;

use crate::api::DemoApi;

/// Without one item delivered. Through the worst of proxies one takes some seconds.
const HANGS_AFTER: Duration = Duration::from_secs(120);

/// How many of each kind.
#[derive(Clone, Copy)]
pub struct Items {
    pub utterances: u32,
    pub clips: u32,
    pub pictures: u32,
}

/// The run that has recorded them.
pub const UID: Uuid = Uuid::from_u128(0x3f6c_9f2e_1111_4222_8333_0000_0000_0001);

/// A full minute two hours ago: long enough that all items are of the past, whatever this machine takes for now.
pub fn beginning() -> Timestamp {
    let minute = (Timestamp::now().as_second() - 2 * 3600).div_euclid(60);
    Timestamp::from_second(minute * 60).expect("in range")
}

/// A spool with these items; the content of each file is its path.
pub fn filled(dir: &Path, items: Items) -> Arc<Outbox> {
    filled_for(dir, "CLUSTER_GPT_4O_ETE_CONVERSATION", items)
}

/// The same for another chain of models.
pub fn filled_for(dir: &Path, cluster: &str, items: Items) -> Arc<Outbox> {
    let beginning = beginning();
    let at = |second: u32| beginning + SignedDuration::from_secs(second.into());
    let all = (0..items.utterances)
        .map(|index| Item::Utterance {
            uid: UID,
            index,
            start: at(index * 2),
            end: at(index * 2 + 1),
            track_id: format!("T-{cluster}-{index:032x}"),
        })
        .chain((0..items.clips).map(|n| Item::Clip { uid: UID, start: at(n * 20), end: at(n * 20 + 20) }))
        .chain((0..items.pictures).map(|n| Item::Picture { uid: UID, taken: at(n) }));
    of(dir, all.map(|item| (item.clone(), data_path(&item).into_bytes())))
}

/// A spool with these items and their files' contents.
pub fn of(dir: &Path, items: impl IntoIterator<Item = (Item, Vec<u8>)>) -> Arc<Outbox> {
    let (intake, _) = Intake::open(&dir.join("spool"), None).expect("it opens");
    for (item, content) in items {
        intake.admit_bytes(Dated::known(item), &content).expect("it is kept");
    }
    drop(intake);
    Arc::new(Outbox::open(&dir.join("spool"), None).expect("it opens"))
}

/// What waits.
pub fn items(spool: &Outbox) -> Vec<Item> {
    let take = || spool.take(Want::Any, Duration::ZERO, || Duration::ZERO).expect("it can be read");
    let ids: Vec<_> = std::iter::from_fn(take).collect();
    let items = ids.iter().map(|id| spool.load(id).expect("it is whole").item).collect();
    ids.iter().for_each(|id| spool.hand_back(id));
    items
}

/// A configuration for this API, with more lines.
pub fn config(api: &str, more: &str) -> Config {
    config_of(1, crate::api::TOKEN, api, more)
}

/// The same for another home or token.
pub fn config_of(home_id: u32, token: &str, api: &str, more: &str) -> Config {
    let text = format!("home_id = {home_id}\ntoken = \"{token}\"\napi_domain = \"{api}\"\n{more}");
    RawConfig::parse(&text).and_then(RawConfig::validate).expect("a good configuration")
}

/// Delivers until nothing waits or this has been told; gives the faults that were told on the way.
pub fn deliver(spool: &Arc<Outbox>, config: &Config, data_dir: &Path, enough: impl Fn(&[Fault]) -> bool) -> Vec<Fault> {
    deliver_by(&HurriedClock::default(), spool, config, data_dir, enough)
}

/// The same with time that goes by evenly, twenty times as fast as it does: for servers that are late.
pub fn deliver_evenly(spool: &Arc<Outbox>, config: &Config, data_dir: &Path) -> Vec<Fault> {
    deliver_by(&FastClock(Instant::now()), spool, config, data_dir, |_| false)
}

fn deliver_by(
    clock: &(dyn Clock + Sync),
    spool: &Arc<Outbox>,
    config: &Config,
    data_dir: &Path,
    enough: impl Fn(&[Fault]) -> bool,
) -> Vec<Fault> {
    let (home_id, token) = config.require_api().expect("both are there");
    let device = DeviceId { mac_address: "02:00:00:00:00:01".into(), name: "test".into(), model: "test".into() };
    let api = Arc::new(ApiClient::new(&config.api, token, home_id, device).expect("a client"));
    let mut stores = Stores::new(Arc::clone(&api), config.storage.clone(), config.api.ca_file.clone(), data_dir.into());
    let (stop, told) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let mut hangs = false;
    let tell = |event| {
        if let Event::Fault(fault) = event {
            told.lock().expect("whole").push(fault);
        }
    };
    thread::scope(|scope| {
        let track_cluster = &config.api.track_cluster;
        let worker = Worker { outbox: spool, api: &api, track_cluster, clock, stop: &stop, tell: &tell };
        let worker = scope.spawn(move || worker.run(&mut stores));
        let left = || [Kind::Utterance, Kind::Clip, Kind::Picture].map(|kind| spool.waiting(kind));
        let (mut before, mut moved) = (left(), Instant::now());
        while !spool.is_empty() && !enough(&told.lock().expect("whole")) && !hangs {
            if left() != before {
                (before, moved) = (left(), Instant::now());
            }
            hangs = worker.is_finished() || moved.elapsed() >= HANGS_AFTER;
            thread::sleep(Duration::from_millis(20));
        }
        // Always: the scope waits for the worker.
        stop.store(true, Ordering::Relaxed);
        spool.wake();
    });
    let told = told.into_inner().expect("whole");
    assert!(!hangs, "it hangs: {told:#?}");
    told
}

/// A clock that runs ahead by seconds each time it is read, so that nobody waits for a backoff.
#[derive(Default)]
struct HurriedClock {
    ahead_s: Mutex<u64>,
}

impl Clock for HurriedClock {
    fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_secs(*self.ahead_s.lock().expect("whole") as i64)
    }

    fn monotonic(&self) -> Duration {
        let mut ahead_s = self.ahead_s.lock().expect("whole");
        *ahead_s += 5;
        SystemClock.monotonic() + Duration::from_secs(*ahead_s)
    }

    fn boottime(&self) -> Duration {
        SystemClock.boottime()
    }

    fn boot(&self) -> Uuid {
        SystemClock.boot()
    }

    fn is_set(&self) -> bool {
        true
    }
}

struct FastClock(Instant);

impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic() + self.0.elapsed() * 19
    }

    fn boottime(&self) -> Duration {
        SystemClock.boottime()
    }

    fn boot(&self) -> Uuid {
        SystemClock.boot()
    }

    fn is_set(&self) -> bool {
        true
    }
}

/// Each of them is there once, and the consumers of the API stumble over none.
pub fn assert_all_arrived(api: &DemoApi, items: Items) {
    let summary = api.summary();
    assert_eq!(summary["faults"], Value::Array(vec![]), "{summary:#}");
    assert_eq!(summary["utterances"]["delivered"], items.utterances, "{summary:#}");
    assert_eq!(summary["clips"]["delivered"], items.clips, "{summary:#}");
    assert_eq!(summary["frames"]["delivered"], items.pictures, "{summary:#}");
    assert_eq!(summary["frames"]["files"], items.pictures, "{summary:#}");
    assert_rows_once(&summary, items);
}

/// As far as the API can tell that does not see the files.
pub fn assert_rows_once(summary: &Value, items: Items) {
    assert_eq!(summary["utterances"]["rows"], items.utterances, "{summary:#}");
    assert_eq!(summary["clips"]["rows"], items.clips, "{summary:#}");
    assert_eq!(summary["utterances"]["duplicate_rows"], 0, "{summary:#}");
    assert_eq!(summary["clips"]["duplicate_rows"], 0, "{summary:#}");
    // A task whose answer was lost is queued again, under the same track id: the API cannot be asked for it.
    assert!(summary["utterances"]["tasks"].as_u64() >= Some(items.utterances.into()), "{summary:#}");
}
