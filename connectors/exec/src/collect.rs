//! Lines on their way into a batch.

use std::sync::Arc;

use bytes::Bytes;
use millrace_api::{
    Column, OffsetMap, Row, Schema, SourceBatch, SourcePartition, SourceRun, Span,
    append_utf8_lossy,
};

use crate::config::Charset;

/// Bytes of a batch, about.
const BATCH_BYTES: usize = 1 << 20;

/// Collects lines.
#[derive(Debug)]
pub(crate) struct Collect {
    topic: Arc<str>,
    source: SourcePartition,
    charset: Charset,
    rows_max: usize,
    block: Vec<u8>,
    rows: Vec<Row>,
}

impl Collect {
    /// For the command of connector `name`. Its rows have no mark, so that no offset is ever stored: there is nothing to
    /// go back to.
    pub(crate) fn new(name: &str, topic: &str, charset: Charset, rows_max: usize) -> Self {
        let map = [("command".to_owned(), name.into())].into_iter().collect();
        Self {
            topic: topic.into(),
            source: SourcePartition::new(map, |_mark| OffsetMap::new()),
            charset,
            rows_max,
            block: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// How many more lines there is room for.
    pub(crate) fn room(&self) -> usize {
        match self.block.len() < BATCH_BYTES {
            true => self.rows_max.saturating_sub(self.rows.len()),
            false => 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// One more line.
    pub(crate) fn add(&mut self, line: &[u8]) {
        let start = self.block.len();
        match self.charset {
            Charset::Utf8 | Charset::Ascii => append_utf8_lossy(line, &mut self.block),
            Charset::Latin1 => {
                let text: String = line.iter().copied().map(char::from).collect();
                self.block.extend_from_slice(text.as_bytes());
            }
        }
        let span = |start: usize, end: usize| Span {
            block: 0,
            start: u32::try_from(start).unwrap_or(u32::MAX),
            len: u32::try_from(end - start).unwrap_or(0),
        };
        self.rows.push(Row {
            key: Span::NULL,
            value: span(start, self.block.len()),
            headers: Span::EMPTY,
            timestamp: -1,
            mark: Row::NO_MARK,
        });
    }

    /// The lines since the last time as a batch; none if there are none.
    pub(crate) fn take(&mut self) -> Option<SourceBatch> {
        if self.rows.is_empty() {
            return None;
        }
        let mut batch = SourceBatch::new();
        batch.push_block(Bytes::from(std::mem::take(&mut self.block)));
        batch.begin_run(SourceRun {
            end: 0,
            topic: Arc::clone(&self.topic),
            partition: None,
            source: self.source.clone(),
            key: Column::Null,
            value: Column::Text(Some(Schema::string())),
            headers: None,
        });
        batch.extend(self.rows.drain(..));
        Some(batch)
    }
}
