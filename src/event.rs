//! What the stages report: progress and faults. PURE.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::item::Kind;
use crate::status::histogram::Histogram;

/// One report of a stage.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The newest sound.
    Level {
        /// RMS of its 16-bit samples, as the segmenter measures it.
        rms: f32,
        /// The level from which on it is speech now, in the same measure.
        threshold: f32,
        /// Whether someone is being recorded speaking.
        speaking: bool,
    },
    /// Someone has begun to speak: told within 150 ms of the first sound of an utterance.
    SpeechStarted,
    /// A source has delivered its first sound or picture since it was missing.
    Recording(Part),
    /// An item is complete and durable in the spool.
    Recorded(Kind),
    /// The API has confirmed an item's last step. The item may stay in the spool to be checked for a second row.
    Delivered(Kind),
    /// The API will never take this item; it was set aside.
    Refused(Kind),
    /// An item could not be kept.
    Dropped(Kind),
    /// The API has accepted the task of an utterance.
    TaskAccepted {
        /// Since the utterance ended, which holds up to 400 ms of the quiet behind the last word; so the rest of the
        /// pause is in it, and however long there was no network.
        since_end: SignedDuration,
    },
    /// What counts as speech, and which setting says so.
    Hears(String),
    /// Something is not as it should be although nothing fails: what, and what a person can do.
    Warning(Part, String),
    /// Something is wrong and stays so until it is cleared.
    Fault(Fault),
    /// What was wrong with this part is over.
    Cleared(Part),
    /// This fault is over; another of its part may not be.
    Mended(Fault),
    /// The thread that serves this part makes progress, and will be heard of again.
    Alive {
        /// The part.
        part: Part,
        /// Before this has passed.
        within: Duration,
    },
    /// The thread that served this part has ended, as it should.
    Over(Part),
}

/// A part of the system that can be at fault, in the order of the attention LED's codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The clock, and so mostly the network: no time server answers.
    Clock,
    /// The way to the API: name, route, connection, or something else answering there.
    Api,
    /// The token.
    Token,
    /// The home.
    Home,
    /// How the API wants files.
    Storage,
    /// The disk that holds the spool.
    Disk,
    /// Some recordings, which the API refuses.
    Recordings,
    /// The microphone.
    Microphone,
    /// The camera.
    Camera,
}

impl Part {
    /// All parts, in that order.
    pub const ALL: [Self; 9] = [
        Self::Clock,
        Self::Api,
        Self::Token,
        Self::Home,
        Self::Storage,
        Self::Disk,
        Self::Recordings,
        Self::Microphone,
        Self::Camera,
    ];
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clock => "clock",
            Self::Api => "API",
            Self::Token => "token",
            Self::Home => "home",
            Self::Storage => "storage",
            Self::Disk => "disk",
            Self::Recordings => "recordings",
            Self::Microphone => "microphone",
            Self::Camera => "camera",
        })
    }
}

/// What is wrong, in one line that says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is at fault.
    pub part: Part,
    /// What happened, and what a person can do.
    pub text: String,
}

impl Fault {
    /// A fault of `part`: `text` says what happened and what to do.
    pub fn new(part: Part, text: impl Into<String>) -> Self {
        Self { part, text: text.into() }
    }
}

/// How many of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Complete in the spool, by this process.
    pub recorded: u64,
    /// Confirmed by the API, recorded now or earlier.
    pub delivered: u64,
    /// Never to be taken by the API, set aside.
    pub refused: u64,
    /// Not kept.
    pub dropped: u64,
}

/// The sum of all events so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    tallies: BTreeMap<Kind, Tally>,
    faults: BTreeMap<Part, String>,
    recording: BTreeSet<Part>,
    /// From the end of speech to the task's acceptance.
    pub answers: Histogram,
    /// What counts as speech, and which setting says so.
    #[serde(default)]
    pub hears: String,
    /// What was warned of, by part.
    #[serde(default)]
    pub warnings: BTreeMap<Part, String>,
    /// The last level reported, RMS of 16-bit samples.
    pub rms: f32,
    /// The level from which on it would be speech.
    pub threshold: f32,
    /// Whether someone is being recorded speaking.
    pub speaking: bool,
}

/// What an event changed that a person should be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A fault that was not there before, or that now reads differently.
    Fault(Fault),
    /// A fault is over.
    Cleared(Part),
    /// A source has begun to deliver.
    Recording(Part),
    /// Something is not as it should be.
    Warning(Part, String),
}

impl Progress {
    /// Adds an event. A fault repeated in the same words is no news: it is told once.
    pub fn add(&mut self, event: &Event) -> Option<News> {
        match event {
            Event::SpeechStarted => self.speaking = true,
            Event::Level { rms, threshold, speaking } => {
                (self.rms, self.threshold, self.speaking) = (*rms, *threshold, *speaking);
            }
            Event::Recorded(kind) => self.tally_mut(*kind).recorded += 1,
            Event::Delivered(kind) => self.tally_mut(*kind).delivered += 1,
            Event::Refused(kind) => self.tally_mut(*kind).refused += 1,
            Event::Dropped(kind) => self.tally_mut(*kind).dropped += 1,
            Event::TaskAccepted { since_end } => self.answers.add(*since_end),
            Event::Fault(fault) => {
                self.recording.remove(&fault.part);
                let before = self.faults.insert(fault.part, fault.text.clone());
                return (before.as_ref() != Some(&fault.text)).then(|| News::Fault(fault.clone()));
            }
            Event::Hears(how) => how.clone_into(&mut self.hears),
            Event::Warning(part, text) => {
                self.warnings.insert(*part, text.clone());
                return Some(News::Warning(*part, text.clone()));
            }
            Event::Mended(fault) => {
                let is_it = self.faults.get(&fault.part) == Some(&fault.text);
                return is_it.then(|| self.faults.remove(&fault.part)).map(|_| News::Cleared(fault.part));
            }
            Event::Cleared(part) => return self.faults.remove(part).map(|_| News::Cleared(*part)),
            Event::Alive { .. } => {}
            Event::Over(part) => {
                self.recording.remove(part);
                if *part == Part::Microphone {
                    self.speaking = false;
                }
            }
            Event::Recording(part) => {
                self.faults.remove(part);
                self.recording.insert(*part);
                return Some(News::Recording(*part));
            }
        }
        None
    }

    fn tally_mut(&mut self, kind: Kind) -> &mut Tally {
        self.tallies.entry(kind).or_default()
    }

    /// The counts of one kind.
    pub fn tally(&self, kind: Kind) -> Tally {
        self.tallies.get(&kind).copied().unwrap_or_default()
    }

    /// Whether this source delivers.
    pub fn is_recording(&self, part: Part) -> bool {
        self.recording.contains(&part)
    }

    /// What is wrong now.
    pub fn faults(&self) -> &BTreeMap<Part, String> {
        &self.faults
    }

    /// What is said of that.
    pub fn fault_texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        self.faults.values_mut().chain(self.warnings.values_mut())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_once_and_again_only_when_it_changes_or_comes_back() {
        let mut progress = Progress::default();
        let gone = Event::Fault(Fault::new(Part::Camera, "gone"));
        assert!(progress.add(&gone).is_some());
        assert_eq!(progress.add(&gone), None);
        assert!(progress.add(&Event::Fault(Fault::new(Part::Camera, "busy"))).is_some());
        assert_eq!(progress.add(&Event::Cleared(Part::Camera)), Some(News::Cleared(Part::Camera)));
        assert_eq!(progress.add(&Event::Cleared(Part::Camera)), None);
        assert!(progress.add(&gone).is_some());
    }

    #[test]
    fn a_fault_that_is_mended_takes_no_other_of_its_part_along() {
        let mut progress = Progress::default();
        let of = |text: &str| Fault::new(Part::Disk, text);
        progress.add(&Event::Fault(of("cannot write")));
        assert_eq!(progress.add(&Event::Mended(of("cannot write"))), Some(News::Cleared(Part::Disk)));
        progress.add(&Event::Fault(of("full")));
        assert_eq!(progress.add(&Event::Mended(of("cannot write"))), None);
        assert_eq!(progress.faults()[&Part::Disk], "full");
    }

    #[test]
    fn counts_are_kept_by_kind() {
        let mut progress = Progress::default();
        progress.add(&Event::Recorded(Kind::Clip));
        progress.add(&Event::Recorded(Kind::Clip));
        progress.add(&Event::Delivered(Kind::Clip));
        assert_eq!(progress.tally(Kind::Clip), Tally { recorded: 2, delivered: 1, ..Tally::default() });
        assert_eq!(progress.tally(Kind::Picture), Tally::default());
    }
}
