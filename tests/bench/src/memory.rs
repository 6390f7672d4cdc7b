//! Warms memory up before a measurement.
//!
//! A guest hands free pages back to its host within seconds, and the next first touch of such a page costs ten times a
//! copy. A run takes pages of the page cache, which come from other free lists than a program's own: touching anonymous
//! memory leaves them cold. Writing as much as a run will write into a file, right before it, takes that lottery out of
//! the figures.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::Context;

/// Bytes of one write.
const PIECE: usize = 256 << 10;

/// Writes `bytes` into a file in `folder` and removes it.
pub(crate) fn warm_up(folder: &Path, bytes: u64) -> anyhow::Result<()> {
    let path = folder.join("warm-up");
    fill(&path, bytes)
        .and_then(|()| fs::remove_file(&path))
        .with_context(|| format!("cannot warm memory up by {}", path.display()))
}

fn fill(path: &Path, bytes: u64) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    let piece = vec![1; PIECE];
    for _ in 0..bytes.div_ceil(PIECE as u64) {
        file.write_all(&piece)?;
    }
    Ok(())
}
