//! Which item is delivered next. PURE.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{ItemName, Kind};

/// The items that wait, the most urgent first. An item whose delivery failed through the server lets the others pass
/// until its time has come again. Times are monotonic.
#[derive(Debug, Default)]
pub struct Backlog {
    ready: BTreeSet<ItemName>,
    deferred: BTreeMap<ItemName, Duration>,
    failures: BTreeMap<ItemName, u32>,
    in_hand: BTreeSet<ItemName>,
    /// Those whose files are known to be where the server finds them.
    file_in_place: BTreeSet<ItemName>,
    waiting: [usize; Kind::ALL.len()],
}

impl Backlog {
    /// A new item waits.
    pub fn add(&mut self, name: ItemName) {
        let kind = name.kind();
        self.waiting[kind as usize] += usize::from(self.ready.insert(name));
    }

    /// Takes the most urgent item in hand.
    pub fn take(&mut self, now: Duration) -> Option<ItemName> {
        self.ready_what_is_due(now);
        let name = self.ready.pop_first()?;
        self.in_hand.insert(name.clone());
        Some(name)
    }

    /// Takes the most urgent of the items in hand whose file is in place.
    pub fn take_file_in_place(&mut self, now: Duration) -> Option<ItemName> {
        self.ready_what_is_due(now);
        let name = self.file_in_place.iter().find(|name| self.ready.contains(*name))?.clone();
        self.ready.remove(&name);
        self.in_hand.insert(name.clone());
        Some(name)
    }

    fn ready_what_is_due(&mut self, now: Duration) {
        let due: Vec<_> = self.deferred.iter().filter(|(_, until)| **until <= now).map(|(n, _)| n.clone()).collect();
        for name in due {
            self.deferred.remove(&name);
            self.ready.insert(name);
        }
    }

    /// Takes the most urgent item in hand, too, if it is a picture: nothing more urgent waits.
    pub fn take_picture(&mut self) -> Option<ItemName> {
        self.ready.first().filter(|name| name.kind() == Kind::Picture)?;
        let name = self.ready.pop_first()?;
        self.in_hand.insert(name.clone());
        Some(name)
    }

    /// When the next deferred item is due, if any waits for its time.
    pub fn next_due(&self) -> Option<Duration> {
        self.deferred.values().min().copied()
    }

    /// An item in hand waits again, unchanged.
    pub fn hand_back(&mut self, name: &ItemName) {
        self.ready.extend(self.in_hand.take(name));
    }

    /// An item in hand waits until its own backoff has passed. `until` is told how often it has failed.
    pub fn defer(&mut self, name: &ItemName, until: impl FnOnce(u32) -> Duration) {
        if let Some(name) = self.in_hand.take(name) {
            let failures = self.failures.entry(name.clone()).or_default();
            *failures += 1;
            self.deferred.insert(name, until(*failures));
        }
    }

    /// The file of this item is where the server finds it.
    pub fn note_file_in_place(&mut self, name: &ItemName) {
        self.file_in_place.insert(name.clone());
    }

    /// An item in hand has left the spool.
    pub fn finish(&mut self, name: &ItemName) {
        if let Some(name) = self.in_hand.take(name) {
            self.file_in_place.remove(&name);
            self.waiting[name.kind() as usize] -= 1;
            self.failures.remove(&name);
        }
    }

    /// How many of a kind wait, that in hand included.
    pub fn waiting(&self, kind: Kind) -> usize {
        self.waiting[kind as usize]
    }

    /// How many wait, that in hand included.
    pub fn len(&self) -> usize {
        self.waiting.iter().sum()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::spool::Item;

    const NOW: Duration = Duration::from_secs(100);

    fn clip(second: i64) -> ItemName {
        let start = Timestamp::from_second(second).expect("in range");
        ItemName::of(&Item::Clip { uid: Uuid::nil(), start, end: start })
    }

    #[test]
    fn an_item_that_fails_lets_the_others_pass_until_its_time() {
        let mut backlog = Backlog::default();
        backlog.add(clip(1));
        backlog.add(clip(2));
        assert_eq!(backlog.take(NOW), Some(clip(1)));
        backlog.defer(&clip(1), |failures| NOW + Duration::from_secs(failures.into()));
        assert_eq!(backlog.take(NOW), Some(clip(2)));
        backlog.finish(&clip(2));
        assert_eq!(backlog.take(NOW), None);
        assert_eq!(backlog.len(), 1);
        let due = backlog.next_due().expect("one is deferred");
        assert_eq!(backlog.take(due), Some(clip(1)));
    }

    #[test]
    fn while_no_file_can_be_sent_those_whose_file_is_in_place_go_on() {
        let mut backlog = Backlog::default();
        (1..4).for_each(|second| backlog.add(clip(second)));
        assert_eq!(backlog.take_file_in_place(NOW), None);
        assert_eq!(backlog.take(NOW), Some(clip(1)));
        backlog.hand_back(&clip(1));
        backlog.note_file_in_place(&clip(2));
        assert_eq!(backlog.take_file_in_place(NOW), Some(clip(2)));
        backlog.finish(&clip(2));
        assert_eq!(backlog.take_file_in_place(NOW), None);
        assert_eq!(backlog.take(NOW), Some(clip(1)));
    }

    #[test]
    fn a_further_picture_is_taken_only_while_nothing_more_urgent_waits() {
        let picture = |second| {
            let taken = Timestamp::from_second(second).expect("in range");
            ItemName::of(&Item::Picture { uid: Uuid::nil(), taken })
        };
        let mut backlog = Backlog::default();
        (1..4).for_each(|second| backlog.add(picture(second)));
        assert_eq!(backlog.take(NOW), Some(picture(1)));
        assert_eq!(backlog.take_picture(), Some(picture(2)));
        backlog.add(clip(1));
        assert_eq!(backlog.take_picture(), None);
        backlog.finish(&picture(1));
        backlog.hand_back(&picture(2));
        assert_eq!((backlog.waiting(Kind::Picture), backlog.take(NOW)), (2, Some(clip(1))));
    }

    #[test]
    fn an_item_handed_back_is_taken_first_again() {
        let mut backlog = Backlog::default();
        backlog.add(clip(1));
        backlog.add(clip(2));
        assert_eq!(backlog.take(NOW), Some(clip(1)));
        backlog.hand_back(&clip(1));
        assert_eq!(backlog.take(NOW), Some(clip(1)));
        assert_eq!(backlog.waiting(Kind::Clip), 2);
    }
}
