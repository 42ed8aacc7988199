//! What the API does not take, item by item, and what a person is told of it. PURE.
//!
//! A refused item is set aside. After several different ones in a row, at a call that took none between, the server refuses
//! everything there: then nothing more is set aside, and what was comes back.

use std::collections::BTreeMap;
use std::time::Duration;

use super::delivery::Stage;
use super::meaning::Call;
use crate::event::{Event, Fault, Part};
use crate::item::{ItemId, Kind};
use crate::limits::{ALONE_MOST, DIFFERENT_ITEMS, REFUSAL_TOLD, TROUBLE_TOLD_AFTER};

/// What is done with a refused item.
#[derive(Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It is set aside.
    SetAside,
    /// It is kept, and these come back.
    Keep(Vec<ItemId>),
}

#[derive(Debug)]
enum Streak {
    /// So many have been set aside in a row.
    SetAside(Vec<ItemId>),
    /// Everything is refused there, with this answer.
    Everything(String),
}

/// An item that fails by itself.
#[derive(Debug)]
struct Trouble {
    failures: u32,
    last: Duration,
    text: String,
}

/// Times are monotonic.
#[derive(Debug, Default)]
pub struct Complaints {
    /// By what was asked, since it was last done.
    streaks: BTreeMap<(Kind, Call), Streak>,
    troubled: BTreeMap<ItemId, Trouble>,
    /// When something was last set aside, and the answer.
    set_aside: Option<(Duration, String)>,
    told: Option<String>,
}

impl Complaints {
    /// The API has refused this item at this call.
    pub fn refused(&mut self, id: &ItemId, call: Call, answer: &str) -> Ruling {
        let streak = self.streaks.entry((id.kind, call)).or_insert_with(|| Streak::SetAside(Vec::new()));
        match streak {
            Streak::Everything(_) => Ruling::Keep(Vec::new()),
            Streak::SetAside(ids) if ids.contains(id) => Ruling::SetAside,
            Streak::SetAside(ids) if ids.len() + 1 < DIFFERENT_ITEMS => {
                ids.push(*id);
                Ruling::SetAside
            }
            Streak::SetAside(ids) => {
                let ids = std::mem::take(ids);
                *streak = Streak::Everything(answer.into());
                Ruling::Keep(ids)
            }
        }
    }

    /// It has been set aside.
    pub fn note_set_aside(&mut self, answer: &str, now: Duration) {
        self.set_aside = Some((now, answer.into()));
    }

    /// Nothing that was set aside is left.
    pub fn forget_set_aside(&mut self) {
        self.set_aside = None;
    }

    /// The API has done this for an item of this kind.
    pub fn done(&mut self, kind: Kind, call: Call) {
        self.streaks.remove(&(kind, call));
    }

    /// This item is put off alone, since this stage has failed so.
    pub fn put_off(&mut self, id: &ItemId, stage: Stage, cause: &str, now: Duration) {
        let trouble = self.troubled.entry(*id).or_insert(Trouble { failures: 0, last: now, text: String::new() });
        trouble.failures += 1;
        trouble.last = now;
        trouble.text = trouble_text(id.kind, stage, cause);
    }

    /// Whether this item has been put off alone.
    pub fn knows(&self, id: &ItemId) -> bool {
        self.troubled.contains_key(id)
    }

    /// This item is delivered, or set aside.
    pub fn forget(&mut self, id: &ItemId) {
        self.troubled.remove(id);
    }

    /// What is to be told now that was not before. While the way is not well, no item is to blame.
    pub fn news(&mut self, way_is_well: bool, now: Duration) -> Option<Event> {
        // An item that has not failed again after the longest wait is gone, by another's hand.
        self.troubled.retain(|_, trouble| now < trouble.last + ALONE_MOST * 2);
        self.set_aside.take_if(|(at, _)| now >= *at + REFUSAL_TOLD);
        if !way_is_well && self.told.is_none() {
            return None;
        }
        let text = self.text();
        if text == self.told {
            return None;
        }
        self.told.clone_from(&text);
        Some(match text {
            Some(text) => Event::Fault(Fault::new(Part::Recordings, text)),
            None => Event::Cleared(Part::Recordings),
        })
    }

    fn text(&self) -> Option<String> {
        let everything = self.streaks.iter().find_map(|((kind, _), streak)| match streak {
            Streak::Everything(answer) => Some(format!(
                "the API refuses every {kind} ({answer}); they are kept and tried again; ask the server's administrator"
            )),
            Streak::SetAside(_) => None,
        });
        let set_aside = self.set_aside.as_ref().map(|(_, answer)| {
            format!(
                "some recordings are set aside, the last with this answer: {answer}; `listener spool` shows them, \
                 `listener spool retry` sends them again"
            )
        });
        let lasting = self.troubled.values().filter(|trouble| trouble.failures >= TROUBLE_TOLD_AFTER);
        everything.or_else(|| lasting.map(|trouble| trouble.text.clone()).next()).or(set_aside)
    }
}

fn trouble_text(kind: Kind, stage: Stage, cause: &str) -> String {
    let item = if kind == Kind::Utterance { "an utterance".into() } else { format!("a {kind}") };
    let (what, hint) = match stage {
        Stage::Upload => (format!("the file of {item} is not taken"), ""),
        Stage::PostTask => {
            let hint = "; does the server know the cluster in `track_cluster`?";
            (format!("the task of {item} is not taken"), hint)
        }
        Stage::FindRows => (format!("the rows of {item} cannot be read"), ""),
        Stage::DeleteRow(_) => (format!("a second row of {item} cannot be deleted"), ""),
        Stage::PostRow | Stage::Record | Stage::Finish => (format!("the row of {item} is not taken"), ""),
    };
    format!("{what}: {cause}{hint}; it is kept and tried again, and the others go on")
}

#[cfg(test)]
mod tests;
