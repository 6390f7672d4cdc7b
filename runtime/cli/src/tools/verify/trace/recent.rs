//! The lines that the last records were taken for, as far as nothing is wrong with them.

use std::collections::VecDeque;

/// How many are remembered.
const KEPT: usize = 256;

/// A line that a record was taken for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) stream: usize,
    pub(super) line: u64,
    pub(super) hash: u64,
    pub(super) partition: i32,
    pub(super) offset: i64,
    /// The furthest line of the stream in the partition before it.
    pub(super) furthest: Option<u64>,
}

/// The last of them.
#[derive(Debug, Default)]
pub(super) struct Recent(VecDeque<Taken>);

impl Recent {
    pub(super) fn add(&mut self, taken: Taken) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(taken);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// What is before a record with which something is wrong is not to be changed any more.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// Takes out the last one that fits, of the first `before`; and where it was.
    pub(super) fn take_last_if(
        &mut self,
        before: usize,
        fits: impl Fn(&Taken) -> bool,
    ) -> Option<(usize, Taken)> {
        let mut candidates = self.0.range(..before.min(self.0.len()));
        let place = candidates.rposition(fits)?;
        Some((place, self.0.remove(place)?))
    }
}
