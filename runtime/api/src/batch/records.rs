//! Records on their way through the steps of a chain, the same for sources and sinks.
//!
//! A [`Records`] takes over the buffers, rows and runs of a batch and gives them back at the end, so that a chain that
//! looks at topics only costs nothing a record. A record that a step drops keeps its row until then: a source needs the
//! row's mark, for the offset behind it may be committed all the same.

mod each;
mod multiply;
mod reroute;
mod sink;
mod source;
mod view;

use std::sync::Arc;

use bytes::Bytes;

use super::{Cell, Column, Rows, Span, bytes_of, cell};
use crate::{
    BatchAcks, ConnectError, Datum, HeaderConverter, Headers, SourcePartition, TaskId, Value,
};

pub use each::{Needs, RecordMut};
pub use view::RecordView;

/// The key or the value of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The key.
    Key,
    /// The value.
    Value,
}

/// Where a run of records comes from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// A source, which the marks of the rows belong to.
    Source(SourcePartition),
    /// A partition of a topic; marks are offsets.
    Sink {
        /// The topic, whatever a step has made of it.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
        /// Whether the broker, not the producer, set the timestamps.
        log_append_time: bool,
    },
}

/// What a run of rows shares.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) end: usize,
    pub(crate) topic: Arc<str>,
    pub(crate) partition: Option<i32>,
    pub(crate) key: Column,
    pub(crate) value: Column,
    pub(crate) headers: Option<Vec<Headers>>,
    pub(crate) origin: Origin,
}

impl Run {
    fn column(&self, side: Side) -> &Column {
        match side {
            Side::Key => &self.key,
            Side::Value => &self.value,
        }
    }

    fn column_mut(&mut self, side: Side) -> &mut Column {
        match side {
            Side::Key => &mut self.key,
            Side::Value => &mut self.value,
        }
    }
}

/// When and where a chain works.
#[derive(Clone, Debug, Default)]
pub struct Stage {
    /// Milliseconds since the epoch, read once a batch.
    pub now_ms: i64,
    /// The task whose records these are; none outside of one.
    pub task: Option<TaskId>,
}

/// A record that a step could not change.
#[derive(Debug)]
pub struct FailedRecord {
    /// Its row.
    pub row: usize,
    /// Why.
    pub error: ConnectError,
}

/// Records on their way through a chain. Rows are counted from 0.
#[derive(Debug, Default)]
pub struct Records {
    blocks: Vec<Bytes>,
    rows: Rows,
    runs: Vec<Run>,
    /// Converts headers that are still encoded; none where they hold text.
    header_converter: Option<Arc<dyn HeaderConverter>>,
    acks: Option<Arc<dyn BatchAcks>>,
    /// The row that each row was before any was multiplied; empty where none was.
    parents: Vec<u32>,
    stage: Stage,
    /// Rows left out; empty for none.
    left_out: Vec<bool>,
    /// Rows that the current step works on; empty for all.
    chosen: Vec<bool>,
    failed: Vec<FailedRecord>,
}

impl Records {
    /// Number of rows, those left out included.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// When and where the chain works.
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// Says when and where the chain works.
    pub fn set_stage(&mut self, stage: Stage) {
        self.stage = stage;
    }

    /// Chooses the rows that the steps from here on work on; empty means all.
    pub fn choose(&mut self, chosen: Vec<bool>) {
        self.chosen = chosen;
    }

    /// Leaves a record out: it goes no further.
    pub fn leave_out(&mut self, row: usize) {
        if self.left_out.is_empty() {
            self.left_out = vec![false; self.rows.len()];
        }
        if let Some(left_out) = self.left_out.get_mut(row) {
            *left_out = true;
        }
    }

    /// Leaves a record out because a step could not change it.
    pub fn fail(&mut self, row: usize, error: ConnectError) {
        self.failed.push(FailedRecord { row, error });
        self.leave_out(row);
    }

    /// Takes the failures since the last call, in the order of the rows.
    pub fn take_failed(&mut self) -> Vec<FailedRecord> {
        let mut failed = std::mem::take(&mut self.failed);
        failed.sort_by_key(|failed| failed.row);
        failed
    }

    /// Whether a record is still there.
    #[inline]
    pub fn is_live(&self, row: usize) -> bool {
        !self.left_out.get(row).copied().unwrap_or(false)
    }

    /// Whether the current step works on a record.
    #[inline]
    pub fn is_chosen(&self, row: usize) -> bool {
        self.is_live(row) && self.chosen.get(row).copied().unwrap_or(true)
    }

    /// Whether the current step works on every row of a range, without a look at each.
    fn is_whole(&self) -> bool {
        self.left_out.is_empty() && self.chosen.is_empty()
    }

    /// The runs with the index of their first row.
    fn spans(&self) -> impl Iterator<Item = (usize, &Run)> {
        let starts = std::iter::once(0).chain(self.runs.iter().map(|run| run.end));
        starts.zip(&self.runs)
    }

    fn start(&self, run: usize) -> usize {
        match run {
            0 => 0,
            run => self.runs[run - 1].end,
        }
    }

    #[inline]
    fn bytes(&self, span: Span) -> Option<&[u8]> {
        bytes_of(&self.blocks, span)
    }

    fn cell<'a>(&'a self, run: &'a Run, start: usize, row: usize, side: Side) -> Cell<'a> {
        let span = match side {
            Side::Key => self.rows[row].key,
            Side::Value => self.rows[row].value,
        };
        cell(run.column(side), row - start, self.bytes(span))
    }

    /// The owned value of a cell. Bytes stay in their block.
    fn datum(&self, run: &Run, start: usize, row: usize, side: Side) -> Datum {
        let schema = run.column(side).schema().cloned();
        let value = match self.cell(run, start, row, side) {
            Cell::Value(datum) => return datum.clone(),
            Cell::Null => Value::Null,
            Cell::Text(text) => Value::String(crate::utf8_lossy(text)),
            Cell::Bytes(bytes) => Value::Bytes(self.slice(bytes, row, side)),
        };
        Datum { schema, value }
    }

    fn slice(&self, bytes: &[u8], row: usize, side: Side) -> Bytes {
        let span = match side {
            Side::Key => self.rows[row].key,
            Side::Value => self.rows[row].value,
        };
        match self.blocks.get(span.block as usize) {
            Some(block) if !bytes.is_empty() => block.slice_ref(bytes),
            _ => Bytes::new(),
        }
    }
}

/// Splits a column of owned values after `len` rows; a column of ranges is the same on both sides.
fn split_column(column: &mut Column, len: usize) -> Column {
    match column {
        Column::Owned(values) => {
            let rest = values.split_off(len.min(values.len()));
            Column::Owned(std::mem::replace(values, rest))
        }
        ranges => ranges.clone(),
    }
}

#[cfg(test)]
mod tests;
