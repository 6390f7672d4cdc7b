//! Making several records of one.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Records, Run, Side};
use crate::{BatchAcks, Column, ConnectError, Datum, Origin, Row};

impl Records {
    /// Puts, for every record that the step works on, one record for each value that `values` makes of its key or
    /// value; none leaves the record as it is, an empty list leaves it out. The other parts are the same for all.
    ///
    /// Of a source's records only the last keeps the position behind it, so that the offset moves on when all are
    /// stored.
    pub fn multiply(
        &mut self,
        side: Side,
        mut values: impl FnMut(&Datum) -> Result<Option<Vec<Datum>>, ConnectError>,
    ) {
        for run in 0..self.runs.len() {
            self.own_column(run, side);
        }
        let mut made: Vec<(usize, Vec<Datum>)> = Vec::new();
        let mut failed = Vec::new();
        for (start, run) in self.spans() {
            let Column::Owned(column) = run.column(side) else {
                continue;
            };
            for row in (start..run.end).filter(|&row| self.is_chosen(row)) {
                match column.get(row - start).map_or(Ok(None), &mut values) {
                    Ok(None) => {}
                    Ok(Some(values)) => made.push((row, values)),
                    Err(error) => failed.push((row, error)),
                }
            }
        }
        for (row, error) in failed {
            self.fail(row, error);
        }
        if !made.is_empty() {
            self.rebuild(side, made);
        }
    }

    fn rebuild(&mut self, side: Side, made: Vec<(usize, Vec<Datum>)>) {
        let mut made = made.into_iter().peekable();
        let mut new = Rebuilt::default();
        let mut start = 0;
        for mut run in std::mem::take(&mut self.runs) {
            // The row in the old run that each new row comes from.
            let mut from = Vec::new();
            let mut column = Vec::new();
            let mut old = match std::mem::replace(run.column_mut(side), Column::Null) {
                Column::Owned(old) => old,
                _ => Vec::new(),
            };
            for row in start..run.end {
                let values = match made.next_if(|(at, _)| *at == row) {
                    Some((_, values)) => values,
                    None => vec![
                        old.get_mut(row - start)
                            .map(std::mem::take)
                            .unwrap_or_default(),
                    ],
                };
                let is_source = matches!(run.origin, Origin::Source(_));
                new.push(self, row, values.len(), is_source);
                from.resize(from.len() + values.len().max(1), row - start);
                column.extend(values);
                column.resize(from.len(), Datum::default());
            }
            start = run.end;
            run.end = new.rows.len();
            replicate(&mut run, &from);
            *run.column_mut(side) = Column::Owned(column);
            new.runs.push(run);
        }
        self.rows.clear();
        self.rows.extend(new.rows);
        self.runs = new.runs;
        self.parents = new.parents;
        self.left_out = new.left_out;
        self.chosen = new.chosen;
    }
}

/// Repeats owned keys, values and headers of a run for its new rows.
fn replicate(run: &mut Run, from: &[usize]) {
    for column in [&mut run.key, &mut run.value] {
        if let Column::Owned(values) = column {
            *values = repeat(values, from);
        }
    }
    if let Some(headers) = &mut run.headers {
        *headers = repeat(headers, from);
    }
}

fn repeat<T: Clone + Default>(items: &[T], from: &[usize]) -> Vec<T> {
    let item = |&index: &usize| items.get(index).cloned().unwrap_or_default();
    from.iter().map(item).collect()
}

#[derive(Default)]
struct Rebuilt {
    rows: Vec<Row>,
    runs: Vec<Run>,
    parents: Vec<u32>,
    left_out: Vec<bool>,
    chosen: Vec<bool>,
}

impl Rebuilt {
    /// Puts `count` rows for `row`; for none, one that is left out.
    fn push(&mut self, records: &Records, row: usize, count: usize, is_source: bool) {
        let packed = records.rows[row];
        let parent = records.parents.get(row).copied().unwrap_or(row as u32);
        for copy in 1..=count.max(1) {
            let mark = match is_source && copy < count {
                true => Row::NO_MARK,
                false => packed.mark,
            };
            self.rows.push(Row { mark, ..packed });
            self.parents.push(parent);
            self.left_out.push(count == 0 || !records.is_live(row));
            if !records.chosen.is_empty() {
                self.chosen.push(records.is_chosen(row));
            }
        }
    }
}

/// Tells a source of the rows that it made, when rows were multiplied after it had made them.
#[derive(Debug)]
pub(super) struct MultipliedAcks {
    inner: Arc<dyn BatchAcks>,
    parents: Vec<u32>,
    /// For each row of the source: how many of its rows have no answer yet, and whether all so far were stored.
    open: Mutex<Vec<(u32, bool)>>,
}

impl MultipliedAcks {
    pub(super) fn new(inner: Arc<dyn BatchAcks>, parents: Vec<u32>) -> Self {
        let rows = parents.iter().max().map_or(0, |&last| last as usize + 1);
        let mut open = vec![(0, true); rows];
        for &parent in &parents {
            open[parent as usize].0 += 1;
        }
        Self {
            inner,
            parents,
            open: Mutex::new(open),
        }
    }
}

impl BatchAcks for MultipliedAcks {
    fn acknowledged(&self, rows: Range<usize>, stored: bool) {
        let mut complete = Vec::new();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for &parent in self.parents.get(rows).unwrap_or_default() {
            let (left, all_stored) = &mut open[parent as usize];
            *left = left.saturating_sub(1);
            *all_stored &= stored;
            if *left == 0 {
                complete.push((parent as usize, *all_stored));
            }
        }
        drop(open);
        for (parent, stored) in complete {
            self.inner.acknowledged(parent..parent + 1, stored);
        }
    }

    /// Of a row that became several, the source hears of each place, the last one at last.
    fn stored_at(&self, rows: Range<usize>, partition: i32, base_offset: i64) {
        let parents = self.parents.get(rows).unwrap_or_default();
        for (index, &parent) in parents.iter().enumerate() {
            let parent = parent as usize;
            let offset = match base_offset {
                ..0 => base_offset,
                base => base + index as i64,
            };
            self.inner.stored_at(parent..parent + 1, partition, offset);
        }
    }
}
