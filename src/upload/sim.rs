//! The uploader against servers that fail by item, by call, by kind, for a while: in simulated time, over the real queue.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use uuid::Uuid;

use super::meaning::Call;
use super::*;
use crate::item::{Dated, Item, Kind};
use crate::spool::queue::{Queue, Waiting};

/// How a server fails.
#[derive(Debug, Clone, Copy)]
enum How {
    Unreachable,
    ServerError,
    Page,
    Portal,
    TimesOut,
    BreaksOff,
    Busy(u64),
    BadToken,
    Refuses,
    /// It acts, so many seconds later, and the answer is lost.
    ActsLate(u64),
}

/// What it fails.
#[derive(Debug, Clone, Copy)]
enum What {
    Everything,
    /// Every nth item, from this one on.
    Items(usize, usize),
    Call(Call),
    CallOf(Kind, Call),
}

#[derive(Debug, Clone, Copy)]
struct Rule {
    what: What,
    how: How,
    /// In seconds; `None` if for ever.
    until_s: Option<u64>,
}

impl Rule {
    fn hits(&self, number: usize, kind: Kind, call: Call, now: Duration) -> bool {
        // Once it must have been said where files go.
        if call == Call::StorageSolution && now < Duration::from_secs(10_000) && !matches!(self.what, What::Everything)
        {
            return false;
        }
        let hits = match self.what {
            What::Everything => true,
            What::Items(first, each) => number % each == first % each,
            What::Call(of) => of == call,
            What::CallOf(of, its) => of == kind && its == call,
        };
        hits && self.until_s.is_none_or(|until_s| now < Duration::from_secs(until_s))
    }
}

struct Sim {
    rules: Vec<Rule>,
    now: Duration,
    uploader: Uploader,
    queue: Queue,
    failures: BTreeMap<ItemId, u32>,
    entries: BTreeMap<ItemId, (usize, Entry)>,
    /// When each row is there, and its number.
    rows: BTreeMap<ItemId, Vec<(Duration, u64)>>,
    refused: BTreeSet<ItemId>,
    delivered: BTreeMap<ItemId, Duration>,
    actions: u64,
}

fn waiting(id: ItemId, entry: &Entry) -> Waiting {
    let (start_us, end_us) = (entry.item.start().as_microsecond(), entry.item.end().as_microsecond());
    Waiting { id, at_us: start_us, length_us: end_us - start_us, bytes: entry.media_bytes(), step: entry.step }
}

impl Sim {
    fn new(rules: Vec<Rule>) -> Self {
        let uploader = Uploader::new("http://api", "C", Duration::ZERO);
        Self {
            rules,
            now: Duration::ZERO,
            uploader,
            queue: Queue::default(),
            failures: BTreeMap::new(),
            entries: BTreeMap::new(),
            rows: BTreeMap::new(),
            refused: BTreeSet::new(),
            delivered: BTreeMap::new(),
            actions: 0,
        }
    }

    /// Somebody speaks, a clip ends or a picture is taken, now.
    fn record(&mut self, kind: Kind) -> ItemId {
        let number = self.entries.len();
        let at = |later_us: i64| {
            let us = 1_800_000_000_000_000 + self.now.as_micros() as i64 + number as i64 + later_us;
            jiff::Timestamp::from_microsecond(us).expect("in range")
        };
        let uid = Uuid::nil();
        let item = match kind {
            Kind::Utterance => {
                Item::Utterance { uid, index: number as u32, start: at(-2_000_000), end: at(0), track_id: "T".into() }
            }
            Kind::Clip => Item::Clip { uid, start: at(-2_000_000), end: at(0) },
            Kind::Picture => Item::Picture { uid, taken: at(0) },
        };
        let entry = Entry::new(Dated::known(item), 1, None);
        let id = ItemId { kind, row: number as i64 };
        self.queue.add_new(waiting(id, &entry));
        self.entries.insert(id, (number, entry));
        id
    }

    fn failure(&self, id: &ItemId, call: Call) -> Option<How> {
        let number = self.entries[id].0;
        self.rules.iter().find(|rule| rule.hits(number, id.kind, call, self.now)).map(|rule| rule.how)
    }

    /// Whether nothing hinders it any more.
    fn is_free(&self, id: &ItemId) -> bool {
        let calls = [Call::UploadFile, Call::ListFiles, Call::PostRow, Call::PostTask, Call::DeleteRow];
        calls.into_iter().all(|call| self.failure(id, call).is_none())
    }

    fn fail(&mut self, how: How, id: Option<&ItemId>, stage: Option<Stage>) -> Outcome {
        Outcome::Failed(match how {
            How::Unreachable => ApiError::Unreachable("no route".into()),
            How::ServerError => ApiError::Unclear("500".into()),
            How::Page => ApiError::Doubtful("403 with an HTML page".into()),
            How::Portal => ApiError::NotTheApi("200 with an HTML page".into()),
            How::BreaksOff => ApiError::BrokenOff("reset".into()),
            How::Busy(wait_s) => ApiError::Busy("429".into(), Duration::from_secs(wait_s)),
            How::BadToken => ApiError::Unauthorized("no".into()),
            How::Refuses => ApiError::Refused { status: 400, answer: "no".into() },
            How::TimesOut => {
                self.now += Duration::from_secs(30);
                ApiError::Unclear("no answer in time".into())
            }
            How::ActsLate(later_s) => {
                if let (Some(id), Some(Stage::PostRow)) = (id, stage) {
                    self.add_row(id, self.now + Duration::from_secs(later_s));
                }
                self.now += Duration::from_secs(later_s.min(30));
                if later_s >= 30 { ApiError::Unclear("no answer".into()) } else { ApiError::BrokenOff("reset".into()) }
            }
        })
    }

    fn add_row(&mut self, id: &ItemId, at: Duration) {
        let row = self.rows.values().map(|rows| rows.len() as u64).sum::<u64>() + self.actions * 1_000;
        self.rows.entry(*id).or_default().push((at, row));
    }

    fn rows_now(&self, id: &ItemId) -> Vec<u64> {
        let rows = self.rows.get(id).into_iter().flatten();
        rows.filter(|(at, _)| *at <= self.now).map(|(_, row)| *row).collect()
    }

    fn deliver(&mut self, id: ItemId, entry: Entry, stage: Stage) -> Outcome {
        self.now += Duration::from_millis(20);
        if let Some(call) = stage.call()
            && let Some(how) = self.failure(&id, call)
        {
            return self.fail(how, Some(&id), Some(stage));
        }
        match stage {
            Stage::Upload | Stage::PostTask => {}
            Stage::PostRow => self.add_row(&id, self.now),
            Stage::FindRows => return Outcome::RowsFound(self.rows_now(&id)),
            Stage::DeleteRow(surplus) => {
                self.rows.get_mut(&id).expect("it has rows").retain(|(_, row)| *row != surplus);
            }
            Stage::Record => {
                self.queue.note_file_in_place(&id, false);
                self.entries.get_mut(&id).expect("it was recorded").1 = entry;
            }
            Stage::Finish => {
                self.queue.finish(&id);
                self.delivered.insert(id, self.now);
            }
        }
        Outcome::Done
    }

    fn take(&mut self, want: Want, until: Duration) -> Outcome {
        if let Some(id) = self.queue.take(self.now, want) {
            return Outcome::Taken(id, self.entries[&id].1.clone());
        }
        let due = self.queue.next_due().unwrap_or(until).min(self.now + Duration::from_secs(1));
        self.now = due.clamp(self.now + Duration::from_millis(1), until.max(self.now + Duration::from_millis(1)));
        Outcome::NothingWaits
    }

    fn put_back(&mut self, id: &ItemId, how: PutBack) -> Outcome {
        let now = self.now;
        match how {
            PutBack::Unchanged => self.queue.hand_back(id),
            PutBack::Alone(least) => {
                let failures = self.failures.entry(*id).or_default();
                *failures += 1;
                self.queue.delay(id, now + backoff::alone(*failures, 0.5).max(least));
            }
            PutBack::Later(wait) => self.queue.delay(id, now + wait),
            PutBack::Refused(_) => {
                self.queue.finish(id);
                self.refused.insert(*id);
            }
        }
        Outcome::Done
    }

    fn take_back(&mut self, ids: Vec<ItemId>) -> Outcome {
        for id in ids {
            self.refused.remove(&id);
            self.queue.add(waiting(id, &self.entries[&id].1));
        }
        Outcome::Done
    }

    fn ask(&mut self, call: Call, done: Outcome) -> Outcome {
        let hit = |rule: &&Rule| match rule.what {
            What::Everything | What::Call(_) => rule.hits(0, Kind::Picture, call, self.now),
            _ => false,
        };
        match self.rules.iter().find(hit).map(|rule| rule.how) {
            Some(how) => self.fail(how, None, None),
            None => done,
        }
    }

    /// Goes on until then.
    fn run(&mut self, until: Duration) {
        while self.now < until {
            self.actions += 1;
            self.actions += 1;
            let outcome = match self.uploader.next(self.now) {
                Action::RestUntil(then) => {
                    self.now = then.min(until);
                    continue;
                }
                Action::Register => self.ask(Call::Register, Outcome::Done),
                Action::AskStorageSolution => self.ask(Call::StorageSolution, Outcome::Solution(StorageSolution::Api)),
                Action::Take(want) => self.take(want, until),
                Action::PutBack(id, how) => self.put_back(&id, how),
                Action::TakeBack(ids) => self.take_back(ids),
                Action::Deliver(id, _, stage)
                    if stage.call().is_some() && self.queue.is_outranked(&id, self.uploader.want(self.now)) =>
                {
                    Outcome::Outranked
                }
                Action::Deliver(id, entry, stage) => self.deliver(id, entry, stage),
            };
            self.uploader.on(outcome, self.now, 0.5);
        }
    }
}

fn call() -> impl Strategy<Value = Call> {
    prop::sample::select(vec![Call::UploadFile, Call::ListFiles, Call::PostRow, Call::PostTask, Call::DeleteRow])
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![
        prop::sample::select(vec![How::ServerError, How::Page, How::Portal, How::TimesOut, How::BreaksOff]),
        prop::sample::select(vec![How::BadToken, How::Refuses]),
        (1..30u64).prop_map(How::Busy),
        (1..100u64).prop_map(How::ActsLate),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let what = prop_oneof![
        2 => (0..7usize, 2..7usize).prop_map(|(first, each)| What::Items(first, each)),
        1 => call().prop_map(What::Call),
        1 => Just(What::Call(Call::StorageSolution)),
        1 => (prop::sample::select(Kind::ALL.to_vec()), call()).prop_map(|(kind, call)| What::CallOf(kind, call)),
    ];
    (what, how(), prop::option::of(0..7_200u64)).prop_map(|(what, how, until_s)| Rule { what, how, until_s })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100.min(ProptestConfig::default().cases)))]

    #[test]
    fn while_some_request_succeeds_every_kind_advances(
        rules in prop::collection::vec(rule(), 0..4),
        outage in prop_oneof![1 => Just(How::Unreachable), 1 => (1..3_600u64).prop_map(How::Busy), 3 => how()],
        outage_s in 0..3_600u64,
        kinds in prop::collection::vec(prop::sample::select(Kind::ALL.to_vec()), 20..60),
    ) {
        let outage = Rule { what: What::Everything, how: outage, until_s: Some(outage_s) };
        let mut sim = Sim::new([vec![outage], rules].concat());
        for kind in kinds {
            sim.record(kind);
            sim.run(sim.now + Duration::from_secs(60));
        }
        // What fails for a while has failed by then; and what it has put off is asked for again within an hour.
        sim.run(sim.now + Duration::from_secs(4 * 3_600));
        let left = sim.entries.keys().filter(|id| !sim.delivered.contains_key(*id) && !sim.refused.contains(*id));
        let stuck: Vec<_> = left.filter(|id| sim.is_free(id)).map(ToString::to_string).collect();
        prop_assert!(stuck.is_empty(), "nothing hinders {stuck:?}, and they wait");
        prop_assert!(sim.actions < 200_000, "{} actions: a busy loop", sim.actions);
        for id in sim.delivered.keys().filter(|id| id.kind != Kind::Picture && sim.is_free(id)) {
            prop_assert_eq!(sim.rows_now(id).len(), 1, "rows of {}", id);
        }
    }
}

/// The half hour after ten utterances whose task always gets 500: how many of its 1800 pictures are delivered.
#[test]
fn ten_utterances_whose_task_always_gets_500_do_not_stop_pictures() {
    let task = Rule { what: What::Call(Call::PostTask), how: How::ServerError, until_s: None };
    let mut sim = Sim::new(vec![task]);
    for _ in 0..10 {
        sim.record(Kind::Utterance);
    }
    for second in 1..=1_800 {
        sim.run(Duration::from_secs(second));
        sim.record(Kind::Picture);
    }
    sim.run(Duration::from_secs(1_802));
    assert!(sim.delivered.len() >= 1_790, "{} of 1800 pictures", sim.delivered.len());
}
