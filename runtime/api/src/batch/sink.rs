//! Batches on their way from topics into a sink.

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

/// Records for a sink.
#[derive(Clone, Debug, Default)]
pub struct SinkBatch {
    pub(super) blocks: Vec<Bytes>,
    pub(super) rows: Rows,
    pub(super) runs: Vec<SinkRun>,
    pub(super) header_converter: Option<Arc<dyn HeaderConverter>>,
}

impl SinkBatch {
    /// An empty batch.
    pub fn new() -> Self {
        Self {
            blocks: Vec::new(),
            rows: Rows::take(),
            runs: Vec::new(),
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
        self.runs.push(SinkRun { end, ..run });
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

    /// Appends one row to the run begun last.
    ///
    /// # Panics
    /// When no run was begun.
    pub fn push(&mut self, row: Row) {
        self.extend([row]);
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
        starts.zip(&self.runs)
    }

    /// For a step that replaces columns: the runs and the rows, to be changed in place.
    pub fn parts_mut(&mut self) -> (&mut [SinkRun], &mut [Row]) {
        (&mut self.runs, &mut self.rows)
    }

    /// The bytes of a range, none for null.
    #[inline]
    pub fn bytes(&self, span: Span) -> Option<&[u8]> {
        bytes_of(&self.blocks, span)
    }

    /// Views of the records, in order.
    pub fn rows(&self) -> impl Iterator<Item = SinkRow<'_>> {
        self.runs_with_start().flat_map(move |(start, run)| {
            (start..run.end).map(move |index| SinkRow {
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
