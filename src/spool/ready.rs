//! Items of a kind that may be delivered now. PURE.
//!
//! Those that have failed go behind those that have not, in the order in which their time has come again: one that always
//! fails cannot be in the way of another.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

/// Ordered by time.
#[derive(Debug)]
pub struct Ready<T> {
    fresh: BTreeSet<T>,
    /// These have failed; since when their time has come again.
    again: BTreeMap<T, Duration>,
    turns: BTreeSet<(Duration, T)>,
}

impl<T> Default for Ready<T> {
    fn default() -> Self {
        Self { fresh: BTreeSet::new(), again: BTreeMap::new(), turns: BTreeSet::new() }
    }
}

impl<T: Ord + Clone> Ready<T> {
    /// One that has not failed.
    pub fn insert(&mut self, item: T) {
        self.fresh.insert(item);
    }

    /// One whose time has come again.
    pub fn insert_again(&mut self, item: T, due: Duration) {
        self.turns.insert((due, item.clone()));
        self.again.insert(item, due);
    }

    /// Those that have failed; since when their time has come again.
    pub fn again(&self) -> impl Iterator<Item = (&T, Duration)> {
        self.again.iter().map(|(item, due)| (item, *due))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.again.is_empty()
    }

    /// Those of that time that have not failed.
    pub fn fresh_in(&self, range: Range<T>) -> impl Iterator<Item = &T> {
        self.fresh.range(range)
    }

    /// Those from that time on that have not failed.
    pub fn fresh_from(&self, from: T) -> impl Iterator<Item = &T> {
        self.fresh.range(from..)
    }

    /// Takes this one out.
    pub fn take(&mut self, item: &T) -> Option<T> {
        self.fresh.take(item).or_else(|| {
            let (item, due) = self.again.remove_entry(item)?;
            self.turns.remove(&(due, item.clone()));
            Some(item)
        })
    }

    /// Takes the oldest out.
    pub fn pop_oldest(&mut self) -> Option<T> {
        self.pop_fresh_oldest().or_else(|| self.pop_again())
    }

    /// Takes the newest out.
    pub fn pop_newest(&mut self) -> Option<T> {
        self.pop_fresh_newest().or_else(|| self.pop_again())
    }

    /// Takes the oldest out that has not failed.
    pub fn pop_fresh_oldest(&mut self) -> Option<T> {
        self.fresh.pop_first()
    }

    /// Takes the newest out that has not failed.
    pub fn pop_fresh_newest(&mut self) -> Option<T> {
        self.fresh.pop_last()
    }

    /// The next of those that have failed.
    pub fn next_again(&self) -> Option<&T> {
        self.turns.first().map(|(_, item)| item)
    }

    /// Takes it out.
    pub fn pop_again(&mut self) -> Option<T> {
        let (_, item) = self.turns.pop_first()?;
        self.again.remove(&item);
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_failed_goes_behind_the_others_each_in_its_turn() {
        let mut ready = Ready::default();
        ready.insert_again(1, Duration::from_secs(9));
        ready.insert_again(4, Duration::from_secs(5));
        ready.insert_again(5, Duration::from_secs(7));
        [2, 3].into_iter().for_each(|item| ready.insert(item));
        assert_eq!(ready.take(&5), Some(5));
        assert_eq!(ready.take(&5), None);
        assert_eq!(std::iter::from_fn(|| ready.pop_newest()).collect::<Vec<_>>(), [3, 2, 4, 1]);
        assert!(ready.is_empty());
    }
}
