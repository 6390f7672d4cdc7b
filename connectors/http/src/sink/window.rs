//! The records of a partition that are on their way: what of them may be committed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Records on their way, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Window {
    closed: AtomicBool,
    records: Mutex<Records>,
}

#[derive(Debug, Default)]
struct Records {
    /// The number of the first of `offsets`.
    first: u64,
    /// Offsets, and whether they are done.
    offsets: VecDeque<(i64, bool)>,
}

impl Window {
    /// A record has come; returns its number.
    pub(crate) fn add(&self, offset: i64) -> u64 {
        self.with(|records| {
            records.offsets.push_back((offset, false));
            records.first + records.offsets.len() as u64 - 1
        })
    }

    /// A record is delivered, or nothing more is to be done about it.
    pub(crate) fn done(&self, number: u64) {
        self.with(|records| {
            let index = number
                .checked_sub(records.first)
                .and_then(|index| usize::try_from(index).ok());
            if let Some(record) = index.and_then(|index| records.offsets.get_mut(index)) {
                record.1 = true;
            }
            while records.offsets.front().is_some_and(|(_, done)| *done) {
                records.offsets.pop_front();
                records.first += 1;
            }
        });
    }

    /// The lowest offset that is not done.
    pub(crate) fn unfinished(&self) -> Option<i64> {
        self.with(|records| {
            let unfinished = records.offsets.iter().filter(|(_, done)| !done);
            unfinished.map(|(offset, _)| *offset).min()
        })
    }

    /// The partition is gone: what has not been sent is not to be sent any more.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Whether the partition is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Records) -> T) -> T {
        act(&mut self.records.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_lowest_offset_that_is_not_done() {
        let window = Window::default();
        assert_eq!(window.unfinished(), None);
        let numbers: Vec<_> = [10, 12, 13].map(|offset| window.add(offset)).into();
        window.done(numbers[1]);
        assert_eq!(window.unfinished(), Some(10));
        window.done(numbers[0]);
        assert_eq!(window.unfinished(), Some(13));
        let again = window.add(11);
        assert_eq!(window.unfinished(), Some(11), "a record that came again");
        window.done(numbers[2]);
        window.done(again);
        window.done(again);
        assert_eq!(window.unfinished(), None);
    }

    proptest! {
        #[test]
        fn any_order_ends_with_nothing_unfinished(order in Just((0..50_usize).collect::<Vec<_>>()).prop_shuffle()) {
            let window = Window::default();
            let numbers: Vec<_> = (0..50).map(|offset| window.add(offset)).collect();
            let mut left: std::collections::BTreeSet<i64> = (0..50).collect();
            for index in order {
                window.done(numbers[index]);
                left.remove(&(index as i64));
                prop_assert_eq!(window.unfinished(), left.first().copied());
            }
        }
    }
}
