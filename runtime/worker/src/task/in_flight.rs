//! Rows that were handed to the producer and are not yet acknowledged, and the offsets that may be committed.
//!
//! Every row gets a ticket, in order. Acknowledgements come as ranges of tickets, from several partitions and so in any
//! order. For each source partition there is one queue; only its unbroken acknowledged prefix counts, so that a row
//! that hangs holds back the offsets of its own source partition and of no other.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use millrace_api::{Row, SourceBatch, SourcePartition};

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
    /// Mark at the end of the acknowledged prefix, and what makes an offset of it, if it has moved since it was last taken.
    committable: Option<(SourcePartition, i64)>,
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
}

impl InFlight {
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
        for (start, run) in batch
            .runs_with_start()
            .filter(|(start, run)| run.end > *start)
        {
            let key = serde_json::to_string(run.source.partition()).unwrap_or_default();
            let queue = self.queues.entry(key).or_default();
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

    /// Takes the offsets that may be committed now: one for each source partition whose prefix has moved.
    pub(crate) fn take_committable(&mut self) -> Vec<OffsetChange> {
        let acknowledged = &self.acknowledged;
        for queue in self.queues.values_mut() {
            queue.advance(acknowledged);
        }
        let changes = self.queues.values_mut().filter_map(|queue| {
            let (source, mark) = queue.committable.take()?;
            Some((source.partition().clone(), Some(source.offset(mark))))
        });
        let changes = changes.collect();
        self.queues.retain(|_, queue| !queue.segments.is_empty());
        self.forget();
        changes
    }

    /// Drops what no queue needs any more.
    fn forget(&mut self) {
        let waiting = self
            .queues
            .values()
            .filter_map(|queue| Some(queue.segments.front()?.tickets.start))
            .min();
        self.acknowledged.remove_below(waiting.unwrap_or(self.next));
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
                self.committable = Some((segment.source.clone(), mark));
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

#[cfg(test)]
mod tests {
    use millrace_api::{Column, OffsetMap, SourceRun, Span};

    use super::*;

    fn batch(parts: &[(&str, &[i64])]) -> SourceBatch {
        let mut batch = SourceBatch::new();
        for (file, marks) in parts {
            let map: OffsetMap = [("file".to_owned(), (*file).into())].into_iter().collect();
            let source = SourcePartition::new(map, |mark| {
                [("position".to_owned(), mark.into())].into_iter().collect()
            });
            let (key, value) = (Column::Null, Column::Null);
            batch.begin_run(SourceRun {
                end: 0,
                topic: "t".into(),
                partition: None,
                source,
                key,
                value,
                headers: None,
            });
            for &mark in *marks {
                let null = Span::NULL;
                batch.push(Row {
                    key: null,
                    value: null,
                    headers: Span::EMPTY,
                    timestamp: -1,
                    mark,
                });
            }
        }
        batch
    }

    fn taken(in_flight: &mut InFlight) -> Vec<(String, i64)> {
        let mut all: Vec<_> = in_flight
            .take_committable()
            .into_iter()
            .map(|(partition, offset)| {
                (
                    partition["file"].as_str().unwrap().to_owned(),
                    offset.unwrap()["position"].as_i64().unwrap(),
                )
            })
            .collect();
        all.sort();
        all
    }

    #[test]
    fn only_the_unbroken_prefix_counts() {
        let mut rows = InFlight::default();
        rows.submit(batch(&[("a", &[1, 2, 3])]));
        rows.submit(batch(&[("a", &[4, 5])]));
        rows.acknowledge(1..3, true);
        assert_eq!(taken(&mut rows), []);
        rows.acknowledge(0..1, true);
        assert_eq!(taken(&mut rows), [("a".to_owned(), 3)]);
        rows.acknowledge(3..4, true);
        assert_eq!(taken(&mut rows), [("a".to_owned(), 4)]);
        assert_eq!(rows.outstanding(), 1);
        rows.acknowledge(4..5, true);
        assert_eq!(taken(&mut rows), [("a".to_owned(), 5)]);
        assert_eq!(taken(&mut rows), []);
        assert!(rows.queues.is_empty() && rows.acknowledged.by_start.is_empty());
    }

    #[test]
    fn a_hanging_row_holds_back_its_own_partition_only() {
        let mut rows = InFlight::default();
        rows.submit(batch(&[("a", &[1]), ("b", &[7, 8])]));
        rows.acknowledge(1..3, true);
        assert_eq!(taken(&mut rows), [("b".to_owned(), 8)]);
        rows.acknowledge(0..1, true);
        assert_eq!(taken(&mut rows), [("a".to_owned(), 1)]);
    }

    #[test]
    fn a_place_shared_by_rows_counts_when_all_are_stored() {
        let mut rows = InFlight::default();
        rows.submit(batch(&[("a", &[1, Row::NO_MARK, Row::NO_MARK, 2])]));
        rows.acknowledge(0..3, true);
        assert_eq!(taken(&mut rows), [("a".to_owned(), 1)]);
        assert_eq!(rows.origin(3).map(|(_, mark)| mark), Some(2));
        rows.acknowledge(3..4, true);
        assert_eq!(taken(&mut rows), [("a".to_owned(), 2)]);
    }

    #[test]
    fn offsets_are_made_by_the_source_that_gave_the_rows() {
        // The inode of a file that is gone was given to another one, which is read before all rows of the first are stored.
        let named = |name: &'static str| {
            let mut batch = batch(&[("inode", &[7])]);
            let source =
                SourcePartition::new(batch.runs()[0].source.partition().clone(), move |mark| {
                    [
                        ("position".to_owned(), mark.into()),
                        ("name".to_owned(), name.into()),
                    ]
                    .into_iter()
                    .collect()
                });
            let run = SourceRun {
                source,
                ..batch.runs()[0].clone()
            };
            let row = batch.rows()[0];
            batch = SourceBatch::new();
            batch.begin_run(run);
            batch.push(row);
            batch
        };
        let mut rows = InFlight::default();
        rows.submit(named("first"));
        rows.submit(named("second"));
        for (ticket, name) in [(0, "first"), (1, "second")] {
            assert_eq!(rows.origin(ticket).unwrap().0.offset(7)["name"], name);
            rows.acknowledge(ticket..ticket + 1, true);
            let taken = rows.take_committable();
            assert_eq!(taken[0].1.as_ref().unwrap()["name"], name);
        }
    }

    #[test]
    fn intervals_merge_and_forget() {
        let mut set = Intervals::default();
        for range in [5..7, 1..3, 3..5, 9..10, 8..9] {
            set.insert(range);
        }
        assert_eq!(set.by_start, BTreeMap::from([(1, 7), (8, 10)]));
        set.remove_below(4);
        assert_eq!(set.by_start, BTreeMap::from([(4, 7), (8, 10)]));
        assert_eq!(
            (set.end_from(3), set.end_from(4), set.end_from(7)),
            (None, Some(7), None)
        );
    }

    #[test]
    fn whoever_asked_hears_of_each_row() {
        #[derive(Debug, Default)]
        struct Heard {
            answers: std::sync::Mutex<Vec<(Range<usize>, bool)>>,
            places: std::sync::Mutex<Vec<(Range<usize>, i32, i64)>>,
        }
        impl millrace_api::BatchAcks for Heard {
            fn acknowledged(&self, rows: Range<usize>, stored: bool) {
                self.answers.lock().unwrap().push((rows, stored));
            }

            fn stored_at(&self, rows: Range<usize>, partition: i32, base_offset: i64) {
                let place = (rows, partition, base_offset);
                self.places.lock().unwrap().push(place);
            }
        }
        let heard = Arc::new(Heard::default());
        let mut rows = InFlight::default();
        rows.submit(batch(&[("a", &[1, 2])]));
        let mut second = batch(&[("a", &[3, 4])]);
        second.notify(Arc::clone(&heard) as _);
        rows.submit(second);
        rows.stored_at(&(0..3), 7, 100);
        rows.acknowledge(0..3, true);
        assert_eq!(rows.listening.len(), 1);
        rows.acknowledge(3..4, false);
        assert_eq!(
            *heard.answers.lock().unwrap(),
            [(0..1, true), (1..2, false)]
        );
        assert_eq!(*heard.places.lock().unwrap(), [(0..1, 7, 102)]);
        assert!(rows.listening.is_empty());
    }
}
