//! Makes items of what is recorded, and keeps them. EDGE: it writes to the spool.

#![expect(clippy::disallowed_macros, clippy::disallowed_methods, reason = "EDGE: files, random numbers, the log")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Cursor};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::books::Books;
use super::disk::{Room, short};
use super::wall::{Reading, WallHistory};
use super::{Dated, Item, Kind, Recorded, Spool, SpoolError, Wall, name};
use crate::capture::Seen;
use crate::clock::Clock;
use crate::durable;
use crate::event::{Event, Fault, Part};
use crate::limits::{CLOCK_PATIENCE, GOOD_TIME_INTERVAL, LOSS_LOG_INTERVAL, SAMPLE_RATE_HZ};

const CLOCK_NOT_SET: &str = "no time server answers, so the clock is not set, and what is recorded waits for it; \
                             check the network, and let NTP (UDP port 123) through";

/// What the capture stages hand over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recording {
    /// Something said, from `start` to `end`, 16 kHz mono.
    Speech {
        /// When its first sample was taken.
        start: Timestamp,
        /// When its last sample was over.
        end: Timestamp,
        /// The sound.
        samples: Vec<i16>,
    },
    /// What is being said, as far as it was heard: kept until it is over, lest the power goes.
    SpeechSoFar {
        /// When its first sample was taken.
        start: Timestamp,
        /// How many samples of it came before.
        from: usize,
        /// Those that came since.
        samples: Vec<i16>,
    },
    /// What was being said was no speech after all.
    NoSpeech,
    /// Something seen.
    Seen(Seen),
}

/// Keeps the recordings of one run, and tends the spool meanwhile.
pub struct Keeper {
    spool: Arc<Spool>,
    clock: Arc<dyn Clock>,
    uid: Uuid,
    boot: Uuid,
    /// Those that the spool knows.
    runs: BTreeSet<Uuid>,
    history: WallHistory,
    next_index: u32,
    /// The file of what is being said.
    so_far: Option<PathBuf>,
    track_cluster: String,
    shortage: Shortages,
    /// Monotonic.
    began: Duration,
    /// It was told that the clock is not set.
    clock_is_late: bool,
    remembered: (Duration, Books),
}

impl Keeper {
    /// For a run of its own: `uid` is new at every start, so that utterance numbers are never used twice.
    pub fn new(spool: Arc<Spool>, uid: Uuid, track_cluster: &str, clock: Arc<dyn Clock>) -> Self {
        let boot = clock.boot();
        let began = clock.monotonic();
        let remembered = (began, spool.books());
        let mut keeper = Self {
            spool,
            clock,
            uid,
            boot,
            runs: BTreeSet::from([uid]),
            history: WallHistory::default(),
            next_index: 0,
            so_far: None,
            track_cluster: track_cluster.into(),
            shortage: Shortages::default(),
            began,
            clock_is_late: false,
            remembered,
        };
        keeper.take_up_speech();
        keeper.begin(uid);
        keeper.look_at_clocks();
        keeper
    }

    fn begin(&self, run: Uuid) {
        if let Err(error) = self.spool.begin(run, self.boot, Reading::of(&*self.clock)) {
            log::warn!("{}; what is recorded before the clock is set may get uncertain times", error.line());
        }
    }

    /// Keeps one recording; says what came of it.
    pub fn keep(&mut self, recording: Recording, tell: &dyn Fn(Event)) {
        self.look_at_clocks();
        let (kind, result) = match recording {
            Recording::Speech { start, end, samples } => (Kind::Utterance, self.keep_speech(start, end, &samples)),
            Recording::SpeechSoFar { start, from, samples } => return self.keep_so_far(start, from, &samples),
            Recording::NoSpeech => return self.spool.forget_speech(self.so_far.take()),
            Recording::Seen(Seen::Picture { uid, taken, jpeg }) => {
                let dated = self.date(Item::Picture { uid, taken });
                (Kind::Picture, self.admit(dated, |spool, dated| spool.admit_bytes(dated, &jpeg)))
            }
            Recording::Seen(Seen::Clip { uid, start, end, file }) => {
                let dated = self.date(Item::Clip { uid, start, end });
                let result = self.admit(dated, |spool, dated| spool.admit_file(dated, &file));
                if result.is_err() {
                    // It is in the scratch folder, which the next start empties, but the disk may be full now.
                    let _ = fs::remove_file(&file);
                }
                (Kind::Clip, result)
            }
            Recording::Seen(Seen::ClipLost(cause)) => return self.lose(Kind::Clip, cause, tell),
        };
        match result {
            Ok(room) => {
                tell(Event::Recorded(kind));
                self.tell_of(&room, tell);
            }
            Err(error) => self.lose(kind, error.line(), tell),
        }
    }

    /// Says how much of the disk may be used; what is too much already is given up.
    pub fn set_budget(&mut self, max_bytes: Option<u64>, tell: &dyn Fn(Event)) {
        match self.spool.set_budget(max_bytes) {
            Ok(room) => self.tell_of(&room, tell),
            Err(error) => tell(Event::Fault(Fault::new(Part::Disk, error.line()))),
        }
    }

    /// Says what had to be given up.
    fn tell_of(&mut self, room: &Room, tell: &dyn Fn(Event)) {
        room.given_up.iter().for_each(|sacrifice| tell(Event::Dropped(sacrifice.name.kind())));
        let worst = room.given_up.iter().map(|sacrifice| sacrifice.name.kind()).min();
        if let (Some(worst), Some(shortage)) = (worst, room.shortage) {
            let text = short(worst, shortage.is_disk, room.max_bytes);
            self.shortage.tell(worst, text, self.clock.monotonic(), tell);
        }
    }

    fn lose(&mut self, kind: Kind, cause: String, tell: &dyn Fn(Event)) {
        self.spool.count_lost(kind, 0);
        tell(Event::Dropped(kind));
        self.shortage.tell(kind, cause, self.clock.monotonic(), tell);
    }

    /// What has to be done now and then: called every second or so.
    pub fn tend(&mut self, tell: &dyn Fn(Event)) {
        self.look_at_clocks();
        self.tell_of_clock(tell);
        if self.shortage.is_over(self.clock.monotonic()) && self.spool.has_room() {
            self.shortage.clear(tell);
        }
        self.remember(false);
    }

    /// Makes durable what is remembered from one run to the next, if it is news and the last time is a while ago.
    pub fn remember(&mut self, is_over: bool) {
        let (now, books) = (self.clock.monotonic(), self.spool.books());
        let is_due = |after: Duration| is_over || now >= self.remembered.0 + after;
        let dropped = books.dropped_ever != self.remembered.1.dropped_ever;
        if !(is_due(GOOD_TIME_INTERVAL) || dropped && is_due(LOSS_LOG_INTERVAL)) {
            return;
        }
        if dropped {
            log::warn!("{}", dropped_since(&self.remembered.1, &books));
        }
        let good_us = self.history.true_offset_us().map(|_| self.clock.now().as_microsecond());
        if let Err(error) = self.spool.remember(good_us) {
            log::debug!("{}", error.line());
        }
        self.remembered = (now, books);
    }

    fn look_at_clocks(&mut self) {
        self.history.observe(Reading::of(&*self.clock));
        if let Some(true_us) = self.history.true_offset_us()
            && let Err(error) = self.spool.settle(true_us)
        {
            log::warn!("{}; what was recorded before the clock was set waits", error.line());
        }
    }

    /// Nothing that is recorded meanwhile is delivered, so a person has to know.
    fn tell_of_clock(&mut self, tell: &dyn Fn(Event)) {
        let is_late = self.history.true_offset_us().is_none() && self.clock.monotonic() >= self.began + CLOCK_PATIENCE;
        if is_late != self.clock_is_late {
            self.clock_is_late = is_late;
            tell(if is_late {
                Event::Fault(Fault::new(Part::Clock, CLOCK_NOT_SET))
            } else {
                Event::Cleared(Part::Clock)
            });
        }
    }

    fn date(&mut self, item: Item) -> Dated {
        let (item, uptime_us, wall) = self.history.place(item);
        // What is seen may belong to a run of its own, which has to be known to place it later.
        if wall == Wall::Provisional && self.runs.insert(item.uid()) {
            self.begin(item.uid());
        }
        Dated { item, recorded: Recorded { boot: self.boot, uptime_us }, wall }
    }

    fn keep_speech(&mut self, start: Timestamp, end: Timestamp, samples: &[i16]) -> Result<Room, SpoolError> {
        let wav = wav(samples).map_err(|source| SpoolError::Io {
            doing: "make a WAV for",
            path: self.spool.scratch().into(),
            source,
        })?;
        let track_id = self.new_track_id();
        let item = Item::Utterance { uid: self.uid, index: self.next_index, start, end, track_id };
        // The number is used up even if the item cannot be kept: two rows of one number stop the server's chain.
        self.next_index += 1;
        let dated = self.date(item);
        let so_far = self.so_far.take();
        self.admit(dated, |spool, dated| spool.admit_speech(dated, &wav, so_far.as_deref()))
    }

    /// Keeps an item, and logs that from now on it survives a power cut: `scripts/power-cuts` holds the program to it.
    fn admit(
        &self,
        dated: Dated,
        keep: impl FnOnce(&Spool, Dated) -> Result<Room, SpoolError>,
    ) -> Result<Room, SpoolError> {
        let file = name::data_path(&dated.item);
        let room = keep(&self.spool, dated)?;
        log::debug!("kept {file}");
        Ok(room)
    }

    fn new_track_id(&self) -> String {
        format!("T-{}-{}", self.track_cluster, Uuid::new_v4().simple())
    }

    /// A card that is full or slow is told of by what is finished; here nothing is lost but a help.
    fn keep_so_far(&mut self, start: Timestamp, from: usize, samples: &[i16]) {
        if from == 0 {
            self.so_far = Some(self.spool.scratch().join(name::unfinished_speech(self.uid, self.next_index, start)));
        }
        let Some(file) = &self.so_far else { return };
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        if let Err(error) = durable::append(file, &bytes) {
            log::debug!("cannot keep what is being said: {error}");
            self.spool.forget_speech(self.so_far.take());
        }
    }

    /// What was being said when the power went is an utterance up to its last whole second.
    fn take_up_speech(&self) {
        for file in self.spool.unfinished_speech() {
            let track_id = self.new_track_id();
            match self.spool.adopt_speech(&file, track_id, wav) {
                Ok(()) => log::info!("what was being said when the program was cut off is kept"),
                Err(error) => log::warn!("what was being said when the program was cut off: {}", error.line()),
            }
        }
    }
}

/// What is said of what is dropped: once, and again only when it gets worse.
#[derive(Debug, Default)]
struct Shortages {
    /// What is dropped, down to the most valuable.
    worst: Option<Kind>,
    /// Monotonic.
    last: Duration,
}

impl Shortages {
    fn tell(&mut self, kind: Kind, text: String, now: Duration, tell: &dyn Fn(Event)) {
        self.last = now;
        if self.worst.is_none_or(|worst| kind < worst) {
            self.worst = Some(kind);
            tell(Event::Fault(Fault::new(Part::Disk, text)));
        }
    }

    fn is_over(&self, now: Duration) -> bool {
        self.worst.is_some() && now >= self.last + LOSS_LOG_INTERVAL
    }

    fn clear(&mut self, tell: &dyn Fn(Event)) {
        self.worst = None;
        tell(Event::Cleared(Part::Disk));
    }
}

fn dropped_since(before: &Books, now: &Books) -> String {
    let more = |kind| now.dropped_ever.of(kind).items - before.dropped_ever.of(kind).items;
    let counts: Vec<_> = Kind::ALL.iter().filter(|kind| more(**kind) > 0).collect();
    let counts: Vec<_> = counts.into_iter().map(|kind| format!("{} {kind}s", more(*kind))).collect();
    format!("dropped: {}", counts.join(", "))
}

/// A WAV file of 16-bit mono samples.
fn wav(samples: &[i16]) -> io::Result<Vec<u8>> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE_HZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Cursor::new(Vec::with_capacity(44 + samples.len() * 2));
    let mut writer = hound::WavWriter::new(&mut bytes, spec).map_err(io::Error::other)?;
    let mut block = writer.get_i16_writer(samples.len() as u32);
    samples.iter().for_each(|sample| block.write_sample(*sample));
    block.flush().map_err(io::Error::other)?;
    writer.finalize().map_err(io::Error::other)?;
    Ok(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use std::cell::RefCell;

    use super::*;
    use crate::clock::ManualClock;
    use crate::spool::Want;

    fn keeper(spool: &Arc<Spool>) -> Keeper {
        Keeper::new(Arc::clone(spool), Uuid::nil(), "CLUSTER", Arc::new(ManualClock::at(at(0))))
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("in range")
    }

    fn speech(second: i64) -> Recording {
        Recording::Speech { start: at(second), end: at(second + 1), samples: vec![7; 16_000] }
    }

    #[test]
    fn utterances_are_numbered_and_their_wavs_read_back() {
        let dir = tempfile::tempdir().expect("a folder");
        let spool = Arc::new(Spool::open(dir.path()).expect("opens").0);
        let mut keeper = keeper(&spool);
        keeper.keep(speech(0), &|_| {});
        keeper.keep(speech(5), &|_| {});
        for expected in 0..2 {
            let name = spool.take(Want::Any, Duration::ZERO, || Duration::ZERO).expect("waits");
            let Item::Utterance { index, track_id, .. } = spool.load(&name).expect("loads").item else {
                panic!("an utterance was kept")
            };
            assert_eq!(index, expected);
            assert!(track_id.starts_with("T-CLUSTER-") && track_id.len() == "T-CLUSTER-".len() + 32);
            let wav = hound::WavReader::open(spool.media(&name)).expect("a WAV");
            assert_eq!((wav.spec().sample_rate, wav.duration()), (16_000, 16_000));
        }
    }

    #[test]
    fn a_loss_is_counted_each_time_and_told_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let spool = Arc::new(Spool::open(dir.path()).expect("opens").0);
        let mut keeper = keeper(&spool);
        let told = RefCell::new(Vec::new());
        let tell = |event| told.borrow_mut().push(event);
        let gone = || {
            let file = "/nonexistent/clip.mp4".into();
            Recording::Seen(Seen::Clip { uid: Uuid::nil(), start: at(0), end: at(20), file })
        };
        keeper.keep(gone(), &tell);
        keeper.keep(gone(), &tell);
        let is_fault = |event: &&Event| matches!(event, Event::Fault(_));
        assert_eq!(told.borrow().iter().filter(is_fault).count(), 1);
        assert_eq!(told.borrow().iter().filter(|event| **event == Event::Dropped(Kind::Clip)).count(), 2);
    }

    #[test]
    fn that_the_clock_is_not_set_is_told_after_a_minute_and_cleared_once_it_is() {
        let dir = tempfile::tempdir().expect("a folder");
        let spool = Arc::new(Spool::open(dir.path()).expect("opens").0);
        let clock = Arc::new(ManualClock::unset(at(1)));
        let mut keeper = Keeper::new(Arc::clone(&spool), Uuid::nil(), "CLUSTER", clock.clone());
        let told = RefCell::new(Vec::new());
        let tell = |event| told.borrow_mut().push(event);
        clock.advance(Duration::from_secs(59));
        keeper.tend(&tell);
        assert_eq!(told.take(), []);
        clock.advance(Duration::from_secs(1));
        keeper.tend(&tell);
        keeper.tend(&tell);
        assert_eq!(told.take(), [Event::Fault(Fault::new(Part::Clock, CLOCK_NOT_SET))]);
        clock.synchronise(SignedDuration::from_hours(1));
        keeper.tend(&tell);
        assert_eq!(told.take(), [Event::Cleared(Part::Clock)]);
    }

    #[test]
    fn what_is_said_around_the_setting_of_the_clock_goes_out_with_its_true_times() {
        let dir = tempfile::tempdir().expect("a folder");
        let spool = Arc::new(Spool::open(dir.path()).expect("opens").0);
        let clock = Arc::new(ManualClock::unset(at(1)));
        let mut keeper = Keeper::new(Arc::clone(&spool), Uuid::nil(), "CLUSTER", clock.clone());
        keeper.keep(speech(0), &|_| {});
        keeper.tend(&|_| {});
        assert_eq!((spool.unsettled(), spool.take(Want::Any, Duration::ZERO, || Duration::ZERO)), (1, None));

        // The second is said by the old time and kept by the new.
        clock.advance(Duration::from_secs(4));
        let second = speech(4);
        clock.synchronise(SignedDuration::from_hours(1));
        keeper.keep(second, &|_| {});
        let hour = SignedDuration::from_hours(1);
        for expected in [at(0) + hour, at(4) + hour] {
            let name = spool.take(Want::Any, Duration::ZERO, || Duration::ZERO).expect("it may go");
            let manifest = spool.load(&name).expect("loads");
            assert_eq!((manifest.item.start(), manifest.wall), (expected, Wall::Known));
        }
    }

    #[test]
    fn what_is_dropped_for_what_is_newer_is_counted_each_time_and_told_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let spool = Arc::new(Spool::open(dir.path()).expect("opens").0);
        spool.set_budget(Some(100 * 8192)).expect("a budget");
        let clock = Arc::new(ManualClock::at(at(0)));
        let mut keeper = Keeper::new(Arc::clone(&spool), Uuid::nil(), "CLUSTER", clock.clone());
        let told = RefCell::new(Vec::new());
        let tell = |event| told.borrow_mut().push(event);
        for second in 0..200 {
            keeper.keep(Recording::Seen(Seen::Picture { uid: Uuid::nil(), taken: at(second), jpeg: vec![1] }), &tell);
            keeper.tend(&tell);
        }
        let count = |wanted: &dyn Fn(&Event) -> bool| told.borrow().iter().filter(|event| wanted(event)).count();
        assert_eq!(count(&|event| *event == Event::Dropped(Kind::Picture)), 200 - spool.waiting(Kind::Picture));
        assert_eq!(count(&|event| matches!(event, Event::Fault(fault) if fault.text.contains("budget"))), 1);
        assert_eq!(count(&|event| *event == Event::Cleared(Part::Disk)), 0);

        // Delivered, and a minute later it is over.
        while let Some(name) = spool.take(Want::Any, Duration::ZERO, || Duration::ZERO) {
            spool.finish(&name).expect("it goes");
        }
        clock.advance(LOSS_LOG_INTERVAL);
        keeper.tend(&tell);
        assert_eq!(told.borrow().last(), Some(&Event::Cleared(Part::Disk)));
    }
}
