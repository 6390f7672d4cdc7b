//! Records by their place in a batch, so that none of them needs memory of its own on its way.

use std::ops::Range;
use std::sync::Arc;

use millrace_api::{Cell, ConsumedRecord, SinkBatch, SinkRow};

use super::shared::Hold;
use super::window::{Marks, Window};

/// A batch that was taken on. Requests lend its records until all of them are done.
#[derive(Debug)]
pub(crate) struct Held {
    batch: SinkBatch,
    pub(crate) marks: Arc<Marks>,
    /// For each run of the batch, the window of its partition.
    windows: Vec<Arc<Window>>,
    /// The memory that it takes.
    #[expect(dead_code, reason = "its end is what counts")]
    hold: Hold,
}

impl Held {
    /// Enters the records of `batch` into their windows, one a run.
    pub(crate) fn new(batch: SinkBatch, windows: Vec<Arc<Window>>, hold: Hold) -> Self {
        let marks = Arc::new(Marks::new(batch.packed().iter().map(|row| row.mark)));
        for ((start, run), window) in batch.runs_with_start().zip(&windows) {
            window.add(Arc::clone(&marks), start as u32..run.end as u32);
        }
        Self {
            batch,
            marks,
            windows,
            hold,
        }
    }

    /// Bytes that a batch takes while it is held.
    pub(crate) fn bytes(batch: &SinkBatch) -> usize {
        let row = size_of::<millrace_api::Row>() + size_of::<i64>();
        batch.block_bytes() + batch.len() * row
    }

    /// The record at `row`.
    pub(crate) fn row(&self, row: u32) -> Option<SinkRow<'_>> {
        self.batch.row(row as usize)
    }

    /// The values of the records at `rows`, as far as they are text or bytes.
    pub(crate) fn values(&self, rows: Range<u32>) -> impl Iterator<Item = Option<&[u8]>> {
        let rows = self.batch.rows_in(rows.start as usize..rows.end as usize);
        rows.map(|row| match row.value() {
            Cell::Text(bytes) | Cell::Bytes(bytes) => Some(bytes),
            Cell::Null | Cell::Value(_) => None,
        })
    }

    /// Whether one of its partitions is gone.
    fn has_closed(&self) -> bool {
        self.windows.iter().any(|window| window.is_closed())
    }

    /// Whether the partition of the record at `row` is gone.
    fn is_closed(&self, row: u32) -> bool {
        let runs = self.batch.runs();
        let run = runs.partition_point(|run| run.end <= row as usize);
        self.windows
            .get(run)
            .is_some_and(|window| window.is_closed())
    }
}

/// One record of a batch that was taken on.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) held: Arc<Held>,
    pub(crate) row: u32,
}

impl Record {
    /// The record as it was consumed.
    pub(crate) fn consumed(&self) -> Option<ConsumedRecord> {
        self.held.row(self.row).map(|row| row.consumed())
    }

    /// Nothing more is to be done about it.
    pub(crate) fn done(&self) {
        self.held.marks.done(self.row..self.row + 1);
    }

    /// Its topic, partition and offset.
    pub(crate) fn place(&self) -> String {
        self.held.row(self.row).map(place).unwrap_or_default()
    }
}

/// The topic, partition and offset of a record.
pub(crate) fn place(row: SinkRow<'_>) -> String {
    format!(
        "{}-{}-{}",
        row.original_topic(),
        row.partition(),
        row.offset()
    )
}

/// Rows of a batch, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Rows that stand together.
    Range(Range<u32>),
    /// Rows with others between them.
    Listed(Vec<u32>),
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Range(rows) => rows.len(),
            Self::Listed(rows) => rows.len(),
        }
    }

    /// The row at `index`.
    pub(crate) fn get(&self, index: usize) -> Option<u32> {
        match self {
            Self::Range(rows) => {
                let row = rows.start + u32::try_from(index).ok()?;
                rows.contains(&row).then_some(row)
            }
            Self::Listed(rows) => rows.get(index).copied(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// Adds a row behind the others.
    pub(crate) fn push(&mut self, row: u32) {
        match self {
            Self::Range(rows) if rows.end == row => rows.end += 1,
            Self::Range(rows) => *self = Self::Listed(rows.clone().chain([row]).collect()),
            Self::Listed(rows) => rows.push(row),
        }
    }

    /// Adds rows that stand together behind the others.
    fn extend(&mut self, more: Range<u32>) {
        match self {
            Self::Range(rows) if rows.end == more.start => rows.end = more.end,
            rows => more.for_each(|row| rows.push(row)),
        }
    }

    /// Takes away the rows from `at` on.
    fn split_off(&mut self, at: usize) -> Self {
        match self {
            Self::Range(rows) => {
                let middle = (rows.start + at as u32).min(rows.end);
                let rest = middle..rows.end;
                rows.end = middle;
                Self::Range(rest)
            }
            Self::Listed(rows) => Self::Listed(rows.split_off(at.min(rows.len()))),
        }
    }
}

/// Some records of a batch.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) held: Arc<Held>,
    pub(crate) rows: Rows,
}

impl Piece {
    /// Takes away the records from `at` on.
    pub(crate) fn split_off(&mut self, at: usize) -> Self {
        Self {
            held: Arc::clone(&self.held),
            rows: self.rows.split_off(at),
        }
    }
}

/// Records of any batches, in their order.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    pieces: Vec<Piece>,
    count: usize,
}

impl Pieces {
    /// How many records these are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether the last record stands in `held`.
    pub(crate) fn ends_with(&self, held: &Arc<Held>) -> bool {
        let last = self.pieces.last();
        last.is_some_and(|last| Arc::ptr_eq(&last.held, held))
    }

    /// Adds records that stand together, of the batch of the last one, behind the others.
    pub(crate) fn extend_last(&mut self, rows: Range<u32>) {
        if let Some(last) = self.pieces.last_mut() {
            self.count += rows.len();
            last.rows.extend(rows);
        }
    }

    /// Adds a record behind the others.
    pub(crate) fn push(&mut self, held: &Arc<Held>, row: u32) {
        self.count += 1;
        match self.pieces.last_mut() {
            Some(last) if Arc::ptr_eq(&last.held, held) => last.rows.push(row),
            _ => self.pieces.push(Piece {
                held: Arc::clone(held),
                rows: Rows::Range(row..row + 1),
            }),
        }
    }

    /// The records.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<Held>, u32)> {
        self.pieces
            .iter()
            .flat_map(|piece| piece.rows.iter().map(move |row| (&piece.held, row)))
    }

    /// The records by the batches that they stand in.
    pub(crate) fn into_pieces(self) -> Vec<Piece> {
        self.pieces
    }

    /// The first record.
    pub(crate) fn first(&self) -> Option<SinkRow<'_>> {
        let first = self.pieces.first()?;
        first.held.row(first.rows.get(0)?)
    }

    /// The first half and the other one.
    pub(crate) fn halves(self) -> (Self, Self) {
        let (mut first, mut second) = (Self::default(), Self::default());
        let half = self.count / 2;
        for (index, (held, row)) in self.iter().enumerate() {
            match index < half {
                true => first.push(held, row),
                false => second.push(held, row),
            }
        }
        (first, second)
    }

    /// Nothing more is to be done about them.
    pub(crate) fn done(&self) {
        for Piece { held, rows } in &self.pieces {
            match rows {
                Rows::Range(rows) => held.marks.done(rows.clone()),
                Rows::Listed(rows) => rows.iter().for_each(|row| held.marks.done(*row..row + 1)),
            }
        }
    }

    /// Takes out the records whose partitions are gone; none if there are none.
    pub(crate) fn take_closed(&mut self) -> Option<Self> {
        if !self.pieces.iter().any(|piece| piece.held.has_closed()) {
            return None;
        }
        let (mut gone, mut left) = (Self::default(), Self::default());
        for (held, row) in self.iter() {
            match held.is_closed(row) {
                true => gone.push(held, row),
                false => left.push(held, row),
            }
        }
        *self = left;
        (!gone.is_empty()).then_some(gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_a_range_as_long_as_they_stand_together() {
        let mut rows = Rows::Range(3..4);
        rows.push(4);
        assert_eq!(rows, Rows::Range(3..5));
        rows.push(7);
        rows.push(8);
        assert_eq!(rows, Rows::Listed(vec![3, 4, 7, 8]));
        assert_eq!(rows.split_off(3), Rows::Listed(vec![8]));
        assert_eq!(rows.iter().collect::<Vec<_>>(), [3, 4, 7]);
    }

    #[test]
    fn a_split_leaves_nothing_out() {
        for all in [Rows::Range(2..7), Rows::Listed(vec![1, 4, 5, 9, 12])] {
            for at in 0..=6 {
                let mut first = all.clone();
                let second = first.split_off(at);
                assert_eq!(first.len(), at.min(5));
                let both: Vec<_> = first.iter().chain(second.iter()).collect();
                assert_eq!(both, all.iter().collect::<Vec<_>>());
            }
        }
    }
}
