//! Looking at records without changing them.

use std::sync::Arc;

use super::{Records, Run, Side};
use crate::{
    Cell, ConnectError, Datum, EncodedHeaders, Header, Headers, Origin, Row, Schema, Value,
    utf8_lossy,
};

/// One record, lent.
#[derive(Clone, Copy, Debug)]
pub struct RecordView<'a> {
    records: &'a Records,
    run: &'a Run,
    start: usize,
    row: usize,
}

impl Records {
    /// The records that are still there, in order.
    pub fn views(&self) -> impl Iterator<Item = RecordView<'_>> {
        self.spans().flat_map(move |(start, run)| {
            let rows = (start..run.end).filter(|&row| self.is_live(row));
            rows.map(move |row| RecordView {
                records: self,
                run,
                start,
                row,
            })
        })
    }

    /// One record; none for a row that there is not.
    pub fn view(&self, row: usize) -> Option<RecordView<'_>> {
        let index = self.runs.partition_point(|run| run.end <= row);
        let run = self.runs.get(index)?;
        Some(RecordView {
            records: self,
            run,
            start: self.start(index),
            row,
        })
    }

    /// The topics, each with the rows that it is shared by.
    pub fn topics(&self) -> impl Iterator<Item = (&str, std::ops::Range<usize>)> {
        self.spans()
            .map(|(start, run)| (&*run.topic, start..run.end))
    }
}

impl<'a> RecordView<'a> {
    pub(super) fn new(records: &'a Records, run: &'a Run, start: usize, row: usize) -> Self {
        Self {
            records,
            run,
            start,
            row,
        }
    }

    /// The blocks and the packed row, whose ranges are those that came.
    pub(in crate::batch) fn packed(&self) -> (&'a [bytes::Bytes], &'a Row) {
        (&self.records.blocks, &self.records.rows[self.row])
    }

    /// The row.
    pub fn row(&self) -> usize {
        self.row
    }

    /// The topic at this stage of the chain.
    pub fn topic(&self) -> &'a Arc<str> {
        &self.run.topic
    }

    /// The partition, if there is one yet.
    pub fn partition(&self) -> Option<i32> {
        self.run.partition
    }

    /// Milliseconds since the epoch, if the record has a time.
    pub fn timestamp(&self) -> Option<i64> {
        let timestamp = self.records.rows[self.row].timestamp;
        (timestamp >= 0).then_some(timestamp)
    }

    /// Where the record comes from.
    pub fn origin(&self) -> &'a Origin {
        &self.run.origin
    }

    /// The offset, or for a source the mark of the position behind the record.
    pub fn mark(&self) -> i64 {
        self.records.mark_from(self.row)
    }

    /// The key.
    pub fn key(&self) -> Cell<'a> {
        self.records.cell(self.run, self.start, self.row, Side::Key)
    }

    /// The value.
    pub fn value(&self) -> Cell<'a> {
        self.records
            .cell(self.run, self.start, self.row, Side::Value)
    }

    /// The key or the value with its schema, as one that is owned.
    pub fn datum(&self, side: Side) -> Datum {
        self.records.datum(self.run, self.start, self.row, side)
    }

    /// Whether there is a header of this name; converts nothing.
    pub fn has_header(&self, name: &str) -> bool {
        match &self.run.headers {
            Some(all) => all
                .get(self.row - self.start)
                .is_some_and(|headers| headers.iter().any(|header| header.name == name)),
            None => self
                .encoded()
                .iter()
                .any(|(known, _)| known == name.as_bytes()),
        }
    }

    /// The headers.
    ///
    /// # Errors
    /// When the header converter refuses a value.
    pub fn headers(&self) -> Result<Headers, ConnectError> {
        match &self.run.headers {
            Some(all) => Ok(all.get(self.row - self.start).cloned().unwrap_or_default()),
            None => self
                .encoded()
                .iter()
                .map(|header| self.decode(header))
                .collect(),
        }
    }

    fn encoded(&self) -> EncodedHeaders<'a> {
        let span = self.records.rows[self.row].headers;
        EncodedHeaders::new(self.records.bytes(span).unwrap_or_default())
    }

    fn decode(&self, (name, value): (&[u8], Option<&[u8]>)) -> Result<Header, ConnectError> {
        let name = utf8_lossy(name);
        let Some(converter) = &self.records.header_converter else {
            return Ok(Header {
                name,
                schema: value.map(|_| Schema::string()),
                value: value.map_or(Value::Null, |value| Value::String(utf8_lossy(value))),
            });
        };
        let datum = converter.decode(&self.run.topic, &name, value)?;
        Ok(Header {
            name,
            schema: datum.schema,
            value: datum.value,
        })
    }
}
