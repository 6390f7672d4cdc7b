//! Rows that were handed to the producer and are not yet acknowledged, and the offsets that may be committed.
//!
//! Every row gets a ticket, in order. Acknowledgements come as ranges of tickets, from several partitions and so in any
//! order. For each source partition there is one queue; only its unbroken acknowledged prefix counts, so that a row
//! that hangs holds back the offsets of its own source partition and of no other.

mod bare;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use millrace_api::{OffsetMap, Row, SourceBatch, SourcePartition};

pub(crate) use bare::BareOffsets;

use crate::store::OffsetChange;

/// Part of a batch that belongs to one source partition.
#[derive(Debug)]
struct Segment {
    tickets: Range<u64>,
    /// What makes offsets of its marks. Another segment of the same partition may have another one: a source that reads two
    /// files one after another which are one partition keeps apart what it knows of them.
    source: SourcePartition,
    /// Rows and marks only; the contents have been let go.
    batch: Arc<SourceBatch>,
    /// Index of the row that has the first ticket.
    first_row: usize,
}

#[derive(Debug, Default)]
struct Queue {
    segments: VecDeque<Segment>,
    /// The end of the acknowledged prefix, if it has moved since it was last taken.
    committable: Option<Committable>,
}

#[derive(Debug)]
struct Committable {
    /// A ticket of the batch that the mark is from.
    ticket: u64,
    source: SourcePartition,
    mark: i64,
}

/// A batch with someone who wants to hear of acknowledgements.
#[derive(Debug)]
struct Listening {
    first: u64,
    batch: Arc<SourceBatch>,
    /// Rows without an answer.
    open: u64,
}

impl Listening {
    /// Which of `tickets` are rows of this batch, and which rows.
    fn rows(&self, tickets: &Range<u64>) -> Option<(Range<u64>, Range<usize>)> {
        let end = self.first + self.batch.len() as u64;
        let (from, to) = (tickets.start.max(self.first), tickets.end.min(end));
        (from < to).then(|| {
            let row = |ticket: u64| (ticket - self.first) as usize;
            (from..to, row(from)..row(to))
        })
    }
}

/// Tickets handed out and what became of them.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    next: u64,
    acknowledged: Intervals,
    /// Batches with someone who wants to hear of acknowledgements, ascending by their first ticket.
    listening: VecDeque<Listening>,
    queues: HashMap<String, Queue>,
    outstanding: u64,
    bare: Arc<BareOffsets>,
}

impl InFlight {
    /// Where offsets are left that no row bears.
    pub(crate) fn bare(&self) -> &Arc<BareOffsets> {
        &self.bare
    }

    /// Notes that a batch was polled: offsets that no row bears wait for it from here on, even if it is never submitted.
    pub(crate) fn polled(&self) {
        self.bare.polled();
    }

    /// The ticket that the first row of the next batch gets.
    pub(crate) fn next_ticket(&self) -> u64 {
        self.next
    }

    /// Rows without an answer.
    pub(crate) fn outstanding(&self) -> u64 {
        self.outstanding
    }

    /// Hands out a ticket for each row of `marks`, whose contents are no longer needed.
    pub(crate) fn submit(&mut self, marks: SourceBatch) {
        let first = self.next;
        let batch = Arc::new(marks);
        self.next += batch.len() as u64;
        self.outstanding += batch.len() as u64;
        self.bare.submitted(self.next);
        for (start, run) in batch
            .runs_with_start()
            .filter(|(start, run)| run.end > *start)
        {
            let queue = self.queues.entry(key(run.source.partition()));
            let queue = queue.or_default();
            queue.segments.push_back(Segment {
                tickets: first + start as u64..first + run.end as u64,
                source: run.source.clone(),
                batch: Arc::clone(&batch),
                first_row: start,
            });
        }
        if batch.acks().is_some() {
            self.listening.push_back(Listening {
                first,
                open: batch.len() as u64,
                batch,
            });
        }
    }

    /// Where the row of a ticket came from, and the offset behind it; none where it is not waited for any more.
    pub(crate) fn origin(&self, ticket: u64) -> Option<(&SourcePartition, i64)> {
        let mut segments = self.queues.values().flat_map(|queue| &queue.segments);
        let segment = segments.find(|segment| segment.tickets.contains(&ticket))?;
        let row = segment.first_row + (ticket - segment.tickets.start) as usize;
        Some((&segment.source, segment.batch.mark_behind(row)))
    }

    /// Marks tickets as answered; `stored` is false for rows that the error policy dropped.
    pub(crate) fn acknowledge(&mut self, tickets: Range<u64>, stored: bool) {
        self.outstanding = self.outstanding.saturating_sub(tickets.end - tickets.start);
        self.tell(&tickets, stored);
        self.acknowledged.insert(tickets);
        // At once, not at the next commit: what a second of records leaves behind is a lot of memory.
        for queue in self.queues.values_mut() {
            queue.advance(&self.acknowledged);
        }
    }

    /// Tells whoever asked where rows are stored; their acknowledgement follows.
    pub(crate) fn stored_at(&mut self, tickets: &Range<u64>, partition: i32, base_offset: i64) {
        for listening in self.heard_of(tickets) {
            if let (Some((part, rows)), Some(acks)) =
                (listening.rows(tickets), listening.batch.acks())
            {
                let offset = match base_offset {
                    ..0 => base_offset,
                    base => base + (part.start - tickets.start) as i64,
                };
                acks.stored_at(rows, partition, offset);
            }
        }
    }

    fn tell(&mut self, tickets: &Range<u64>, stored: bool) {
        for listening in self.heard_of(tickets) {
            if let (Some((part, rows)), Some(acks)) =
                (listening.rows(tickets), listening.batch.acks())
            {
                acks.acknowledged(rows, stored);
                listening.open = listening.open.saturating_sub(part.end - part.start);
            }
        }
        while self
            .listening
            .front()
            .is_some_and(|oldest| oldest.open == 0)
        {
            self.listening.pop_front();
        }
    }

    /// The batches that some of these tickets may belong to.
    fn heard_of(&mut self, tickets: &Range<u64>) -> impl Iterator<Item = &mut Listening> {
        let from = self
            .listening
            .partition_point(|listening| listening.first <= tickets.start)
            .saturating_sub(1);
        let to = self
            .listening
            .partition_point(|listening| listening.first < tickets.end);
        self.listening.range_mut(from.min(to)..to)
    }

    /// Takes the offsets that may be committed now: one for each source partition whose prefix has moved or that has an
    /// offset that no row bears.
    pub(crate) fn take_committable(&mut self) -> Vec<OffsetChange> {
        let acknowledged = &self.acknowledged;
        for queue in self.queues.values_mut() {
            queue.advance(acknowledged);
        }
        let moved = self.queues.iter().filter_map(|(key, queue)| {
            let committable = queue.committable.as_ref()?;
            Some((key.as_str(), committable.ticket))
        });
        let bare = self.bare.take(moved, self.answered_below());
        let borne = self.queues.iter_mut().filter_map(|(key, queue)| {
            let Committable { source, mark, .. } = queue.committable.take()?;
            let is_newer = !bare.contains_key(key);
            is_newer.then(|| (source.partition().clone(), Some(source.offset(mark))))
        });
        let mut changes: Vec<OffsetChange> = borne.collect();
        changes.extend(bare.into_values());
        self.queues.retain(|_, queue| !queue.segments.is_empty());
        self.forget();
        changes
    }

    /// The lowest ticket without an answer.
    fn answered_below(&self) -> u64 {
        let queues = self.queues.values();
        let waiting = queues.filter_map(|queue| Some(queue.segments.front()?.tickets.start));
        waiting.min().unwrap_or(self.next)
    }

    /// Drops what no queue needs any more.
    fn forget(&mut self) {
        self.acknowledged.remove_below(self.answered_below());
    }
}

impl Queue {
    fn advance(&mut self, acknowledged: &Intervals) {
        while let Some(segment) = self.segments.front_mut() {
            let Some(end) = acknowledged.end_from(segment.tickets.start) else {
                return;
            };
            let end = end.min(segment.tickets.end);
            let rows = (end - segment.tickets.start) as usize;
            let answered = &segment.batch.rows()[segment.first_row..segment.first_row + rows];
            let marks = answered.iter().rev().map(|row| row.mark);
            if let Some(mark) = marks.into_iter().find(|&mark| mark != Row::NO_MARK) {
                self.committable = Some(Committable {
                    ticket: segment.tickets.start,
                    source: segment.source.clone(),
                    mark,
                });
            }
            if end < segment.tickets.end {
                segment.tickets.start = end;
                segment.first_row += rows;
                return;
            }
            self.segments.pop_front();
        }
    }
}

/// What tells a partition from others: its bytes.
fn key(partition: &OffsetMap) -> String {
    serde_json::to_string(partition).unwrap_or_default()
}

/// A set of tickets as disjoint ranges that do not touch.
#[derive(Debug, Default)]
struct Intervals {
    by_start: BTreeMap<u64, u64>,
}

impl Intervals {
    fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let (mut start, mut end) = (range.start, range.end);
        if let Some((&before, &before_end)) = self.by_start.range(..=start).next_back()
            && before_end >= start
        {
            start = before;
            end = end.max(before_end);
        }
        while let Some((&next, &next_end)) = self.by_start.range(start..=end).next() {
            self.by_start.remove(&next);
            end = end.max(next_end);
        }
        self.by_start.insert(start, end);
    }

    /// The end of the range that holds `ticket`.
    fn end_from(&self, ticket: u64) -> Option<u64> {
        let (_, &end) = self.by_start.range(..=ticket).next_back()?;
        (end > ticket).then_some(end)
    }

    /// Forgets all tickets below `floor`.
    fn remove_below(&mut self, floor: u64) {
        let straddling = self
            .by_start
            .range(..floor)
            .next_back()
            .map(|(_, &end)| end)
            .filter(|&end| end > floor);
        self.by_start = self.by_start.split_off(&floor);
        if let Some(end) = straddling {
            self.by_start.insert(floor, end);
        }
    }
}
