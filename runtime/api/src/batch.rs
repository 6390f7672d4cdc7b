//! Batches: shared buffers plus packed rows.
//!
//! A batch owns blocks (reference-counted buffers) and rows. A row holds ranges of the blocks for key, value and
//! headers, a timestamp, and a mark (source) or an offset (sink). What many rows share is said once a run of rows:
//! topic, partition, schemas, source partition. A column whose values had to be parsed or built holds owned values
//! instead of ranges; the other columns of the same run stay ranges.

mod consumed;
mod pool;
mod records;
mod sink;
mod source;

use std::sync::Arc;

use crate::{Datum, Schema};

pub use consumed::ConsumedRecord;
pub(crate) use pool::Rows;
pub use records::{FailedRecord, Needs, Origin, RecordMut, RecordView, Records, Side, Stage};
pub use sink::{SinkBatch, SinkRow, SinkRun};
pub use source::{SourceBatch, SourceRecord, SourceRun};

/// A range of one of a batch's blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Index of the block.
    pub block: u32,
    /// First byte.
    pub start: u32,
    /// Length in bytes; `u32::MAX` marks a null.
    pub len: u32,
}

impl Span {
    /// The null value.
    pub const NULL: Self = Self {
        block: 0,
        start: 0,
        len: u32::MAX,
    };
    /// A present value of no bytes; for headers: no headers.
    pub const EMPTY: Self = Self {
        block: 0,
        start: 0,
        len: 0,
    };

    /// Whether this is the null value.
    #[inline]
    pub fn is_null(self) -> bool {
        self.len == u32::MAX
    }
}

/// One record of a batch: where its parts lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The key, where the run's key column holds ranges.
    pub key: Span,
    /// The value, where the run's value column holds ranges.
    pub value: Span,
    /// The header section in Kafka's encoding (see [`crate::EncodedHeaders`]); [`Span::EMPTY`] for none.
    pub headers: Span,
    /// Milliseconds since the epoch; -1 for none.
    pub timestamp: i64,
    /// Source: the position behind this record, turned into an offset by the run's source partition. Sink: the
    /// record's offset in its partition.
    pub mark: i64,
}

impl Row {
    /// The mark of a row behind which a source cannot resume: it shares its place with the row after it.
    pub const NO_MARK: i64 = i64::MIN;
}

/// How the keys or the values of a run are to be understood.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// All null, without a schema.
    Null,
    /// Ranges of valid UTF-8, with a STRING schema or without one.
    Text(Option<Arc<Schema>>),
    /// Ranges of bytes, with a BYTES schema or without one.
    Bytes(Option<Arc<Schema>>),
    /// One owned value a row of the run.
    Owned(Vec<Datum>),
}

impl Column {
    /// The schema that all values of the column share, if they are ranges and have one.
    pub fn schema(&self) -> Option<&Arc<Schema>> {
        match self {
            Self::Text(schema) | Self::Bytes(schema) => schema.as_ref(),
            Self::Null | Self::Owned(_) => None,
        }
    }
}

/// A key or a value of a row, lent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Null.
    Null,
    /// Text, valid UTF-8.
    Text(&'a [u8]),
    /// Bytes.
    Bytes(&'a [u8]),
    /// An owned value.
    Value(&'a Datum),
}

/// The value of row `index_in_run` in `column`.
#[inline]
fn cell<'a>(column: &'a Column, index_in_run: usize, range: Option<&'a [u8]>) -> Cell<'a> {
    match (column, range) {
        (Column::Owned(values), _) => values.get(index_in_run).map_or(Cell::Null, Cell::Value),
        (Column::Text(_), Some(range)) => Cell::Text(range),
        (Column::Bytes(_), Some(range)) => Cell::Bytes(range),
        (Column::Null, _) | (_, None) => Cell::Null,
    }
}

/// The bytes of `span`, none for null. A range outside its block reads as null.
#[inline]
fn bytes_of(blocks: &[bytes::Bytes], span: Span) -> Option<&[u8]> {
    if span.is_null() {
        return None;
    }
    if span.len == 0 {
        return Some(&[]);
    }
    let start = span.start as usize;
    blocks
        .get(span.block as usize)?
        .get(start..start + span.len as usize)
}
