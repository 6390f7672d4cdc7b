//! Blocks of memory that files are read into. They are used again, because fresh memory costs ten times a copy.

use std::sync::{Mutex, PoisonError};

use crate::state::BLOCK;

/// Blocks kept for the next reader: 4 MiB for the whole process.
const KEPT: usize = 16;

static FREE: Mutex<Vec<Box<[u8]>>> = Mutex::new(Vec::new());

/// Memory that returns to the pool when it is dropped, unless a long line made it larger than others.
pub(crate) struct Block {
    memory: Box<[u8]>,
}

impl Block {
    /// A block of at least `len` bytes, whatever they are.
    pub(crate) fn of(len: usize) -> Self {
        let free = (len <= BLOCK)
            .then(|| FREE.lock().unwrap_or_else(PoisonError::into_inner).pop())
            .flatten();
        Self {
            memory: free.unwrap_or_else(|| vec![0; len.max(BLOCK)].into_boxed_slice()),
        }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.memory
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.memory
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.memory.len() != BLOCK {
            return;
        }
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(std::mem::take(&mut self.memory));
        }
    }
}
