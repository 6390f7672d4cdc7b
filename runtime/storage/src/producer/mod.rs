//! What a partition knows of the producers that wrote to it, for idempotence and open transactions.
//!
//! Of each producer id the epoch and the last five batches are kept. A batch that repeats one of the
//! five is a duplicate; any other must carry on the sequence. The rules are those of Kafka's
//! `ProducerStateManager` and `ProducerAppendInfo`.

mod entry;
mod snapshot;

use std::collections::HashMap;

use millrace_wire::batch::BatchHeader;
use thiserror::Error;

pub(crate) use entry::{BatchMark, LastRecord, ProducerEntry};
pub(crate) use snapshot::{decode_snapshot, encode_snapshot};

/// Why a batch of an idempotent producer is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SequenceError {
    /// The sequence leaves a gap or goes back: OUT_OF_ORDER_SEQUENCE_NUMBER.
    #[error("producer {producer_id} sent sequence {sequence} where {expected} comes next")]
    OutOfOrder {
        /// The producer's id.
        producer_id: i64,
        /// The batch's first sequence number.
        sequence: i32,
        /// The one that would carry on.
        expected: i32,
    },
    /// A newer instance of the producer has written: INVALID_PRODUCER_EPOCH.
    #[error("producer {producer_id} sent epoch {epoch}, which epoch {known} has replaced")]
    StaleEpoch {
        /// The producer's id.
        producer_id: i64,
        /// The batch's epoch.
        epoch: i16,
        /// The newest known epoch.
        known: i16,
    },
}

/// Whether a batch is to be appended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    New,
    /// The batch is there already.
    Duplicate(BatchMark),
}

/// All producers of a partition.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Producers {
    entries: HashMap<i64, ProducerEntry>,
}

impl Producers {
    /// The largest producer id known.
    pub(crate) fn largest_id(&self) -> Option<i64> {
        self.entries.keys().max().copied()
    }

    pub(crate) fn from_entries(entries: impl IntoIterator<Item = (i64, ProducerEntry)>) -> Self {
        Self {
            entries: entries.into_iter().collect(),
        }
    }

    pub(crate) fn entries(&self) -> impl ExactSizeIterator<Item = (i64, &ProducerEntry)> {
        self.entries.iter().map(|(&id, entry)| (id, entry))
    }

    /// Judges a batch as a producer sent it.
    pub(crate) fn check(&self, header: &BatchHeader) -> Result<Verdict, SequenceError> {
        if !header.has_producer_id() {
            return Ok(Verdict::New);
        }
        match self.entries.get(&header.producer_id) {
            Some(entry) => entry.check(header),
            // Nothing is known of it, or no longer: any sequence may be its next.
            None => Ok(Verdict::New),
        }
    }

    /// Takes note of an appended batch; its header holds the offsets and times as stored.
    pub(crate) fn record(&mut self, header: &BatchHeader) {
        if header.has_producer_id() {
            self.entries
                .entry(header.producer_id)
                .or_default()
                .record(header);
        }
    }

    /// The last record of each producer, by id.
    pub(crate) fn last_records(&self) -> HashMap<i64, LastRecord> {
        self.entries
            .iter()
            .map(|(&id, entry)| (id, entry.last_record()))
            .collect()
    }

    /// The first offset of the oldest transaction that is still open.
    pub(crate) fn first_open_transaction(&self) -> Option<i64> {
        self.entries
            .values()
            .filter_map(|entry| entry.transaction_start)
            .min()
    }

    /// Forgets producers that did not write since `now_ms - expiration_ms`, save those with an open
    /// transaction.
    pub(crate) fn expire(&mut self, now_ms: i64, expiration_ms: i64) {
        let oldest = now_ms.saturating_sub(expiration_ms);
        self.entries
            .retain(|_, entry| entry.transaction_start.is_some() || entry.last_timestamp > oldest);
    }
}

#[cfg(test)]
mod tests;
