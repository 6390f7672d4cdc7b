//! What the log remembers of producers, for those who look for one that hangs.

use super::Log;

/// A producer that wrote to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerInfo {
    /// Its id.
    pub id: i64,
    /// Its epoch.
    pub epoch: i16,
    /// The sequence number of its last record; -1 where only a marker is known.
    pub last_sequence: i32,
    /// The time of its last record, in milliseconds; -1 where none is known.
    pub last_timestamp: i64,
    /// Epoch of the transaction coordinator that wrote its last marker, or -1.
    pub coordinator_epoch: i32,
    /// The first offset of its open transaction.
    pub transaction_start: Option<i64>,
}

impl Log {
    /// The producers that the log remembers, ordered by id.
    #[must_use]
    pub fn producers(&self) -> Vec<ProducerInfo> {
        let writer = self.lock_writer();
        let mut producers: Vec<_> = writer
            .producers
            .entries()
            .map(|(id, entry)| ProducerInfo {
                id,
                epoch: entry.epoch,
                last_sequence: entry.last_batch().map_or(-1, |batch| batch.last_sequence),
                last_timestamp: entry.last_timestamp,
                coordinator_epoch: entry.coordinator_epoch,
                transaction_start: entry.transaction_start,
            })
            .collect();
        drop(writer);
        producers.sort_unstable_by_key(|producer| producer.id);
        producers
    }
}
