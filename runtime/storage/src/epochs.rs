//! Leader epochs of a partition: which epoch wrote from which offset on.

/// Epochs with their start offsets, both ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LeaderEpochs {
    entries: Vec<(i32, i64)>,
}

impl LeaderEpochs {
    /// Takes what a checkpoint holds; entries that do not ascend, and those at or above `log_end`,
    /// are left out.
    pub(crate) fn new(entries: Vec<(i32, i64)>, log_end: i64) -> Self {
        let mut epochs = Self::default();
        for (epoch, start) in entries {
            if start < log_end {
                epochs.assign(epoch, start);
            }
        }
        epochs
    }

    pub(crate) fn entries(&self) -> &[(i32, i64)] {
        &self.entries
    }

    pub(crate) fn latest(&self) -> Option<i32> {
        self.entries.last().map(|&(epoch, _)| epoch)
    }

    /// Notes that `epoch` writes from `start` on; says whether that was news.
    pub(crate) fn assign(&mut self, epoch: i32, start: i64) -> bool {
        let news = epoch >= 0
            && self
                .entries
                .last()
                .is_none_or(|&(last, at)| epoch > last && start >= at);
        if news {
            // An epoch that wrote nothing has no offsets to its name.
            self.entries.retain(|&(_, at)| at < start);
            self.entries.push((epoch, start));
        }
        news
    }

    /// The answer to OffsetForLeaderEpoch: the greatest known epoch up to the one asked for, and the
    /// offset at which it ended. `None` where the epoch is above all known ones.
    pub(crate) fn end_of(&self, epoch: i32, log_end: i64) -> Option<(i32, i64)> {
        let latest = self.latest()?;
        if epoch == latest {
            return Some((epoch, log_end));
        }
        if epoch > latest {
            return None;
        }
        let next = self.entries.partition_point(|&(known, _)| known <= epoch);
        let end = self.entries[next].1;
        match next.checked_sub(1) {
            Some(floor) => Some((self.entries[floor].0, end)),
            None => Some((epoch, end)),
        }
    }

    /// The epoch that wrote the record at `offset`.
    pub(crate) fn at(&self, offset: i64) -> Option<i32> {
        let after = self.entries.partition_point(|&(_, start)| start <= offset);
        after.checked_sub(1).map(|last| self.entries[last].0)
    }

    /// Forgets epochs that began at or above `end`; says whether there were any.
    pub(crate) fn truncate_end(&mut self, end: i64) -> bool {
        let before = self.entries.len();
        self.entries.retain(|&(_, start)| start < end);
        self.entries.len() != before
    }

    /// Forgets epochs that ended at or below `start`; the one that covers it begins there from now
    /// on. Says whether anything changed.
    pub(crate) fn truncate_start(&mut self, start: i64) -> bool {
        let covering = self.entries.partition_point(|&(_, at)| at <= start);
        let Some(first) = covering.checked_sub(1) else {
            return false;
        };
        let changed = first > 0 || self.entries[first].1 != start;
        self.entries.drain(..first);
        self.entries[0].1 = start;
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(entries: &[(i32, i64)]) -> LeaderEpochs {
        LeaderEpochs::new(entries.to_vec(), i64::MAX)
    }

    #[test]
    fn only_higher_epochs_are_news() {
        let mut epochs = epochs(&[(2, 0)]);
        assert!(!epochs.assign(2, 10));
        assert!(!epochs.assign(1, 10));
        assert!(!epochs.assign(-1, 10));
        assert!(epochs.assign(5, 10));
        assert!(
            epochs.assign(6, 10),
            "an epoch without records gives way to its successor"
        );
        assert_eq!(epochs.entries(), [(2, 0), (6, 10)]);
    }

    #[test]
    fn ends_of_epochs() {
        let epochs = epochs(&[(2, 5), (4, 10), (7, 20)]);
        for (asked, expected) in [
            (7, Some((7, 30))),
            (8, None),
            (0, Some((0, 5))),
            (2, Some((2, 10))),
            (3, Some((2, 10))),
            (6, Some((4, 20))),
        ] {
            assert_eq!(epochs.end_of(asked, 30), expected, "epoch {asked}");
        }
        assert_eq!(LeaderEpochs::default().end_of(0, 30), None);
    }

    #[test]
    fn both_ends_can_be_cut() {
        let mut epochs = epochs(&[(2, 5), (4, 10), (7, 20)]);
        assert!(epochs.truncate_end(20));
        assert!(!epochs.truncate_end(20));
        assert!(epochs.truncate_start(12));
        assert_eq!(epochs.entries(), [(4, 12)]);
        assert!(!epochs.truncate_start(3));
    }
}
