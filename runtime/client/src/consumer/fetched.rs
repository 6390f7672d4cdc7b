//! What a poll hands out: one decoded batch.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use millrace_wire::batch::RecordRow;

/// Vectors kept for the next batches: the one being filled, those the caller holds, some for other batch sizes.
const KEPT: usize = 8;
/// Vectors of more rows (10 MiB) are given back to the allocator.
const KEPT_ROWS: usize = 256 << 10;

/// The records of one batch that lie at or behind the consumer's position, at most `max.poll.records` of them.
#[derive(Debug)]
pub struct Fetched {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// Epoch of the leader that wrote the batch, -1 if it does not say.
    pub leader_epoch: i32,
    /// Whether timestamps are the broker's: the time of the append.
    pub log_append_time: bool,
    /// What the rows' spans are ranges of.
    pub data: Bytes,
    /// One row a record, in the order of offsets, which may have gaps.
    pub rows: Rows,
    /// The position behind these records.
    pub next_offset: i64,
    /// The partition's high watermark when the batch was fetched.
    pub high_watermark: i64,
}

/// A batch's rows. The memory goes back to the consumer when they are dropped.
pub struct Rows {
    rows: Vec<RecordRow>,
    /// Rows below the position are passed over.
    first: usize,
    home: RowPool,
}

impl Rows {
    /// Keeps only the rows that `keep` says.
    pub fn retain(&mut self, keep: impl FnMut(&RecordRow) -> bool) {
        self.rows.drain(..self.first);
        self.first = 0;
        self.rows.retain(keep);
    }
}

impl Fetched {
    /// The first `count` records; the others stay, if there are more.
    pub(super) fn take_first(mut self, count: usize) -> (Fetched, Option<Fetched>) {
        if self.rows.len() <= count {
            return (self, None);
        }
        let mut rows = self.rows.home.take();
        rows.clear();
        rows.extend_from_slice(&self.rows[..count]);
        let first = Fetched {
            topic: Arc::clone(&self.topic),
            data: self.data.clone(),
            next_offset: rows.last().map_or(self.next_offset, |row| row.offset + 1),
            rows: Rows {
                rows,
                first: 0,
                home: self.rows.home.clone(),
            },
            ..self
        };
        self.rows.first += count;
        (first, Some(self))
    }
}

impl Deref for Rows {
    type Target = [RecordRow];

    fn deref(&self) -> &[RecordRow] {
        &self.rows[self.first..]
    }
}

impl<'a> IntoIterator for &'a Rows {
    type Item = &'a RecordRow;
    type IntoIter = std::slice::Iter<'a, RecordRow>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.home.give(std::mem::take(&mut self.rows));
    }
}

/// Row vectors for reuse: fresh memory costs ten times what filling it does.
#[derive(Debug, Clone, Default)]
pub(super) struct RowPool {
    free: Arc<Mutex<Vec<Vec<RecordRow>>>>,
}

impl RowPool {
    pub(super) fn take(&self) -> Vec<RecordRow> {
        self.free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
            .unwrap_or_default()
    }

    pub(super) fn give(&self, rows: Vec<RecordRow>) {
        if rows.capacity() == 0 || rows.capacity() > KEPT_ROWS {
            return;
        }
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(rows);
        }
    }

    /// `rows` without those below `position`.
    pub(super) fn rows(&self, rows: Vec<RecordRow>, position: i64) -> Rows {
        let first = rows.partition_point(|row| row.offset < position);
        Rows {
            rows,
            first,
            home: self.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_wire::batch::Span;

    fn row(offset: i64) -> RecordRow {
        RecordRow {
            offset,
            timestamp: 0,
            key: Span::NULL,
            value: Span::NULL,
            headers: Span::EMPTY,
        }
    }

    #[test]
    fn rows_below_the_position_are_passed_over() {
        let rows = RowPool::default().rows(vec![row(3), row(5), row(9)], 5);
        assert_eq!(
            rows.iter().map(|row| row.offset).collect::<Vec<_>>(),
            [5, 9]
        );
    }

    #[test]
    fn only_rows_that_are_wanted_stay() {
        let mut rows = RowPool::default().rows(vec![row(3), row(5), row(8), row(9)], 5);
        rows.retain(|row| row.offset % 2 == 1);
        assert_eq!(
            rows.iter().map(|row| row.offset).collect::<Vec<_>>(),
            [5, 9]
        );
    }

    #[test]
    fn the_first_of_a_batch_go_and_the_others_stay_also_in_used_memory() {
        let pool = RowPool::default();
        pool.give(vec![row(1), row(2)]);
        let whole = Fetched {
            topic: "t".into(),
            partition: 0,
            leader_epoch: 0,
            log_append_time: false,
            data: Bytes::new(),
            rows: pool.rows(vec![row(3), row(5), row(8)], 4),
            next_offset: 10,
            high_watermark: 10,
        };
        let (first, rest) = whole.take_first(1);
        let rest = rest.unwrap();
        let offsets = |part: &Fetched| part.rows.iter().map(|row| row.offset).collect::<Vec<_>>();
        assert_eq!((offsets(&first), first.next_offset), (vec![5], 6));
        assert_eq!((offsets(&rest), rest.next_offset), (vec![8], 10));
        assert!(rest.take_first(1).1.is_none());
    }

    #[test]
    fn memory_comes_back() {
        let pool = RowPool::default();
        let mut rows = pool.take();
        rows.reserve(100);
        let memory = rows.as_ptr();
        drop(pool.rows(rows, 0));
        let again = pool.take();
        assert_eq!(again.as_ptr(), memory);
    }
}
