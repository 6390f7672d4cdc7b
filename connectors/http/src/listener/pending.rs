//! Requests whose records are on their way, and how their senders hear of it.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millrace_api::BatchAcks;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::gate::Late;
use super::seen::Claim;

/// Where a record is: partition and offset; none where it was left out.
pub(super) type Place = Option<(i32, i64)>;

/// What became of the records of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Records that are stored; the others were left out by transforms or by the connector's error policy.
    pub(super) stored: usize,
    /// Where each is, if that was asked for.
    pub(super) places: Vec<Place>,
}

/// A request whose records are on their way. Dropped unanswered, its sender hears that they may not be stored.
#[derive(Debug)]
pub(super) struct Pending(Mutex<Option<Open>>);

#[derive(Debug)]
pub(super) struct Open {
    pub(super) answer: oneshot::Sender<Outcome>,
    /// Records without an answer of the broker.
    pub(super) left: usize,
    pub(super) stored: usize,
    /// One a record, or none where nobody asks.
    pub(super) places: Vec<Place>,
    /// The bytes that wait.
    pub(super) room: OwnedSemaphorePermit,
    pub(super) claim: Option<Claim>,
    /// Dropped with the rest, which is how the gate hears of it.
    pub(super) _late: Arc<Late>,
}

impl Pending {
    pub(super) fn new(open: Open) -> Self {
        Self(Mutex::new(Some(open)))
    }

    /// Whether the sender does not wait for the answer any more.
    pub(super) fn is_given_up(&self) -> bool {
        self.lock()
            .as_ref()
            .is_none_or(|open| open.answer.is_closed())
    }

    fn stored_at(&self, records: Range<usize>, partition: i32, base_offset: i64) {
        if let Some(open) = self.lock().as_mut()
            && let Some(places) = open.places.get_mut(records)
        {
            for (place, offset) in places.iter_mut().zip(base_offset..) {
                *place = Some((partition, if base_offset < 0 { -1 } else { offset }));
            }
        }
    }

    fn acknowledged(&self, records: usize, stored: bool) {
        let mut slot = self.lock();
        let Some(open) = slot.as_mut() else { return };
        open.left = open.left.saturating_sub(records);
        open.stored += if stored { records } else { 0 };
        if open.left > 0 {
            return;
        }
        if let Some(open) = slot.take() {
            drop(slot);
            open.complete();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn complete(self) {
        if let Some(claim) = self.claim {
            claim.stored();
        }
        let outcome = Outcome {
            stored: self.stored,
            places: self.places,
        };
        // Who does not wait any more will send it again, and may have an id by which that is noticed.
        drop(self.answer.send(outcome));
        drop(self.room);
    }
}

/// The requests whose records a batch holds, with their rows.
#[derive(Debug)]
pub(super) struct Acks(pub(super) Vec<(Range<usize>, Pending)>);

impl Acks {
    /// The requests that some of these rows belong to, with those rows as numbers of the request's records.
    fn parts(&self, rows: &Range<usize>) -> impl Iterator<Item = (&Pending, Range<usize>)> {
        let from = self.0.partition_point(|(own, _)| own.end <= rows.start);
        let rows = rows.clone();
        self.0[from..]
            .iter()
            .take_while({
                let end = rows.end;
                move |(own, _)| own.start < end
            })
            .map(move |(own, pending)| {
                let (start, end) = (own.start.max(rows.start), own.end.min(rows.end));
                (pending, start - own.start..end - own.start)
            })
    }
}

impl BatchAcks for Acks {
    fn acknowledged(&self, rows: Range<usize>, stored: bool) {
        for (pending, records) in self.parts(&rows) {
            pending.acknowledged(records.len(), stored);
        }
    }

    fn stored_at(&self, rows: Range<usize>, partition: i32, base_offset: i64) {
        let mut offset = base_offset;
        for (pending, records) in self.parts(&rows) {
            let count = records.len() as i64;
            pending.stored_at(records, partition, offset);
            offset += if base_offset < 0 { 0 } else { count };
        }
    }
}
