//! Delivery as a state machine. PURE: `(outcome, now) -> next action`; [`worker`] performs the actions.
//!
//! ```text
//! Unregistered ──registered──> Registered ──solution──> Ready ──(every 5 min, ask again)──> Ready or Registered
//!      ^                           │                      │
//!      └── token or home refused ──┴──────────────────────┘        the way failed: rest, then go on
//! ```
//!
//! In Ready, one item is in hand at a time; [`delivery`] says what is done with it, and the step reached is made durable before
//! the next begins. Exactly one row: a row is posted without asking only by the very delivery that has just uploaded the
//! file; see there. A task cannot be asked for; one whose answer never came is posted again with the same track id.
//!
//! What fails may be the item or the way ([`meaning`], [`line`]):
//!
//! ```text
//! nobody knows, server errors    the item waits alone, twice as long each time; after three different items in a row the way rests
//! the way                        it rests, ever longer; items of the kinds that failed are then passed over, so that others are tried
//! several kinds fail             no item is to blame: none waits longer than a minute
//! refused                        set aside; after three in a row at one call nothing more is, and what was comes back ([`complaints`])
//! the token, the home            the device is registered again at once, which tells whether it is so
//! ```
//!
//! Pictures need no row, so while nothing more urgent waits, the worker sends those behind the one in hand along with it,
//! over connections of their own; what becomes of them is no step of this machine.
//!
//! The API and the place for files are waited for each by itself: while the place rests, rows and tasks of files that
//! are in place go on, and the API is asked whether it wants another place.

pub mod answer;
pub mod backoff;
mod complaints;
pub mod delivery;
mod failing;
mod fault;
pub mod http;
mod line;
mod list;
pub mod meaning;
mod proxy;
pub mod rsync;
mod s3;
pub mod store;
mod tls;
mod volume;
pub mod worker;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use crate::event::{Event, Fault, Part};
use crate::item::{Entry, ItemId, Kinds};
use crate::limits::{REFUSED_RETRY, ROW_SETTLE, STORAGE_SOLUTION_REFRESH};
use crate::spool::queue::Want;
use complaints::Complaints;
use delivery::{Delivery, Then};
use line::Line;

pub use answer::ApiError;
pub use delivery::Stage;
pub use fault::{fault_of, fault_once};
pub use store::StoreError;

/// Where the server wants files (api-contract, `storage_solution`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageSolution {
    /// The API itself takes them.
    Api,
    /// A bucket.
    S3,
    /// A folder on a server, by rsync.
    Local,
    /// A shared folder.
    Volume,
    /// Anything else.
    Unknown(String),
}

impl StorageSolution {
    /// What the server said.
    pub fn parse(text: &str) -> Self {
        match text {
            "api" => Self::Api,
            "s3" => Self::S3,
            "local" => Self::Local,
            "volume" => Self::Volume,
            other => Self::Unknown(other.into()),
        }
    }
}

/// What the worker has to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing until this monotonic time.
    RestUntil(Duration),
    /// Make the device known.
    Register,
    /// Ask where files are wanted.
    AskStorageSolution,
    /// Take the most urgent item in hand.
    Take(Want),
    /// Do this with the item in hand.
    Deliver(ItemId, Entry, Stage),
    /// Put the item back that was in hand.
    PutBack(ItemId, PutBack),
    /// Put back what was set aside.
    TakeBack(Vec<ItemId>),
}

/// How an item in hand goes back into the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutBack {
    /// It is taken first again.
    Unchanged,
    /// It failed, for reasons that may be its own: it waits longer each time, and at least this long.
    Alone(Duration),
    /// It waits this long, through no fault of its own.
    Later(Duration),
    /// It is set aside, with this answer.
    Refused(String),
}

/// What came of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done. For [`Action::Deliver`], this stage is.
    Done,
    /// Files go there from now on.
    Solution(StorageSolution),
    /// The API wants files where they cannot be brought: why, and what to do.
    NoStore(String),
    /// An item is in hand.
    Taken(ItemId, Entry),
    /// No item waits.
    NothingWaits,
    /// These rows of the item are there, the oldest first.
    RowsFound(Vec<u64>),
    /// The API did not do it.
    Failed(ApiError),
    /// The file did not get to its place.
    NotStored(StoreError),
    /// The spool did not do it.
    SpoolFailed(String),
    /// Somebody has just spoken: that must not wait for the rest of this delivery.
    Outranked,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Link {
    Unregistered,
    Registered,
    Ready { asked: Duration, solution: StorageSolution },
}

/// The state machine. Times are monotonic.
#[derive(Debug)]
pub struct Uploader {
    domain: String,
    track_cluster: String,
    started: Duration,
    link: Link,
    /// Where files went when that was last said.
    known: Option<StorageSolution>,
    hand: Option<Delivery>,
    /// To be done before anything else.
    pending: VecDeque<Action>,
    api: Line,
    /// The place for files, where it is not the API itself.
    files: Line,
    /// The spool.
    disk: Line,
    disk_fault: Option<Fault>,
    /// The last call that is about no item failed.
    link_has_failed: bool,
    /// What is to come back from where it was set aside, once the spool can do that.
    owed: Option<Vec<ItemId>>,
    /// That the API wants files where they cannot be brought.
    no_store_until: Duration,
    /// Their items have failed while the way was not well, and none has succeeded since.
    passed_over: Kinds,
    /// Deliveries that made way for another, or whose progress could not be recorded, go on where they were.
    paused: VecDeque<Delivery>,
    complaints: Complaints,
    /// Items that have counted as delivered, and are in the spool to be checked for a second row.
    sent: BTreeSet<ItemId>,
}

impl Uploader {
    /// Has not spoken to the API at `domain` yet. `track_cluster` is the one that is set.
    pub fn new(domain: &str, track_cluster: &str, now: Duration) -> Self {
        Self {
            domain: domain.into(),
            track_cluster: track_cluster.into(),
            started: now,
            link: Link::Unregistered,
            known: None,
            hand: None,
            pending: VecDeque::new(),
            api: Line::new(now),
            files: Line::new(now),
            disk: Line::new(now),
            disk_fault: None,
            link_has_failed: false,
            owed: None,
            no_store_until: now,
            passed_over: Kinds::default(),
            paused: VecDeque::new(),
            complaints: Complaints::default(),
            sent: BTreeSet::new(),
        }
    }

    /// What to do now.
    pub fn next(&self, now: Duration) -> Action {
        if let Some(action) = self.pending.front() {
            return action.clone();
        }
        let rest_until = self.no_store_until.max(self.api.rest_until()).max(self.disk.rest_until());
        if now < rest_until {
            return Action::RestUntil(rest_until);
        }
        match (&self.link, &self.hand) {
            (Link::Unregistered, _) => Action::Register,
            (Link::Registered, _) => Action::AskStorageSolution,
            (Link::Ready { .. }, Some(d)) => Action::Deliver(d.id, d.entry.clone(), d.stage),
            (Link::Ready { asked, .. }, None) if now >= *asked + STORAGE_SOLUTION_REFRESH => Action::AskStorageSolution,
            (Link::Ready { .. }, None) => Action::Take(self.want(now)),
        }
    }

    /// What may be taken in hand now.
    pub fn want(&self, now: Duration) -> Want {
        if now < self.files.rest_until() {
            Want::FileInPlace
        } else if self.passed_over.is_empty() {
            Want::Any
        } else {
            Want::Not(self.passed_over)
        }
    }

    /// Whether nothing is known to be wrong with the way: then several requests may go at once.
    pub fn is_well(&self) -> bool {
        self.api.is_well() && self.files.is_well()
    }

    /// The item in hand, when it ends here.
    pub fn into_hand(self) -> Option<ItemId> {
        let pending = self.pending.into_iter().find_map(|action| match action {
            Action::PutBack(id, _) => Some(id),
            _ => None,
        });
        pending.or(self.hand.map(|delivery| delivery.id))
    }

    /// So much was set aside by runs before this one, the last so long ago, with this answer; or nothing is set aside any more.
    pub fn note_set_aside(&mut self, last: Option<(Duration, &str)>) {
        match last {
            Some((at, answer)) => self.complaints.note_set_aside(answer, at),
            None => self.complaints.forget_set_aside(),
        }
    }

    /// Takes note of what came of the action. `jitter` is from 0 to 1.
    pub fn on(&mut self, outcome: Outcome, now: Duration, jitter: f64) -> Vec<Event> {
        let mut events = self.take_note(outcome, now, jitter);
        let is_well = self.is_well();
        events.extend(self.complaints.news(is_well, now));
        events
    }

    fn take_note(&mut self, outcome: Outcome, now: Duration, jitter: f64) -> Vec<Event> {
        match outcome {
            Outcome::Failed(error) => self.fail(error, now, jitter),
            Outcome::NotStored(error) => self.not_stored(error, now, jitter),
            Outcome::SpoolFailed(text) => self.spool_failed(text, now, jitter),
            Outcome::Taken(id, entry) => {
                self.take_up(id, entry, now);
                vec![]
            }
            Outcome::NothingWaits => vec![],
            Outcome::Outranked => {
                if let Some(delivery) = self.hand.take() {
                    self.put_back(&delivery.id, PutBack::Unchanged);
                    self.pause(delivery);
                }
                vec![]
            }
            Outcome::Solution(solution) => self.ready(solution, now),
            Outcome::NoStore(obstacle) => {
                self.link = Link::Registered;
                self.known = None;
                self.no_store_until = now + REFUSED_RETRY;
                let mut events = self.answered();
                let text = format!("{obstacle}. Recording goes on, and all of it is kept");
                events.push(Event::Fault(Fault::new(Part::Storage, text)));
                events
            }
            Outcome::RowsFound(rows) => {
                self.rows_found(&rows, now);
                self.answered()
            }
            Outcome::Done => match self.pending.pop_front() {
                Some(action) => self.put_away(action, now),
                None => self.done(now),
            },
        }
    }

    /// An item begins where its entry says, or where it was paused.
    fn take_up(&mut self, id: ItemId, entry: Entry, now: Duration) {
        if self.passed_over.contains(id.kind) {
            // Nothing else was there: each kind has its turn again.
            self.passed_over = Kinds::default();
        }
        let is_this = |paused: &Delivery| paused.id == id && paused.entry.name == entry.name;
        let paused = self.paused.iter().position(is_this);
        if let Some(paused) = paused.and_then(|at| self.paused.remove(at)) {
            self.hand = Some(paused);
            return;
        }
        let delivery = Delivery::new(id, entry, &self.track_cluster);
        // A row that the run before has just sent may still be on its way into the server's books.
        if delivery.stage == Stage::FindRows && now < self.started + ROW_SETTLE {
            self.put_back(&delivery.id, PutBack::Later(self.started + ROW_SETTLE - now));
        } else {
            self.hand = Some(delivery);
        }
    }

    fn rows_found(&mut self, rows: &[u64], now: Duration) {
        let Some(delivery) = &mut self.hand else { return };
        self.complaints.done(delivery.id.kind, meaning::Call::ListFiles);
        self.passed_over = Kinds::default();
        delivery.found(rows);
        if delivery.stage == Stage::Upload && now < self.files.rest_until() {
            let id = delivery.id;
            self.hand = None;
            self.put_back(&id, PutBack::Later(self.files.rest_until() - now));
        }
    }

    fn done(&mut self, now: Duration) -> Vec<Event> {
        let Some(delivery) = &mut self.hand else {
            if self.link == Link::Unregistered {
                // Files go where they did until it is asked again.
                self.link = match self.known.clone() {
                    Some(solution) => Link::Ready { asked: now, solution },
                    None => Link::Registered,
                };
                return self.link_answered();
            }
            return vec![];
        };
        let (stage, kind) = (delivery.stage, delivery.id.kind);
        let then = delivery.done();
        if let Some(call) = stage.call() {
            self.complaints.done(kind, call);
            self.passed_over = Kinds::default();
        }
        let mut events = match stage {
            // That the spool has written something says nothing about the API.
            Stage::Record | Stage::Finish => self.written(),
            Stage::Upload if !self.api_takes_files() => self.stored(),
            _ => self.answered(),
        };
        if then != Then::GoOn
            && let Some(Delivery { id, .. }) = self.hand.take()
        {
            self.complaints.forget(&id);
            match then {
                Then::Later(wait) => {
                    self.put_back(&id, PutBack::Later(wait));
                    events.extend(self.sent.insert(id).then_some(Event::Delivered(kind)));
                }
                Then::Over => events.extend((!self.sent.remove(&id)).then_some(Event::Delivered(kind))),
                Then::GoOn => {}
            }
        }
        events
    }

    /// What was pending is done.
    fn put_away(&mut self, action: Action, now: Duration) -> Vec<Event> {
        let Action::PutBack(id, PutBack::Refused(answer)) = action else { return vec![] };
        self.complaints.note_set_aside(&answer, now);
        self.complaints.forget(&id);
        let mut events = self.written();
        self.sent.remove(&id);
        events.push(Event::Refused(id.kind));
        events
    }

    fn ready(&mut self, solution: StorageSolution, now: Duration) -> Vec<Event> {
        let unchanged = self.known.as_ref() == Some(&solution);
        self.known = Some(solution.clone());
        self.link = Link::Ready { asked: now, solution };
        let mut events = self.link_answered();
        if !unchanged {
            events.extend(self.stored());
        }
        events
    }

    fn api_takes_files(&self) -> bool {
        matches!(self.link, Link::Ready { solution: StorageSolution::Api, .. })
    }

    /// The place for files has taken one, or is a new one: nothing is wrong with the way to it.
    fn stored(&mut self) -> Vec<Event> {
        self.files.well();
        vec![Event::Cleared(Part::Storage)]
    }

    /// The API has answered as it should: nothing is wrong with the way to it.
    fn answered(&mut self) -> Vec<Event> {
        self.api.well();
        let mut cleared = vec![Event::Cleared(Part::Api), Event::Cleared(Part::Token)];
        if self.link != Link::Unregistered {
            cleared.push(Event::Cleared(Part::Home));
        }
        cleared
    }

    /// The API has answered a call that is about no item. That says nothing for one that it refuses the items: a server may know
    /// the token, and not let it write.
    fn link_answered(&mut self) -> Vec<Event> {
        let is_news = std::mem::take(&mut self.link_has_failed) || !self.api.is_doubted();
        if is_news { self.answered() } else { vec![] }
    }

    /// The spool has written something.
    fn written(&mut self) -> Vec<Event> {
        self.disk.well();
        self.pending.extend(self.owed.take().map(Action::TakeBack));
        self.disk_fault.take().map(Event::Mended).into_iter().collect()
    }
}

#[cfg(test)]
mod sim;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_tokens;
