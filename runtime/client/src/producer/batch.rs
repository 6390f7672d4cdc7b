//! One batch on its way: its records, and who waits for them.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use millrace_wire::batch::header::advance_sequence;
use millrace_wire::batch::{Append, Batch, BatchBuilder, ClosedBatch, Headers, ProducerIdentity};
use millrace_wire::compression::Compression;
use millrace_wire::pool::Pool;

use super::error::ProduceError;
use super::{Ack, AckSink};

/// Rows of one owner, consecutive in a batch and consecutive in its tickets.
#[derive(Clone)]
struct Tickets {
    range: Range<u64>,
    sink: Arc<dyn AckSink>,
}

/// A batch, open until the sender takes it.
pub(super) struct ProducerBatch {
    /// Rises from batch to batch of a producer; the parts of a split batch share it.
    pub(super) id: u64,
    pub(super) body: Body,
    tickets: Vec<Tickets>,
    /// When its first record was taken, on the monotonic clock.
    pub(super) created: Duration,
    pub(super) attempts: u32,
    /// What went wrong last.
    pub(super) last_error: Option<String>,
    /// Given at the first sending and kept over retries.
    pub(super) identity: Option<ProducerIdentity>,
    /// How many records of its partition were sent before it; given at the first sending.
    pub(super) position: u64,
    /// Bytes it counts for in `buffer.memory`.
    pub(super) accounted: usize,
}

pub(super) enum Body {
    Open(BatchBuilder),
    Closed(ClosedBatch),
}

impl ProducerBatch {
    pub(super) fn open(id: u64, builder: BatchBuilder, created: Duration) -> Self {
        let accounted = builder.capacity();
        Self {
            id,
            body: Body::Open(builder),
            tickets: Vec::new(),
            created,
            attempts: 0,
            last_error: None,
            identity: None,
            position: 0,
            accounted,
        }
    }

    /// Notes who waits for the record that was just appended.
    #[inline]
    pub(super) fn note(&mut self, ticket: u64, sink: &Arc<dyn AckSink>) {
        if let Some(last) = self.tickets.last_mut()
            && last.range.end == ticket
            && Arc::ptr_eq(&last.sink, sink)
        {
            last.range.end += 1;
            return;
        }
        self.tickets.push(Tickets {
            range: ticket..ticket + 1,
            sink: Arc::clone(sink),
        });
    }

    pub(super) fn record_count(&self) -> i32 {
        match &self.body {
            Body::Open(builder) => builder.record_count(),
            Body::Closed(closed) => closed.header().record_count,
        }
    }

    /// Bytes as they would be sent, or before compression while it is open.
    pub(super) fn len(&self) -> usize {
        match &self.body {
            Body::Open(builder) => builder.len(),
            Body::Closed(closed) => closed.bytes().len(),
        }
    }

    /// Whether it was sent before.
    pub(super) fn is_retry(&self) -> bool {
        self.attempts > 0
    }

    /// The records as bytes under the batch's identity. Compresses and checksums on the first call.
    pub(super) fn close(
        mut self,
        codec: Compression,
        level: Option<i32>,
    ) -> Result<Self, Box<(Self, ProduceError)>> {
        let identity = self.identity.unwrap_or(ProducerIdentity::NONE);
        self.body = match self.body {
            Body::Open(builder) => match builder.close(identity, codec, level) {
                Ok(closed) => Body::Closed(closed),
                Err(error) => {
                    self.body = Body::Open(BatchBuilder::new(Pool::global(), 0));
                    return Err(Box::new((self, error.into())));
                }
            },
            Body::Closed(closed) if is_stamped(&closed, identity) => Body::Closed(closed),
            Body::Closed(closed) => Body::Closed(closed.restamp(identity)),
        };
        Ok(self)
    }

    /// Tells all who wait.
    pub(super) fn complete(&self, partition: i32, result: Result<i64, &ProduceError>) {
        let mut index = 0i64;
        for tickets in &self.tickets {
            let ack = result.map(|base| Ack {
                partition,
                base_offset: if base < 0 { -1 } else { base + index },
            });
            tickets.sink.acknowledged(tickets.range.clone(), ack);
            index += (tickets.range.end - tickets.range.start).cast_signed();
        }
    }

    /// Two batches of half the records each, under the same sequence numbers; the batch itself where
    /// there is nothing to halve.
    pub(super) fn split(
        self,
        codec: Compression,
        level: Option<i32>,
    ) -> Result<[Self; 2], Box<Self>> {
        let Body::Closed(closed) = &self.body else {
            return Err(Box::new(self));
        };
        if closed.header().record_count < 2 {
            return Err(Box::new(self));
        }
        let limit = closed.uncompressed_len();
        let decoded =
            Batch::parse(closed.bytes()).and_then(|batch| batch.decode(limit, Pool::global()));
        let Ok(decoded) = decoded else {
            return Err(Box::new(self));
        };
        let middle = decoded.rows.len() / 2;
        let mut halves = Vec::new();
        for rows in [&decoded.rows[..middle], &decoded.rows[middle..]] {
            let mut builder = BatchBuilder::new(Pool::global(), limit);
            for row in rows {
                let headers = row.headers.of(&decoded.data).unwrap_or_default();
                let headers = Headers::parse(headers).unwrap_or_default();
                let (key, value) = (row.key.of(&decoded.data), row.value.of(&decoded.data));
                if builder.append(row.timestamp, key, value, headers) != Append::Added {
                    return Err(Box::new(self));
                }
            }
            halves.push(builder);
        }
        let (Some(second), Some(first)) = (halves.pop(), halves.pop()) else {
            return Err(Box::new(self));
        };
        let first_count = first.record_count();
        let (first_tickets, second_tickets) =
            split_tickets(&self.tickets, u64::from(first_count.unsigned_abs()));
        let part = |builder: BatchBuilder, tickets, skipped: i32, accounted| {
            let identity = self.identity.map(|identity| ProducerIdentity {
                base_sequence: advance_sequence(identity.base_sequence, skipped),
                ..identity
            });
            let closed = builder
                .close(identity.unwrap_or(ProducerIdentity::NONE), codec, level)
                .ok()?;
            Some(Self {
                id: self.id,
                body: Body::Closed(closed),
                tickets,
                created: self.created,
                attempts: self.attempts,
                last_error: None,
                identity,
                position: self.position + u64::from(skipped.unsigned_abs()),
                accounted,
            })
        };
        let half = self.accounted / 2;
        let first = part(first, first_tickets, 0, self.accounted - half);
        let second = part(second, second_tickets, first_count, half);
        match (first, second) {
            (Some(first), Some(second)) => Ok([first, second]),
            _ => Err(Box::new(self)),
        }
    }
}

fn is_stamped(closed: &ClosedBatch, identity: ProducerIdentity) -> bool {
    let header = closed.header();
    (
        header.producer_id,
        header.producer_epoch,
        header.base_sequence,
    ) == (identity.producer_id, identity.epoch, identity.base_sequence)
}

fn split_tickets(all: &[Tickets], mut first_count: u64) -> (Vec<Tickets>, Vec<Tickets>) {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for tickets in all {
        let len = tickets.range.end - tickets.range.start;
        let taken = len.min(first_count);
        first_count -= taken;
        let middle = tickets.range.start + taken;
        if taken > 0 {
            first.push(Tickets {
                range: tickets.range.start..middle,
                sink: Arc::clone(&tickets.sink),
            });
        }
        if taken < len {
            second.push(Tickets {
                range: middle..tickets.range.end,
                sink: Arc::clone(&tickets.sink),
            });
        }
    }
    (first, second)
}
