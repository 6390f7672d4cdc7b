//! Batches on their way from topics into a sink.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::{Cell, Column, Row, Rows, Span, bytes_of, cell};
use crate::{ConnectError, EncodedHeaders, Header, HeaderConverter, Headers};

/// What a run of rows shares.
#[derive(Clone, Debug)]
pub struct SinkRun {
    /// Index behind the run's last row; the run begins where the one before ends.
    pub end: usize,
    /// The topic, as the transforms have left it.
    pub topic: Arc<str>,
    /// The topic the records came from, where a transform has changed it.
    pub original_topic: Option<Arc<str>>,
    /// The partition they came from.
    pub partition: i32,
    /// Whether the broker, not the producer, set the timestamps.
    pub log_append_time: bool,
    /// The keys.
    pub key: Column,
    /// The values.
    pub value: Column,
    /// Converted headers, one list a row of the run; none where they are still encoded and converted when asked for.
    pub headers: Option<Vec<Headers>>,
}

impl SinkRun {
    /// What the rows of this run at `rows`, counted from its first one, share.
    fn part(&self, rows: Range<usize>) -> Self {
        let column = |column: &Column| match column {
            Column::Owned(values) => {
                Column::Owned(values.get(rows.clone()).unwrap_or_default().to_vec())
            }
            shared => shared.clone(),
        };
        let headers = self.headers.as_ref();
        Self {
            end: 0,
            topic: Arc::clone(&self.topic),
            original_topic: self.original_topic.clone(),
            partition: self.partition,
            log_append_time: self.log_append_time,
            key: column(&self.key),
            value: column(&self.value),
            headers: headers.map(|all| all.get(rows.clone()).unwrap_or_default().to_vec()),
        }
    }
}

/// Records for a sink. A clone shares rows and values with the batch that it was made of.
#[derive(Clone, Debug, Default)]
pub struct SinkBatch {
    pub(super) blocks: Vec<Bytes>,
    pub(super) rows: Arc<Rows>,
    pub(super) runs: Arc<Vec<SinkRun>>,
    pub(super) header_converter: Option<Arc<dyn HeaderConverter>>,
}

impl SinkBatch {
    /// An empty batch.
    pub fn new() -> Self {
        Self {
            blocks: Vec::new(),
            rows: Arc::new(Rows::take()),
            runs: Arc::default(),
            header_converter: None,
        }
    }

    /// Sets the converter for headers that are still encoded.
    pub fn convert_headers_with(&mut self, converter: Arc<dyn HeaderConverter>) {
        self.header_converter = Some(converter);
    }

    /// Adds a buffer that rows may point into and returns its index.
    pub fn push_block(&mut self, block: Bytes) -> u32 {
        self.blocks.push(block);
        (self.blocks.len() - 1) as u32
    }

    /// Starts a run: rows pushed from here on belong to it. Its `end` is kept by the batch.
    pub fn begin_run(&mut self, run: SinkRun) {
        let end = self.rows.len();
        Arc::make_mut(&mut self.runs).push(SinkRun { end, ..run });
    }

    /// Appends rows to the run begun last.
    ///
    /// # Panics
    /// When no run was begun.
    pub fn extend(&mut self, rows: impl IntoIterator<Item = Row>) {
        Arc::make_mut(&mut self.rows).extend(rows);
        Arc::make_mut(&mut self.runs)
            .last_mut()
            .expect("a run was begun before its rows")
            .end = self.rows.len();
    }

    /// Appends one row to the run begun last.
    ///
    /// # Panics
    /// When no run was begun.
    pub fn push(&mut self, row: Row) {
        self.extend([row]);
    }

    /// The records at `rows`, in their order, over the same blocks; owned values are copied.
    #[must_use]
    pub fn slice(&self, rows: Range<usize>) -> Self {
        let mut part = Self {
            blocks: self.blocks.clone(),
            header_converter: self.header_converter.clone(),
            ..Self::new()
        };
        for (start, run) in self.runs_with_start() {
            let (from, to) = (rows.start.max(start), rows.end.min(run.end));
            if from < to {
                part.begin_run(run.part(from - start..to - start));
                part.extend(self.rows[from..to].iter().copied());
            }
        }
        part
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

    /// The packed rows, in order.
    #[inline]
    pub fn packed(&self) -> &[Row] {
        &self.rows
    }

    /// The runs, in order; they cover all rows.
    pub fn runs(&self) -> &[SinkRun] {
        &self.runs
    }

    /// The runs with the index of their first row.
    pub fn runs_with_start(&self) -> impl Iterator<Item = (usize, &SinkRun)> {
        let starts = std::iter::once(0).chain(self.runs.iter().map(|run| run.end));
        starts.zip(self.runs.iter())
    }

    /// For a step that replaces columns: the runs and the rows, to be changed in place.
    pub fn parts_mut(&mut self) -> (&mut [SinkRun], &mut [Row]) {
        let runs = Arc::make_mut(&mut self.runs);
        (
            runs.as_mut_slice(),
            Arc::make_mut(&mut self.rows).as_mut_slice(),
        )
    }

    /// The bytes of a range, none for null.
    #[inline]
    pub fn bytes(&self, span: Span) -> Option<&[u8]> {
        bytes_of(&self.blocks, span)
    }

    /// A view of one record; none if there are not so many.
    #[inline]
    pub fn row(&self, index: usize) -> Option<SinkRow<'_>> {
        let row = self.rows.get(index)?;
        let number = self.runs.partition_point(|run| run.end <= index);
        let before = number
            .checked_sub(1)
            .and_then(|before| self.runs.get(before));
        Some(SinkRow {
            batch: self,
            run: self.runs.get(number)?,
            row,
            start: before.map_or(0, |before| before.end),
            index,
        })
    }

    /// Views of the records, in order.
    pub fn rows(&self) -> impl Iterator<Item = SinkRow<'_>> {
        self.rows_in(0..self.len())
    }

    /// Views of the records at `rows`, in order; those that there are not are left out.
    pub fn rows_in(&self, rows: Range<usize>) -> impl Iterator<Item = SinkRow<'_>> {
        let first = self.runs.partition_point(|run| run.end <= rows.start);
        let runs = self.runs_with_start().skip(first);
        runs.flat_map(move |(start, run)| {
            (start.max(rows.start)..run.end.min(rows.end)).map(move |index| SinkRow {
                batch: self,
                run,
                row: &self.rows[index],
                start,
                index,
            })
        })
    }
}

/// One record of a [`SinkBatch`], lent.
#[derive(Clone, Copy, Debug)]
pub struct SinkRow<'a> {
    batch: &'a SinkBatch,
    run: &'a SinkRun,
    row: &'a Row,
    start: usize,
    index: usize,
}

impl<'a> SinkRow<'a> {
    /// The blocks and the packed row, whose ranges are those that came.
    pub(super) fn packed(&self) -> (&'a [Bytes], &'a Row) {
        (&self.batch.blocks, self.row)
    }

    /// The topic, as the transforms have left it.
    pub fn topic(&self) -> &'a Arc<str> {
        &self.run.topic
    }

    /// The topic the record came from: that of its partition and offset.
    pub fn original_topic(&self) -> &'a Arc<str> {
        self.run.original_topic.as_ref().unwrap_or(&self.run.topic)
    }

    /// The partition the record came from.
    pub fn partition(&self) -> i32 {
        self.run.partition
    }

    /// The record's offset.
    pub fn offset(&self) -> i64 {
        self.row.mark
    }

    /// Milliseconds since the epoch, if the record has a time.
    pub fn timestamp(&self) -> Option<i64> {
        (self.row.timestamp >= 0).then_some(self.row.timestamp)
    }

    /// Whether the broker, not the producer, set the timestamp.
    pub fn log_append_time(&self) -> bool {
        self.run.log_append_time
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> Cell<'a> {
        cell(
            &self.run.key,
            self.index - self.start,
            self.batch.bytes(self.row.key),
        )
    }

    /// The value.
    #[inline]
    pub fn value(&self) -> Cell<'a> {
        cell(
            &self.run.value,
            self.index - self.start,
            self.batch.bytes(self.row.value),
        )
    }

    /// The headers as they came, not converted.
    pub fn encoded_headers(&self) -> EncodedHeaders<'a> {
        EncodedHeaders::new(self.batch.bytes(self.row.headers).unwrap_or_default())
    }

    /// The headers in Connect's data model; converted now where that has not been done.
    ///
    /// # Errors
    /// When the header converter refuses a value.
    pub fn headers(&self) -> Result<Headers, ConnectError> {
        if let Some(converted) = &self.run.headers {
            return Ok(converted
                .get(self.index - self.start)
                .cloned()
                .unwrap_or_default());
        }
        let Some(converter) = &self.batch.header_converter else {
            return Ok(Headers::new());
        };
        self.encoded_headers()
            .iter()
            .map(|(name, value)| {
                let name = String::from_utf8_lossy(name).into_owned();
                let datum = converter.decode(&self.run.topic, &name, value)?;
                Ok(Header {
                    name,
                    schema: datum.schema,
                    value: datum.value,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Datum, Value};

    fn row(mark: i64) -> Row {
        let value = Span {
            start: mark as u32,
            len: 1,
            ..Span::EMPTY
        };
        Row {
            key: Span::NULL,
            value,
            headers: Span::EMPTY,
            timestamp: -1,
            mark,
        }
    }

    fn run(topic: &str, key: Column) -> SinkRun {
        SinkRun {
            end: 0,
            topic: topic.into(),
            original_topic: None,
            partition: 0,
            log_append_time: false,
            key,
            value: Column::Bytes(None),
            headers: None,
        }
    }

    #[test]
    fn a_slice_has_the_records_of_its_range_whatever_runs_they_are_in() {
        let mut batch = SinkBatch::new();
        batch.push_block(Bytes::from_static(b"0123456789"));
        batch.begin_run(run("a", Column::Null));
        batch.extend((0..3).map(row));
        let owned = (3..7).map(|number| Datum {
            schema: None,
            value: Value::Int64(number),
        });
        batch.begin_run(run("b", Column::Owned(owned.collect())));
        batch.extend((3..7).map(row));
        let seen = |batch: &SinkBatch| -> Vec<(String, i64, String)> {
            let show = |row: SinkRow<'_>| {
                let text = format!("{:?} {:?}", row.key(), row.value());
                (row.topic().to_string(), row.offset(), text)
            };
            batch.rows().map(show).collect()
        };
        let all = seen(&batch);
        for (index, row) in batch.rows().enumerate() {
            let alone = batch.row(index).map(|alone| format!("{alone:?}"));
            assert_eq!(alone, Some(format!("{row:?}")));
        }
        assert!(batch.row(all.len()).is_none());
        for from in 0..=7 {
            for to in from..=7 {
                assert_eq!(seen(&batch.slice(from..to)), all[from..to], "{from}..{to}");
            }
        }
    }
}
