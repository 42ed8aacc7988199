//! What was heard of whom, and when: from reports and their times to what can still be believed. PURE.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use uuid::Uuid;

use super::health::{Observed, Voice};
use super::report::{Account, Envelope, Provisioned, Report, Stage, Update};
use crate::limits::{RESTART_WINDOW, RESTARTS_BORNE, STAGE_SILENT, STAGE_START};

/// All reports so far. Times are monotonic.
#[derive(Debug)]
pub struct Ledger {
    /// Since when there are settings.
    configured: Option<Duration>,
    /// Since when the stages have had a reason to start.
    expected: Duration,
    stages: BTreeMap<Stage, Heard>,
    provisioned: Option<(Provisioned, Duration)>,
    update: Option<(Update, Duration)>,
}

/// The last report of a stage.
#[derive(Debug)]
struct Heard {
    at: Duration,
    run: Uuid,
    account: Account,
    /// When it was noticed to have been started again, the last few times.
    restarts: VecDeque<Duration>,
}

impl Ledger {
    /// An indicator that was started just now, and has not looked for settings yet.
    pub fn new(now: Duration) -> Self {
        Self { configured: None, expected: now, stages: BTreeMap::new(), provisioned: None, update: None }
    }

    /// It was looked whether there are settings. With the first ones the stages start.
    pub fn set_configured(&mut self, is_configured: bool, now: Duration) {
        match (self.configured, is_configured) {
            (None, true) => (self.configured, self.expected) = (Some(now), now),
            (Some(_), false) => self.configured = None,
            (None, false) | (Some(_), true) => {}
        }
    }

    /// A report has come.
    pub fn take_in(&mut self, envelope: Envelope, now: Duration) {
        let Envelope { run, report } = envelope;
        match report {
            Report::Stage { stage, account } => self.hear(stage, run, *account, now),
            // Another stick, with nothing for us, is no answer to the one before.
            Report::Provisioned(Provisioned::NothingFound) => {}
            Report::Provisioned(outcome) => {
                if outcome == Provisioned::Taken {
                    // The stages are restarted, which takes its time and is no sign of trouble.
                    self.expected = now;
                    self.stages.values_mut().for_each(|heard| heard.restarts.clear());
                    // Another stick. What is wrong with an update on this one is told behind it.
                    self.update.take_if(|(update, _)| matches!(update, Update::Failed(_)));
                }
                self.provisioned = Some((outcome, now));
            }
            Report::Update(update) => self.update = Some((update, now)),
        }
    }

    fn hear(&mut self, stage: Stage, run: Uuid, account: Account, now: Duration) {
        let mut restarts = VecDeque::new();
        if let Some(before) = self.stages.remove(&stage) {
            restarts = before.restarts;
            if before.run != run {
                restarts.push_back(now);
                // Only the last few count.
                restarts.drain(..restarts.len().saturating_sub(RESTARTS_BORNE + 1));
            }
        }
        self.stages.insert(stage, Heard { at: now, run, account, restarts });
    }

    /// What can be believed now.
    pub fn observed(&self, now: Duration) -> Observed<'_> {
        Observed {
            is_configured: self.configured.is_some(),
            capture: self.voice(Stage::Capture, now),
            upload: self.voice(Stage::Upload, now),
            provisioned: self.provisioned.as_ref().map(|(outcome, at)| (outcome, now.saturating_sub(*at))),
            update: self.update.as_ref().map(|(update, at)| (update, now.saturating_sub(*at))),
        }
    }

    fn voice(&self, stage: Stage, now: Duration) -> Voice<'_> {
        let expected_for = now.saturating_sub(self.expected);
        match self.stages.get(&stage) {
            Some(heard) if now < heard.at + STAGE_SILENT => match heard.restarts.front() {
                Some(first) if heard.restarts.len() > RESTARTS_BORNE && now < *first + RESTART_WINDOW => {
                    Voice::Restarting(&heard.account)
                }
                _ => Voice::Steady(&heard.account),
            },
            _ if self.configured.is_none() => Voice::Absent,
            // Heard since it was expected: then it has started, and is silent now.
            Some(heard) if heard.at > self.expected => Voice::Silent,
            _ if expected_for >= STAGE_START => Voice::Silent,
            _ => Voice::Awaited,
        }
    }

    /// The last report of a stage, however long ago.
    pub fn last(&self, stage: Stage) -> Option<&Account> {
        self.stages.get(&stage).map(|heard| &heard.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn from(stage: Stage, run: u128) -> Envelope {
        Envelope { run: Uuid::from_u128(run), report: Report::Stage { stage, account: Box::default() } }
    }

    fn provisioned(outcome: Provisioned) -> Envelope {
        Envelope { run: Uuid::nil(), report: Report::Provisioned(outcome) }
    }

    fn update(update: Update) -> Envelope {
        Envelope { run: Uuid::nil(), report: Report::Update(update) }
    }

    fn started_at(now: Duration) -> Ledger {
        let mut ledger = Ledger::new(now);
        ledger.set_configured(true, now);
        ledger
    }

    #[test]
    fn a_stage_may_take_a_minute_to_start_and_then_is_missed() {
        let ledger = started_at(s(5));
        assert_eq!(ledger.observed(s(64)).capture, Voice::Awaited);
        assert_eq!(ledger.observed(s(65)).capture, Voice::Silent);
    }

    #[test]
    fn a_stage_that_was_heard_is_missed_after_ten_seconds_and_believed_again_at_its_next_word() {
        let mut ledger = started_at(s(0));
        ledger.take_in(from(Stage::Capture, 1), s(3));
        assert!(matches!(ledger.observed(s(12)).capture, Voice::Steady(_)));
        assert_eq!(ledger.observed(s(13)).capture, Voice::Silent);
        assert_eq!(ledger.observed(s(13)).upload, Voice::Awaited, "each stage for itself");
        ledger.take_in(from(Stage::Capture, 1), s(100));
        assert!(matches!(ledger.observed(s(100)).capture, Voice::Steady(_)));
    }

    #[test]
    fn without_settings_nothing_is_missed_and_with_them_stages_have_a_minute() {
        let mut ledger = Ledger::new(s(0));
        ledger.set_configured(false, s(0));
        assert_eq!(ledger.observed(s(1000)).upload, Voice::Absent);
        ledger.set_configured(true, s(1000));
        ledger.set_configured(true, s(1050));
        assert_eq!(ledger.observed(s(1059)).upload, Voice::Awaited);
        assert_eq!(ledger.observed(s(1060)).upload, Voice::Silent);
        ledger.set_configured(false, s(1061));
        assert_eq!(ledger.observed(s(1061)).upload, Voice::Absent, "reset");
    }

    #[test]
    fn after_a_file_was_taken_stages_have_a_minute_to_come_back() {
        let mut ledger = started_at(s(0));
        ledger.take_in(from(Stage::Capture, 1), s(100));
        ledger.take_in(provisioned(Provisioned::Taken), s(101));
        assert_eq!(ledger.observed(s(120)).capture, Voice::Awaited);
        assert_eq!(ledger.observed(s(161)).capture, Voice::Silent);
    }

    #[test]
    fn two_restarts_are_borne_and_the_third_within_five_minutes_is_a_fault_until_they_are_past() {
        let mut ledger = started_at(s(0));
        for (run, at) in [(1, 0), (2, 10), (2, 20), (3, 30)] {
            ledger.take_in(from(Stage::Upload, run), s(at));
            assert!(matches!(ledger.observed(s(at)).upload, Voice::Steady(_)), "run {run}");
        }
        ledger.take_in(from(Stage::Upload, 4), s(40));
        assert!(matches!(ledger.observed(s(40)).upload, Voice::Restarting(_)));
        ledger.take_in(from(Stage::Upload, 4), s(309));
        assert!(matches!(ledger.observed(s(309)).upload, Voice::Restarting(_)));
        assert!(matches!(ledger.observed(s(310)).upload, Voice::Steady(_)));
        ledger.take_in(from(Stage::Upload, 5), s(315));
        assert!(matches!(ledger.observed(s(315)).upload, Voice::Restarting(_)), "three since 30 s");
    }

    #[test]
    fn a_new_file_forgives_restarts() {
        let mut ledger = started_at(s(0));
        (1..=4).for_each(|run| ledger.take_in(from(Stage::Capture, run), s(run as u64)));
        assert!(matches!(ledger.observed(s(5)).capture, Voice::Restarting(_)));
        ledger.take_in(provisioned(Provisioned::Taken), s(5));
        ledger.take_in(from(Stage::Capture, 5), s(6));
        assert!(matches!(ledger.observed(s(6)).capture, Voice::Steady(_)));
    }

    #[test]
    fn a_stick_without_a_file_is_no_answer_to_the_one_before() {
        let mut ledger = started_at(s(0));
        let refused = Provisioned::NotValid("why".into());
        ledger.take_in(provisioned(refused.clone()), s(1));
        ledger.take_in(provisioned(Provisioned::NothingFound), s(2));
        assert_eq!(ledger.observed(s(3)).provisioned, Some((&refused, s(2))));
        ledger.take_in(provisioned(Provisioned::Taken), s(4));
        assert_eq!(ledger.observed(s(4)).provisioned, Some((&Provisioned::Taken, s(0))));
    }

    #[test]
    fn a_good_file_ends_what_was_wrong_with_an_update_and_not_one_that_is_being_written() {
        let mut ledger = started_at(s(0));
        ledger.take_in(update(Update::Failed("why".into())), s(1));
        ledger.take_in(provisioned(Provisioned::NothingFound), s(2));
        assert_eq!(ledger.observed(s(2)).update, Some((&Update::Failed("why".into()), s(1))));
        ledger.take_in(provisioned(Provisioned::Taken), s(3));
        assert_eq!(ledger.observed(s(3)).update, None);
        ledger.take_in(update(Update::Installing), s(4));
        ledger.take_in(provisioned(Provisioned::Taken), s(5));
        assert_eq!(ledger.observed(s(6)).update, Some((&Update::Installing, s(2))));
    }
}
