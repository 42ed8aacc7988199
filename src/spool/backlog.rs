//! Which item is delivered next, and which one is given up when the disk is short. PURE.
//!
//! ```text
//! delivered: the utterance just said > other utterances, oldest first > clips of the minutes that utterances touch,
//!            newest first > pictures, newest first > other clips, oldest first
//! given up:  pictures, then clips, then utterances, the oldest first; of each kind what was refused goes before what waits
//! ```

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::shelf::{Entry, MINUTE_US, Shelf};
use super::{ItemName, Kind, Kinds};
use crate::limits::{FRESH_SPEECH, LINKED_MINUTES, MAX_TIMEOUT_MS};

/// Where an item stands in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// When it begins, in microseconds since 1970, as well as it is known.
    pub at_us: i64,
    /// Whether that is good enough for the API.
    pub is_settled: bool,
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

/// How many, and how much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Items.
    pub items: u64,
    /// Bytes of their files.
    pub bytes: u64,
}

impl Amount {
    /// One more.
    pub fn add(&mut self, bytes: u64) {
        (self.items, self.bytes) = (self.items + 1, self.bytes + bytes);
    }

    fn subtract(&mut self, bytes: u64) {
        (self.items, self.bytes) = (self.items - 1, self.bytes - bytes);
    }
}

/// An item that is given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sacrifice {
    /// Its name.
    pub name: ItemName,
    /// Whether it was among the refused.
    pub was_refused: bool,
}

/// What is known of an item whose file is in place.
#[derive(Debug, Clone, Copy)]
struct InPlace {
    at_us: i64,
    /// Everything else of it is sent, too: it only stays to be checked for a second row.
    is_sent: bool,
}

/// The items in the spool, in the order of delivery and in that of sacrifice. What is in hand is out of reach for both.
/// An item whose delivery failed through the server lets the others pass until its time has come again. Durations are
/// monotonic.
#[derive(Debug, Default)]
pub struct Backlog {
    shelves: [Shelf; Kind::ALL.len()],
    due: BTreeSet<(Duration, Entry)>,
    failures: BTreeMap<ItemName, u32>,
    in_hand: BTreeMap<ItemName, i64>,
    /// Those whose files are known to be where the server finds them.
    file_in_place: BTreeMap<ItemName, InPlace>,
    /// Those that utterances taken for delivery touch: a clip posted too late is never linked to its utterance
    /// (api-contract, "What the consumers need" 4).
    minutes: BTreeSet<i64>,
    /// When the newest recording ended: by that it is told what has just been said.
    newest_us: Option<i64>,
    disk_bytes: u64,
}

impl Backlog {
    /// An item that an earlier run has left waits.
    pub fn add(&mut self, name: ItemName, placed: Placed) {
        let shelf = &mut self.shelves[name.kind() as usize];
        shelf.waiting.add(name.media_bytes());
        self.disk_bytes += name.disk_bytes();
        self.shelve(Entry { at_us: placed.at_us, name }, placed.is_settled);
    }

    /// An item that has just been recorded waits.
    pub fn add_new(&mut self, name: ItemName, placed: Placed) {
        self.newest_us = Some(placed.at_us.saturating_add(name.length_us()));
        self.add(name, placed);
    }

    /// An item that may be known already: what is done here is also seen from outside.
    pub fn learn(&mut self, name: ItemName, placed: Placed) {
        if !self.is_known(&Entry { at_us: placed.at_us, name: name.clone() }) {
            self.add_new(name, placed);
        }
    }

    /// The same of one that is not new.
    pub fn learn_old(&mut self, name: ItemName, placed: Placed) {
        if !self.is_known(&Entry { at_us: placed.at_us, name: name.clone() }) {
            self.add(name, placed);
        }
    }

    /// An item has left the spool by another's hand. What is in hand here has left it by this one's.
    pub fn lose(&mut self, name: &ItemName, placed: Placed) {
        let entry = Entry { at_us: placed.at_us, name: name.clone() };
        if !self.in_hand.contains_key(name) && self.is_known(&entry) {
            self.remove(&entry);
        }
    }

    fn is_known(&self, entry: &Entry) -> bool {
        self.in_hand.contains_key(&entry.name) || self.shelves[entry.name.kind() as usize].holds(entry)
    }

    /// Everything is placed anew: what was in hand stays so, and what was deferred waits no longer.
    pub fn place_anew(
        &mut self,
        waiting: impl IntoIterator<Item = (ItemName, Placed)>,
        refused: impl IntoIterator<Item = ItemName>,
    ) {
        let before = std::mem::take(self);
        refused.into_iter().for_each(|name| self.add_refused(name));
        for name in before.in_hand.keys() {
            self.shelves[name.kind() as usize].waiting.add(name.media_bytes());
            self.disk_bytes += name.disk_bytes();
        }
        let Self { failures, in_hand, file_in_place, minutes, newest_us, .. } = before;
        (self.failures, self.in_hand, self.minutes, self.newest_us) = (failures, in_hand, minutes, newest_us);
        for (name, placed) in waiting {
            if self.in_hand.contains_key(&name) {
                continue;
            }
            if let Some(before) = file_in_place.get(&name) {
                self.file_in_place.insert(name.clone(), InPlace { at_us: placed.at_us, ..*before });
            }
            self.add(name, placed);
        }
        let held = file_in_place.into_iter().filter(|(name, _)| self.in_hand.contains_key(name));
        self.file_in_place.extend(held);
    }

    /// A refused item takes room, and does not wait. It may be known already.
    pub fn add_refused(&mut self, name: ItemName) {
        if self.shelves[name.kind() as usize].refused.contains(&name) {
            return;
        }
        self.disk_bytes += name.disk_bytes();
        let shelf = &mut self.shelves[name.kind() as usize];
        shelf.loose_bytes += name.disk_bytes();
        shelf.refused.insert(name);
    }

    fn shelve(&mut self, entry: Entry, is_settled: bool) {
        let is_linked = self.is_linked(&entry);
        let shelf = &mut self.shelves[entry.name.kind() as usize];
        shelf.loose_bytes += entry.name.disk_bytes();
        match (is_settled, is_linked) {
            (false, _) => drop(shelf.unsettled.insert(entry)),
            (true, true) => shelf.linked.insert(entry),
            (true, false) => shelf.ready.insert(entry),
        }
    }

    /// Whether an utterance touches a minute of this clip.
    fn is_linked(&self, entry: &Entry) -> bool {
        entry.name.kind() == Kind::Clip
            && self.minutes.range(entry.first_minute()..=entry.last_minute()).next().is_some()
    }

    /// Times have become known: everything that waited for that is placed anew.
    pub fn settle(&mut self, place: impl Fn(&ItemName) -> Placed) {
        for kind in Kind::ALL {
            for Entry { name, .. } in std::mem::take(&mut self.shelves[kind as usize].unsettled) {
                self.shelves[kind as usize].loose_bytes -= name.disk_bytes();
                let Placed { at_us, is_settled } = place(&name);
                self.shelve(Entry { at_us, name }, is_settled);
            }
        }
    }

    /// Takes the most urgent item in hand, of those that are wanted.
    pub fn take(&mut self, now: Duration, want: Want) -> Option<ItemName> {
        self.ready_what_is_due(now);
        let entry = match want {
            Want::Any => self.pop(Kinds::default()),
            Want::FileInPlace => self.pop_in_place(),
            Want::Not(kinds) => self.pop_other(kinds).or_else(|| self.pop_other(Kinds::default())),
        }?;
        Some(self.take_in_hand(entry))
    }

    fn ready_what_is_due(&mut self, now: Duration) {
        while self.due.first().is_some_and(|(due, _)| *due <= now)
            && let Some((due, entry)) = self.due.pop_first()
        {
            let shelf = &mut self.shelves[entry.name.kind() as usize];
            shelf.deferred.remove(&entry);
            shelf.ready.insert_again(entry, due);
        }
    }

    /// Takes the most urgent item in hand, too, if it is a picture: nothing more urgent waits.
    pub fn take_picture(&mut self) -> Option<ItemName> {
        let [utterances, clips, pictures] = &mut self.shelves;
        if !utterances.ready.is_empty() || !clips.linked.is_empty() {
            return None;
        }
        let entry = pictures.ready.pop_newest()?;
        Some(self.take_in_hand(entry))
    }

    fn take_in_hand(&mut self, entry: Entry) -> ItemName {
        self.shelves[entry.name.kind() as usize].loose_bytes -= entry.name.disk_bytes();
        if entry.name.kind() == Kind::Utterance {
            self.link(&entry);
        }
        self.in_hand.insert(entry.name.clone(), entry.at_us);
        entry.name
    }

    /// The same order as of [`Self::is_outranked`]: what has just been said goes first, or the two would chase each other.
    fn pop_in_place(&mut self) -> Option<Entry> {
        let just_said = self.just_said(|name| self.file_in_place.contains_key(name)).cloned();
        let utterances = &mut self.shelves[Kind::Utterance as usize].ready;
        if let Some(entry) = just_said.and_then(|entry| utterances.take(&entry)) {
            return Some(entry);
        }
        let shelves = &mut self.shelves;
        self.file_in_place.iter().find_map(|(name, InPlace { at_us, .. })| {
            let entry = Entry { at_us: *at_us, name: name.clone() };
            let shelf = &mut shelves[name.kind() as usize];
            shelf.ready.take(&entry).or_else(|| shelf.linked.take(&entry))
        })
    }

    fn pop(&mut self, not: Kinds) -> Option<Entry> {
        let just_said = self.just_said(|_| true).cloned();
        let failed_is_linked =
            self.shelves[Kind::Clip as usize].ready.next_again().is_some_and(|clip| self.is_linked(clip));
        let [utterances, clips, pictures] = &mut self.shelves;
        let may_be = |kind: Kind| (!not.contains(kind)).then_some(());
        let speech =
            || just_said.and_then(|entry| utterances.ready.take(&entry)).or_else(|| utterances.ready.pop_oldest());
        may_be(Kind::Utterance)
            .and_then(|()| speech())
            .or_else(|| may_be(Kind::Clip).and_then(|()| clips.linked.pop_fresh_newest()))
            .or_else(|| may_be(Kind::Clip).filter(|()| failed_is_linked).and_then(|()| clips.ready.pop_again()))
            .or_else(|| may_be(Kind::Picture).and_then(|()| pictures.ready.pop_newest()))
            .or_else(|| may_be(Kind::Clip).and_then(|()| clips.ready.pop_oldest()))
    }

    /// The same of other kinds than these: some fail, so what has not failed goes before what has, linked or not.
    fn pop_other(&mut self, not: Kinds) -> Option<Entry> {
        let [utterances, clips, pictures] = &mut self.shelves;
        if !not.contains(Kind::Clip) && (not.contains(Kind::Utterance) || utterances.ready.is_empty()) {
            let linked = clips.linked.pop_fresh_newest();
            let pictures = || if not.contains(Kind::Picture) { None } else { pictures.ready.pop_fresh_newest() };
            let fresh = linked.or_else(pictures).or_else(|| clips.ready.pop_fresh_oldest());
            if fresh.is_some() {
                return fresh;
            }
        }
        self.pop(not)
    }

    /// The first of the utterances whose speaker still waits for an answer.
    fn just_said(&self, is_wanted: impl Fn(&ItemName) -> bool) -> Option<&Entry> {
        let since = self.newest_us?.saturating_sub(FRESH_SPEECH.as_micros() as i64);
        let longest = i64::from(MAX_TIMEOUT_MS) * 1_000;
        let mut recent = self.shelves[Kind::Utterance as usize].ready.fresh_from(Entry::floor(since - longest));
        recent.find(|entry| entry.end_us() >= since && is_wanted(&entry.name))
    }

    /// Whether what has just been said, if that is wanted, must not wait for this item in hand.
    pub fn is_outranked(&self, in_hand: &ItemName, want: Want) -> bool {
        let since = self.newest_us.map(|newest| newest.saturating_sub(FRESH_SPEECH.as_micros() as i64));
        let ends_us = self.in_hand.get(in_hand).map(|at_us| at_us.saturating_add(in_hand.length_us()));
        let is_fresh = in_hand.kind() == Kind::Utterance && ends_us >= since;
        let is_wanted = |name: &ItemName| match want {
            Want::Any => true,
            // What could not be taken instead would be put back and taken again without end.
            Want::FileInPlace => self.file_in_place.contains_key(name),
            Want::Not(kinds) => !kinds.contains(Kind::Utterance),
        };
        !is_fresh && self.just_said(is_wanted).is_some()
    }

    /// The clips of the minutes that this utterance touches go before pictures from now on.
    fn link(&mut self, utterance: &Entry) {
        let (first, last) = (utterance.first_minute(), utterance.last_minute());
        self.minutes.extend(first..=last);
        while self.minutes.len() > LINKED_MINUTES {
            self.minutes.pop_first();
        }
        let clips = &mut self.shelves[Kind::Clip as usize];
        // No clip is longer than a minute.
        let near = clips.ready.fresh_in(Entry::floor((first - 1) * MINUTE_US)..Entry::floor((last + 1) * MINUTE_US));
        let linked: Vec<_> = near.filter(|clip| clip.last_minute() >= first).cloned().collect();
        for clip in linked {
            clips.ready.take(&clip);
            clips.linked.insert(clip);
        }
    }

    /// When the next deferred item is due, if any waits for its time.
    pub fn next_due(&self) -> Option<Duration> {
        self.due.first().map(|(due, _)| *due)
    }

    /// An item in hand waits again, unchanged.
    pub fn hand_back(&mut self, name: &ItemName) {
        if let Some((name, at_us)) = self.in_hand.remove_entry(name) {
            self.shelve(Entry { at_us, name }, true);
        }
    }

    /// An item in hand waits until its own backoff has passed. `until` is told how often it has failed.
    pub fn defer(&mut self, name: &ItemName, until: impl FnOnce(u32) -> Duration) {
        if self.in_hand.contains_key(name) {
            let failures = self.failures.entry(name.clone()).or_default();
            *failures += 1;
            let due = until(*failures);
            self.delay(name, due);
        }
    }

    /// An item in hand waits until then, through no fault of its own.
    pub fn delay(&mut self, name: &ItemName, due: Duration) {
        if let Some((name, at_us)) = self.in_hand.remove_entry(name) {
            let entry = Entry { at_us, name };
            let shelf = &mut self.shelves[entry.name.kind() as usize];
            shelf.loose_bytes += entry.name.disk_bytes();
            shelf.deferred.insert(entry.clone(), due);
            self.due.insert((due, entry));
        }
    }

    /// The file of this item in hand is where the server finds it; and maybe everything else is.
    pub fn note_file_in_place(&mut self, name: &ItemName, is_sent: bool) {
        if let Some((name, at_us)) = self.in_hand.get_key_value(name) {
            self.file_in_place.insert(name.clone(), InPlace { at_us: *at_us, is_sent });
        }
    }

    /// Of how many of a kind everything is sent.
    pub fn sent(&self, kind: Kind) -> usize {
        self.file_in_place.iter().filter(|(name, place)| name.kind() == kind && place.is_sent).count()
    }

    /// An item in hand has left the spool.
    pub fn finish(&mut self, name: &ItemName) {
        if self.in_hand.remove(name).is_some() {
            self.file_in_place.remove(name);
            self.failures.remove(name);
            self.forget(name);
        }
    }

    /// An item in hand is refused: it takes room, and does not wait.
    pub fn refuse(&mut self, name: &ItemName) {
        if self.in_hand.contains_key(name) {
            self.finish(name);
            self.add_refused(name.clone());
        }
    }

    /// A refused item is no longer among them.
    pub fn take_refused(&mut self, name: &ItemName) {
        let shelf = &mut self.shelves[name.kind() as usize];
        if shelf.refused.remove(name) {
            shelf.loose_bytes -= name.disk_bytes();
            self.disk_bytes -= name.disk_bytes();
        }
    }

    fn forget(&mut self, name: &ItemName) {
        self.shelves[name.kind() as usize].waiting.subtract(name.media_bytes());
        self.disk_bytes -= name.disk_bytes();
    }

    /// Gives up the least valuable items so that `bytes` of the disk become free for one of kind `newcomer`, and
    /// beyond that `spare` bytes of pictures, if there are: so that not every newcomer has to ask for it. `None`, and
    /// nothing is given up, if the newcomer itself is the least valuable.
    pub fn sacrifice(&mut self, newcomer: Kind, bytes: u64, spare: u64) -> Option<Vec<Sacrifice>> {
        let less_valuable = || Kind::ALL.into_iter().rev().take_while(|kind| *kind >= newcomer);
        if less_valuable().map(|kind| self.shelves[kind as usize].loose_bytes).sum::<u64>() < bytes {
            return None;
        }
        let (mut given_up, mut freed) = (Vec::new(), 0);
        for kind in less_valuable() {
            let enough = if kind == Kind::Picture { bytes.saturating_add(spare) } else { bytes };
            while freed < enough
                && let Some(sacrifice) = self.give_up(kind)
            {
                freed += sacrifice.name.disk_bytes();
                given_up.push(sacrifice);
            }
        }
        Some(given_up)
    }

    fn give_up(&mut self, kind: Kind) -> Option<Sacrifice> {
        let shelf = &mut self.shelves[kind as usize];
        if let Some(name) = shelf.refused.first().cloned() {
            self.take_refused(&name);
            return Some(Sacrifice { name, was_refused: true });
        }
        let entry = shelf.oldest()?.clone();
        self.remove(&entry);
        Some(Sacrifice { name: entry.name, was_refused: false })
    }

    /// One that waits, and is not in hand, waits no longer.
    fn remove(&mut self, entry: &Entry) {
        let shelf = &mut self.shelves[entry.name.kind() as usize];
        shelf.ready.take(entry);
        shelf.linked.take(entry);
        shelf.unsettled.remove(entry);
        if let Some(due) = shelf.deferred.remove(entry) {
            self.due.remove(&(due, entry.clone()));
        }
        shelf.loose_bytes -= entry.name.disk_bytes();
        self.failures.remove(&entry.name);
        self.file_in_place.remove(&entry.name);
        self.forget(&entry.name);
    }

    /// How many of a kind wait, those in hand included.
    pub fn waiting(&self, kind: Kind) -> Amount {
        self.shelves[kind as usize].waiting
    }

    /// How many of a kind wait for the clock to be set.
    pub fn unsettled(&self) -> usize {
        self.shelves.iter().map(|shelf| shelf.unsettled.len()).sum()
    }

    /// The refused of a kind.
    pub fn refused(&self, kind: Kind) -> impl Iterator<Item = &ItemName> {
        self.shelves[kind as usize].refused.iter()
    }

    /// What all of it takes on the disk, the refused included.
    pub fn disk_bytes(&self) -> u64 {
        self.disk_bytes
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.shelves.iter().all(|shelf| shelf.waiting.items == 0)
    }
}
