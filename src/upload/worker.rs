//! Does what the state machine says, in a thread of its own. EDGE.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "EDGE: threads, random numbers, the log"
)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::http::ApiClient;
use super::store::Stores;
use super::{Action, ApiError, Outcome, PutBack, Stage, StorageSolution, StoreError, Uploader, backoff};
use crate::clock::Clock;
use crate::event::{Event, Part};
use crate::limits::{PICTURE_BURST, PICTURE_CONNECTIONS, SLOWEST_UPLOAD_BYTES_PER_S, STAGE_HANG};
use crate::spool::{ItemName, Kind, Manifest, Spool, SpoolError, Want};

/// How long one wait lasts at most, so that a stop is noticed.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Delivers from a spool.
pub struct Worker<'a> {
    /// What waits.
    pub spool: &'a Spool,
    /// Where rows and tasks go.
    pub api: &'a ApiClient,
    /// Which chain of models is set to answer.
    pub track_cluster: &'a str,
    /// When it is.
    pub clock: &'a dyn Clock,
    /// Once set, it ends after the requests that are under way.
    pub stop: &'a AtomicBool,
    /// Who wants to know.
    pub tell: &'a (dyn Fn(Event) + Sync),
}

impl Worker<'_> {
    /// Delivers until it is stopped. Files go to one of the `stores`.
    pub fn run(&self, stores: &mut Stores) {
        let mut uploader = Uploader::new(self.api.domain(), self.track_cluster, self.clock.monotonic());
        let set_aside = self.spool.last_set_aside(self.clock.now());
        let before = |age| self.clock.monotonic().saturating_sub(age);
        uploader.note_set_aside(set_aside.as_ref().map(|(age, answer)| (before(*age), answer.as_str())));
        while !self.stop.load(Ordering::Relaxed) {
            let now = self.clock.monotonic();
            let action = uploader.next(now);
            (self.tell)(self.alive(&action));
            let outcome = match action {
                Action::RestUntil(until) => {
                    self.spool.rest(until.saturating_sub(now).min(LONGEST_WAIT));
                    continue;
                }
                Action::Register => or_failed(self.api.register().map(|()| Outcome::Done)),
                Action::AskStorageSolution => or_failed(self.api.storage_solution().map(|text| choose(stores, &text))),
                Action::Take(want) => self.take(want),
                Action::PutBack(name, how) => self.put_back(&name, how),
                Action::TakeBack(names) => or_spool_failed(self.spool.take_back(&names), Outcome::Done),
                Action::Deliver(name, _, stage)
                    if !matches!(stage, Stage::Record | Stage::Finish)
                        && self.spool.is_outranked(&name, uploader.want(now)) =>
                {
                    Outcome::Outranked
                }
                Action::Deliver(name, manifest, stage) => {
                    self.deliver(stores, &name, &manifest, stage, uploader.is_well())
                }
            };
            if outcome == Outcome::NothingWaits && !self.spool.has_set_aside() {
                uploader.note_set_aside(None);
            }
            uploader.on(outcome, self.clock.monotonic(), fastrand::f64()).into_iter().for_each(self.tell);
        }
        if let Some(name) = uploader.into_hand() {
            self.spool.hand_back(&name);
        }
    }

    fn take(&self, want: Want) -> Outcome {
        let Some(name) = self.spool.take(want, LONGEST_WAIT, || self.clock.monotonic()) else {
            return Outcome::NothingWaits;
        };
        match self.load(&name) {
            Ok(Some(manifest)) => Outcome::Taken(name, manifest),
            Ok(None) => Outcome::NothingWaits,
            Err(error) => {
                self.put_back(&name, PutBack::Alone(Duration::ZERO));
                Outcome::SpoolFailed(error.line())
            }
        }
    }

    /// The manifest of an item in hand; none if it is damaged or given up, and no longer in hand.
    fn load(&self, name: &ItemName) -> Result<Option<Manifest>, SpoolError> {
        match self.spool.load(name) {
            Err(SpoolError::GivenUp(_)) => Ok(None),
            Err(error) if error.is_damage() => {
                log::error!("{error}");
                (self.tell)(Event::Dropped(name.kind()));
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    fn put_back(&self, name: &ItemName, how: PutBack) -> Outcome {
        let now = self.clock.monotonic();
        match how {
            PutBack::Unchanged => self.spool.hand_back(name),
            PutBack::Alone(at_least) => {
                let until = |failures| now + backoff::alone(failures, fastrand::f64()).max(at_least);
                self.spool.defer(name, until);
            }
            PutBack::Later(wait) => self.spool.delay(name, now + wait),
            PutBack::Refused(answer) => {
                log::error!("{name} is set aside in refused/: {answer}");
                if let Err(error) = self.spool.refuse(name, &answer) {
                    self.put_back(name, PutBack::Alone(Duration::ZERO));
                    return Outcome::SpoolFailed(error.line());
                }
            }
        }
        Outcome::Done
    }

    /// While the way `is_well`, pictures go several at once.
    fn deliver(&self, stores: &Stores, name: &ItemName, manifest: &Manifest, stage: Stage, is_well: bool) -> Outcome {
        let item = &manifest.item;
        let done = match stage {
            Stage::Upload => match self.upload(stores, name, manifest, is_well) {
                Err(StoreError::Api(error)) => Err(error),
                Err(error) => return Outcome::NotStored(error),
                Ok(()) => Ok(()),
            },
            Stage::PostRow => self.api.post_row(item),
            Stage::DeleteRow(id) => self.api.delete_row(item, id),
            Stage::PostTask => self.api.post_task(item).inspect(|()| {
                (self.tell)(Event::TaskAccepted { since_end: self.clock.now().duration_since(item.end()) });
            }),
            Stage::FindRows => return or_failed(self.api.rows(item).map(Outcome::RowsFound)),
            Stage::Record => return or_spool_failed(self.spool.record(name, manifest), Outcome::Done),
            Stage::Finish => return or_spool_failed(self.spool.finish(name), Outcome::Done),
        };
        match done {
            Ok(()) => {
                log::debug!(item = name.to_string().as_str(); "{stage:?} done");
                Outcome::Done
            }
            Err(error) => {
                log::debug!(item = name.to_string().as_str(); "{stage:?} failed: {error}");
                Outcome::Failed(error)
            }
        }
    }

    /// Sends the file of the item in hand. With a picture go those that wait behind it.
    fn upload(&self, stores: &Stores, name: &ItemName, manifest: &Manifest, is_well: bool) -> Result<(), StoreError> {
        let put = || stores.put(&manifest.item, &self.spool.media(name));
        if name.kind() != Kind::Picture || !is_well || self.spool.waiting(Kind::Picture) == 1 {
            return put();
        }
        let until = self.clock.monotonic() + PICTURE_BURST;
        thread::scope(|scope| {
            for _ in 1..PICTURE_CONNECTIONS {
                scope.spawn(|| self.send_pictures(stores, until));
            }
            put().inspect(|()| self.send_pictures(stores, until))
        })
    }

    /// Sends pictures until then, or one fails, or something more urgent waits. One that fails is sent once more by the state
    /// machine, which then says why it failed.
    fn send_pictures(&self, stores: &Stores, until: Duration) {
        while self.clock.monotonic() < until && !self.stop.load(Ordering::Relaxed) {
            let Some(name) = self.spool.take_picture() else { return };
            (self.tell)(Event::Alive { part: Part::Api, within: longest(&name) });
            match self.load(&name) {
                Ok(None) => continue,
                Ok(Some(manifest)) if stores.put(&manifest.item, &self.spool.media(&name)).is_ok() => {}
                _ => return self.spool.hand_back(&name),
            }
            match self.spool.finish(&name) {
                Ok(()) => (self.tell)(Event::Delivered(Kind::Picture)),
                Err(_) => return self.spool.hand_back(&name),
            }
        }
    }

    /// Each request has a time limit of its own; that of a file goes by its length.
    fn alive(&self, action: &Action) -> Event {
        let within = match action {
            Action::Deliver(name, _, Stage::Upload) => longest(name),
            _ => STAGE_HANG,
        };
        Event::Alive { part: Part::Api, within }
    }
}

/// How long it may take to send this item's file.
fn longest(name: &ItemName) -> Duration {
    STAGE_HANG + Duration::from_secs(name.media_bytes() / SLOWEST_UPLOAD_BYTES_PER_S)
}

fn or_failed(result: Result<Outcome, ApiError>) -> Outcome {
    result.unwrap_or_else(Outcome::Failed)
}

fn or_spool_failed(result: Result<(), SpoolError>, outcome: Outcome) -> Outcome {
    result.map_or_else(|error| Outcome::SpoolFailed(error.line()), |()| outcome)
}

fn choose(stores: &mut Stores, text: &str) -> Outcome {
    let solution = StorageSolution::parse(text);
    match stores.choose(&solution) {
        Ok(()) => Outcome::Solution(solution),
        Err(obstacle) => Outcome::NoStore(obstacle),
    }
}
