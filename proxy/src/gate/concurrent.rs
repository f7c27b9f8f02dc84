//! `concurrent`: how many requests of each key are under way.

use crate::exchange::CountedFor;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

/// Keys are kept in sets, each under a lock of its own: two requests meet only where their keys fall into one.
const SETS: usize = 256;

/// What is under way of all limits. A key of which nothing is under way takes no room.
#[derive(Debug)]
pub(super) struct Counts {
    sets: Box<[Mutex<HashMap<u64, u32>>]>,
    hasher: RandomState,
}

impl Default for Counts {
    fn default() -> Self {
        Self { sets: (0..SETS).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }
}

/// A request that is counted, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    counts: Arc<Counts>,
    key: u64,
}

impl Counts {
    /// Counts one more request of whoever `key` is, under the limit of this name, unless there are as many as may be.
    pub(super) fn enter(self: &Arc<Self>, name: &CountedFor<'_>, key: &[u8], most: u32) -> Option<Place> {
        let key = self.hasher.hash_one((name, key));
        let mut set = self.set(key)?.lock().unwrap_or_else(PoisonError::into_inner);
        let count = set.entry(key).or_default();
        // One that is not let in was there before, so that nothing is left behind.
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place { counts: self.clone(), key })
    }

    fn set(&self, key: u64) -> Option<&Mutex<HashMap<u64, u32>>> {
        self.sets.get(key as usize % SETS)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(set) = self.counts.set(self.key) else { return };
        let mut set = set.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = set.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                set.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_let_in_until_one_leaves_and_nothing_is_left_behind() {
        let counts = Arc::new(Counts::default());
        let counted = |server, number| CountedFor { server, route: "/", number };
        let enter = |key: &str| counts.enter(&counted("a", 0), key.as_bytes(), 2);
        let (first, second) = (enter("x"), enter("x"));
        assert!(first.is_some() && second.is_some() && enter("x").is_none());
        assert!(enter("y").is_some(), "another key is counted for itself");
        for other in [counted("b", 0), counted("a", 1)] {
            assert!(counts.enter(&other, b"x", 2).is_some(), "and so is another limit: {other:?}");
        }
        drop(first);
        let third = enter("x");
        assert!(third.is_some() && enter("x").is_none());
        drop((second, third));
        let left: usize = counts.sets.iter().map(|set| set.lock().map_or(0, |set| set.len())).sum();
        assert_eq!(left, 0);
    }
}
