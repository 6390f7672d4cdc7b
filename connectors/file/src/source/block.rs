//! Blocks of memory that files are read into. They are used again, because fresh memory costs ten times a copy.

use std::sync::{Mutex, PoisonError};

/// Bytes of one read, and of a block that holds no longer line.
pub(crate) const BLOCK: usize = 256 << 10;

/// Blocks kept for the next reader: 4 MiB for the whole process.
const KEPT: usize = 16;

static FREE: Mutex<Vec<Box<[u8]>>> = Mutex::new(Vec::new());

/// Memory that is filled from the front, and returns to the pool when it is dropped.
pub(crate) struct Block {
    memory: Box<[u8]>,
    len: usize,
}

impl Block {
    /// An empty block of [`BLOCK`] bytes.
    pub(crate) fn take() -> Self {
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Self {
            memory: free.unwrap_or_else(|| vec![0; BLOCK].into_boxed_slice()),
            len: 0,
        }
    }

    /// The bytes filled so far.
    pub(crate) fn filled(&self) -> &[u8] {
        &self.memory[..self.len]
    }

    /// Bytes it can hold.
    pub(crate) fn capacity(&self) -> usize {
        self.memory.len()
    }

    /// At most [`BLOCK`] bytes behind what is filled.
    pub(crate) fn spare(&mut self) -> &mut [u8] {
        let end = self.memory.len().min(self.len + BLOCK);
        &mut self.memory[self.len..end]
    }

    /// Takes in `count` bytes that were written into the spare room.
    pub(crate) fn advance(&mut self, count: usize) {
        self.len = self.memory.len().min(self.len + count);
    }

    /// Appends what is there to append; the caller has made room.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.memory[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Drops the first `count` bytes and moves the rest to the front.
    pub(crate) fn discard(&mut self, count: usize) {
        self.memory.copy_within(count..self.len, 0);
        self.len -= count;
    }

    /// The same contents in a block of at least `capacity` bytes.
    pub(crate) fn grown(&self, capacity: usize) -> Self {
        let mut larger = if capacity <= BLOCK {
            Self::take()
        } else {
            Self {
                memory: vec![0; capacity].into_boxed_slice(),
                len: 0,
            }
        };
        larger.append(self.filled());
        larger
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        self.filled()
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
