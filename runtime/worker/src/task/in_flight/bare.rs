//! Offsets that no row bears, until all rows that were polled before them are answered.
//!
//! They have a lock of their own: whoever hears of acknowledgements, while the rows in flight are locked, may leave one.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use millrace_api::OffsetMap;

use crate::store::OffsetChange;

/// Offsets that no row bears.
#[derive(Debug, Default)]
pub(crate) struct BareOffsets(Mutex<Waiting>);

/// In place of the ticket behind rows that have no tickets yet.
const UNKNOWN: u64 = u64::MAX;

#[derive(Debug, Default)]
struct Waiting {
    /// The ticket behind all rows that were polled.
    end: u64,
    /// By the ticket below which all rows have to be answered first, and by partition.
    changes: BTreeMap<u64, HashMap<String, OffsetChange>>,
}

impl BareOffsets {
    /// Leaves an offset, in place of another one of the partition that waits for the same rows.
    pub(crate) fn add(&self, partition: OffsetMap, offset: OffsetMap) {
        let key = super::key(&partition);
        let mut waiting = self.lock();
        let end = waiting.end;
        let changes = waiting.changes.entry(end).or_default();
        changes.insert(key, (partition, Some(offset)));
    }

    /// Says that rows were polled, which get their tickets later: transforms may make more of them.
    pub(super) fn polled(&self) {
        self.lock().end = UNKNOWN;
    }

    /// Says that the polled rows have tickets, all below `end`.
    pub(super) fn submitted(&self, end: u64) {
        let mut waiting = self.lock();
        waiting.end = end;
        if let Some(changes) = waiting.changes.remove(&UNKNOWN) {
            waiting.changes.entry(end).or_default().extend(changes);
        }
    }

    /// Takes the latest offset of each partition, by its key, that waits for no rows but those below `answered`.
    /// What is older than the rows of `moved`, the partitions whose own rows give an offset now, is dropped.
    pub(super) fn take<'a>(
        &self,
        moved: impl Iterator<Item = (&'a str, u64)>,
        answered: u64,
    ) -> HashMap<String, OffsetChange> {
        let mut waiting = self.lock();
        if waiting.changes.is_empty() {
            return HashMap::new();
        }
        for (key, ticket) in moved {
            for (_, changes) in waiting.changes.range_mut(..=ticket) {
                changes.remove(key);
            }
        }
        let still = waiting.changes.split_off(&(answered + 1));
        let ready = std::mem::replace(&mut waiting.changes, still);
        ready.into_values().flatten().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
