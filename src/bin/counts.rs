//! The work whose instructions `scripts/bench counts` counts: pure, in one thread, always on the same input.
//!
//! ```text
//! counts             prints the names of the work there is
//! counts NAME        does that work once
//! ```

use std::env;
use std::hint::black_box;
use std::io::{self, Write};
use std::time::Duration;

use jiff::Timestamp;
use listener::capture::synthetic_voice::synthetic_voice;
use listener::item::{Dated, Entry, Item, ItemId, ItemName, Kind, name};
use listener::limits::{CHUNK_SAMPLES, SAMPLE_RATE_HZ};
use listener::segment::{Hearing, Settings, SoundChunk, Threshold};
use listener::spool::budget::{Budget, Disk};
use listener::spool::queue::{Queue, Waiting, Want};
use listener::upload::{Action, Outcome, Stage, StorageSolution, Uploader};
use uuid::Uuid;

const WORK: [(&str, fn()); 5] = [
    ("quiet_second", quiet_second),
    ("speech_second", speech_second),
    ("picture_named", picture_named),
    ("item_admitted", item_admitted),
    ("item_delivered", item_delivered),
];

const RUN: Uuid = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
/// 2026-09-21T14:14:00Z, in seconds since 1970.
const START_S: i64 = 1_790_000_040;
/// Long after the start of the machine.
const NOW: Duration = Duration::from_secs(1000);
/// Hours without a network: work that grows with what waits would show.
const WAITING: i64 = 10_000;

fn main() {
    // `cargo bench` passes `--bench`.
    let named = env::args().skip(1).find(|arg| arg != "--bench");
    match named {
        None => WORK.iter().for_each(|(name, _)| writeln!(io::stdout(), "{name}").expect("stdout is open")),
        Some(named) => {
            let (_, work) = WORK.iter().find(|(name, _)| *name == named).expect("the name of one of them");
            work();
        }
    }
}

/// Callgrind counts what is done in here, and nothing else. A process does this once.
#[inline(never)]
fn measured<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// A second of a quiet room, after ten others.
fn quiet_second() {
    let mut hearing = in_a_room();
    let second = sound(&mut fastrand::Rng::with_seed(2), 10, false);
    measured(|| hear(&mut hearing, &second));
    assert!(!hearing.is_speaking(), "this measures something else");
}

/// A second of speech, in the third second of an utterance.
fn speech_second() {
    let mut hearing = in_a_room();
    let mut noise = fastrand::Rng::with_seed(3);
    for second in 10..12 {
        hear(&mut hearing, &sound(&mut noise, second, true));
    }
    let second = sound(&mut noise, 12, true);
    measured(|| hear(&mut hearing, &second));
    assert!(hearing.is_speaking(), "this measures something else");
}

/// Has listened to a quiet room for ten seconds.
fn in_a_room() -> Hearing {
    let mut hearing = Hearing::new(Settings {
        threshold: Threshold::Auto,
        pause_ms: 700,
        lead_in_ms: 500,
        tail_ms: 400,
        shortest_ms: 60,
        timeout_ms: 30_000,
    });
    let mut noise = fastrand::Rng::with_seed(1);
    for second in 0..10 {
        hear(&mut hearing, &sound(&mut noise, second, false));
    }
    hearing
}

fn hear(hearing: &mut Hearing, chunks: &[SoundChunk]) {
    chunks.iter().for_each(|chunk| hearing.push(chunk, |heard| drop(black_box(heard))));
}

/// A second of noise, and of a voice if someone speaks, in chunks as a microphone gives them.
fn sound(noise: &mut fastrand::Rng, second: i64, is_speech: bool) -> Vec<SoundChunk> {
    let voice = synthetic_voice(SAMPLE_RATE_HZ as usize, if is_speech { 6_000.0 } else { 0.0 });
    let samples: Vec<i16> = voice.iter().map(|voice| noise.i16(-128..128) + voice).collect();
    let chunk = |(number, samples): (usize, &[i16])| {
        let into_us = (number * CHUNK_SAMPLES) as i64 * 1_000_000 / i64::from(SAMPLE_RATE_HZ);
        let captured = Timestamp::from_microsecond((START_S + second) * 1_000_000 + into_us).expect("in range");
        SoundChunk { captured, samples: samples.to_vec() }
    };
    samples.chunks(CHUNK_SAMPLES).enumerate().map(chunk).collect()
}

/// All names of a picture: here, at the API, and read back from a listing.
fn picture_named() {
    let dated = Dated::known(picture(0));
    let read_back = measured(|| {
        let name = ItemName::of(&dated, 30_000, None);
        black_box(name::api_path(&dated.item));
        ItemName::of_file(&name.media())
    });
    assert_eq!(read_back, Some(ItemName::of(&dated, 30_000, None)));
}

/// What is done for a new picture when it is admitted while many wait, but for the disk's and the ledger's part.
fn item_admitted() {
    let mut queue = queue();
    let disk = Disk { free_bytes: 1 << 40, total_bytes: 1 << 41 };
    let budget = Budget::of(None, disk);
    let dated = Dated::known(picture(WAITING));
    measured(|| {
        let entry = Entry::new(dated, 30_000, None);
        assert_eq!(budget.shortage(1 << 30, entry.name.disk_bytes(), Kind::Picture, disk), None);
        black_box(entry.name.media());
        queue.add_new(waiting(&entry, WAITING));
    });
    assert_eq!(queue.waiting(Kind::Picture).items, WAITING as u64 + 1);
}

/// What is done to deliver an utterance while many pictures wait, but for the disk's, the ledger's and the network's part.
fn item_delivered() {
    let mut uploader = Uploader::new("https://api.example.org", "C", Duration::ZERO);
    uploader.on(Outcome::Done, NOW, 0.5);
    uploader.on(Outcome::Solution(StorageSolution::Api), NOW, 0.5);
    let mut queue = queue();
    let utterance = Entry::new(Dated::known(utterance()), 88_012, None);
    queue.add_new(waiting(&utterance, WAITING));
    let stages = measured(|| {
        let id = queue.take(NOW, Want::Any).expect("something waits");
        black_box(uploader.on(Outcome::Taken(id, utterance), NOW, 0.5));
        let mut stages = 0;
        while let Action::Deliver(id, entry, stage) = uploader.next(NOW) {
            match stage {
                Stage::Record => drop(black_box(entry)),
                Stage::Finish => queue.finish(&id),
                _ => drop(black_box(queue.is_outranked(&id, Want::Any))),
            }
            black_box(uploader.on(Outcome::Done, NOW, 0.5));
            stages += 1;
        }
        stages
    });
    assert_eq!(stages, 6, "upload, record, row, record, task, finish");
}

/// Pictures of some hours wait.
fn queue() -> Queue {
    let mut queue = Queue::default();
    (0..WAITING).for_each(|row| queue.add(waiting(&Entry::new(Dated::known(picture(row)), 30_000, None), row)));
    queue
}

fn waiting(entry: &Entry, row: i64) -> Waiting {
    let (start_us, end_us) = (entry.item.start().as_microsecond(), entry.item.end().as_microsecond());
    let id = ItemId { kind: entry.item.kind(), row };
    Waiting { id, at_us: start_us, length_us: end_us - start_us, bytes: entry.media_bytes(), step: entry.step }
}

fn picture(second: i64) -> Item {
    Item::Picture { uid: RUN, taken: Timestamp::from_second(START_S + second).expect("in range") }
}

fn utterance() -> Item {
    let at = |second| Timestamp::from_second(START_S + second).expect("in range");
    let track_id = format!("T-CLUSTER-{}", RUN.simple());
    Item::Utterance { uid: RUN, index: 7, start: at(WAITING), end: at(WAITING + 3), track_id }
}
