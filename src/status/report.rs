//! What the stages tell the indicator, and how it is written into a datagram. PURE.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::{Part, Progress};
use crate::item::Kind;
use crate::limits::{MAX_REPORT_BYTES, REPORTED_TEXT_CHARS};
use crate::spool::amount::{Amount, Counts};

/// A stage that goes on as long as the machine is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Sound and pictures into the spool.
    Capture,
    /// What is in the spool to where it belongs.
    Upload,
}

/// As in the names of the services.
impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Capture => "capture",
            Self::Upload => "upload",
        })
    }
}

/// One report. It holds no secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// How a stage fares: when that changes, and once a second, so that a stage that hangs is noticed.
    Stage {
        /// Which one.
        stage: Stage,
        /// How it fares.
        account: Box<Account>,
    },
    /// What came of a stick, or of the boot partition.
    Provisioned(Provisioned),
    /// What becomes of an update.
    Update(Update),
}

/// How a stage fares since it was started.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// The sum of its events.
    pub progress: Progress,
    /// What came and went in the spool, and what waits, as far as this stage knows.
    pub items: BTreeMap<Kind, Items>,
    /// Items that wait for a right clock.
    pub waiting_for_the_clock: usize,
    /// Whether the switch says that nothing be recorded.
    pub muted: bool,
    /// The newest fault, over or not.
    pub last_error: Option<LastError>,
}

/// Of one kind; bytes are those of the files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "they say what they are")]
pub struct Items {
    pub recorded: u64,
    pub recorded_bytes: u64,
    pub delivered: u64,
    pub delivered_bytes: u64,
    pub refused: u64,
    pub refused_bytes: u64,
    pub dropped: u64,
    pub dropped_bytes: u64,
    pub waiting: u64,
    pub waiting_bytes: u64,
}

/// A fault, and when it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// When it was told.
    pub at: Timestamp,
    /// What was at fault.
    pub part: Part,
    /// What happened.
    pub text: String,
}

/// What came of looking for a provisioning file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provisioned {
    /// A file was taken, or was what had been taken before: either way its settings hold.
    Taken,
    /// A file was not taken; what is wrong with it, in plain language.
    NotValid(String),
    /// A file is good, but could not be put in place; why, and what to do.
    Failed(String),
    /// There was no file.
    NothingFound,
}

/// What becomes of an update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Update {
    /// It is being written, beside what runs.
    Installing,
    /// It is written and about to be started, or is what runs already.
    Installed,
    /// It was not taken, or was given up; why, in plain language.
    Failed(String),
}

/// A report, and which run of its sender it is from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Another one after each start of the sender, so that one that is started again and again is noticed.
    pub run: Uuid,
    /// What it says.
    pub report: Report,
}

impl Envelope {
    /// As a datagram of at most [`MAX_REPORT_BYTES`]; texts longer than [`REPORTED_TEXT_CHARS`] are cut.
    pub fn encode(mut self) -> Vec<u8> {
        self.report.shorten();
        // There is nothing in it that JSON cannot hold.
        serde_json::to_vec(&self).unwrap_or_default()
    }

    /// From a datagram; `None` if it is none of ours.
    pub fn decode(datagram: &[u8]) -> Option<Self> {
        if datagram.len() > MAX_REPORT_BYTES {
            return None;
        }
        serde_json::from_slice(datagram).ok()
    }
}

impl Report {
    /// Cuts texts that are too long for a datagram.
    fn shorten(&mut self) {
        match self {
            Self::Stage { account, .. } => {
                account.progress.fault_texts_mut().for_each(cut);
                account.last_error.iter_mut().for_each(|error| cut(&mut error.text));
            }
            Self::Provisioned(Provisioned::NotValid(text) | Provisioned::Failed(text))
            | Self::Update(Update::Failed(text)) => cut(text),
            Self::Provisioned(Provisioned::Taken | Provisioned::NothingFound)
            | Self::Update(Update::Installing | Update::Installed) => {}
        }
    }
}

fn cut(text: &mut String) {
    if let Some((at, _)) = text.char_indices().nth(REPORTED_TEXT_CHARS) {
        text.truncate(at);
    }
}

impl Account {
    /// How many items wait.
    pub fn waiting(&self) -> u64 {
        self.items.values().fold(0, |sum, items| sum.saturating_add(items.waiting))
    }
}

impl Items {
    /// Of one kind.
    pub fn of(counts: &Counts, kind: Kind, waiting: Amount) -> Self {
        let [recorded, delivered, refused, dropped] =
            [&counts.recorded, &counts.delivered, &counts.refused, &counts.dropped].map(|amounts| amounts.of(kind));
        Self {
            recorded: recorded.items,
            recorded_bytes: recorded.bytes,
            delivered: delivered.items,
            delivered_bytes: delivered.bytes,
            refused: refused.items,
            refused_bytes: refused.bytes,
            dropped: dropped.items,
            dropped_bytes: dropped.bytes,
            waiting: waiting.items,
            waiting_bytes: waiting.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;
    use crate::event::{Event, Fault};

    fn part() -> impl Strategy<Value = Part> {
        prop::sample::select(Part::ALL.to_vec())
    }

    fn kind() -> impl Strategy<Value = Kind> {
        prop::sample::select(Kind::ALL.to_vec())
    }

    /// Of any length and of any letters, those that JSON writes longest among them.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof![any::<String>(), "[\\x00-\\x1f\u{10000}-\u{10ffff}]{0,1000}"]
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (0.0..40_000f32, 0.0..40_000f32, any::<bool>()).prop_map(|(rms, threshold, speaking)| Event::Level {
                rms,
                threshold,
                speaking
            }),
            Just(Event::SpeechStarted),
            part().prop_map(Event::Recording),
            kind().prop_map(Event::Recorded),
            kind().prop_map(Event::Delivered),
            kind().prop_map(Event::Refused),
            kind().prop_map(Event::Dropped),
            any::<i32>().prop_map(|ms| Event::TaskAccepted { since_end: SignedDuration::from_millis(ms.into()) }),
            (part(), text()).prop_map(|(part, text)| Event::Fault(Fault::new(part, text))),
            part().prop_map(Event::Cleared),
        ]
    }

    fn items() -> impl Strategy<Value = Items> {
        any::<[u64; 10]>().prop_map(|[a, b, c, d, e, f, g, h, i, j]| Items {
            recorded: a,
            recorded_bytes: b,
            delivered: c,
            delivered_bytes: d,
            refused: e,
            refused_bytes: f,
            dropped: g,
            dropped_bytes: h,
            waiting: i,
            waiting_bytes: j,
        })
    }

    fn last_error() -> impl Strategy<Value = LastError> {
        (any::<u32>(), part(), text()).prop_map(|(at, part, text)| LastError {
            at: Timestamp::UNIX_EPOCH + SignedDuration::from_micros(i64::from(at) * 1_000_003),
            part,
            text,
        })
    }

    fn account() -> impl Strategy<Value = Account> {
        let events = prop::collection::vec(event(), 0..40);
        let items = prop::collection::btree_map(kind(), items(), 0..=3);
        let parts = (events, items, any::<usize>(), any::<bool>(), prop::option::of(last_error()));
        parts.prop_map(|(events, items, waiting_for_the_clock, muted, last_error)| {
            let mut progress = Progress::default();
            events.iter().for_each(|event| drop(progress.add(event)));
            Account { progress, items, waiting_for_the_clock, muted, last_error }
        })
    }

    fn report() -> impl Strategy<Value = Report> {
        let stage = prop::sample::select(vec![Stage::Capture, Stage::Upload]);
        prop_oneof![
            (stage, account()).prop_map(|(stage, account)| Report::Stage { stage, account: Box::new(account) }),
            Just(Report::Provisioned(Provisioned::Taken)),
            text().prop_map(|text| Report::Provisioned(Provisioned::NotValid(text))),
            text().prop_map(|text| Report::Provisioned(Provisioned::Failed(text))),
            Just(Report::Provisioned(Provisioned::NothingFound)),
            Just(Report::Update(Update::Installing)),
            Just(Report::Update(Update::Installed)),
            text().prop_map(|text| Report::Update(Update::Failed(text))),
        ]
    }

    proptest! {
        #[test]
        fn any_report_fits_a_datagram_and_arrives_as_it_was_but_for_the_ends_of_long_texts(
            report in report(), run in any::<u128>()
        ) {
            let sent = Envelope { run: Uuid::from_u128(run), report };
            let datagram = sent.clone().encode();
            prop_assert!(datagram.len() <= MAX_REPORT_BYTES);
            let mut expected = sent;
            expected.report.shorten();
            prop_assert_eq!(Envelope::decode(&datagram), Some(expected));
        }

        #[test]
        fn any_other_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            prop_assert_eq!(Envelope::decode(&bytes), None);
        }

        #[test]
        fn a_garbled_report_is_refused_or_is_another_report(
            report in report(), at in any::<prop::sample::Index>(), byte in any::<u8>()
        ) {
            let mut datagram = Envelope { run: Uuid::nil(), report }.encode();
            let at = at.index(datagram.len());
            datagram[at] = byte;
            if let Some(taken) = Envelope::decode(&datagram) {
                prop_assert!(taken.encode().len() <= MAX_REPORT_BYTES);
            }
        }
    }

    #[test]
    fn the_longest_report_there_can_be_fits_a_datagram() {
        let text = "\u{1}".repeat(REPORTED_TEXT_CHARS);
        let mut progress = Progress::default();
        for part in Part::ALL {
            progress.add(&Event::Fault(Fault::new(part, &text)));
        }
        let most = Items {
            recorded: u64::MAX,
            recorded_bytes: u64::MAX,
            delivered: u64::MAX,
            delivered_bytes: u64::MAX,
            refused: u64::MAX,
            refused_bytes: u64::MAX,
            dropped: u64::MAX,
            dropped_bytes: u64::MAX,
            waiting: u64::MAX,
            waiting_bytes: u64::MAX,
        };
        let account = Account {
            progress,
            items: Kind::ALL.map(|kind| (kind, most)).into(),
            waiting_for_the_clock: usize::MAX,
            muted: true,
            last_error: Some(LastError { at: Timestamp::MAX, part: Part::Microphone, text }),
        };
        let report = Report::Stage { stage: Stage::Capture, account: Box::new(account) };
        let length = Envelope { run: Uuid::max(), report }.encode().len();
        assert!(length + 2000 < MAX_REPORT_BYTES, "{length}: counters of Progress need some room, too");
    }
}
