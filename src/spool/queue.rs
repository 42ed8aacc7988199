//! Which item is delivered next. PURE.
//!
//! ```text
//! the utterance just said > other utterances, oldest first > clips of the minutes that utterances touch, newest first
//!   > pictures, newest first > other clips, oldest first
//! ```

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::amount::Amount;
use super::shelf::{MINUTE_US, Shelf, Slot};
use crate::item::{ItemId, Kind, Kinds, Step};
use crate::limits::{FRESH_SPEECH, LINKED_MINUTES, MAX_TIMEOUT_MS};

/// An item that waits for delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Which.
    pub id: ItemId,
    /// When it begins, in microseconds since 1970.
    pub at_us: i64,
    /// How long it is, in microseconds.
    pub length_us: i64,
    /// Of its file.
    pub bytes: u64,
    /// How far its delivery has come.
    pub step: Step,
}

/// Which item is to be taken in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// The most urgent.
    Any,
    /// One whose file is in place: the place takes no other for now.
    FileInPlace,
    /// One of another kind, if there is one: these have just failed.
    Not(Kinds),
}

/// The items that wait, in the order of delivery. What is in hand is out of reach. An item whose delivery failed lets the others pass
/// until its time has come again. Durations are monotonic.
#[derive(Debug, Default)]
pub struct Queue {
    shelves: [Shelf; Kind::ALL.len()],
    /// Those that wait for their time.
    due: BTreeSet<(Duration, ItemId, Slot)>,
    /// The same of those that are about to be added anew.
    until: BTreeMap<ItemId, Duration>,
    in_hand: BTreeMap<ItemId, Slot>,
    /// Those whose files are known to be where the server finds them, and whether everything else of them is sent, too.
    file_in_place: BTreeMap<ItemId, (Slot, bool)>,
    /// Those that utterances taken for delivery touch: a clip posted too late is never linked to its utterance
    /// (api-contract, "What the consumers need" 4).
    minutes: BTreeSet<i64>,
    /// When the newest recording ended. What ended shortly before counts as just said.
    newest_us: Option<i64>,
}

impl Queue {
    /// An item waits that was there before.
    pub fn add(&mut self, waiting: Waiting) {
        let Waiting { id, at_us, length_us, bytes, step } = waiting;
        let length_ms = (length_us / 1_000).clamp(0, u32::MAX.into()) as u32;
        let slot = Slot { at_us, row: id.row, length_ms, bytes: bytes.try_into().unwrap_or(u32::MAX) };
        if self.in_hand.contains_key(&id) {
            return;
        }
        if step >= Step::Uploaded {
            // What an earlier process has sent is looked at again at once: it counts as still to be sent.
            let is_sent = step == Step::Sent && self.until.contains_key(&id);
            self.file_in_place.insert(id, (slot, is_sent));
        }
        self.shelves[id.kind as usize].add(&slot);
        match self.until.remove(&id) {
            Some(due) => drop(self.due.insert((due, id, slot))),
            None => self.shelve(id.kind, slot),
        }
    }

    /// How many wait, those in hand included.
    pub fn len(&self) -> u64 {
        self.shelves.iter().map(|shelf| shelf.waiting.items).sum()
    }

    /// An item that has just been recorded waits.
    pub fn add_new(&mut self, waiting: Waiting) {
        self.newest_us = self.newest_us.max(Some(waiting.at_us.saturating_add(waiting.length_us)));
        self.add(waiting);
    }

    /// Everything but what is in hand is about to be added anew. What waits for its time goes on doing so.
    pub fn clear(&mut self) {
        let Self { in_hand, minutes, newest_us, mut file_in_place, due, mut until, shelves } = std::mem::take(self);
        file_in_place.retain(|id, _| in_hand.contains_key(id));
        until.extend(due.into_iter().map(|(due, id, _)| (id, due)));
        for (kind, shelf) in Kind::ALL.into_iter().zip(&shelves) {
            until.extend(shelf.ready.again().map(|(slot, due)| (slot.id(kind), due)));
        }
        *self = Self { in_hand, minutes, newest_us, file_in_place, until, ..Self::default() };
        for (id, slot) in &self.in_hand {
            self.shelves[id.kind as usize].add(slot);
        }
    }

    fn shelve(&mut self, kind: Kind, slot: Slot) {
        let is_linked = kind == Kind::Clip && self.is_linked(&slot);
        let shelf = &mut self.shelves[kind as usize];
        if is_linked { &mut shelf.linked } else { &mut shelf.ready }.insert(slot);
    }

    /// Whether an utterance touches a minute of this clip.
    fn is_linked(&self, clip: &Slot) -> bool {
        self.minutes.range(clip.first_minute()..=clip.last_minute()).next().is_some()
    }

    /// Takes the most urgent item in hand, of those that are wanted.
    pub fn take(&mut self, now: Duration, want: Want) -> Option<ItemId> {
        self.ready_what_is_due(now);
        let (kind, slot) = match want {
            Want::Any => self.pop(Kinds::default()),
            Want::FileInPlace => self.pop_in_place(),
            Want::Not(kinds) => self.pop_other(kinds).or_else(|| self.pop_other(Kinds::default())),
        }?;
        Some(self.take_in_hand(kind, slot))
    }

    fn ready_what_is_due(&mut self, now: Duration) {
        while self.due.first().is_some_and(|(due, ..)| *due <= now)
            && let Some((due, id, slot)) = self.due.pop_first()
        {
            self.shelves[id.kind as usize].ready.insert_again(slot, due);
        }
    }

    /// Takes the most urgent item in hand, too, if it is a picture: nothing more urgent waits.
    pub fn take_picture(&mut self) -> Option<ItemId> {
        let [utterances, clips, pictures] = &mut self.shelves;
        if !utterances.ready.is_empty() || !clips.linked.is_empty() {
            return None;
        }
        let slot = pictures.ready.pop_newest()?;
        Some(self.take_in_hand(Kind::Picture, slot))
    }

    fn take_in_hand(&mut self, kind: Kind, slot: Slot) -> ItemId {
        if kind == Kind::Utterance {
            self.link(&slot);
        }
        let id = slot.id(kind);
        self.in_hand.insert(id, slot);
        id
    }

    /// The same order as of [`Self::is_outranked`]: what has just been said goes first, or the two would chase each other.
    fn pop_in_place(&mut self) -> Option<(Kind, Slot)> {
        let just_said = self.just_said(|id| self.file_in_place.contains_key(id)).copied();
        let utterances = &mut self.shelves[Kind::Utterance as usize].ready;
        if let Some(slot) = just_said.and_then(|slot| utterances.take(&slot)) {
            return Some((Kind::Utterance, slot));
        }
        let shelves = &mut self.shelves;
        self.file_in_place.iter().find_map(|(id, (slot, _))| {
            let shelf = &mut shelves[id.kind as usize];
            let slot = shelf.ready.take(slot).or_else(|| shelf.linked.take(slot))?;
            Some((id.kind, slot))
        })
    }

    fn pop(&mut self, not: Kinds) -> Option<(Kind, Slot)> {
        let just_said = self.just_said(|_| true).copied();
        let failed_is_linked =
            self.shelves[Kind::Clip as usize].ready.next_again().is_some_and(|clip| self.is_linked(clip));
        let [utterances, clips, pictures] = &mut self.shelves;
        let may_be = |kind: Kind| (!not.contains(kind)).then_some(());
        let mut speech =
            || just_said.and_then(|slot| utterances.ready.take(&slot)).or_else(|| utterances.ready.pop_oldest());
        let speech = may_be(Kind::Utterance).and_then(|()| speech()).map(|slot| (Kind::Utterance, slot));
        let clip = |slot| (Kind::Clip, slot);
        speech
            .or_else(|| may_be(Kind::Clip).and_then(|()| clips.linked.pop_fresh_newest()).map(clip))
            .or_else(|| {
                may_be(Kind::Clip).filter(|()| failed_is_linked).and_then(|()| clips.ready.pop_again()).map(clip)
            })
            .or_else(|| {
                may_be(Kind::Picture).and_then(|()| pictures.ready.pop_newest()).map(|slot| (Kind::Picture, slot))
            })
            .or_else(|| may_be(Kind::Clip).and_then(|()| clips.ready.pop_oldest()).map(clip))
    }

    /// The same of other kinds than these: some fail, so what has not failed goes before what has, linked or not.
    fn pop_other(&mut self, not: Kinds) -> Option<(Kind, Slot)> {
        let [utterances, clips, pictures] = &mut self.shelves;
        if !not.contains(Kind::Clip) && (not.contains(Kind::Utterance) || utterances.ready.is_empty()) {
            if let Some(linked) = clips.linked.pop_fresh_newest() {
                return Some((Kind::Clip, linked));
            }
            let picture = if not.contains(Kind::Picture) { None } else { pictures.ready.pop_fresh_newest() };
            if let Some(picture) = picture {
                return Some((Kind::Picture, picture));
            }
            if let Some(clip) = clips.ready.pop_fresh_oldest() {
                return Some((Kind::Clip, clip));
            }
        }
        self.pop(not)
    }

    /// The first of the utterances whose speaker still waits for an answer.
    fn just_said(&self, is_wanted: impl Fn(&ItemId) -> bool) -> Option<&Slot> {
        let since = self.newest_us?.saturating_sub(FRESH_SPEECH.as_micros() as i64);
        let longest = i64::from(MAX_TIMEOUT_MS) * 1_000;
        let mut recent = self.shelves[Kind::Utterance as usize].ready.fresh_from(Slot::floor(since - longest));
        recent.find(|slot| slot.end_us() >= since && is_wanted(&slot.id(Kind::Utterance)))
    }

    /// Whether what has just been said, if that is wanted, must not wait for this item in hand.
    pub fn is_outranked(&self, in_hand: &ItemId, want: Want) -> bool {
        let since = self.newest_us.map(|newest| newest.saturating_sub(FRESH_SPEECH.as_micros() as i64));
        let ends_us = self.in_hand.get(in_hand).map(Slot::end_us);
        let is_fresh = in_hand.kind == Kind::Utterance && ends_us >= since;
        let is_wanted = |id: &ItemId| match want {
            Want::Any => true,
            // What could not be taken instead would be put back and taken again without end.
            Want::FileInPlace => self.file_in_place.contains_key(id),
            Want::Not(kinds) => !kinds.contains(Kind::Utterance),
        };
        !is_fresh && self.just_said(is_wanted).is_some()
    }

    /// The clips of the minutes that this utterance touches go before pictures from now on.
    fn link(&mut self, utterance: &Slot) {
        let (first, last) = (utterance.first_minute(), utterance.last_minute());
        self.minutes.extend(first..=last);
        while self.minutes.len() > LINKED_MINUTES {
            self.minutes.pop_first();
        }
        let clips = &mut self.shelves[Kind::Clip as usize];
        // No clip is longer than a minute.
        let near = clips.ready.fresh_in(Slot::floor((first - 1) * MINUTE_US)..Slot::floor((last + 1) * MINUTE_US));
        let linked: Vec<_> = near.filter(|clip| clip.last_minute() >= first).copied().collect();
        for clip in linked {
            clips.ready.take(&clip);
            clips.linked.insert(clip);
        }
    }

    /// When the next deferred item is due, if any waits for its time.
    pub fn next_due(&self) -> Option<Duration> {
        self.due.first().map(|(due, ..)| *due)
    }

    /// An item in hand waits again, unchanged.
    pub fn hand_back(&mut self, id: &ItemId) {
        if let Some(slot) = self.in_hand.remove(id) {
            self.shelve(id.kind, slot);
        }
    }

    /// An item in hand waits until then.
    pub fn delay(&mut self, id: &ItemId, due: Duration) {
        if let Some(slot) = self.in_hand.remove(id) {
            self.due.insert((due, *id, slot));
        }
    }

    /// The file of this item in hand is where the server finds it; and maybe everything else is.
    pub fn note_file_in_place(&mut self, id: &ItemId, is_sent: bool) {
        if let Some(slot) = self.in_hand.get(id) {
            self.file_in_place.insert(*id, (*slot, is_sent));
        }
    }

    /// Of how many of a kind this process has sent everything.
    pub fn sent(&self, kind: Kind) -> usize {
        self.file_in_place.iter().filter(|(id, (_, is_sent))| id.kind == kind && *is_sent).count()
    }

    /// An item in hand has left the spool, or no longer waits.
    pub fn finish(&mut self, id: &ItemId) {
        if let Some(slot) = self.in_hand.remove(id) {
            self.file_in_place.remove(id);
            self.shelves[id.kind as usize].forget(&slot);
        }
    }

    /// How many of a kind wait, those in hand included.
    pub fn waiting(&self, kind: Kind) -> Amount {
        self.shelves[kind as usize].waiting
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
