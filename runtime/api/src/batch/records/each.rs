//! Changing records one by one.

use std::sync::Arc;

use super::{Records, Side};
use crate::batch::records::view::RecordView;
use crate::{Column, ConnectError, Datum, Headers, Origin};

/// The parts of a record that a step works on. The others stay as they are, unparsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Keys.
    pub key: bool,
    /// Values.
    pub value: bool,
    /// Headers.
    pub headers: bool,
}

impl Needs {
    /// Headers only.
    pub const HEADERS: Self = Self {
        key: false,
        value: false,
        headers: true,
    };
    /// Keys and values.
    pub const KEY_AND_VALUE: Self = Self {
        key: true,
        value: true,
        headers: false,
    };

    /// One side only.
    pub fn only(side: Side) -> Self {
        Self {
            key: side == Side::Key,
            value: side == Side::Value,
            headers: false,
        }
    }

    /// One side and the headers.
    pub fn with_headers(side: Side) -> Self {
        Self {
            headers: true,
            ..Self::only(side)
        }
    }
}

/// One record, to be changed. Parts that were not asked for are empty, and what is written there is lost.
#[derive(Debug)]
pub struct RecordMut<'a> {
    /// The topic at this stage of the chain.
    pub topic: &'a Arc<str>,
    /// The partition, if there is one yet.
    pub partition: Option<i32>,
    /// Milliseconds since the epoch, if the record has a time.
    pub timestamp: Option<i64>,
    /// The offset; none for a source's record.
    pub offset: Option<i64>,
    /// The key.
    pub key: &'a mut Datum,
    /// The value.
    pub value: &'a mut Datum,
    /// The headers.
    pub headers: &'a mut Headers,
}

impl RecordMut<'_> {
    /// The key or the value.
    pub fn side(&mut self, side: Side) -> &mut Datum {
        match side {
            Side::Key => self.key,
            Side::Value => self.value,
        }
    }
}

impl Records {
    /// Calls `change` for every record that the step works on, with the parts asked for. A record for which it fails
    /// is left out and reported.
    pub fn each(
        &mut self,
        needs: Needs,
        mut change: impl FnMut(RecordMut<'_>) -> Result<(), ConnectError>,
    ) {
        self.each_kept(needs, |record| change(record).map(|()| true));
    }

    /// As [`Records::each`], for a step that also drops records: one for which `change` says false is left out.
    pub fn each_kept(
        &mut self,
        needs: Needs,
        mut change: impl FnMut(RecordMut<'_>) -> Result<bool, ConnectError>,
    ) {
        for run in 0..self.runs.len() {
            let (start, end) = (self.start(run), self.runs[run].end);
            if !(start..end).any(|row| self.is_chosen(row)) {
                continue;
            }
            self.own(run, needs);
            self.each_of(run, start, &mut change);
        }
    }

    fn each_of(
        &mut self,
        index: usize,
        start: usize,
        change: &mut impl FnMut(RecordMut<'_>) -> Result<bool, ConnectError>,
    ) {
        let whole = self.is_whole();
        let mut gone = Vec::new();
        let run = &mut self.runs[index];
        let (mut no_key, mut no_value) = (Datum::default(), Datum::default());
        let mut no_headers = Headers::new();
        for row in start..run.end {
            let is_chosen = whole
                || (!self.left_out.get(row).copied().unwrap_or(false)
                    && self.chosen.get(row).copied().unwrap_or(true));
            if !is_chosen {
                continue;
            }
            let packed = &self.rows[row];
            let offset = match &run.origin {
                Origin::Source(_) => None,
                Origin::Sink { .. } => Some(packed.mark),
            };
            let outcome = change(RecordMut {
                topic: &run.topic,
                partition: run.partition,
                timestamp: (packed.timestamp >= 0).then_some(packed.timestamp),
                offset,
                key: owned(&mut run.key, row - start).unwrap_or(&mut no_key),
                value: owned(&mut run.value, row - start).unwrap_or(&mut no_value),
                headers: run
                    .headers
                    .as_mut()
                    .and_then(|all| all.get_mut(row - start))
                    .unwrap_or(&mut no_headers),
            });
            match outcome {
                Ok(true) => {}
                Ok(false) => gone.push((row, None)),
                Err(error) => gone.push((row, Some(error))),
            }
        }
        for (row, error) in gone {
            match error {
                Some(error) => self.fail(row, error),
                None => self.leave_out(row),
            }
        }
    }

    /// Makes the parts of a run that a step needs owned.
    fn own(&mut self, run: usize, needs: Needs) {
        for (side, needed) in [(Side::Key, needs.key), (Side::Value, needs.value)] {
            if needed {
                self.own_column(run, side);
            }
        }
        if needs.headers {
            self.own_headers(run);
        }
    }

    pub(super) fn own_column(&mut self, index: usize, side: Side) {
        let (start, run) = (self.start(index), &self.runs[index]);
        if matches!(run.column(side), Column::Owned(_)) {
            return;
        }
        let datum = |row| match self.is_live(row) {
            true => self.datum(run, start, row, side),
            false => Datum::default(),
        };
        let values = (start..run.end).map(datum).collect();
        *self.runs[index].column_mut(side) = Column::Owned(values);
    }

    fn own_headers(&mut self, index: usize) {
        let (start, run) = (self.start(index), &self.runs[index]);
        if run.headers.is_some() {
            return;
        }
        let mut failed = Vec::new();
        let mut all = Vec::with_capacity(run.end - start);
        for row in start..run.end {
            let read = match self.is_live(row) {
                true => RecordView::new(self, run, start, row).headers(),
                false => Ok(Headers::new()),
            };
            all.push(read.unwrap_or_else(|error| {
                failed.push((row, error));
                Headers::new()
            }));
        }
        self.runs[index].headers = Some(all);
        for (row, error) in failed {
            self.fail(row, error);
        }
    }
}

fn owned(column: &mut Column, index: usize) -> Option<&mut Datum> {
    match column {
        Column::Owned(values) => values.get_mut(index),
        _ => None,
    }
}
