//! Requests become one batch.

use std::sync::Arc;

use millrace_api::{Column, OffsetMap, Row, Schema, SourceBatch, SourcePartition, SourceRun, Span};

use super::pending::Acks;
use super::queue::Submission;
use super::record::{Entry, Part};

/// The source partition of a listener. Its rows have no mark, so that no offset is ever stored: who sends keeps what
/// was not answered.
pub(super) fn partition(connector: &str) -> SourcePartition {
    let map = [("listener".to_owned(), connector.into())]
        .into_iter()
        .collect();
    SourcePartition::new(map, |_mark| OffsetMap::new())
}

/// All records of the requests, in order.
pub(super) fn batch(submissions: Vec<Submission>, source: &SourcePartition) -> SourceBatch {
    let mut batch = SourceBatch::new();
    let mut pending = Vec::with_capacity(submissions.len());
    for Submission {
        parcel,
        pending: own,
    } in submissions
    {
        let first = batch.len();
        let blocks: Vec<u32> = parcel
            .blocks
            .into_iter()
            .map(|block| batch.push_block(block))
            .collect();
        let mut entries = parcel.entries.into_iter().peekable();
        while let Some(entry) = entries.next() {
            let mut run = Run::new(entry, &blocks);
            while let Some(next) = entries.next_if(|next| run.takes(next)) {
                run.push(next, &blocks);
            }
            run.append_to(&mut batch, source);
        }
        pending.push((first..batch.len(), own));
    }
    batch.notify(Arc::new(Acks(pending)));
    batch
}

/// Neighbours that share topic, partition and the kinds of their keys and values.
struct Run {
    topic: Arc<str>,
    partition: Option<i32>,
    key: Column,
    value: Column,
    rows: Vec<Row>,
}

impl Run {
    fn new(entry: Entry, blocks: &[u32]) -> Self {
        let mut run = Self {
            topic: Arc::clone(&entry.topic),
            partition: entry.partition,
            key: column(&entry.key),
            value: column(&entry.value),
            rows: Vec::new(),
        };
        run.push(entry, blocks);
        run
    }

    fn takes(&self, entry: &Entry) -> bool {
        self.topic == entry.topic
            && self.partition == entry.partition
            && fits(&self.key, &entry.key)
            && fits(&self.value, &entry.value)
    }

    fn push(&mut self, entry: Entry, blocks: &[u32]) {
        self.rows.push(Row {
            key: place(&mut self.key, entry.key, blocks),
            value: place(&mut self.value, entry.value, blocks),
            headers: moved(entry.headers, blocks),
            timestamp: -1,
            mark: Row::NO_MARK,
        });
    }

    fn append_to(self, batch: &mut SourceBatch, source: &SourcePartition) {
        batch.begin_run(SourceRun {
            end: 0,
            topic: self.topic,
            partition: self.partition,
            source: source.clone(),
            key: self.key,
            value: self.value,
            headers: None,
        });
        batch.extend(self.rows);
    }
}

fn column(part: &Part) -> Column {
    match part {
        Part::Null => Column::Null,
        Part::Text(_) => Column::Text(Some(Schema::string())),
        Part::Bytes(_) => Column::Bytes(None),
        Part::Owned(_) => Column::Owned(Vec::new()),
    }
}

fn fits(column: &Column, part: &Part) -> bool {
    matches!(
        (column, part),
        (Column::Null, Part::Null)
            | (Column::Text(_), Part::Text(_))
            | (Column::Bytes(_), Part::Bytes(_))
            | (Column::Owned(_), Part::Owned(_))
    )
}

/// The span of a part; an owned one goes into the column.
fn place(column: &mut Column, part: Part, blocks: &[u32]) -> Span {
    match part {
        Part::Null => Span::NULL,
        Part::Text(span) | Part::Bytes(span) => moved(span, blocks),
        Part::Owned(datum) => {
            if let Column::Owned(values) = column {
                values.push(datum);
            }
            Span::NULL
        }
    }
}

/// A span of a request's block as one of the batch's.
fn moved(span: Span, blocks: &[u32]) -> Span {
    match blocks.get(span.block as usize) {
        Some(&block) if span.len > 0 => Span { block, ..span },
        _ => span,
    }
}
