//! The records of a partition that are on their way: what of them may be committed.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Rows that one word of [`Marks`] tells of.
const WORD: u32 = u64::BITS;

/// Which records of a batch are done: delivered, or nothing more is to be done about them.
#[derive(Debug)]
pub(crate) struct Marks {
    offsets: Box<[i64]>,
    /// A bit a row.
    done: Box<[AtomicU64]>,
}

impl Marks {
    /// Marks of records with these offsets, none of them done.
    pub(crate) fn new(offsets: impl IntoIterator<Item = i64>) -> Self {
        let offsets: Box<[i64]> = offsets.into_iter().collect();
        let words = offsets.len().div_ceil(WORD as usize);
        Self {
            offsets,
            done: (0..words).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// These rows are done.
    pub(crate) fn done(&self, rows: Range<u32>) {
        let mut row = rows.start;
        while row < rows.end {
            let end = rows.end.min((row / WORD + 1) * WORD);
            if let Some(word) = self.done.get((row / WORD) as usize) {
                word.fetch_or(bits(row % WORD, end - row), Ordering::AcqRel);
            }
            row = end;
        }
    }

    /// The offset of the first of `rows` that is not done.
    fn unfinished(&self, rows: Range<u32>) -> Option<i64> {
        let mut row = rows.start;
        while row < rows.end {
            let word = self.done.get((row / WORD) as usize)?;
            let open = !word.load(Ordering::Acquire) & (u64::MAX << (row % WORD));
            let first = row - row % WORD + open.trailing_zeros();
            if open != 0 {
                let offset = self.offsets.get(first as usize).copied();
                return offset.filter(|_| first < rows.end);
            }
            row = first;
        }
        None
    }
}

/// `count` bits from bit `first` on; together they are no more than a word has.
fn bits(first: u32, count: u32) -> u64 {
    let ones = u64::MAX
        .checked_shr(WORD.saturating_sub(count))
        .unwrap_or_default();
    ones << first
}

/// Records on their way, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Window {
    closed: AtomicBool,
    batches: Mutex<Vec<(Arc<Marks>, Range<u32>)>>,
}

impl Window {
    /// `rows` of a batch have come.
    pub(crate) fn add(&self, marks: Arc<Marks>, rows: Range<u32>) {
        self.with(|batches| {
            batches.retain(|(marks, rows)| marks.unfinished(rows.clone()).is_some());
            batches.push((marks, rows));
        });
    }

    /// The lowest offset that is not done.
    pub(crate) fn unfinished(&self) -> Option<i64> {
        self.with(|batches| {
            let unfinished = batches
                .iter()
                .filter_map(|(marks, rows)| marks.unfinished(rows.clone()));
            unfinished.min()
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

    fn with<T>(&self, act: impl FnOnce(&mut Vec<(Arc<Marks>, Range<u32>)>) -> T) -> T {
        act(&mut self.batches.lock().unwrap_or_else(PoisonError::into_inner))
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
        let marks = Arc::new(Marks::new([10, 12, 13]));
        window.add(Arc::clone(&marks), 0..3);
        marks.done(1..2);
        assert_eq!(window.unfinished(), Some(10));
        marks.done(0..1);
        assert_eq!(window.unfinished(), Some(13));
        let again = Arc::new(Marks::new([11]));
        window.add(Arc::clone(&again), 0..1);
        assert_eq!(window.unfinished(), Some(11), "a record that came again");
        marks.done(2..3);
        again.done(0..1);
        again.done(0..1);
        assert_eq!(window.unfinished(), None);
    }

    #[test]
    fn batches_that_are_done_are_forgotten_whatever_stands_before_them() {
        let window = Window::default();
        let stuck = Arc::new(Marks::new([1]));
        window.add(Arc::clone(&stuck), 0..1);
        for offset in 2..100 {
            let marks = Arc::new(Marks::new([offset]));
            window.add(Arc::clone(&marks), 0..1);
            marks.done(0..1);
        }
        assert!(window.with(|batches| batches.len()) <= 2);
        assert_eq!(window.unfinished(), Some(1));
    }

    proptest! {
        #[test]
        fn rows_may_be_done_in_any_ranges(
            ranges in prop::collection::vec((0_u32..200, 0_u32..200), 0..20),
            part in (0_u32..200, 0_u32..200),
        ) {
            let marks = Arc::new(Marks::new((0..200).map(|row| 1_000 + 3 * row)));
            let window = Window::default();
            let part = part.0.min(part.1)..part.0.max(part.1);
            window.add(Arc::clone(&marks), part.clone());
            let mut left: std::collections::BTreeSet<u32> = part.collect();
            for (one, other) in ranges {
                let done = one.min(other)..one.max(other);
                left.retain(|row| !done.contains(row));
                marks.done(done);
                let expected = left.first().map(|row| 1_000 + 3 * i64::from(*row));
                prop_assert_eq!(window.unfinished(), expected);
            }
        }
    }
}
