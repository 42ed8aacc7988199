//! The spool against a simple model of it: whatever is done, and wherever the power fails, no item is lost, none is there
//! twice, the budget is kept, and what is given up is what the model gives up.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::Index;
use rusqlite::Connection;
use uuid::Uuid;

use super::queue::Want;
use super::{Intake, Outbox, SpoolError, survey};
use crate::durable::power;
use crate::item::{Dated, Entry, Item, ItemId, ItemName, Kind, Step};

/// Room for some forty small items.
const BUDGET_BYTES: u64 = 40 * 4096;

#[derive(Debug, Clone)]
enum Act {
    Admit(Kind, u16),
    Take,
    /// With one of those in hand.
    Record(Index),
    Finish(Index),
    Refuse(Index),
    HandBack(Index),
    Defer(Index),
    Retry,
    Restart,
    /// The power fails so many file operations later, and perhaps again while what was left is taken up.
    PowerCut(u32, Option<u32>),
}

fn act() -> impl Strategy<Value = Act> {
    let kind = prop_oneof![1 => Just(Kind::Utterance), 1 => Just(Kind::Clip), 2 => Just(Kind::Picture)];
    prop_oneof![
        8 => (kind, 1..20_000u16).prop_map(|(kind, bytes)| Act::Admit(kind, bytes)),
        5 => Just(Act::Take),
        3 => any::<Index>().prop_map(Act::Record),
        2 => any::<Index>().prop_map(Act::Finish),
        1 => any::<Index>().prop_map(Act::Refuse),
        1 => any::<Index>().prop_map(Act::HandBack),
        1 => any::<Index>().prop_map(Act::Defer),
        1 => Just(Act::Retry),
        1 => Just(Act::Restart),
        3 => (1..25u32, prop::option::of(1..12u32)).prop_map(|(after, again)| Act::PowerCut(after, again)),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Gone,
    Waiting(Step),
    Refused(Step),
}

impl Place {
    fn step(self) -> Step {
        match self {
            Self::Gone => Step::Recorded,
            Self::Waiting(step) | Self::Refused(step) => step,
        }
    }
}

/// Where each item is. During an operation that the power may cut short, it may be in several places.
#[derive(Debug, Default)]
struct Model {
    items: BTreeMap<ItemName, BTreeSet<Place>>,
    in_hand: BTreeMap<ItemId, ItemName>,
    /// Pictures that are gone: a power cut may bring their files back, which get rows again.
    removed: BTreeSet<ItemName>,
}

impl Model {
    fn place(&self, name: &ItemName) -> Place {
        *self.items[name].first().expect("it is somewhere")
    }

    /// What may be after a power cut.
    fn lose_power(&mut self) {
        for name in self.removed.clone() {
            self.maybe(&name, Place::Waiting(Step::Recorded));
        }
        // There may be too much then: the oldest pictures are given up at the start.
        let pictures: Vec<_> = self.items.keys().filter(|name| name.kind() == Kind::Picture).cloned().collect();
        pictures.iter().for_each(|name| self.maybe(name, Place::Gone));
    }

    fn put(&mut self, name: &ItemName, place: Place) {
        if place == Place::Gone && name.kind() == Kind::Picture {
            self.removed.insert(name.clone());
        }
        self.items.insert(name.clone(), BTreeSet::from([place]));
    }

    fn maybe(&mut self, name: &ItemName, place: Place) {
        if place == Place::Gone && name.kind() == Kind::Picture {
            self.removed.insert(name.clone());
        }
        self.items.entry(name.clone()).or_insert_with(|| BTreeSet::from([Place::Gone])).insert(place);
    }

    fn here(&self) -> impl Iterator<Item = (&ItemName, Place)> {
        self.items.keys().map(|name| (name, self.place(name))).filter(|(_, place)| *place != Place::Gone)
    }

    fn used_bytes(&self) -> u64 {
        self.here().map(|(name, _)| name.disk_bytes()).sum()
    }

    /// What has to go for a newcomer; `None` if the newcomer itself has to.
    fn sacrifices(&self, newcomer: &ItemName) -> Option<Vec<ItemName>> {
        let short = (self.used_bytes() + newcomer.disk_bytes()).saturating_sub(BUDGET_BYTES);
        if short == 0 {
            return Some(Vec::new());
        }
        let loose = self
            .here()
            .filter(|(name, _)| !self.in_hand.values().any(|held| held == *name) && name.kind() >= newcomer.kind());
        let mut loose: Vec<_> = loose.collect();
        let is_waiting = |place: Place| matches!(place, Place::Waiting(_));
        loose.sort_by_key(|(name, place)| (std::cmp::Reverse(name.kind()), is_waiting(*place), name.stamp()));
        let (mut freed, mut gone) = (0, Vec::new());
        for (name, _) in loose {
            let enough = if name.kind() == Kind::Picture { short + BUDGET_BYTES / 100 } else { short };
            if freed < enough {
                freed += name.disk_bytes();
                gone.push(name.clone());
            }
        }
        (freed >= short).then_some(gone)
    }

    /// Holds what is on the disk against what may be there, and believes it from then on.
    fn see(&mut self, dir: &Path) -> Result<(), TestCaseError> {
        let mut rows = rows(dir);
        let files: BTreeSet<_> = files(&dir.join("items")).into_iter().collect();
        prop_assert_eq!(&files, &rows.keys().map(ItemName::media).collect());
        prop_assert_eq!((files_of(dir, "scratch"), files_of(dir, "damaged")), (0, 0));
        for (name, may_be) in &mut self.items {
            let place = rows.remove(name).unwrap_or(Place::Gone);
            prop_assert!(may_be.contains(&place), "{name} is {place:?} and may be {may_be:?}");
            *may_be = BTreeSet::from([place]);
        }
        prop_assert_eq!(rows, BTreeMap::new());
        prop_assert!(self.used_bytes() <= BUDGET_BYTES, "{} bytes are used", self.used_bytes());
        Ok(())
    }
}

fn files(dir: &Path) -> Vec<String> {
    let files = std::fs::read_dir(dir).expect("a folder").map(|file| file.expect("readable").file_name());
    files.map(|file| file.to_string_lossy().into_owned()).collect()
}

fn files_of(dir: &Path, folder: &str) -> usize {
    files(&dir.join(folder)).len()
}

fn rows(dir: &Path) -> BTreeMap<ItemName, Place> {
    let db = Connection::open(dir.join("spool.db")).expect("opens");
    let mut statement = db.prepare("SELECT file, step, state FROM item").expect("a table");
    let rows = statement.query_map([], |row| {
        let (file, step, state): (String, u32, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let step = [Step::Recorded, Step::Uploaded, Step::RowPosted][step as usize];
        let place = if state == 2 { Place::Refused(step) } else { Place::Waiting(step) };
        Ok((ItemName::of_file(&file).expect("an item"), place))
    });
    rows.expect("readable").collect::<Result<_, _>>().expect("readable")
}

/// The `number`th recording, each a minute after the one before.
fn dated(kind: Kind, number: u32) -> Dated {
    let start = Timestamp::from_second(1_800_000_000 + 60 * i64::from(number)).expect("in range");
    let (uid, end) = (Uuid::nil(), start + SignedDuration::from_secs(10));
    let item = match kind {
        Kind::Utterance => Item::Utterance { uid, index: number, start, end, track_id: "T".into() },
        Kind::Clip => Item::Clip { uid, start, end },
        Kind::Picture => Item::Picture { uid, taken: start },
    };
    Dated::known(item)
}

struct Trial {
    dir: tempfile::TempDir,
    spool: Option<(Intake, Outbox)>,
    model: Model,
    admitted: u32,
    chance: fastrand::Rng,
    /// For the power cut while what was left is taken up.
    again: Option<u32>,
}

impl Trial {
    fn intake(&self) -> &Intake {
        &self.spool.as_ref().expect("it is open").0
    }

    fn outbox(&self) -> &Outbox {
        &self.spool.as_ref().expect("it is open").1
    }

    fn open(&mut self) -> Result<(), SpoolError> {
        self.spool = None;
        self.model.in_hand.clear();
        let (intake, _) = Intake::open(self.dir.path(), None)?;
        intake.set_budget(Some(BUDGET_BYTES))?;
        self.spool = Some((intake, Outbox::open(self.dir.path(), None)?));
        Ok(())
    }

    fn in_hand(&self, which: &Index) -> Option<(ItemId, ItemName)> {
        let held: Vec<_> = self.model.in_hand.iter().collect();
        (!held.is_empty()).then(|| which.get(&held)).map(|(id, name)| (**id, (*name).clone()))
    }

    /// Does it to both; the model says beforehand what may come of it, and afterwards what has.
    fn perform(&mut self, act: &Act) -> Result<Result<(), SpoolError>, TestCaseError> {
        match act {
            Act::Admit(kind, bytes) => self.admit(*kind, *bytes),
            Act::Take => self.take(),
            Act::Record(which) => Ok(self.in_hand(which).map_or(Ok(()), |(id, name)| self.record(&id, &name))),
            Act::Finish(which) => Ok(self.in_hand(which).map_or(Ok(()), |(id, name)| {
                self.model.maybe(&name, Place::Gone);
                self.outbox().finish(&id, Duration::ZERO)?;
                self.outbox().close()?;
                self.let_go(&id, &name, Place::Gone)
            })),
            Act::Refuse(which) => Ok(self.in_hand(which).map_or(Ok(()), |(id, name)| {
                let refused = Place::Refused(self.model.place(&name).step());
                self.model.maybe(&name, refused);
                self.outbox().refuse(&id, "400", Timestamp::UNIX_EPOCH)?;
                self.let_go(&id, &name, refused)
            })),
            Act::HandBack(which) => Ok(self.in_hand(which).map_or(Ok(()), |(id, name)| {
                self.outbox().hand_back(&id);
                self.let_go(&id, &name, self.model.place(&name))
            })),
            Act::Defer(which) => Ok(self.in_hand(which).map_or(Ok(()), |(id, name)| {
                self.outbox().defer(&id, |_| Duration::from_secs(1));
                self.let_go(&id, &name, self.model.place(&name))
            })),
            Act::Retry => Ok(self.retry()),
            Act::Restart => Ok(self.open()),
            Act::PowerCut(after, again) => {
                power::fail_after(*after);
                self.again = *again;
                Ok(Ok(()))
            }
        }
    }

    fn let_go(&mut self, id: &ItemId, name: &ItemName, place: Place) -> Result<(), SpoolError> {
        self.model.put(name, place);
        self.model.in_hand.remove(id);
        Ok(())
    }

    fn admit(&mut self, kind: Kind, bytes: u16) -> Result<Result<(), SpoolError>, TestCaseError> {
        self.admitted += 1;
        let dated = dated(kind, self.admitted);
        let name = ItemName::of(&dated, bytes.into(), None);
        let sacrifices = self.model.sacrifices(&name);
        self.model.maybe(&name, Place::Gone);
        if let Some(sacrifices) = &sacrifices {
            sacrifices.iter().for_each(|name| self.model.maybe(name, Place::Gone));
            self.model.maybe(&name, Place::Waiting(Step::Recorded));
        }
        match (self.intake().admit_bytes(dated, &vec![1; bytes.into()]), sacrifices) {
            (Ok(room), Some(expected)) => {
                prop_assert_eq!(&room.given_up, &expected);
                expected.iter().for_each(|name| self.model.put(name, Place::Gone));
                self.model.put(&name, Place::Waiting(Step::Recorded));
                Ok(Ok(()))
            }
            (Err(SpoolError::Full { .. }), None) => Ok(Ok(())),
            (Err(error), _) if power::has_failed() => Ok(Err(error)),
            (result, expected) => Err(TestCaseError::fail(format!("{result:?} where {expected:?} was to go"))),
        }
    }

    fn take(&mut self) -> Result<Result<(), SpoolError>, TestCaseError> {
        // What was deferred is due by now.
        let taken = match self.outbox().take(Want::Any, Duration::ZERO, || Duration::from_secs(9)) {
            Ok(Some(id)) => id,
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        };
        let entry = match self.outbox().load(&taken) {
            Ok(entry) => entry,
            // It was given up, which upload only learns now: the next one then.
            Err(SpoolError::GivenUp(_)) => return self.take(),
            Err(error) => return Ok(Err(error)),
        };
        prop_assert_eq!(Place::Waiting(entry.step), self.model.place(&entry.name));
        prop_assert_eq!(self.model.in_hand.insert(taken, entry.name), None);
        Ok(Ok(()))
    }

    fn record(&mut self, id: &ItemId, name: &ItemName) -> Result<(), SpoolError> {
        let entry = self.outbox().load(id)?;
        let step = if entry.step == Step::Recorded { Step::Uploaded } else { Step::RowPosted };
        self.model.maybe(name, Place::Waiting(step));
        self.outbox().record(id, &Entry { step, ..entry })?;
        self.model.put(name, Place::Waiting(step));
        Ok(())
    }

    fn retry(&mut self) -> Result<(), SpoolError> {
        let refused = self.model.here().filter(|(_, place)| matches!(place, Place::Refused(_)));
        let refused: Vec<_> = refused.map(|(name, place)| (name.clone(), Place::Waiting(place.step()))).collect();
        refused.iter().for_each(|(name, waiting)| self.model.maybe(name, *waiting));
        survey::retry(self.dir.path())?;
        refused.iter().for_each(|(name, waiting)| self.model.put(name, *waiting));
        Ok(())
    }

    /// The power comes back, and what is left is taken up.
    fn recover(&mut self) -> Result<(), TestCaseError> {
        self.spool = None;
        self.model.lose_power();
        power::restore(|| self.chance.bool());
        if let Some(again) = self.again.take() {
            power::fail_after(again);
            let _ = self.open();
            self.spool = None;
            power::restore(|| self.chance.bool());
        }
        self.open().map_err(|error| TestCaseError::fail(error.line()))?;
        self.model.see(self.dir.path())
    }
}

proptest! {
    // Fewer if the environment says so, as where they are emulated.
    #![proptest_config(ProptestConfig { cases: 150.min(ProptestConfig::default().cases), ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_nothing_doubled_and_the_budget_kept_wherever_the_power_fails(
        acts in prop::collection::vec(act(), 1..80),
        seed: u64,
    ) {
        power::watch();
        let dir = power::folder();
        let mut trial = Trial {
            dir,
            spool: None,
            model: Model::default(),
            admitted: 0,
            chance: fastrand::Rng::with_seed(seed),
            again: None,
        };
        trial.open().expect("it opens");
        for act in &acts {
            let result = trial.perform(act)?;
            if power::has_failed() {
                trial.recover()?;
            } else {
                result.map_err(|error| TestCaseError::fail(format!("{act:?}: {}", error.line())))?;
                if !matches!(act, Act::PowerCut(..)) {
                    trial.model.see(trial.dir.path())?;
                }
            }
        }
        power::fail_after(1);
        trial.recover()?;
        prop_assert!(power::performed() > 0);
    }
}
