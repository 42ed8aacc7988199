//! Delivery as a state machine. PURE: `(outcome, now) -> next action`; [`worker`] performs the actions.
//!
//! ```text
//! Unregistered ──registered──> Registered ──solution──> Ready ──(every 5 min, ask again)──> Registered
//!      ^                           │                      │
//!      └── token or home refused ──┴──────────────────────┘        any failure: rest, then go on
//!
//! Ready, one item in hand at a time, the step reached made durable before the next begins:
//!   utterance   Upload ─> Record ─> PostRow ─> Record ─> PostTask ─> Finish
//!   clip        Upload ─> Record ─> PostRow ─> Finish
//!   picture     Upload ─> Finish
//! ```
//!
//! Exactly one row: a row is posted without asking only by the very delivery that has just uploaded the file. An item
//! taken up again at step `uploaded` may have had its row posted by an attempt whose answer never came, so it begins
//! with `FindRow`. A task cannot be asked for; one whose answer never came is posted again with the same track id.

pub mod answer;
pub mod backoff;
pub mod http;
pub mod worker;

use std::time::Duration;

use crate::event::{Event, Fault, Part};
use crate::limits::{REFUSED_RETRY, ROW_SETTLE, STORAGE_SOLUTION_REFRESH};
use crate::spool::{ItemName, Kind, Manifest, Step};

pub use answer::ApiError;

/// How the server wants files (api-contract, `storage_solution`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageSolution {
    /// Files are sent to the API itself.
    Api,
    /// One of `volume`, `local`, `s3`: known, not built yet.
    NotBuilt(String),
    /// Anything else.
    Unknown(String),
}

impl StorageSolution {
    /// What the server said.
    pub fn parse(text: &str) -> Self {
        match text {
            "api" => Self::Api,
            "volume" | "local" | "s3" => Self::NotBuilt(text.into()),
            other => Self::Unknown(other.into()),
        }
    }

    /// Why nothing can be delivered this way.
    pub fn obstacle(&self) -> Option<String> {
        match self {
            Self::Api => None,
            Self::NotBuilt(name) => Some(format!(
                "the API wants files by storage solution \"{name}\", which is not built yet; set it to \"api\" on the \
                 server. Recording goes on, and all of it is kept"
            )),
            Self::Unknown(name) => Some(format!(
                "the API wants files by storage solution {name:?}, which is not known; set it to \"api\" on the \
                 server. Recording goes on, and all of it is kept"
            )),
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
    /// Ask how files are wanted.
    AskStorageSolution,
    /// Take the most urgent item in hand.
    Take,
    /// Do this with the item in hand.
    Deliver(ItemName, Manifest, Stage),
    /// Put the item in hand back.
    PutBack(PutBack),
}

/// How an item goes back into the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutBack {
    /// The way to the API failed: the most urgent item is next, whichever that is then.
    Unchanged,
    /// This item failed, for reasons that may be its own: the others pass while it waits.
    Deferred,
}

/// One stage of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Send the file.
    Upload,
    /// Make the manifest's step durable.
    Record,
    /// Ask whether the row is there.
    FindRow,
    /// Post the row.
    PostRow,
    /// Queue the task.
    PostTask,
    /// Remove the item from the spool.
    Finish,
}

/// What came of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done. For [`Action::Deliver`], this stage is.
    Done,
    /// The storage solution.
    Solution(StorageSolution),
    /// An item is in hand.
    Taken(ItemName, Manifest),
    /// No item waits.
    NothingWaits,
    /// The row is there, or not.
    RowFound(bool),
    /// The API did not do it.
    Failed(ApiError),
    /// The spool did not do it; nothing in memory is trusted (durability rule 2).
    SpoolFailed(String),
    /// The item in hand was set aside: it will never be taken.
    Refused,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Link {
    Unregistered,
    Registered,
    Ready { asked: Duration },
}

#[derive(Debug)]
struct Delivery {
    name: ItemName,
    manifest: Manifest,
    stage: Stage,
}

/// The state machine. Times are monotonic.
#[derive(Debug)]
pub struct Uploader {
    domain: String,
    started: Duration,
    link: Link,
    hand: Option<Delivery>,
    /// The item that was in hand goes back first.
    put_back: Option<PutBack>,
    rest_until: Duration,
    failures: u32,
}

impl Uploader {
    /// Has not spoken to the API at `domain` yet.
    pub fn new(domain: &str, now: Duration) -> Self {
        Self {
            domain: domain.into(),
            started: now,
            link: Link::Unregistered,
            hand: None,
            put_back: None,
            rest_until: now,
            failures: 0,
        }
    }

    /// What to do now.
    pub fn next(&self, now: Duration) -> Action {
        if let Some(how) = self.put_back {
            return Action::PutBack(how);
        }
        if now < self.rest_until {
            return Action::RestUntil(self.rest_until);
        }
        match (&self.link, &self.hand) {
            (Link::Unregistered, _) => Action::Register,
            (Link::Registered, _) => Action::AskStorageSolution,
            (Link::Ready { .. }, Some(d)) => Action::Deliver(d.name.clone(), d.manifest.clone(), d.stage),
            (Link::Ready { asked }, None) if now >= *asked + STORAGE_SOLUTION_REFRESH => Action::AskStorageSolution,
            (Link::Ready { .. }, None) => Action::Take,
        }
    }

    /// Takes note of what came of the action. `jitter` is from 0 to 1.
    pub fn on(&mut self, outcome: Outcome, now: Duration, jitter: f64) -> Vec<Event> {
        match outcome {
            Outcome::Failed(error) => self.fail(error, now, jitter),
            Outcome::SpoolFailed(text) => {
                self.rest(now + self.next_wait(jitter), PutBack::Deferred);
                vec![Event::Fault(Fault::new(Part::Disk, text))]
            }
            Outcome::Taken(name, manifest) => {
                self.take_up(name, manifest, now);
                vec![]
            }
            Outcome::NothingWaits => vec![],
            Outcome::Refused => {
                let refused = self.hand.take();
                refused.map(|d| Event::Refused(d.name.kind())).into_iter().collect()
            }
            Outcome::Solution(solution) => self.ready(&solution, now),
            Outcome::RowFound(found) => {
                self.row_found(found);
                self.answered()
            }
            Outcome::Done => self.done(),
        }
    }

    /// An item begins where its manifest says.
    fn take_up(&mut self, name: ItemName, manifest: Manifest, now: Duration) {
        let stage = match (manifest.step, name.kind()) {
            (Step::Recorded, _) => Stage::Upload,
            (Step::Uploaded, Kind::Utterance | Kind::Clip) => Stage::FindRow,
            (Step::RowPosted, Kind::Utterance) => Stage::PostTask,
            (Step::Uploaded, Kind::Picture) | (Step::RowPosted, Kind::Clip | Kind::Picture) => Stage::Finish,
        };
        // A row that the run before has just sent may still be on its way into the server's books.
        if stage == Stage::FindRow {
            self.rest_until = self.rest_until.max(self.started + ROW_SETTLE).max(now);
        }
        self.hand = Some(Delivery { name, manifest, stage });
    }

    fn row_found(&mut self, found: bool) {
        let Some(delivery) = &mut self.hand else { return };
        delivery.stage = match (found, delivery.name.kind()) {
            (false, _) => Stage::PostRow,
            (true, Kind::Utterance) => {
                delivery.manifest.step = Step::RowPosted;
                Stage::Record
            }
            (true, Kind::Clip | Kind::Picture) => Stage::Finish,
        };
    }

    fn done(&mut self) -> Vec<Event> {
        let Some(delivery) = &mut self.hand else {
            if self.put_back.take().is_none() && self.link == Link::Unregistered {
                self.link = Link::Registered;
                return self.answered();
            }
            return vec![];
        };
        let kind = delivery.name.kind();
        delivery.stage = match (delivery.stage, kind) {
            (Stage::Upload, Kind::Picture) | (Stage::PostRow, Kind::Clip | Kind::Picture) => Stage::Finish,
            (Stage::Upload, _) => {
                delivery.manifest.step = Step::Uploaded;
                Stage::Record
            }
            (Stage::PostRow, Kind::Utterance) => {
                delivery.manifest.step = Step::RowPosted;
                Stage::Record
            }
            (Stage::Record, _) => match delivery.manifest.step {
                Step::Recorded => Stage::Upload,
                Step::Uploaded => Stage::PostRow,
                Step::RowPosted => Stage::PostTask,
            },
            (Stage::FindRow, _) => Stage::PostRow,
            (Stage::PostTask, _) => Stage::Finish,
            (Stage::Finish, _) => {
                self.hand = None;
                return vec![Event::Delivered(kind)];
            }
        };
        self.answered()
    }

    fn ready(&mut self, solution: &StorageSolution, now: Duration) -> Vec<Event> {
        let mut events = self.answered();
        match solution.obstacle() {
            None => {
                self.link = Link::Ready { asked: now };
                events.push(Event::Cleared(Part::Storage));
            }
            Some(obstacle) => {
                self.link = Link::Registered;
                self.rest_until = now + REFUSED_RETRY;
                events.push(Event::Fault(Fault::new(Part::Storage, obstacle)));
            }
        }
        events
    }

    /// The API has answered as it should: nothing is wrong with the way to it.
    fn answered(&mut self) -> Vec<Event> {
        self.failures = 0;
        let mut cleared = vec![Event::Cleared(Part::Api), Event::Cleared(Part::Token)];
        if self.link != Link::Unregistered {
            cleared.push(Event::Cleared(Part::Home));
        }
        cleared
    }

    fn fail(&mut self, error: ApiError, now: Duration, jitter: f64) -> Vec<Event> {
        let fault = fault_of(&self.domain, &error);
        let (wait, put_back) = match error {
            ApiError::Unauthorized(_) | ApiError::UnknownHome(_) => {
                self.link = Link::Unregistered;
                (REFUSED_RETRY, PutBack::Unchanged)
            }
            ApiError::Unreachable(_) | ApiError::NotTheApi(_) => (self.next_wait(jitter), PutBack::Unchanged),
            // The server may be at it still; see `ROW_SETTLE`.
            ApiError::Unclear(_) => (self.next_wait(jitter).max(ROW_SETTLE), PutBack::Deferred),
            ApiError::Refused { .. } | ApiError::File(_) => (self.next_wait(jitter), PutBack::Deferred),
        };
        self.rest(now + wait, put_back);
        vec![Event::Fault(fault)]
    }

    fn next_wait(&self, jitter: f64) -> Duration {
        backoff::wait(self.failures + 1, jitter)
    }

    /// Rests, and lets go of the item in hand: what it has reached stands in its manifest, and whatever is most
    /// urgent then goes first.
    fn rest(&mut self, until: Duration, put_back: PutBack) {
        self.failures = self.failures.saturating_add(1);
        self.rest_until = until;
        self.put_back = self.hand.take().map(|_| put_back);
    }
}

/// What an error of the API at `domain` means to a person, and what to do.
pub fn fault_of(domain: &str, error: &ApiError) -> Fault {
    let (part, text) = match error {
        ApiError::Unreachable(cause) => {
            (Part::Api, format!("the API at {domain} cannot be reached: {cause}; check the network and api_domain"))
        }
        ApiError::Unclear(cause) => {
            (Part::Api, format!("the API at {domain} does not answer as it should: {cause}; it is tried again"))
        }
        ApiError::NotTheApi(cause) => (
            Part::Api,
            format!("what answers at {domain} is not the API: {cause}; check api_domain, scheme and port included"),
        ),
        ApiError::Unauthorized(cause) => {
            (Part::Token, format!("the API refuses the token: {cause} Get one from the server's administrator"))
        }
        ApiError::UnknownHome(cause) => {
            (Part::Home, format!("the API does not know this home: {cause} Check home_id, or make the home there"))
        }
        ApiError::Refused { status, answer } => {
            (Part::Api, format!("the API at {domain} refuses a request ({status}): {answer}"))
        }
        ApiError::File(cause) => (Part::Disk, cause.clone()),
    };
    Fault::new(part, text)
}

#[cfg(test)]
mod tests;
