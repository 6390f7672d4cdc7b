//! Row buffers that are used again: fresh memory costs many times a copy.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use super::Row;

/// Buffers kept for the next batch, at most this many.
const KEPT: usize = 32;
/// Larger buffers (about 3.5 MiB) are given back to the system.
const ROWS_MAX: usize = 65_536;

static FREE: Mutex<Vec<Vec<Row>>> = Mutex::new(Vec::new());

/// A vector of rows that returns to a small pool when dropped.
#[derive(Debug, Default)]
pub(crate) struct Rows(Vec<Row>);

impl Rows {
    /// An empty buffer, with the capacity of an earlier use where one is free.
    pub(crate) fn take() -> Self {
        Self(
            FREE.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop()
                .unwrap_or_default(),
        )
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        if self.0.capacity() == 0 || self.0.capacity() > ROWS_MAX {
            return;
        }
        let mut rows = std::mem::take(&mut self.0);
        rows.clear();
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(rows);
        }
    }
}

impl Clone for Rows {
    fn clone(&self) -> Self {
        let mut rows = Self::take();
        rows.extend_from_slice(&self.0);
        rows
    }
}

impl Deref for Rows {
    type Target = Vec<Row>;

    fn deref(&self) -> &Vec<Row> {
        &self.0
    }
}

impl DerefMut for Rows {
    fn deref_mut(&mut self) -> &mut Vec<Row> {
        &mut self.0
    }
}
