//! Makes items of what is recorded, and keeps them. EDGE: it writes to the spool.

#![expect(clippy::disallowed_macros, clippy::disallowed_methods, reason = "EDGE: files, random numbers, the log")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Cursor};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::Seen;
use super::shortages::{Shortages, dropped_since};
use crate::clock::Clock;
use crate::event::{Event, Fault, Part};
use crate::item::{Dated, Item, ItemName, Kind, Recorded, WAV_HEADER_BYTES, Wall, name};
use crate::limits::{CLOCK_PATIENCE, GOOD_TIME_INTERVAL, LOSS_LOG_INTERVAL, SAMPLE_RATE_HZ, SYNC_INTERVAL};
use crate::spool::amount::Amounts;
use crate::spool::budget::short;
use crate::spool::wall::{Reading, WallHistory};
use crate::spool::{Eviction, Intake, SpoolError};

const CLOCK_NOT_SET: &str = "no time server answers, so the clock is not set, and what is recorded waits for it; \
                             check the network, and let NTP (UDP port 123) through";

/// The start of an utterance may be corrected by so much while it goes on: the clock of a sound card is followed. Another utterance begins
/// later than that.
const SAME_START: SignedDuration = SignedDuration::from_millis(100);

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
    intake: Arc<Intake>,
    clock: Arc<dyn Clock>,
    uid: Uuid,
    boot: Uuid,
    /// Those that the spool knows.
    runs: BTreeSet<Uuid>,
    history: WallHistory,
    next_index: u32,
    /// The file of what is being said, and when that began.
    so_far: Option<(PathBuf, Timestamp)>,
    track_cluster: String,
    shortage: Shortages,
    /// When what is being recorded was last made durable, monotonic.
    synced: Duration,
    /// Monotonic.
    began: Duration,
    /// It was told that the clock is not set.
    clock_is_late: bool,
    /// When the time was last remembered, monotonic, and what had been dropped by then.
    remembered: (Duration, Amounts),
    /// Why the ledger cannot be written; a person has been told.
    trouble: Option<String>,
}

impl Keeper {
    /// For a run of its own: `uid` is new at every start, so that utterance numbers are never used twice.
    pub fn new(intake: Arc<Intake>, uid: Uuid, track_cluster: &str, clock: Arc<dyn Clock>) -> Self {
        let boot = clock.boot();
        let began = clock.monotonic();
        let remembered = (began, Amounts::default());
        let mut keeper = Self {
            intake,
            clock,
            uid,
            boot,
            runs: BTreeSet::from([uid]),
            history: WallHistory::default(),
            next_index: 0,
            so_far: None,
            track_cluster: track_cluster.into(),
            shortage: Shortages::default(),
            synced: began,
            began,
            clock_is_late: false,
            remembered,
            trouble: None,
        };
        keeper.take_up_speech();
        keeper.begin(uid);
        keeper.look_at_clocks();
        keeper
    }

    fn begin(&self, run: Uuid) {
        self.intake.begin(run, self.boot, Reading::of(&*self.clock));
    }

    /// Keeps one recording; says what came of it.
    pub fn keep(&mut self, recording: Recording, tell: &dyn Fn(Event)) {
        self.look_at_clocks();
        let (kind, result) = match recording {
            Recording::Speech { start, end, samples } => (Kind::Utterance, self.keep_speech(start, end, &samples)),
            Recording::SpeechSoFar { start, from, samples } => return self.keep_so_far(start, from, &samples),
            Recording::NoSpeech => return self.forget_speech(),
            Recording::Seen(Seen::Picture { uid, taken, jpeg }) => {
                let dated = self.date(Item::Picture { uid, taken });
                (Kind::Picture, self.intake.admit_bytes(dated, &jpeg))
            }
            Recording::Seen(Seen::Clip { uid, start, end, file }) => {
                let dated = self.date(Item::Clip { uid, start, end });
                let result = self.intake.admit_file(dated, &file);
                if result.is_err() {
                    // The disk may be full.
                    let _ = fs::remove_file(&file);
                }
                (Kind::Clip, result)
            }
            Recording::Seen(Seen::ClipLost(cause)) => return self.lose(Kind::Clip, cause, tell),
        };
        match result {
            Ok(room) => {
                // What is being recorded was made durable along with it.
                self.synced = self.clock.monotonic();
                tell(Event::Recorded(kind));
                self.tell_of(&room, tell);
            }
            Err(error) => self.lose(kind, error.line(), tell),
        }
    }

    /// Says how much of the disk may be used; what is too much already is given up.
    pub fn set_budget(&mut self, max_bytes: Option<u64>, tell: &dyn Fn(Event)) {
        match self.intake.set_budget(max_bytes) {
            Ok(room) => self.tell_of(&room, tell),
            // It is tried again with the next recording.
            Err(error) => log::warn!("{}", error.line()),
        }
    }

    /// Says what had to be given up.
    fn tell_of(&mut self, room: &Eviction, tell: &dyn Fn(Event)) {
        room.given_up.iter().for_each(|name| tell(Event::Dropped(name.kind())));
        let worst = room.given_up.iter().map(ItemName::kind).min();
        if let (Some(worst), Some(shortage)) = (worst, room.shortage) {
            let text = short(worst, shortage.is_disk, room.max_bytes);
            self.shortage.tell(worst, text, self.clock.monotonic(), tell);
        }
    }

    fn lose(&mut self, kind: Kind, cause: String, tell: &dyn Fn(Event)) {
        self.intake.count_lost(kind);
        tell(Event::Dropped(kind));
        self.shortage.tell(kind, cause, self.clock.monotonic(), tell);
    }

    /// What has to be done now and then: called twice a second, and after each recording.
    pub fn tend(&mut self, tell: &dyn Fn(Event)) {
        if self.clock.monotonic() >= self.synced + SYNC_INTERVAL {
            self.intake.sync_unfinished();
            self.synced = self.clock.monotonic();
        }
        self.look_at_clocks();
        self.tell_of_clock(tell);
        self.tell_of_ledger(tell);
        if self.shortage.is_over(self.clock.monotonic()) && self.intake.has_room() {
            self.shortage = Shortages::default();
            self.tell_if_disk_is_well(tell);
        }
        self.remember(false);
    }

    fn tell_of_ledger(&mut self, tell: &dyn Fn(Event)) {
        let trouble = self.intake.tend();
        if trouble != self.trouble {
            self.trouble = trouble;
            match &self.trouble {
                Some(text) => tell(Event::Fault(Fault::new(Part::Disk, text.clone()))),
                None => self.tell_if_disk_is_well(tell),
            }
        }
    }

    fn tell_if_disk_is_well(&self, tell: &dyn Fn(Event)) {
        if self.trouble.is_none() && self.shortage.worst.is_none() {
            tell(Event::Cleared(Part::Disk));
        }
    }

    /// Notes the time, if it is known to be true and the last note is a while ago, and says what was dropped.
    pub fn remember(&mut self, is_over: bool) {
        let (now, dropped) = (self.clock.monotonic(), self.intake.counts().dropped);
        let is_due = |after: Duration| is_over || now >= self.remembered.0 + after;
        let is_news = dropped != self.remembered.1;
        if !(is_due(GOOD_TIME_INTERVAL) || is_news && is_due(LOSS_LOG_INTERVAL)) {
            return;
        }
        if is_news {
            log::warn!("{}", dropped_since(&self.remembered.1, &dropped));
        }
        if self.history.true_offset_us().is_some()
            && let Err(error) = self.intake.remember(self.clock.now().as_microsecond())
        {
            log::debug!("{}", error.line());
        }
        self.remembered = (now, dropped);
    }

    fn look_at_clocks(&mut self) {
        self.history.observe(Reading::of(&*self.clock));
        if let Some(true_us) = self.history.true_offset_us() {
            self.intake.settle(true_us);
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

    fn keep_speech(&mut self, start: Timestamp, end: Timestamp, samples: &[i16]) -> Result<Eviction, SpoolError> {
        let wav = wav(samples).map_err(|source| SpoolError::Io {
            doing: "make a WAV for",
            path: self.intake.scratch().into(),
            source,
        })?;
        let track_id = self.new_track_id();
        let item = Item::Utterance { uid: self.uid, index: self.next_index, start, end, track_id };
        // The number is used up even if the item cannot be kept: two rows of one number stop the server's chain.
        self.next_index += 1;
        let dated = self.date(item);
        let is_other = |began: Timestamp| start.duration_since(began).abs() > SAME_START;
        if self.so_far.as_ref().is_some_and(|(_, began)| is_other(*began)) {
            // Store the utterance first: a power cut must find one of the two.
            let admitted = self.intake.admit_speech(dated, &wav, None);
            self.forget_speech();
            return admitted;
        }
        let so_far = self.so_far.take().map(|(file, _)| file);
        self.intake.admit_speech(dated, &wav, so_far.as_deref())
    }

    fn new_track_id(&self) -> String {
        format!("T-{}-{}", self.track_cluster, Uuid::new_v4().simple())
    }

    /// A card that is full or slow is told of by what is finished; here nothing is lost but a help.
    fn keep_so_far(&mut self, start: Timestamp, from: usize, samples: &[i16]) {
        if from == 0 {
            let file = name::unfinished_speech(self.uid, self.next_index, start);
            self.so_far = Some((self.intake.scratch().join(file), start));
        }
        let Some((file, _)) = &self.so_far else { return };
        // The header is written when the length is known.
        let mut bytes = vec![0; if from == 0 { WAV_HEADER_BYTES } else { 0 }];
        bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        if let Err(error) = self.intake.add_speech(file, &bytes) {
            log::debug!("cannot keep what is being said: {error}");
            self.forget_speech();
        }
    }

    fn forget_speech(&mut self) {
        if let Some((file, _)) = self.so_far.take() {
            self.intake.forget_speech(&file);
        }
    }

    /// What was being said when the power went is an utterance as far as it was written.
    fn take_up_speech(&self) {
        for file in self.intake.unfinished_speech() {
            let track_id = self.new_track_id();
            match self.intake.adopt_speech(&file, track_id, wav) {
                Ok(true) => log::info!("what was being said when the program was cut off is kept"),
                Ok(false) => {}
                Err(error) => log::warn!("what was being said when the program was cut off: {}", error.line()),
            }
        }
    }
}

/// A WAV file of 16-bit mono samples.
fn wav(samples: &[i16]) -> io::Result<Vec<u8>> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE_HZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Cursor::new(Vec::with_capacity(WAV_HEADER_BYTES + samples.len() * 2));
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
    use crate::item::ItemId;
    use crate::spool::Outbox;
    use crate::spool::queue::Want;

    /// Both ends of a spool.
    fn spool(dir: &tempfile::TempDir) -> (Arc<Intake>, Outbox) {
        let intake = Arc::new(Intake::open(dir.path(), None).expect("opens").0);
        (intake, Outbox::open(dir.path(), None).expect("opens"))
    }

    fn take(outbox: &Outbox) -> Option<ItemId> {
        outbox.take(Want::Any, Duration::ZERO, || Duration::ZERO).expect("readable")
    }

    fn keeper(intake: &Arc<Intake>) -> Keeper {
        Keeper::new(Arc::clone(intake), Uuid::nil(), "CLUSTER", Arc::new(ManualClock::at(at(0))))
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
        let (intake, outbox) = spool(&dir);
        let mut keeper = keeper(&intake);
        keeper.keep(speech(0), &|_| {});
        keeper.keep(speech(5), &|_| {});
        for expected in 0..2 {
            let id = take(&outbox).expect("waits");
            let Item::Utterance { index, track_id, .. } = outbox.load(&id).expect("loads").item else {
                panic!("an utterance was kept")
            };
            assert_eq!(index, expected);
            assert!(track_id.starts_with("T-CLUSTER-") && track_id.len() == "T-CLUSTER-".len() + 32);
            let wav = hound::WavReader::open(outbox.media(&id)).expect("a WAV");
            assert_eq!((wav.spec().sample_rate, wav.duration()), (16_000, 16_000));
        }
    }

    #[test]
    fn a_loss_is_counted_each_time_and_told_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let (intake, _outbox) = spool(&dir);
        let mut keeper = keeper(&intake);
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
        let (intake, _outbox) = spool(&dir);
        let clock = Arc::new(ManualClock::unset(at(1)));
        let mut keeper = Keeper::new(Arc::clone(&intake), Uuid::nil(), "CLUSTER", clock.clone());
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
        let (intake, outbox) = spool(&dir);
        let clock = Arc::new(ManualClock::unset(at(1)));
        let mut keeper = Keeper::new(Arc::clone(&intake), Uuid::nil(), "CLUSTER", clock.clone());
        keeper.keep(speech(0), &|_| {});
        keeper.tend(&|_| {});
        assert_eq!((intake.totals().without_time.items(), take(&outbox)), (1, None));

        // The second is said by the old time and kept by the new.
        clock.advance(Duration::from_secs(4));
        let second = speech(4);
        clock.synchronise(SignedDuration::from_hours(1));
        keeper.keep(second, &|_| {});
        let hour = SignedDuration::from_hours(1);
        for expected in [at(0) + hour, at(4) + hour] {
            let id = take(&outbox).expect("it may go");
            let entry = outbox.load(&id).expect("loads");
            assert_eq!((entry.item.start(), entry.wall), (expected, Wall::Known));
        }
    }

    #[test]
    fn what_is_dropped_for_what_is_newer_is_counted_each_time_and_told_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let (intake, outbox) = spool(&dir);
        intake.set_budget(Some(100 * 4096)).expect("a budget");
        let clock = Arc::new(ManualClock::at(at(0)));
        let mut keeper = Keeper::new(Arc::clone(&intake), Uuid::nil(), "CLUSTER", clock.clone());
        let told = RefCell::new(Vec::new());
        let tell = |event| told.borrow_mut().push(event);
        for second in 0..200 {
            keeper.keep(Recording::Seen(Seen::Picture { uid: Uuid::nil(), taken: at(second), jpeg: vec![1] }), &tell);
            keeper.tend(&tell);
        }
        let count = |wanted: &dyn Fn(&Event) -> bool| told.borrow().iter().filter(|event| wanted(event)).count();
        assert_eq!(count(&|event| *event == Event::Dropped(Kind::Picture)), 200 - outbox.waiting(Kind::Picture));
        assert_eq!(count(&|event| matches!(event, Event::Fault(fault) if fault.text.contains("budget"))), 1);
        assert_eq!(count(&|event| *event == Event::Cleared(Part::Disk)), 0);

        // Delivered, and a minute later it is over.
        while let Some(id) = take(&outbox) {
            outbox.load(&id).expect("it is whole");
            outbox.finish(&id, Duration::ZERO).expect("it goes");
        }
        outbox.close().expect("they go");
        clock.advance(LOSS_LOG_INTERVAL);
        keeper.tend(&tell);
        assert_eq!(told.borrow().last(), Some(&Event::Cleared(Part::Disk)));
    }
}
