//! What is due when, for one thread that waits for messages and for time.

use std::time::Instant;

/// Things that are due at some time, each belonging to one start of the engine.
#[derive(Debug)]
pub(crate) struct Timers<T> {
    entries: Vec<(Instant, u64, T)>,
}

impl<T> Timers<T> {
    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    pub(crate) fn set(&mut self, due: Instant, generation: u64, what: T) {
        self.entries.push((due, generation, what));
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.entries.iter().map(|(due, ..)| *due).min()
    }

    /// Take the earliest that is due.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<(u64, T)> {
        let due = |index: &usize| self.entries[*index].0;
        let earliest = (0..self.entries.len()).min_by_key(due)?;
        if due(&earliest) > now {
            return None;
        }
        // Not `swap_remove`: of two that are due at the same time, the one that was set first comes first.
        let (_, generation, what) = self.entries.remove(earliest);
        Some((generation, what))
    }

    /// Forget what one start of the engine was waiting for.
    pub(crate) fn forget(&mut self, generation: u64) {
        self.entries.retain(|(_, theirs, _)| *theirs != generation);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_due_comes_in_the_order_of_time_then_of_setting() {
        let now = Instant::now();
        let mut timers = Timers::new();
        timers.set(now + Duration::from_millis(5), 1, "later");
        timers.set(now, 1, "first");
        timers.set(now, 1, "second");
        assert_eq!(timers.next(), Some(now));
        assert_eq!(timers.take_due(now), Some((1, "first")));
        assert_eq!(timers.take_due(now), Some((1, "second")));
        assert_eq!(timers.take_due(now), None);
        assert_eq!(
            timers.take_due(now + Duration::from_millis(5)),
            Some((1, "later"))
        );
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn what_an_engine_was_waiting_for_is_forgotten_with_it() {
        let now = Instant::now();
        let mut timers = Timers::new();
        timers.set(now, 1, "old");
        timers.set(now, 2, "new");
        timers.forget(1);
        assert_eq!(timers.take_due(now), Some((2, "new")));
        assert_eq!(timers.take_due(now), None);
    }
}
