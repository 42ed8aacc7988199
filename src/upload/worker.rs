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
use crate::item::{Entry, ItemId, Kind};
use crate::limits::{PICTURE_BURST, PICTURE_CONNECTIONS, SLOWEST_UPLOAD_BYTES_PER_S, STAGE_HANG};
use crate::spool::queue::Want;
use crate::spool::{Outbox, SpoolError};

/// How long one wait lasts at most, so that a stop is noticed.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Delivers from a spool.
pub struct Worker<'a> {
    /// What waits.
    pub outbox: &'a Outbox,
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
        let set_aside = self.outbox.last_set_aside(self.clock.now());
        let before = |age| self.clock.monotonic().saturating_sub(age);
        uploader.note_set_aside(set_aside.as_ref().map(|(age, answer)| (before(*age), answer.as_str())));
        while !self.stop.load(Ordering::Relaxed) {
            let now = self.clock.monotonic();
            let action = uploader.next(now);
            (self.tell)(self.alive(&action));
            let outcome = match action {
                Action::RestUntil(until) => {
                    self.outbox.rest(until.saturating_sub(now).min(LONGEST_WAIT), now);
                    continue;
                }
                Action::Register => or_failed(self.api.register().map(|()| Outcome::Done)),
                Action::AskStorageSolution => or_failed(self.api.storage_solution().map(|text| choose(stores, &text))),
                Action::Take(want) => self.take(want),
                Action::PutBack(id, how) => self.put_back(&id, how),
                Action::TakeBack(ids) => or_spool_failed(self.outbox.take_back(&ids), Outcome::Done),
                Action::Deliver(id, _, stage)
                    if !matches!(stage, Stage::Record | Stage::Finish)
                        && self.outbox.is_outranked(&id, uploader.want(now)) =>
                {
                    Outcome::Outranked
                }
                Action::Deliver(id, entry, stage) => self.deliver(stores, &id, &entry, stage, uploader.is_well()),
            };
            if outcome == Outcome::NothingWaits && !self.outbox.has_set_aside() {
                uploader.note_set_aside(None);
            }
            uploader.on(outcome, self.clock.monotonic(), fastrand::f64()).into_iter().for_each(self.tell);
        }
        if let Some(id) = uploader.into_hand() {
            self.outbox.hand_back(&id);
        }
        if let Err(error) = self.outbox.close() {
            log::warn!("{}; the last pictures are sent again", error.line());
        }
    }

    fn take(&self, want: Want) -> Outcome {
        let id = match self.outbox.take(want, LONGEST_WAIT, || self.clock.monotonic()) {
            Ok(Some(id)) => id,
            Ok(None) => return Outcome::NothingWaits,
            Err(error) => return spool_failed(&error),
        };
        match self.load(&id) {
            Ok(Some(entry)) => Outcome::Taken(id, entry),
            Ok(None) => Outcome::NothingWaits,
            Err(error) => {
                self.put_back(&id, PutBack::Alone(Duration::ZERO));
                spool_failed(&error)
            }
        }
    }

    /// The entry of an item in hand; none if it is damaged or given up, and no longer in hand.
    fn load(&self, id: &ItemId) -> Result<Option<Entry>, SpoolError> {
        match self.outbox.load(id) {
            Err(SpoolError::GivenUp(_)) => Ok(None),
            Err(error @ SpoolError::Damaged { .. }) => {
                log::error!("{error}");
                (self.tell)(Event::Dropped(id.kind));
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    fn put_back(&self, id: &ItemId, how: PutBack) -> Outcome {
        let now = self.clock.monotonic();
        match how {
            PutBack::Unchanged => self.outbox.hand_back(id),
            PutBack::Alone(at_least) => {
                let until = |failures| now + backoff::alone(failures, fastrand::f64()).max(at_least);
                self.outbox.defer(id, until);
            }
            PutBack::Later(wait) => self.outbox.delay(id, now + wait),
            PutBack::Refused(answer) => {
                log::error!("{id} is set aside: {answer}");
                if let Err(error) = self.outbox.refuse(id, &answer, self.clock.now()) {
                    self.put_back(id, PutBack::Alone(Duration::ZERO));
                    return spool_failed(&error);
                }
            }
        }
        Outcome::Done
    }

    /// While the way `is_well`, pictures go several at once.
    fn deliver(&self, stores: &Stores, id: &ItemId, entry: &Entry, stage: Stage, is_well: bool) -> Outcome {
        let item = &entry.item;
        let done = match stage {
            Stage::Upload => match self.upload(stores, id, entry, is_well) {
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
            Stage::Record => return or_spool_failed(self.outbox.record(id, entry), Outcome::Done),
            Stage::Finish => return or_spool_failed(self.outbox.finish(id, self.clock.monotonic()), Outcome::Done),
        };
        match done {
            Ok(()) => {
                log::debug!(item = id.to_string().as_str(); "{stage:?} done");
                Outcome::Done
            }
            Err(error) => {
                log::debug!(item = id.to_string().as_str(); "{stage:?} failed: {error}");
                Outcome::Failed(error)
            }
        }
    }

    /// Sends the file of the item in hand. With a picture go those that wait behind it.
    fn upload(&self, stores: &Stores, id: &ItemId, entry: &Entry, is_well: bool) -> Result<(), StoreError> {
        let put = || stores.put(&entry.item, &self.outbox.media(id));
        if id.kind != Kind::Picture || !is_well || self.outbox.waiting(Kind::Picture) == 1 {
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
            let Some(id) = self.outbox.take_picture() else { return };
            match self.load(&id) {
                Ok(None) => continue,
                Ok(Some(entry)) if self.send_picture(stores, &id, &entry) => {}
                _ => return self.outbox.hand_back(&id),
            }
            match self.outbox.finish(&id, self.clock.monotonic()) {
                Ok(()) => (self.tell)(Event::Delivered(Kind::Picture)),
                Err(_) => return self.outbox.hand_back(&id),
            }
        }
    }

    fn send_picture(&self, stores: &Stores, id: &ItemId, entry: &Entry) -> bool {
        (self.tell)(Event::Alive { part: Part::Api, within: longest(entry) });
        stores.put(&entry.item, &self.outbox.media(id)).is_ok()
    }

    /// Each request has a time limit of its own; that of a file goes by its length.
    fn alive(&self, action: &Action) -> Event {
        let within = match action {
            Action::Deliver(_, entry, Stage::Upload) => longest(entry),
            _ => STAGE_HANG,
        };
        Event::Alive { part: Part::Api, within }
    }
}

/// How long it may take to send this item's file.
fn longest(entry: &Entry) -> Duration {
    STAGE_HANG + Duration::from_secs(entry.media_bytes() / SLOWEST_UPLOAD_BYTES_PER_S)
}

fn spool_failed(error: &SpoolError) -> Outcome {
    // Whoever started the program does so again, and it opens what is there then.
    assert!(!error.needs_restart(), "{}", error.line());
    Outcome::SpoolFailed(error.line())
}

fn or_failed(result: Result<Outcome, ApiError>) -> Outcome {
    result.unwrap_or_else(Outcome::Failed)
}

fn or_spool_failed(result: Result<(), SpoolError>, outcome: Outcome) -> Outcome {
    result.map_or_else(|error| spool_failed(&error), |()| outcome)
}

fn choose(stores: &mut Stores, text: &str) -> Outcome {
    let solution = StorageSolution::parse(text);
    match stores.choose(&solution) {
        Ok(()) => Outcome::Solution(solution),
        Err(obstacle) => Outcome::NoStore(obstacle),
    }
}
