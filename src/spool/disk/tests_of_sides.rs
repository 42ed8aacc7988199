//! Capture and upload as two processes would use one spool: two of it, open at the same time.

use std::sync::Arc;
use std::thread;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::Index;

use super::open::listing;
use super::*;
use crate::clock::{Clock, ManualClock};
use crate::spool::wall::WallHistory;
use crate::spool::{Item, Wall};

const BOOT: Uuid = Uuid::from_u128(7);

struct Sides {
    dir: tempfile::TempDir,
    capture: Arc<Spool>,
    upload: Arc<Spool>,
}

fn open(side: Side, dir: &Path) -> Arc<Spool> {
    let spool = Arc::new(Spool::open_as(side, dir).expect("it opens").0);
    spool.follow(BOOT).expect("the kernel tells");
    spool
}

fn sides() -> Sides {
    let dir = tempfile::tempdir().expect("a folder");
    Sides { capture: open(Side::Capture, dir.path()), upload: open(Side::Upload, dir.path()), dir }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("in range")
}

fn said(second: i64) -> Dated {
    let (start, end) = (at(second), at(second + 1));
    Dated::known(Item::Utterance { uid: Uuid::nil(), index: 0, start, end, track_id: "T".into() })
}

fn picture(second: i64) -> Dated {
    Dated::known(Item::Picture { uid: Uuid::nil(), taken: at(second) })
}

fn take(spool: &Spool) -> Option<ItemName> {
    spool.take(Want::Any, Duration::ZERO, || Duration::ZERO)
}

/// The kernel tells the other side within a moment.
fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..2_000 {
        if let Some(seen) = look() {
            return seen;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("it never came");
}

#[test]
fn what_capture_adds_upload_delivers_and_then_capture_knows_it_gone() {
    let Sides { dir: _dir, capture, upload } = sides();
    capture.admit_bytes(picture(1), b"one").expect("it fits");
    let name = eventually(|| take(&upload));
    assert_eq!(upload.load(&name).expect("loads").item, picture(1).item);
    assert_eq!(capture.waiting(Kind::Picture), 1);
    upload.finish(&name).expect("it goes");
    eventually(|| capture.is_empty().then_some(()));
    assert!(upload.is_empty());
}

#[test]
fn each_side_can_be_taken_once_and_both_together_only_when_nobody_has_either() {
    let Sides { dir, capture, upload } = sides();
    for side in [Side::Capture, Side::Upload, Side::Both] {
        assert!(matches!(Spool::open_as(side, dir.path()), Err(SpoolError::InUse(_))), "{side:?}");
    }
    drop((capture, upload));
}

#[test]
fn what_is_being_delivered_is_not_given_up_when_the_disk_is_short() {
    let Sides { dir: _dir, capture, upload } = sides();
    for second in 0..3 {
        capture.admit_bytes(picture(second), b"1").expect("it fits");
    }
    // The newest picture goes out first; the oldest is given up first: make the one in hand the oldest.
    let hands: Vec<_> = (0..3).map(|_| eventually(|| take(&upload))).collect();
    let oldest = hands.iter().min().expect("three").clone();
    upload.load(&oldest).expect("loads");
    hands.iter().filter(|name| **name != oldest).for_each(|name| upload.hand_back(name));
    capture.set_budget(Some(2 * 8192)).expect("a budget");
    assert!(capture.media(&oldest).exists());
    let room = capture.admit_bytes(picture(9), b"1").expect("it fits");
    assert!(room.given_up.iter().all(|sacrifice| sacrifice.name != oldest));
    assert!(capture.media(&oldest).exists());

    upload.hand_back(&oldest);
    let room = capture.admit_bytes(picture(10), b"1").expect("it fits");
    assert!(room.given_up.iter().any(|sacrifice| sacrifice.name == oldest), "{room:?}");
    assert!(!capture.media(&oldest).exists());
}

#[test]
fn what_was_given_up_just_before_it_is_read_is_passed_over() {
    let Sides { dir: _dir, capture, upload } = sides();
    capture.admit_bytes(picture(1), b"1").expect("it fits");
    let name = eventually(|| take(&upload));
    capture.set_budget(Some(1)).expect("a budget");
    assert!(matches!(upload.load(&name), Err(SpoolError::GivenUp(_))));
    assert!(upload.is_empty(), "it is in no hand any more");
}

#[test]
fn either_side_starts_again_while_the_other_goes_on() {
    let dir = tempfile::tempdir().expect("a folder");
    {
        // Without followers: these end when they are dropped, as processes do.
        let (capture, _) = Spool::open_as(Side::Capture, dir.path()).expect("it opens");
        capture.admit_bytes(said(1), b"one").expect("it fits");
    }
    let (upload, found) = Spool::open_as(Side::Upload, dir.path()).expect("it opens");
    assert_eq!(found.waiting, 1);
    let name = take(&upload).expect("it waits");
    let manifest = Manifest { step: Step::Uploaded, ..upload.load(&name).expect("loads") };
    let (capture, found) = Spool::open_as(Side::Capture, dir.path()).expect("it opens");
    assert_eq!((found.waiting, found.unfinished, found.damaged), (1, 0, 0));
    upload.record(&name, &manifest).expect("recorded");
    drop(upload);
    capture.admit_bytes(said(5), b"two").expect("it fits");
    let (upload, found) = Spool::open_as(Side::Upload, dir.path()).expect("it opens");
    assert_eq!(found.waiting, 2);
    let name = take(&upload).expect("the first waits");
    assert_eq!(upload.load(&name).expect("loads").step, Step::Uploaded);
}

#[test]
fn what_was_recorded_before_the_clock_was_set_is_delivered_with_its_true_time_by_the_other_side() {
    let Sides { dir: _dir, capture, upload } = sides();
    let clock = ManualClock::unset(at(0));
    let mut history = WallHistory::default();
    history.observe(Reading::of(&clock));
    let run = Uuid::from_u128(5);
    capture.begin(run, BOOT, Reading::of(&clock)).expect("begins");
    let (start, end) = (at(1), at(2));
    let item = Item::Utterance { uid: run, index: 0, start, end, track_id: "T".into() };
    let (item, uptime_us, wall) = history.place(item);
    assert_eq!(wall, Wall::Provisional);
    let recorded = crate::spool::Recorded { boot: BOOT, uptime_us };
    capture.admit_bytes(Dated { item, recorded, wall }, b"one").expect("it fits");
    eventually(|| (upload.unsettled() == 1).then_some(()));
    assert_eq!(take(&upload), None);

    clock.synchronise(SignedDuration::from_hours(1));
    history.observe(Reading::of(&clock));
    capture.settle(history.true_offset_us().expect("it is set")).expect("settles");
    let name = eventually(|| take(&upload));
    let manifest = upload.load(&name).expect("loads");
    assert_eq!((manifest.item.start(), manifest.wall), (at(1) + SignedDuration::from_hours(1), Wall::Known));
    assert_eq!(clock.now(), at(0) + SignedDuration::from_hours(1));
}

#[derive(Debug, Clone)]
enum Act {
    Admit(bool, u16),
    Take,
    Finish(Index),
    Refuse(Index),
    HandBack(Index),
    Defer(Index),
    Retry,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (any::<bool>(), 1..9_000u16).prop_map(|(is_speech, bytes)| Act::Admit(is_speech, bytes)),
        6 => Just(Act::Take),
        3 => any::<Index>().prop_map(Act::Finish),
        1 => any::<Index>().prop_map(Act::Refuse),
        2 => any::<Index>().prop_map(Act::HandBack),
        1 => any::<Index>().prop_map(Act::Defer),
        1 => Just(Act::Retry),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_both_do_at_once_both_know_in_the_end_what_is_there(acts in prop::collection::vec(act(), 1..80)) {
        let Sides { dir, capture, upload } = sides();
        capture.set_budget(Some(12 * 8192)).expect("a budget");
        let admitting = acts.clone();
        let adds = {
            let capture = Arc::clone(&capture);
            thread::spawn(move || {
                for (second, act) in (0..).zip(admitting) {
                    if let Act::Admit(is_speech, bytes) = act {
                        let dated = if is_speech { said(second) } else { picture(second) };
                        match capture.admit_bytes(dated, &vec![0; usize::from(bytes)]) {
                            Ok(_) | Err(SpoolError::Full { .. }) => {}
                            Err(error) => panic!("{}", error.line()),
                        }
                    }
                }
            })
        };
        let mut hand = Vec::new();
        for act in acts {
            match act {
                Act::Admit(..) => {}
                Act::Take => {
                    let Some(name) = take(&upload) else { continue };
                    match upload.load(&name) {
                        Ok(_) => hand.push(name),
                        Err(SpoolError::GivenUp(_)) => {}
                        Err(error) => panic!("{}", error.line()),
                    }
                }
                Act::Retry => { upload.retry().expect("retries"); }
                _ if hand.is_empty() => {}
                Act::Finish(at) => upload.finish(&hand.swap_remove(at.index(hand.len()))).expect("goes"),
                Act::Refuse(at) => upload.refuse(&hand.swap_remove(at.index(hand.len())), "no").expect("set aside"),
                Act::HandBack(at) => upload.hand_back(&hand.swap_remove(at.index(hand.len()))),
                Act::Defer(at) => {
                    upload.defer(&hand.swap_remove(at.index(hand.len())), |_| Duration::from_secs(9));
                }
            }
        }
        adds.join().expect("no panic");
        hand.iter().for_each(|name| upload.hand_back(name));
        let there = |sub: &str| listing(&dir.path().join(sub)).expect("listed").sort_out();
        let (items, refused) = (there("items"), there("refused"));
        prop_assert!(items.bereft.is_empty() && items.unfinished.is_empty() && refused.bereft.is_empty());
        let disk_bytes: u64 = items.complete.iter().chain(&refused.complete).map(ItemName::disk_bytes).sum();
        for spool in [&capture, &upload] {
            eventually(|| {
                let contents = spool.contents();
                let waiting: u64 = Kind::ALL.iter().map(|kind| contents.backlog.waiting(*kind).items).sum();
                let is_known = waiting == items.complete.len() as u64 && contents.backlog.disk_bytes() == disk_bytes;
                is_known.then_some(())
            });
        }
    }
}
