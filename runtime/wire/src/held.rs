//! Counts the bytes of blocks for as long as somebody can reach a part of them.
//!
//! A slice of a buffer keeps the whole of it: whoever bounds memory has to count whole blocks, until the last slice is
//! gone, wherever it has gone to meanwhile. A [`Held`] wraps a block once; what is cut from it carries the count along.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

/// A count of bytes that can still be reached. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Held(Arc<AtomicU64>);

impl Held {
    /// The bytes that can be reached now.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// The same block, counted until its last part is dropped.
    #[must_use]
    pub fn block(&self, block: Bytes) -> Bytes {
        self.whole(block.len()).part(block)
    }

    /// A block of which only parts are there, each by itself; it counts with all its bytes until the last of them is
    /// dropped.
    #[must_use]
    pub fn whole(&self, bytes: usize) -> Whole {
        let bytes = bytes as u64;
        self.0.fetch_add(bytes, Ordering::Relaxed);
        let counted = Counted {
            bytes,
            held: self.clone(),
        };
        Whole {
            _counted: Arc::new(counted),
        }
    }
}

/// A block in parts.
#[derive(Debug, Clone)]
pub struct Whole {
    _counted: Arc<Counted>,
}

impl Whole {
    /// The same part, which keeps the whole block counted. One without bytes keeps nothing.
    #[must_use]
    pub fn part(&self, part: Bytes) -> Bytes {
        if part.is_empty() {
            return part;
        }
        Bytes::from_owner(Part {
            part,
            _whole: self.clone(),
        })
    }
}

#[derive(Debug)]
struct Counted {
    bytes: u64,
    held: Held,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.held.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

struct Part {
    part: Bytes,
    _whole: Whole,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.part
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::Held;

    #[test]
    fn a_block_counts_whole_until_its_last_slice_is_gone() {
        let held = Held::default();
        let block = held.block(Bytes::from_static(b"four and more"));
        let slice = block.slice(..4);
        drop(block);
        assert_eq!((held.bytes(), &*slice), (13, &b"four"[..]));
        let copy = slice.clone();
        drop(slice);
        assert_eq!(held.bytes(), 13);
        drop(copy);
        assert_eq!(held.bytes(), 0);
    }

    #[test]
    fn parts_of_a_block_count_as_the_whole_of_it() {
        let held = Held::default();
        let whole = held.whole(100);
        let parts = [&b"one"[..], b"two", b""].map(|part| whole.part(Bytes::from_static(part)));
        drop(whole);
        assert_eq!(held.bytes(), 100);
        let [one, two, empty] = parts;
        drop(one);
        assert_eq!(held.bytes(), 100);
        drop(two);
        assert_eq!((held.bytes(), empty.len()), (0, 0));
    }
}
