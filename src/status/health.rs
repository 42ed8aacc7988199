//! How the whole is: from what is heard of the stages to what the LEDs have to say, and why. PURE.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::report::{Account, Provisioned, Stage, Update};
use crate::event::Part;
use crate::limits::{ANSWER_SHOWN, RESTART_WINDOW, STAGE_SILENT, TAKEN_SHOWN, UPDATE_LONGEST};

/// What is heard of a stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Voice<'a> {
    /// Nothing, and nothing is expected: there are no settings.
    Absent,
    /// Nothing yet.
    Awaited,
    /// It reports.
    Steady(&'a Account),
    /// It reports, but has been started again and again.
    Restarting(&'a Account),
    /// Nothing, though it was heard before, or has had the time to start.
    Silent,
}

/// All that health depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observed<'a> {
    /// Whether there are settings.
    pub is_configured: bool,
    /// What is heard of the stage that records.
    pub capture: Voice<'a>,
    /// What is heard of the stage that delivers.
    pub upload: Voice<'a>,
    /// What came of the last provisioning file, and how long ago that was told.
    pub provisioned: Option<(&'a Provisioned, Duration)>,
    /// What was last told of an update, and how long ago.
    pub update: Option<(&'a Update, Duration)>,
}

impl<'a> Observed<'a> {
    /// Of one process that is all stages.
    pub fn alone(account: &'a Account) -> Self {
        let voice = Voice::Steady(account);
        Self { is_configured: true, capture: voice, upload: voice, provisioned: None, update: None }
    }

    fn voices(&self) -> [(Stage, Voice<'a>); 2] {
        [(Stage::Capture, self.capture), (Stage::Upload, self.upload)]
    }

    /// What is wrong by what the stages say themselves.
    fn faults(&self) -> BTreeMap<Part, &'a str> {
        let accounts = self.voices().into_iter().filter_map(|(_, voice)| voice.account());
        accounts.flat_map(|account| account.progress.faults()).map(|(part, text)| (*part, text.as_str())).collect()
    }
}

impl<'a> Voice<'a> {
    /// What it last said, if that still holds.
    pub fn account(self) -> Option<&'a Account> {
        match self {
            Self::Steady(account) | Self::Restarting(account) => Some(account),
            Self::Absent | Self::Awaited | Self::Silent => None,
        }
    }
}

/// Whether camera and microphone record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    /// Nothing that records is running.
    NotStarted,
    /// Neither yet.
    Starting,
    /// Both.
    Both,
    /// One of them is missing.
    One,
    /// The switch says that nothing be recorded.
    Muted,
}

/// What a person has to do, the most urgent first. Someone who has just plugged in a stick waits for the answer; what
/// does not run at all goes before what a running stage complains of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attention {
    /// A provisioning file, or an update, was not taken.
    FileNotValid,
    /// Something is broken, and starting it again has not helped.
    Fault,
    /// There are no settings: a provisioning file is waited for.
    NoFile,
    /// No network, or no time server: the clock is not set.
    Network,
    /// The API or its storage cannot be reached.
    Api,
    /// The token is refused.
    Token,
    /// The home is unknown.
    Home,
    /// The disk is full.
    Disk,
    /// The API refuses some recordings.
    Refused,
}

impl Attention {
    /// What the fault of a part asks for. A missing device shows in [`Recording`].
    fn of(part: Part) -> Option<Self> {
        match part {
            Part::Clock => Some(Self::Network),
            Part::Api | Part::Storage => Some(Self::Api),
            Part::Token => Some(Self::Token),
            Part::Home => Some(Self::Home),
            Part::Disk => Some(Self::Disk),
            Part::Recordings => Some(Self::Refused),
            Part::Microphone | Part::Camera => None,
        }
    }
}

/// Speech and delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// Nothing waits.
    Nothing,
    /// Someone is being recorded speaking.
    Speaking,
    /// Something waits, and is being delivered.
    Delivering,
}

/// How the whole is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether camera and microphone record.
    pub recording: Recording,
    /// What a person has to do.
    pub attention: BTreeSet<Attention>,
    /// Speech and delivery.
    pub data: Data,
    /// Whether a provisioning file was taken a moment ago.
    pub has_taken_file: bool,
    /// Whether an update is being written.
    pub is_updating: bool,
    /// Why, in a line each, as far as it is no fault of a part.
    pub reasons: Vec<String>,
    /// What is wrong by what the stages say themselves.
    pub faults: BTreeMap<Part, String>,
}

impl Health {
    /// Of what is heard.
    pub fn of(observed: &Observed<'_>) -> Self {
        let faults = observed.faults();
        let mut attention: BTreeSet<Attention> = faults.keys().filter_map(|part| Attention::of(*part)).collect();
        let mut reasons = Vec::new();
        if !observed.is_configured {
            attention.insert(Attention::NoFile);
        }
        match observed.provisioned {
            Some((Provisioned::NotValid(why), age)) if age < ANSWER_SHOWN => {
                attention.insert(Attention::FileNotValid);
                reasons.push(format!("the provisioning file was not taken: {why}"));
            }
            Some((Provisioned::Failed(why), age)) if age < ANSWER_SHOWN => {
                attention.insert(Attention::Fault);
                reasons.push(format!("the provisioning file is good but could not be put in place: {why}"));
            }
            _ => {}
        }
        if let Some((Update::Failed(why), age)) = observed.update
            && age < ANSWER_SHOWN
        {
            attention.insert(Attention::FileNotValid);
            reasons.push(format!("the update was not taken: {why}"));
        }
        for (stage, voice) in observed.voices() {
            let trouble = match voice {
                Voice::Silent => format!("has not been heard for {} s", STAGE_SILENT.as_secs()),
                Voice::Restarting(_) => {
                    format!("was started again and again within {} minutes", RESTART_WINDOW.as_secs() / 60)
                }
                Voice::Absent | Voice::Awaited | Voice::Steady(_) => continue,
            };
            attention.insert(Attention::Fault);
            reasons.push(format!("the service listener-{stage} {trouble}: journalctl -u listener-{stage} says why"));
        }
        let recording = recording(observed.capture);
        if recording == Recording::Muted {
            reasons.push("the mute switch is on".into());
        }
        Self {
            recording,
            attention,
            data: data(observed),
            has_taken_file: matches!(observed.provisioned, Some((Provisioned::Taken, age)) if age < TAKEN_SHOWN),
            is_updating: matches!(observed.update, Some((Update::Installing, age)) if age < UPDATE_LONGEST),
            reasons,
            faults: faults.into_iter().map(|(part, text)| (part, text.to_owned())).collect(),
        }
    }

    /// Of a listener that has ended, with what was wrong then.
    pub fn ended(faults: BTreeMap<Part, String>) -> Self {
        let voice = Voice::Absent;
        let observed = Observed { is_configured: true, capture: voice, upload: voice, provisioned: None, update: None };
        Self { faults, ..Self::of(&observed) }
    }

    /// Whether camera and microphone record, and nobody has anything to do.
    pub fn is_well(&self) -> bool {
        self.recording == Recording::Both && self.attention.is_empty()
    }
}

fn recording(capture: Voice<'_>) -> Recording {
    match capture {
        Voice::Absent | Voice::Silent => Recording::NotStarted,
        Voice::Awaited => Recording::Starting,
        Voice::Steady(account) | Voice::Restarting(account) if account.muted => Recording::Muted,
        Voice::Steady(account) | Voice::Restarting(account) => {
            match [Part::Microphone, Part::Camera].map(|part| account.progress.is_recording(part)) {
                [true, true] => Recording::Both,
                [false, false] => Recording::Starting,
                [true, false] | [false, true] => Recording::One,
            }
        }
    }
}

/// Nothing is delivered by a stage that is not heard.
fn data(observed: &Observed<'_>) -> Data {
    let speaking = observed.capture.account().is_some_and(|account| account.progress.speaking && !account.muted);
    let waiting = observed.upload.account().is_some_and(|account| account.waiting() > 0);
    match (speaking, waiting) {
        (true, _) => Data::Speaking,
        (false, true) => Data::Delivering,
        (false, false) => Data::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Fault};
    use crate::item::Kind;
    use crate::status::report::Items;

    const NOW: Duration = Duration::ZERO;

    fn after(events: &[Event]) -> Account {
        let mut account = Account::default();
        events.iter().for_each(|event| drop(account.progress.add(event)));
        account
    }

    fn recording_both() -> Account {
        after(&[Event::Recording(Part::Microphone), Event::Recording(Part::Camera)])
    }

    fn alone(account: &Account) -> Health {
        Health::of(&Observed::alone(account))
    }

    fn most_urgent(health: &Health) -> Option<Attention> {
        health.attention.first().copied()
    }

    #[test]
    fn recording_tells_starting_from_degraded_from_well() {
        let mut account = Account::default();
        assert_eq!(alone(&account).recording, Recording::Starting);
        account.progress.add(&Event::Recording(Part::Microphone));
        assert_eq!(alone(&account).recording, Recording::One);
        account.progress.add(&Event::Recording(Part::Camera));
        assert_eq!(alone(&account).recording, Recording::Both);
        assert!(alone(&account).is_well());
        account.progress.add(&Event::Fault(Fault::new(Part::Camera, "unplugged")));
        assert_eq!(alone(&account).recording, Recording::One);
        assert_eq!(alone(&account).faults[&Part::Camera], "unplugged");
        assert!(!alone(&account).is_well());
    }

    #[test]
    fn the_most_urgent_of_what_stages_complain_of_comes_first() {
        let mut account = recording_both();
        for (part, urgent) in [
            (Part::Recordings, Attention::Refused),
            (Part::Disk, Attention::Disk),
            (Part::Home, Attention::Home),
            (Part::Token, Attention::Token),
            (Part::Storage, Attention::Api),
            (Part::Api, Attention::Api),
            (Part::Clock, Attention::Network),
        ] {
            account.progress.add(&Event::Fault(Fault::new(part, "at fault")));
            assert_eq!(most_urgent(&alone(&account)), Some(urgent));
            assert_eq!(alone(&account).recording, Recording::Both);
        }
        account.progress.add(&Event::Cleared(Part::Clock));
        assert_eq!(most_urgent(&alone(&account)), Some(Attention::Api));
    }

    #[test]
    fn a_silent_stage_is_a_fault_and_what_it_said_last_holds_no_longer() {
        let capture = recording_both();
        let upload = Voice::Silent;
        let health = Health::of(&Observed { upload, ..Observed::alone(&capture) });
        assert_eq!((most_urgent(&health), health.recording), (Some(Attention::Fault), Recording::Both));
        assert!(health.reasons[0].contains("listener-upload"), "{:?}", health.reasons);

        let health = Health::of(&Observed { capture: Voice::Silent, ..Observed::alone(&capture) });
        assert_eq!((most_urgent(&health), health.recording), (Some(Attention::Fault), Recording::NotStarted));
        assert!(!health.is_well());
    }

    #[test]
    fn a_stage_that_is_started_again_and_again_is_a_fault_though_it_reports() {
        let account = recording_both();
        let health = Health::of(&Observed { capture: Voice::Restarting(&account), ..Observed::alone(&account) });
        assert_eq!((most_urgent(&health), health.recording), (Some(Attention::Fault), Recording::Both));
    }

    #[test]
    fn without_settings_a_file_is_waited_for_and_nothing_is_a_fault() {
        let voice = Voice::Absent;
        let observed =
            Observed { is_configured: false, capture: voice, upload: voice, provisioned: None, update: None };
        let health = Health::of(&observed);
        assert_eq!((most_urgent(&health), health.recording), (Some(Attention::NoFile), Recording::NotStarted));
        let refused = Provisioned::NotValid("line 1: token is missing".into());
        let health = Health::of(&Observed { provisioned: Some((&refused, NOW)), ..observed });
        assert_eq!(most_urgent(&health), Some(Attention::FileNotValid), "the answer to a stick goes first");
        assert_eq!(health.reasons, ["the provisioning file was not taken: line 1: token is missing"]);
    }

    #[test]
    fn the_answer_to_a_file_is_shown_for_ten_minutes_and_that_it_was_taken_for_a_moment() {
        let account = recording_both();
        let of = |outcome: &Provisioned, age: u64| {
            let provisioned = Some((outcome, Duration::from_secs(age)));
            Health::of(&Observed { provisioned, ..Observed::alone(&account) })
        };
        let [not_valid, failed] = [Provisioned::NotValid("why".into()), Provisioned::Failed("why".into())];
        for (outcome, attention) in [(not_valid, Attention::FileNotValid), (failed, Attention::Fault)] {
            assert_eq!(most_urgent(&of(&outcome, 599)), Some(attention));
            assert_eq!(most_urgent(&of(&outcome, 600)), None);
        }
        assert!(of(&Provisioned::Taken, 1).has_taken_file);
        assert!(!of(&Provisioned::Taken, 2).has_taken_file);
        assert!(!of(&Provisioned::NothingFound, 0).has_taken_file);
    }

    #[test]
    fn an_update_is_shown_while_it_is_written_and_what_is_wrong_with_one_for_ten_minutes() {
        let account = recording_both();
        let of = |update: &Update, age: Duration| {
            Health::of(&Observed { update: Some((update, age)), ..Observed::alone(&account) })
        };
        assert!(of(&Update::Installing, NOW).is_updating);
        assert!(!of(&Update::Installed, NOW).is_updating);
        let failed = Update::Failed("0.2.0 is signed by others".into());
        let health = of(&failed, Duration::from_secs(599));
        assert_eq!((most_urgent(&health), health.is_updating), (Some(Attention::FileNotValid), false));
        assert_eq!(health.reasons, ["the update was not taken: 0.2.0 is signed by others"]);
        assert_eq!(most_urgent(&of(&failed, Duration::from_secs(600))), None);
    }

    #[test]
    fn an_update_whose_end_is_never_told_is_not_shown_for_ever() {
        let account = recording_both();
        let is_updating = |age| {
            let update = Some((&Update::Installing, age));
            Health::of(&Observed { update, ..Observed::alone(&account) }).is_updating
        };
        assert!(is_updating(UPDATE_LONGEST - Duration::from_millis(1)));
        assert!(!is_updating(UPDATE_LONGEST));
    }

    #[test]
    fn a_muted_listener_is_neither_off_nor_at_fault_nor_well() {
        let account = Account { muted: true, ..recording_both() };
        let health = alone(&account);
        assert_eq!((health.recording, most_urgent(&health)), (Recording::Muted, None));
        assert!(!health.is_well(), "nothing is recorded");
    }

    #[test]
    fn what_waits_is_being_delivered_only_by_a_stage_that_is_heard() {
        let waiting = [(Kind::Clip, Items { waiting: 1, ..Items::default() })].into();
        let account = Account { items: waiting, ..recording_both() };
        assert_eq!(alone(&account).data, Data::Delivering);
        let health = Health::of(&Observed { upload: Voice::Silent, ..Observed::alone(&account) });
        assert_eq!(health.data, Data::Nothing);
        let speaking = after(&[Event::SpeechStarted]);
        assert_eq!(
            Health::of(&Observed { capture: Voice::Steady(&speaking), ..Observed::alone(&account) }).data,
            Data::Speaking
        );
    }

    #[test]
    fn a_listener_that_has_ended_is_off_and_not_at_fault() {
        let health = Health::ended(BTreeMap::new());
        assert_eq!((health.recording, health.data), (Recording::NotStarted, Data::Nothing));
        assert!(health.attention.is_empty() && !health.is_well());
    }
}
