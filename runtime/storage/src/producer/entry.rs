//! One producer's epoch and last batches.

use millrace_wire::batch::BatchHeader;
use millrace_wire::batch::header::advance_sequence;

use super::{SequenceError, Verdict};

/// Batches that are remembered to recognise duplicates.
const REMEMBERED: usize = 5;

/// What is kept of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchMark {
    pub(crate) last_sequence: i32,
    pub(crate) last_offset: i64,
    /// Offset of the last record less that of the first.
    pub(crate) offset_delta: i32,
    /// The batch's largest timestamp.
    pub(crate) timestamp: i64,
}

impl BatchMark {
    pub(crate) fn first_offset(&self) -> i64 {
        self.last_offset - i64::from(self.offset_delta)
    }

    fn first_sequence(&self) -> i32 {
        // Sequences have 31 bits and wrap to zero.
        self.last_sequence.wrapping_sub(self.offset_delta) & i32::MAX
    }
}

/// The last record of a producer: its batch says where the producer's sequence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LastRecord {
    /// Offset of the last record; `None` where only a marker is known.
    offset: Option<i64>,
    epoch: i16,
}

impl LastRecord {
    /// Whether a batch of the producer holds it.
    pub(crate) fn is_in(&self, header: &BatchHeader) -> bool {
        match self.offset {
            Some(offset) => header.last_offset() == offset,
            None => header.attributes.is_control() && header.producer_epoch == self.epoch,
        }
    }
}

/// One producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProducerEntry {
    pub(crate) epoch: i16,
    /// Epoch of the transaction coordinator that wrote the last marker, or -1.
    pub(crate) coordinator_epoch: i32,
    /// Time of the last batch or marker.
    pub(crate) last_timestamp: i64,
    /// First offset of the open transaction.
    pub(crate) transaction_start: Option<i64>,
    /// The last batches, oldest first.
    pub(super) batches: Vec<BatchMark>,
}

impl Default for ProducerEntry {
    fn default() -> Self {
        Self {
            epoch: -1,
            coordinator_epoch: -1,
            last_timestamp: -1,
            transaction_start: None,
            batches: Vec::new(),
        }
    }
}

impl ProducerEntry {
    pub(crate) fn with_batch(mut self, batch: BatchMark) -> Self {
        self.batches = vec![batch];
        self
    }

    pub(crate) fn last_batch(&self) -> Option<&BatchMark> {
        self.batches.last()
    }

    pub(super) fn last_record(&self) -> LastRecord {
        LastRecord {
            offset: self.last_batch().map(|batch| batch.last_offset),
            epoch: self.epoch,
        }
    }

    pub(super) fn check(&self, header: &BatchHeader) -> Result<Verdict, SequenceError> {
        let (producer_id, epoch, sequence) = (
            header.producer_id,
            header.producer_epoch,
            header.base_sequence,
        );
        if epoch < self.epoch {
            return Err(SequenceError::StaleEpoch {
                producer_id,
                epoch,
                known: self.epoch,
            });
        }
        if epoch > self.epoch {
            return expect(producer_id, sequence, 0);
        }
        let same = |batch: &&BatchMark| {
            batch.first_sequence() == sequence && batch.last_sequence == header.last_sequence()
        };
        if let Some(duplicate) = self.batches.iter().rev().find(same) {
            return Ok(Verdict::Duplicate(*duplicate));
        }
        match self.batches.last() {
            Some(last) => expect(
                producer_id,
                sequence,
                advance_sequence(last.last_sequence, 1),
            ),
            // Only a marker raised the epoch so far.
            None => Ok(Verdict::New),
        }
    }

    pub(super) fn record(&mut self, header: &BatchHeader) {
        if header.producer_epoch > self.epoch {
            self.batches.clear();
        }
        self.epoch = self.epoch.max(header.producer_epoch);
        self.last_timestamp = header.max_timestamp;
        if header.attributes.is_control() {
            self.transaction_start = None;
            return;
        }
        if header.attributes.is_transactional() && self.transaction_start.is_none() {
            self.transaction_start = Some(header.base_offset);
        }
        if self.batches.len() == REMEMBERED {
            self.batches.remove(0);
        }
        self.batches.push(BatchMark {
            last_sequence: header.last_sequence(),
            last_offset: header.last_offset(),
            offset_delta: header.last_offset_delta,
            timestamp: header.max_timestamp,
        });
    }
}

fn expect(producer_id: i64, sequence: i32, expected: i32) -> Result<Verdict, SequenceError> {
    if sequence == expected {
        Ok(Verdict::New)
    } else {
        Err(SequenceError::OutOfOrder {
            producer_id,
            sequence,
            expected,
        })
    }
}
