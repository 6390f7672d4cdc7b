//! The batches of one partition, and the sequence numbers under which they are sent.
//!
//! Batches leave in order and may be several on their way. When one fails and may be sent again,
//! nothing of the partition leaves until all that are on their way are back; then all that failed go
//! again, in order and under the same sequence numbers, so that the broker recognises what it has
//! already. Where a batch was given up, or the broker forgot the producer, the numbers start over
//! under the next epoch.
//!
//! A broker takes any sequence number from a producer that it does not know. So the first batch
//! under an identity goes alone: were it refused, the second would take its place in the log. And it
//! recognises only the last five batches of a producer. So while one goes again no new one goes: it
//! could push one that was appended, but not acknowledged, out of the broker's memory.

use std::collections::VecDeque;
use std::time::Duration;

use millrace_wire::batch::ProducerIdentity;
use millrace_wire::batch::header::advance_sequence;

use crate::producer::batch::ProducerBatch;

/// The identity that the cluster gave the producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProducerId {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

/// Sequence numbers of one partition; brokers keep them a partition too.
#[derive(Debug, Clone, Copy)]
struct Sequences {
    /// What the cluster gave, to notice a new one.
    given: ProducerId,
    epoch: i16,
    next: i32,
}

/// What is queued for a partition and what is known of its way.
#[derive(Default)]
pub(super) struct PartitionQueue {
    pub(super) batches: VecDeque<ProducerBatch>,
    /// Whether the accumulator's list of partitions with batches has it.
    pub(super) listed: bool,
    /// Positions of the batches on their way.
    in_flight: Vec<u64>,
    /// The node they are on their way to.
    node: i32,
    /// Whether they go again.
    going_again: bool,
    /// Whether a batch failed whose successors are still on their way.
    recovering: bool,
    /// Whether sequence numbers must start over once nothing is on its way.
    start_over: bool,
    /// Nothing is sent before this time.
    pub(super) not_before: Duration,
    sequences: Option<Sequences>,
    /// Whether the broker knows the identity: a batch was acknowledged under it.
    is_known: bool,
    position: u64,
}

impl PartitionQueue {
    /// Whether its next batch may go to `node` as far as order is concerned.
    pub(super) fn may_send_to(&self, node: i32, max_in_flight: usize) -> bool {
        if self.in_flight.is_empty() {
            return true;
        }
        !self.recovering
            && !self.start_over
            && (self.is_known || self.sequences.is_none())
            && (!self.going_again || self.batches.front().is_some_and(ProducerBatch::is_retry))
            && self.in_flight.len() < max_in_flight
            && self.node == node
    }

    /// Whether its numbers are used up, so that the producer needs a new id first.
    pub(super) fn needs_new_id(&self, given: ProducerId) -> bool {
        self.start_over
            && self
                .sequences
                .is_some_and(|sequences| sequences.given == given && sequences.epoch == i16::MAX)
    }

    /// Takes the first batch to be sent, with its place and its sequence number.
    pub(super) fn take(&mut self, node: i32, given: Option<ProducerId>) -> Option<ProducerBatch> {
        if let Some(given) = given {
            self.start_over_if_needed(given);
        }
        let mut batch = self.batches.pop_front()?;
        if batch.is_retry() {
            self.going_again = true;
        } else {
            batch.position = self.position;
            self.position += u64::from(batch.record_count().unsigned_abs());
        }
        if batch.identity.is_none()
            && let Some(sequences) = &mut self.sequences
        {
            batch.identity = Some(sequences.give(batch.record_count()));
        }
        batch.attempts += 1;
        self.in_flight.push(batch.position);
        self.node = node;
        Some(batch)
    }

    /// A batch was acknowledged.
    pub(super) fn delivered(&mut self, batch: &ProducerBatch) {
        self.is_known |= self.sequences.is_some_and(|sequences| {
            let of = batch
                .identity
                .map(|identity| (identity.producer_id, identity.epoch));
            of == Some((sequences.given.id, sequences.epoch))
        });
        self.came_back(batch.position);
    }

    /// A batch failed and is to be sent again.
    pub(super) fn retry(&mut self, batch: ProducerBatch, not_before: Duration) {
        let position = batch.position;
        self.put_back(batch);
        self.not_before = self.not_before.max(not_before);
        self.recovering = true;
        self.came_back(position);
    }

    /// A batch failed for good: its sequence numbers leave a gap.
    pub(super) fn failed(&mut self, batch: &ProducerBatch) {
        self.abandoned(batch);
        self.recovering = true;
        self.came_back(batch.position);
    }

    /// A batch that is not on its way is given up.
    pub(super) fn abandoned(&mut self, batch: &ProducerBatch) {
        if batch.identity.is_some() {
            self.start_over = true;
        }
    }

    /// The broker does not know the producer's numbers any more.
    pub(super) fn forgotten(&mut self) {
        self.start_over = true;
    }

    /// Whether no batch ahead of this one is on its way or to be sent again. If the broker then says
    /// that it is out of order, it has lost what came before.
    pub(super) fn is_next(&self, batch: &ProducerBatch) -> bool {
        let queued = self
            .batches
            .iter()
            .filter(|other| other.is_retry())
            .map(|other| other.position);
        self.in_flight
            .iter()
            .copied()
            .chain(queued)
            .all(|position| position >= batch.position)
    }

    /// Puts a batch back to its place among those not on their way.
    pub(super) fn put_back(&mut self, batch: ProducerBatch) {
        let behind = |other: &ProducerBatch| !other.is_retry() || other.position > batch.position;
        let at = self
            .batches
            .iter()
            .position(behind)
            .unwrap_or(self.batches.len());
        self.batches.insert(at, batch);
    }

    fn came_back(&mut self, position: u64) {
        self.in_flight.retain(|&on_its_way| on_its_way != position);
        if self.in_flight.is_empty() {
            self.going_again = false;
            self.recovering = false;
        }
    }

    fn start_over_if_needed(&mut self, given: ProducerId) {
        let fresh = Sequences {
            given,
            epoch: given.epoch,
            next: 0,
        };
        match &mut self.sequences {
            None => self.sequences = Some(fresh),
            Some(_) if !self.in_flight.is_empty() => return,
            Some(sequences)
                if sequences.given != given
                    && (self.start_over
                        || self.batches.iter().all(|batch| batch.identity.is_none())) =>
            {
                *sequences = fresh;
            }
            Some(sequences) if self.start_over => {
                *sequences = Sequences {
                    epoch: sequences.epoch.saturating_add(1),
                    ..fresh
                };
            }
            Some(_) => return,
        }
        self.is_known = false;
        self.start_over = false;
        let Some(sequences) = &mut self.sequences else {
            return;
        };
        for batch in self
            .batches
            .iter_mut()
            .filter(|batch| batch.identity.is_some())
        {
            batch.identity = Some(sequences.give(batch.record_count()));
        }
    }
}

impl Sequences {
    fn give(&mut self, count: i32) -> ProducerIdentity {
        let base_sequence = self.next;
        self.next = advance_sequence(self.next, count);
        ProducerIdentity {
            producer_id: self.given.id,
            epoch: self.epoch,
            base_sequence,
            transactional: false,
        }
    }
}
