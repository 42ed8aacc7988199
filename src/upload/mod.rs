//! Delivery as a state machine. PURE: `(outcome, now) -> next action`; [`worker`] performs the actions.
//!
//! ```text
//! Unregistered ──registered──> Registered ──solution──> Ready ──(every 5 min, ask again)──> Ready or Registered
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
//!
//! Pictures need no row, so while nothing more urgent waits, the worker sends those behind the one in hand along with it,
//! over connections of their own; what becomes of them is no step of this machine.
//!
//! The API and the place for files are waited for each by itself: while the place rests, rows and tasks of files that
//! are in place go on, and the API is asked whether it wants another place.

pub mod answer;
pub mod backoff;
pub mod http;
mod line;
pub mod rsync;
mod s3;
pub mod store;
mod tls;
mod volume;
pub mod worker;

use std::time::Duration;

use crate::event::{Event, Fault, Part};
use crate::limits::{BACKOFF_FIRST, REFUSED_RETRY, ROW_SETTLE, STORAGE_SOLUTION_REFRESH};
use crate::spool::{ItemName, Kind, Manifest, Step};
use line::Line;

pub use answer::ApiError;
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
    Deliver(ItemName, Manifest, Stage),
    /// Put the item back that was in hand.
    PutBack(ItemName, PutBack),
}

/// Which item is to be taken in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Any.
    Any,
    /// One whose file is in place: the place takes no other for now.
    FileInPlace,
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

impl Stage {
    /// Whether the API is asked for something.
    pub fn is_request(self) -> bool {
        !matches!(self, Self::Record | Self::Finish)
    }
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
    Taken(ItemName, Manifest),
    /// No item waits.
    NothingWaits,
    /// The row is there, or not.
    RowFound(bool),
    /// The API did not do it.
    Failed(ApiError),
    /// The file did not get to its place.
    NotStored(StoreError),
    /// The spool did not do it; nothing in memory is trusted (durability rule 2).
    SpoolFailed(String),
    /// The item in hand was set aside: it will never be taken.
    Refused,
    /// Somebody has just spoken: that must not wait for the rest of this delivery.
    Outranked,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Link {
    Unregistered,
    Registered,
    Ready { asked: Duration, solution: StorageSolution },
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
    put_back: Option<(ItemName, PutBack)>,
    api: Line,
    /// The place for files, where it is not the API itself.
    files: Line,
    /// A delivery that made way for another goes on where it was.
    interrupted: Option<Delivery>,
    /// The spool failed, or a row has to settle.
    rest_until: Duration,
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
            api: Line::new(now),
            files: Line::new(now),
            interrupted: None,
            rest_until: now,
        }
    }

    /// What to do now.
    pub fn next(&self, now: Duration) -> Action {
        if let Some((name, how)) = &self.put_back {
            return Action::PutBack(name.clone(), *how);
        }
        let rest_until = self.rest_until.max(self.api.rest_until());
        if now < rest_until {
            return Action::RestUntil(rest_until);
        }
        match (&self.link, &self.hand) {
            (Link::Unregistered, _) => Action::Register,
            (Link::Registered, _) => Action::AskStorageSolution,
            (Link::Ready { .. }, Some(d)) => Action::Deliver(d.name.clone(), d.manifest.clone(), d.stage),
            (Link::Ready { asked, .. }, None) if now >= *asked + STORAGE_SOLUTION_REFRESH => Action::AskStorageSolution,
            (Link::Ready { .. }, None) if now < self.files.rest_until() => Action::Take(Want::FileInPlace),
            (Link::Ready { .. }, None) => Action::Take(Want::Any),
        }
    }

    /// The item in hand, when it ends here.
    pub fn into_hand(self) -> Option<ItemName> {
        self.put_back.map(|(name, _)| name).or(self.hand.map(|delivery| delivery.name))
    }

    /// Takes note of what came of the action. `jitter` is from 0 to 1.
    pub fn on(&mut self, outcome: Outcome, now: Duration, jitter: f64) -> Vec<Event> {
        match outcome {
            Outcome::Failed(error) => self.fail(error, now, jitter),
            Outcome::NotStored(error) => self.not_stored(error, now, jitter),
            Outcome::SpoolFailed(text) => {
                self.rest_until = now + BACKOFF_FIRST;
                self.let_go(PutBack::Deferred);
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
            Outcome::Outranked => {
                self.interrupted = self.hand.take();
                self.put_back = self.interrupted.as_ref().map(|d| (d.name.clone(), PutBack::Unchanged));
                vec![]
            }
            Outcome::Solution(solution) => self.ready(solution, now),
            Outcome::NoStore(obstacle) => {
                self.link = Link::Registered;
                self.rest_until = now + REFUSED_RETRY;
                let mut events = self.answered();
                events.push(Event::Fault(Fault::new(Part::Storage, obstacle)));
                events
            }
            Outcome::RowFound(found) => {
                self.row_found(found, now);
                self.answered()
            }
            Outcome::Done => self.done(),
        }
    }

    /// An item begins where its manifest says, or where it made way.
    fn take_up(&mut self, name: ItemName, manifest: Manifest, now: Duration) {
        self.hand = self.interrupted.take_if(|interrupted| interrupted.name == name);
        if self.hand.is_some() {
            return;
        }
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

    /// Without a row, the file is sent once more: it may have gone to a place that the API wanted before.
    fn row_found(&mut self, found: bool, now: Duration) {
        if !found && now < self.files.rest_until() {
            return self.let_go(PutBack::Deferred);
        }
        let Some(delivery) = &mut self.hand else { return };
        delivery.stage = match (found, delivery.name.kind()) {
            (false, _) => Stage::Upload,
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
        let done = delivery.stage;
        delivery.stage = match (done, kind) {
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
            (Stage::FindRow, _) => Stage::Upload,
            (Stage::PostTask, _) => Stage::Finish,
            (Stage::Finish, _) => {
                self.hand = None;
                return vec![Event::Delivered(kind)];
            }
        };
        match done {
            // That the spool has written something says nothing about the API.
            Stage::Record => vec![],
            Stage::Upload if !self.api_takes_files() => self.stored(),
            _ => self.answered(),
        }
    }

    fn ready(&mut self, solution: StorageSolution, now: Duration) -> Vec<Event> {
        let before = std::mem::replace(&mut self.link, Link::Ready { asked: now, solution: solution.clone() });
        let unchanged = matches!(before, Link::Ready { solution: before, .. } if before == solution);
        let mut events = self.answered();
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

    fn fail(&mut self, error: ApiError, now: Duration, jitter: f64) -> Vec<Event> {
        let fault = fault_of(&self.domain, &error);
        let put_back = match error {
            ApiError::Unauthorized(_) | ApiError::UnknownHome(_) => {
                self.link = Link::Unregistered;
                self.api.rest_for(REFUSED_RETRY, now);
                PutBack::Unchanged
            }
            ApiError::Unreachable(_) | ApiError::Untrusted(_) | ApiError::NotTheApi(_) => {
                self.api.fail(Duration::ZERO, now, jitter);
                PutBack::Unchanged
            }
            // The server may be at it still; see `ROW_SETTLE`.
            ApiError::Unclear(_) => {
                self.api.fail(ROW_SETTLE, now, jitter);
                PutBack::Deferred
            }
            ApiError::Busy(_, wait) => {
                self.api.fail(wait.max(ROW_SETTLE), now, jitter);
                PutBack::Deferred
            }
            ApiError::Refused { .. } | ApiError::File(_) => {
                self.api.fail(Duration::ZERO, now, jitter);
                PutBack::Deferred
            }
        };
        self.let_go(put_back);
        vec![Event::Fault(fault)]
    }

    fn not_stored(&mut self, error: StoreError, now: Duration, jitter: f64) -> Vec<Event> {
        let (part, text, put_back) = match error {
            StoreError::Api(error) => return self.fail(error, now, jitter),
            StoreError::Away(text) => (Part::Storage, text, PutBack::Unchanged),
            StoreError::Failed(text) => (Part::Storage, text, PutBack::Deferred),
            StoreError::File(text) => (Part::Disk, text, PutBack::Deferred),
        };
        self.files.fail(Duration::ZERO, now, jitter);
        self.let_go(put_back);
        vec![Event::Fault(Fault::new(part, text))]
    }

    /// Lets go of the item in hand: what it has reached stands in its manifest, and whatever is most urgent then goes
    /// first.
    fn let_go(&mut self, put_back: PutBack) {
        self.put_back = self.hand.take().map(|delivery| (delivery.name, put_back));
    }
}

/// What an error of the API at `domain` means to a person, and what to do.
pub fn fault_of(domain: &str, error: &ApiError) -> Fault {
    let (part, text) = match error {
        ApiError::Unreachable(cause) => {
            (Part::Api, format!("the API at {domain} cannot be reached: {cause}; check the network and api_domain"))
        }
        ApiError::Untrusted(cause) => (Part::Api, format!("the API at {domain} is not trusted: {cause}")),
        ApiError::Unclear(cause) => {
            (Part::Api, format!("the API at {domain} does not answer as it should: {cause}; it is tried again"))
        }
        ApiError::Busy(cause, wait) => {
            let wait_s = wait.as_secs();
            (
                Part::Api,
                format!("the API at {domain} asks to be left alone for {wait_s} s: {cause}; it is tried again then"),
            )
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
