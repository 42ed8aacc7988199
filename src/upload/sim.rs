//! The uploader against servers that fail by item, by call, by kind, for a while: in simulated time, over a real backlog.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use uuid::Uuid;

use super::meaning::Call;
use super::*;
use crate::spool::{Backlog, Item, Kind, Placed, Recorded, Step, Wall};

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
    backlog: Backlog,
    manifests: BTreeMap<ItemName, (usize, Manifest)>,
    /// When each row is there, and its number.
    rows: BTreeMap<ItemName, Vec<(Duration, u64)>>,
    refused: BTreeSet<ItemName>,
    delivered: BTreeMap<ItemName, Duration>,
    actions: u64,
}

impl Sim {
    fn new(rules: Vec<Rule>) -> Self {
        let uploader = Uploader::new("http://api", "C", Duration::ZERO);
        Self {
            rules,
            now: Duration::ZERO,
            uploader,
            backlog: Backlog::default(),
            manifests: BTreeMap::new(),
            rows: BTreeMap::new(),
            refused: BTreeSet::new(),
            delivered: BTreeMap::new(),
            actions: 0,
        }
    }

    /// Somebody speaks, a clip ends or a picture is taken, now.
    fn record(&mut self, kind: Kind) -> ItemName {
        let number = self.manifests.len();
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
        let at_us = item.start().as_microsecond();
        let recorded = Recorded { boot: Uuid::nil(), uptime_us: 0 };
        let manifest =
            Manifest { item, media_bytes: 1, recorded, wall: Wall::Known, step: Step::Recorded, row_unclear: false };
        let name = ItemName::of(&manifest);
        self.backlog.add_new(name.clone(), Placed { at_us, is_settled: true });
        self.manifests.insert(name.clone(), (number, manifest));
        name
    }

    fn failure(&self, name: &ItemName, call: Call) -> Option<How> {
        let number = self.manifests[name].0;
        self.rules.iter().find(|rule| rule.hits(number, name.kind(), call, self.now)).map(|rule| rule.how)
    }

    /// Whether nothing hinders it any more.
    fn is_free(&self, name: &ItemName) -> bool {
        let calls = [Call::UploadFile, Call::ListFiles, Call::PostRow, Call::PostTask, Call::DeleteRow];
        calls.into_iter().all(|call| self.failure(name, call).is_none())
    }

    fn fail(&mut self, how: How, name: Option<&ItemName>, stage: Option<Stage>) -> Outcome {
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
                if let (Some(name), Some(Stage::PostRow)) = (name, stage) {
                    self.add_row(name, self.now + Duration::from_secs(later_s));
                }
                self.now += Duration::from_secs(later_s.min(30));
                if later_s >= 30 { ApiError::Unclear("no answer".into()) } else { ApiError::BrokenOff("reset".into()) }
            }
        })
    }

    fn add_row(&mut self, name: &ItemName, at: Duration) {
        let id = self.rows.values().map(|rows| rows.len() as u64).sum::<u64>() + self.actions * 1_000;
        self.rows.entry(name.clone()).or_default().push((at, id));
    }

    fn rows_now(&self, name: &ItemName) -> Vec<u64> {
        let rows = self.rows.get(name).into_iter().flatten();
        rows.filter(|(at, _)| *at <= self.now).map(|(_, id)| *id).collect()
    }

    fn deliver(&mut self, name: ItemName, manifest: Manifest, stage: Stage) -> Outcome {
        self.now += Duration::from_millis(20);
        if let Some(call) = stage.call()
            && let Some(how) = self.failure(&name, call)
        {
            return self.fail(how, Some(&name), Some(stage));
        }
        match stage {
            Stage::Upload | Stage::PostTask => {}
            Stage::PostRow => self.add_row(&name, self.now),
            Stage::FindRows => return Outcome::RowsFound(self.rows_now(&name)),
            Stage::DeleteRow(id) => {
                self.rows.get_mut(&name).expect("it has rows").retain(|(_, row)| *row != id);
            }
            Stage::Record => {
                self.backlog.note_file_in_place(&name, false);
                self.manifests.get_mut(&name).expect("it was recorded").1 = manifest;
            }
            Stage::Finish => {
                self.backlog.finish(&name);
                self.delivered.insert(name, self.now);
            }
        }
        Outcome::Done
    }

    fn take(&mut self, want: Want, until: Duration) -> Outcome {
        if let Some(name) = self.backlog.take(self.now, want) {
            return Outcome::Taken(name.clone(), self.manifests[&name].1.clone());
        }
        let due = self.backlog.next_due().unwrap_or(until).min(self.now + Duration::from_secs(1));
        self.now = due.clamp(self.now + Duration::from_millis(1), until.max(self.now + Duration::from_millis(1)));
        Outcome::NothingWaits
    }

    fn put_back(&mut self, name: &ItemName, how: PutBack) -> Outcome {
        let now = self.now;
        match how {
            PutBack::Unchanged => self.backlog.hand_back(name),
            PutBack::Alone(least) => {
                self.backlog.defer(name, |failures| now + backoff::alone(failures, 0.5).max(least))
            }
            PutBack::Later(wait) => self.backlog.delay(name, now + wait),
            PutBack::Refused(_) => {
                self.backlog.refuse(name);
                self.refused.insert(name.clone());
            }
        }
        Outcome::Done
    }

    fn take_back(&mut self, names: Vec<ItemName>) -> Outcome {
        for name in names {
            self.refused.remove(&name);
            self.backlog.take_refused(&name);
            let at_us = self.manifests[&name].1.item.start().as_microsecond();
            self.backlog.learn_old(name, Placed { at_us, is_settled: true });
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
                Action::PutBack(name, how) => self.put_back(&name, how),
                Action::TakeBack(names) => self.take_back(names),
                Action::Deliver(name, _, stage)
                    if stage.call().is_some() && self.backlog.is_outranked(&name, self.uploader.want(self.now)) =>
                {
                    Outcome::Outranked
                }
                Action::Deliver(name, manifest, stage) => self.deliver(name, manifest, stage),
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
    #![proptest_config(ProptestConfig::with_cases(100))]

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
        let left = sim.manifests.keys().filter(|name| !sim.delivered.contains_key(*name) && !sim.refused.contains(*name));
        let stuck: Vec<_> = left.filter(|name| sim.is_free(name)).map(ToString::to_string).collect();
        prop_assert!(stuck.is_empty(), "nothing hinders {stuck:?}, and they wait");
        prop_assert!(sim.actions < 200_000, "{} actions: a busy loop", sim.actions);
        for name in sim.delivered.keys().filter(|name| name.kind() != Kind::Picture && sim.is_free(name)) {
            prop_assert_eq!(sim.rows_now(name).len(), 1, "rows of {}", name);
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
