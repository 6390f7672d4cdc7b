//! Warms memory up before a measurement.
//!
//! A guest hands free pages back to its host within seconds, and the next first touch of such a page costs ten times a
//! copy. Touching as much memory as a run will use, right before it, takes that lottery out of the figures.

use std::hint::black_box;

/// Large enough to be a mapping of its own, which goes back to the kernel at once when it is dropped.
const PIECE: usize = 64 << 20;

/// Touches and frees `bytes` of memory.
pub(crate) fn warm_up(bytes: u64) {
    let pieces: Vec<Vec<u8>> = (0..bytes.div_ceil(PIECE as u64))
        .map(|_| vec![1; PIECE])
        .collect();
    black_box(&pieces);
}
