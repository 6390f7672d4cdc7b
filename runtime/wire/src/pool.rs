//! A byte-bounded pool of reusable buffers.
//!
//! Fresh memory costs ten times a copy, so blocks, batches and receive buffers come from here and
//! return on the last drop of the [`Bytes`] made of them. Sizes are powers of two from
//! [`SMALLEST`] to [`LARGEST`]; smaller and larger requests are served by the allocator and not
//! kept. The bound is on what the pool keeps, not on what is out: hand-overs have budgets of their
//! own, and a pool that made its callers wait could lock them up.

use std::fmt;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;

/// The smallest buffer worth keeping; requests of up to half of it come from the allocator.
pub const SMALLEST: usize = 4 << 10;
/// The largest buffer kept.
pub const LARGEST: usize = 16 << 20;

const CLASSES: usize = LARGEST.trailing_zeros() as usize - SMALLEST.trailing_zeros() as usize + 1;
const GLOBAL_KEPT_BYTES: usize = 48 << 20;

/// A shared pool; cloning it clones a handle.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    classes: [Mutex<Vec<Box<[u8]>>>; CLASSES],
    kept_bytes: AtomicUsize,
    max_kept_bytes: usize,
}

impl Pool {
    /// A pool that keeps at most `max_kept_bytes` of returned buffers.
    #[must_use]
    pub fn new(max_kept_bytes: usize) -> Self {
        let classes = std::array::from_fn(|_| Mutex::new(Vec::new()));
        Self {
            shared: Arc::new(Shared {
                classes,
                kept_bytes: AtomicUsize::new(0),
                max_kept_bytes,
            }),
        }
    }

    /// The pool of this process.
    #[must_use]
    pub fn global() -> &'static Self {
        static GLOBAL: OnceLock<Pool> = OnceLock::new();
        GLOBAL.get_or_init(|| Self::new(GLOBAL_KEPT_BYTES))
    }

    /// An empty buffer with room for at least `capacity` bytes.
    #[must_use]
    pub fn take(&self, capacity: usize) -> PooledBuf {
        PooledBuf {
            memory: self.memory(capacity),
            len: 0,
            pool: self.clone(),
        }
    }

    /// Bytes kept for reuse at this moment.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.shared.kept_bytes.load(Ordering::Relaxed)
    }

    /// Gives all kept buffers back to the allocator.
    pub fn trim(&self) {
        for class in &self.shared.classes {
            let dropped = mem::take(&mut *class.lock().unwrap_or_else(PoisonError::into_inner));
            let bytes: usize = dropped.iter().map(|memory| memory.len()).sum();
            self.shared.kept_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    fn memory(&self, capacity: usize) -> Box<[u8]> {
        let Some(class) = class_of(capacity) else {
            return vec![0; capacity].into_boxed_slice();
        };
        let reused = self.shared.classes[class]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        match reused {
            Some(memory) => {
                self.shared
                    .kept_bytes
                    .fetch_sub(memory.len(), Ordering::Relaxed);
                memory
            }
            None => vec![0; SMALLEST << class].into_boxed_slice(),
        }
    }

    fn put_back(&self, memory: Box<[u8]>) {
        let size = memory.len();
        let Some(class) = class_of(size).filter(|class| SMALLEST << class == size) else {
            return;
        };
        let kept = self.shared.kept_bytes.fetch_add(size, Ordering::Relaxed);
        if kept + size > self.shared.max_kept_bytes {
            self.shared.kept_bytes.fetch_sub(size, Ordering::Relaxed);
            return;
        }
        self.shared.classes[class]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(memory);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("kept_bytes", &self.kept_bytes())
            .finish_non_exhaustive()
    }
}

fn class_of(capacity: usize) -> Option<usize> {
    if capacity <= SMALLEST / 2 || capacity > LARGEST {
        return None;
    }
    let size = capacity.next_power_of_two().max(SMALLEST);
    Some(size.trailing_zeros() as usize - SMALLEST.trailing_zeros() as usize)
}

/// A growable buffer on loan from a [`Pool`]; returns on drop, or on the last drop of what
/// [`PooledBuf::freeze`] made of it.
///
/// Its memory is always initialised, so a reused buffer can be lent to `read` without clearing it:
/// bytes beyond the length hold whatever was there before.
pub struct PooledBuf {
    memory: Box<[u8]>,
    len: usize,
    pool: Pool,
}

impl PooledBuf {
    /// Bytes written so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that fit without moving to a larger buffer.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.memory.len()
    }

    /// Makes room for `additional` bytes behind the length.
    #[inline]
    pub fn reserve(&mut self, additional: usize) {
        if self.memory.len() - self.len < additional {
            self.grow(additional);
        }
    }

    #[cold]
    fn grow(&mut self, additional: usize) {
        let wanted = self
            .len
            .saturating_add(additional)
            .max(self.memory.len().saturating_mul(2));
        let mut larger = self.pool.memory(wanted);
        larger[..self.len].copy_from_slice(&self.memory[..self.len]);
        self.pool.put_back(mem::replace(&mut self.memory, larger));
    }

    /// The initialised room behind the length; [`PooledBuf::advance`] takes it in.
    #[inline]
    pub fn spare(&mut self) -> &mut [u8] {
        &mut self.memory[self.len..]
    }

    /// Takes `count` bytes of the spare room into the length.
    ///
    /// # Panics
    ///
    /// Where that is more than the spare room.
    #[inline]
    pub fn advance(&mut self, count: usize) {
        assert!(
            count <= self.memory.len() - self.len,
            "advanced past the buffer's end"
        );
        self.len += count;
    }

    /// Cuts the contents to `len` bytes; does nothing where they are shorter.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Forgets the contents.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Sets the length, growing where needed; bytes taken in are unspecified but initialised.
    pub fn resize(&mut self, len: usize) {
        if len > self.len {
            self.reserve(len - self.len);
        }
        self.len = len;
    }

    /// Appends `bytes`.
    #[inline]
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.memory[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// The contents as shared bytes; the memory returns to the pool when the last clone or slice
    /// is dropped.
    #[must_use]
    pub fn freeze(self) -> Bytes {
        if self.len == 0 {
            return Bytes::new();
        }
        Bytes::from_owner(self)
    }
}

impl Drop for PooledBuf {
    fn drop(&mut self) {
        self.pool.put_back(mem::take(&mut self.memory));
    }
}

impl AsRef<[u8]> for PooledBuf {
    fn as_ref(&self) -> &[u8] {
        &self.memory[..self.len]
    }
}

impl Deref for PooledBuf {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.memory[..self.len]
    }
}

impl DerefMut for PooledBuf {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.memory[..self.len]
    }
}

impl fmt::Debug for PooledBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PooledBuf")
            .field("len", &self.len)
            .field("capacity", &self.capacity())
            .finish()
    }
}

impl std::io::Write for PooledBuf {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_returns_on_the_last_drop_and_is_reused() {
        let pool = Pool::new(1 << 20);
        let mut buf = pool.take(100_000);
        assert_eq!(buf.capacity(), 128 << 10);
        buf.extend_from_slice(b"line");
        let bytes = buf.freeze();
        let slice = bytes.slice(1..3);
        drop(bytes);
        assert_eq!(pool.kept_bytes(), 0);
        assert_eq!(&slice[..], b"in");
        drop(slice);
        assert_eq!(pool.kept_bytes(), 128 << 10);
        let again = pool.take(70_000);
        assert_eq!((again.len(), pool.kept_bytes()), (0, 0));
    }

    #[test]
    fn no_more_is_kept_than_the_bound() {
        let pool = Pool::new(100 << 10);
        let both = (pool.take(64 << 10), pool.take(64 << 10));
        drop(both);
        assert_eq!(pool.kept_bytes(), 64 << 10);
        pool.trim();
        assert_eq!(pool.kept_bytes(), 0);
    }

    #[test]
    fn small_and_huge_requests_are_exact_and_not_kept() {
        let pool = Pool::new(1 << 30);
        for capacity in [0, 1, SMALLEST / 2, LARGEST + 1] {
            assert_eq!(pool.take(capacity).capacity(), capacity);
        }
        assert_eq!(pool.kept_bytes(), 0);
    }

    #[test]
    fn growing_keeps_the_contents() {
        let pool = Pool::new(1 << 20);
        let mut buf = pool.take(10);
        for i in 0..5_000u16 {
            buf.extend_from_slice(&i.to_be_bytes());
        }
        let bytes = buf.freeze();
        let numbers: Vec<u16> = bytes
            .chunks(2)
            .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
            .collect();
        assert_eq!(numbers, (0..5_000).collect::<Vec<_>>());
    }
}
