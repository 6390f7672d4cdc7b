//! Batches on their way from a source into topics.

use std::sync::Arc;

use bytes::Bytes;

use super::{Cell, Column, Row, Rows, Span, bytes_of, cell};
use crate::{BatchAcks, Datum, Headers, SourcePartition};

/// What a run of rows shares.
#[derive(Clone, Debug)]
pub struct SourceRun {
    /// Index behind the run's last row; the run begins where the one before ends.
    pub end: usize,
    /// The topic to write to.
    pub topic: Arc<str>,
    /// The partition to write to; none leaves the choice to the producer.
    pub partition: Option<i32>,
    /// The source partition that the rows' marks belong to.
    pub source: SourcePartition,
    /// The keys.
    pub key: Column,
    /// The values.
    pub value: Column,
    /// Owned headers, one list a row of the run; none where the rows' encoded headers hold text values.
    pub headers: Option<Vec<Headers>>,
}

/// One record with owned contents, for sources and steps that work record by record.
#[derive(Clone, Debug)]
pub struct SourceRecord {
    /// The topic to write to.
    pub topic: Arc<str>,
    /// The partition to write to; none leaves the choice to the producer.
    pub partition: Option<i32>,
    /// The key.
    pub key: Datum,
    /// The value.
    pub value: Datum,
    /// Milliseconds since the epoch, if any.
    pub timestamp: Option<i64>,
    /// The headers.
    pub headers: Headers,
    /// The source partition.
    pub source: SourcePartition,
    /// The position behind this record.
    pub mark: i64,
}

/// Records of a source.
#[derive(Clone, Debug, Default)]
pub struct SourceBatch {
    pub(super) blocks: Vec<Bytes>,
    pub(super) rows: Rows,
    pub(super) runs: Vec<SourceRun>,
    pub(super) acks: Option<Arc<dyn BatchAcks>>,
}

impl SourceBatch {
    /// An empty batch.
    pub fn new() -> Self {
        Self {
            blocks: Vec::new(),
            rows: Rows::take(),
            runs: Vec::new(),
            acks: None,
        }
    }

    /// A batch of owned records; neighbours that share topic, partition and source partition form a run.
    pub fn from_records(records: impl IntoIterator<Item = SourceRecord>) -> Self {
        let mut batch = Self::new();
        for record in records {
            batch.push_record(record);
        }
        batch
    }

    /// Appends one owned record.
    pub fn push_record(&mut self, record: SourceRecord) {
        let joins = self.runs.last().is_some_and(|run| {
            run.topic == record.topic
                && run.partition == record.partition
                && run.source.partition() == record.source.partition()
                && run.headers.is_some()
                && matches!((&run.key, &run.value), (Column::Owned(_), Column::Owned(_)))
        });
        if !joins {
            self.begin_run(SourceRun {
                end: 0,
                topic: record.topic,
                partition: record.partition,
                source: record.source,
                key: Column::Owned(Vec::new()),
                value: Column::Owned(Vec::new()),
                headers: Some(Vec::new()),
            });
        }
        if let Some(run) = self.runs.last_mut() {
            if let (Column::Owned(keys), Column::Owned(values)) = (&mut run.key, &mut run.value) {
                keys.push(record.key);
                values.push(record.value);
            }
            if let Some(headers) = &mut run.headers {
                headers.push(record.headers);
            }
        }
        self.push(Row {
            key: Span::NULL,
            value: Span::NULL,
            headers: Span::EMPTY,
            timestamp: record.timestamp.unwrap_or(-1),
            mark: record.mark,
        });
    }

    /// Adds a buffer that rows may point into and returns its index.
    pub fn push_block(&mut self, block: Bytes) -> u32 {
        self.blocks.push(block);
        (self.blocks.len() - 1) as u32
    }

    /// Starts a run: rows pushed from here on belong to it. Its `end` is kept by the batch.
    pub fn begin_run(&mut self, run: SourceRun) {
        let end = self.rows.len();
        self.runs.push(SourceRun { end, ..run });
    }

    /// Appends rows to the run begun last.
    ///
    /// # Panics
    /// When no run was begun.
    pub fn extend(&mut self, rows: impl IntoIterator<Item = Row>) {
        self.rows.extend(rows);
        self.runs
            .last_mut()
            .expect("a run was begun before its rows")
            .end = self.rows.len();
    }

    /// Appends a row to the run begun last.
    ///
    /// # Panics
    /// When no run was begun.
    pub fn push(&mut self, row: Row) {
        self.extend([row]);
    }

    /// Asks to hear which rows were acknowledged.
    pub fn notify(&mut self, acks: Arc<dyn BatchAcks>) {
        self.acks = Some(acks);
    }

    /// Who asked to hear which rows were acknowledged.
    pub fn acks(&self) -> Option<&Arc<dyn BatchAcks>> {
        self.acks.as_ref()
    }

    /// Number of records.
    #[inline]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes of the blocks that this batch keeps alive.
    pub fn block_bytes(&self) -> usize {
        self.blocks.iter().map(Bytes::len).sum()
    }

    /// Replaces each block by one with the same bytes.
    pub fn replace_blocks(&mut self, mut with: impl FnMut(Bytes) -> Bytes) {
        for block in &mut self.blocks {
            *block = with(std::mem::take(block));
        }
    }

    /// The rows, in order.
    #[inline]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The mark of a row, or of the next row that has one.
    pub fn mark_behind(&self, row: usize) -> i64 {
        mark_from(&self.rows, row)
    }

    /// The runs, in order; they cover all rows.
    pub fn runs(&self) -> &[SourceRun] {
        &self.runs
    }

    /// The runs with the index of their first row.
    pub fn runs_with_start(&self) -> impl Iterator<Item = (usize, &SourceRun)> {
        let starts = std::iter::once(0).chain(self.runs.iter().map(|run| run.end));
        starts.zip(&self.runs)
    }

    /// For a step that replaces columns: the runs and the rows, to be changed in place.
    pub fn parts_mut(&mut self) -> (&mut [SourceRun], &mut [Row]) {
        (&mut self.runs, &mut self.rows)
    }

    /// The bytes of a range, none for null.
    #[inline]
    pub fn bytes(&self, span: Span) -> Option<&[u8]> {
        bytes_of(&self.blocks, span)
    }

    /// The key of the row at `index`, which belongs to `run` that starts at row `start`.
    #[inline]
    pub fn key<'a>(&'a self, run: &'a SourceRun, start: usize, index: usize) -> Cell<'a> {
        cell(&run.key, index - start, self.bytes(self.rows[index].key))
    }

    /// The value of the row at `index`, which belongs to `run` that starts at row `start`.
    #[inline]
    pub fn value<'a>(&'a self, run: &'a SourceRun, start: usize, index: usize) -> Cell<'a> {
        cell(
            &run.value,
            index - start,
            self.bytes(self.rows[index].value),
        )
    }

    /// Lets go of the contents and keeps rows and runs, whose marks are needed until all rows are acknowledged.
    #[must_use]
    pub fn into_marks(mut self) -> Self {
        self.blocks = Vec::new();
        for run in &mut self.runs {
            run.key = Column::Null;
            run.value = Column::Null;
            run.headers = None;
        }
        self
    }
}

/// The mark of a row, or of the next row that has one.
pub(super) fn mark_from(rows: &[Row], row: usize) -> i64 {
    let marks = rows[row..].iter().map(|row| row.mark);
    let mut marks = marks.filter(|&mark| mark != Row::NO_MARK);
    marks.next().unwrap_or(Row::NO_MARK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OffsetMap, Schema, Value};

    fn partition(name: &str) -> SourcePartition {
        let map: OffsetMap = [("filename".to_owned(), name.into())].into_iter().collect();
        SourcePartition::new(map, |mark| {
            [("position".to_owned(), mark.into())].into_iter().collect()
        })
    }

    fn run(topic: &str, source: SourcePartition) -> SourceRun {
        SourceRun {
            end: 0,
            topic: topic.into(),
            partition: None,
            source,
            key: Column::Null,
            value: Column::Text(Some(Schema::string())),
            headers: None,
        }
    }

    #[test]
    fn rows_are_ranges_of_the_blocks() {
        let mut batch = SourceBatch::new();
        let block = batch.push_block(Bytes::from_static(b"one\ntwo\n"));
        batch.begin_run(run("t", partition("f")));
        for (start, mark) in [(0, 4), (4, 8)] {
            let value = Span {
                block,
                start,
                len: 3,
            };
            batch.push(Row {
                key: Span::NULL,
                value,
                headers: Span::EMPTY,
                timestamp: 7,
                mark,
            });
        }
        let (start, first) = batch.runs_with_start().next().unwrap();
        assert_eq!(batch.value(first, start, 1), Cell::Text(b"two"));
        assert_eq!(batch.key(first, start, 1), Cell::Null);
        assert_eq!(first.source.offset(batch.rows()[1].mark)["position"], 8);
        assert_eq!(first.end, 2);
    }

    #[test]
    fn a_range_outside_its_block_reads_as_null() {
        let batch = SourceBatch::new();
        assert_eq!(
            batch.bytes(Span {
                block: 3,
                start: 0,
                len: 1
            }),
            None
        );
    }

    #[test]
    fn owned_records_form_runs() {
        let record = |topic: &str, text: &str| SourceRecord {
            topic: topic.into(),
            partition: None,
            key: Datum::default(),
            value: Datum::schemaless(Value::String(text.into())),
            timestamp: None,
            headers: Vec::new(),
            source: partition("f"),
            mark: 1,
        };
        let batch =
            SourceBatch::from_records([record("a", "1"), record("a", "2"), record("b", "3")]);
        assert_eq!(
            batch.runs().iter().map(|run| run.end).collect::<Vec<_>>(),
            [2, 3]
        );
        let (start, last) = batch.runs_with_start().last().unwrap();
        assert_eq!(
            batch.value(last, start, 2),
            Cell::Value(&Datum::schemaless(Value::String("3".into())))
        );
    }
}
