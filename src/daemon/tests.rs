use std::fs;
use std::io;
use std::thread;

use super::*;
use crate::clock::SystemClock;
use crate::config::RawConfig;
use crate::status::report::{Account, Report};
use crate::status::socket::Inbox;

/// A pin that a test pulls; there is none to be had on a test machine.
#[derive(Debug, Clone)]
struct Pulled(Arc<AtomicBool>);

impl Switch for Pulled {
    fn is_on(&mut self) -> io::Result<bool> {
        Ok(self.0.load(Ordering::Relaxed))
    }
}

#[derive(Debug)]
struct Broken;

impl Switch for Broken {
    fn is_on(&mut self) -> io::Result<bool> {
        Err(io::Error::other("no such pin"))
    }
}

fn job(data_dir: &std::path::Path, report_to: Option<PathBuf>, mute: Box<dyn Switch>) -> Job {
    use crate::config::Key;
    let small = [(Key::Width, "160"), (Key::Height, "120"), (Key::VideoLength, "1"), (Key::FrameRate, "10")];
    let raw = small.into_iter().fold(RawConfig::default(), |raw, (key, value)| raw.with_option(key, value));
    Job {
        side: Side::Capture,
        config: raw.validate().expect("good"),
        source: Source::Test,
        data_dir: data_dir.into(),
        runtime_dir: None,
        report_to,
        mute: Some(mute),
        leds: false,
        run_for: None,
    }
}

fn next_account(inbox: &mut Inbox) -> Account {
    loop {
        let envelope = inbox.receive(Duration::from_secs(20)).expect("a socket").expect("it reports every second");
        if let Report::Stage { account, .. } = envelope.report {
            return *account;
        }
    }
}

fn recorded(account: &Account) -> u64 {
    Kind::ALL.iter().map(|kind| account.progress.tally(*kind).recorded).sum()
}

#[test]
fn while_the_mute_switch_is_on_nothing_is_recorded_and_every_device_is_closed() {
    let dir = tempfile::tempdir().expect("a folder");
    let socket = dir.path().join("indicate.sock");
    let mut inbox = Inbox::bind(&socket).expect("a socket");
    let (switch, stop) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
    let job = job(dir.path(), Some(socket), Box::new(Pulled(Arc::clone(&switch))));
    let stopped = Arc::clone(&stop);
    let daemon = thread::spawn(move || run(job, Arc::new(SystemClock), &stopped).map(drop));

    // On from the start.
    for _ in 0..3 {
        let account = next_account(&mut inbox);
        assert!(account.muted);
        assert_eq!(recorded(&account), 0);
    }
    switch.store(false, Ordering::Relaxed);
    while recorded(&next_account(&mut inbox)) < 3 {}
    switch.store(true, Ordering::Relaxed);
    let at_mute = loop {
        let account = next_account(&mut inbox);
        if account.muted {
            break account;
        }
    };
    // What was open is closed and kept within a moment; then nothing comes any more.
    let settled = recorded(&std::iter::repeat_with(|| next_account(&mut inbox)).nth(2).expect("it goes on"));
    let later = std::iter::repeat_with(|| next_account(&mut inbox)).nth(2).expect("it goes on");
    assert_eq!((recorded(&later), later.muted), (settled, true));
    assert!(!later.progress.is_recording(Part::Camera) && !later.progress.is_recording(Part::Microphone));
    assert_eq!(fs::read_dir(dir.path().join("spool/scratch")).expect("a folder").count(), 0, "nothing is open");
    switch.store(false, Ordering::Relaxed);
    while recorded(&next_account(&mut inbox)) <= recorded(&at_mute) + 2 {}
    stop.store(true, Ordering::Relaxed);
    daemon.join().expect("no panic").expect("it ends well");
}

#[test]
fn a_mute_switch_that_cannot_be_read_lets_nothing_be_recorded() {
    let dir = tempfile::tempdir().expect("a folder");
    let stop = AtomicBool::new(false);
    let error = run(job(dir.path(), None, Box::new(Broken)), Arc::new(SystemClock), &stop).expect_err("it must end");
    assert!(format!("{error:#}").contains("mute switch cannot be read"), "{error:#}");
    assert_eq!(fs::read_dir(dir.path().join("spool/items")).expect("a folder").count(), 0);
}
