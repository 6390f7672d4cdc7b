//! The producers' state at an offset: the newest snapshot up to there, and the batches behind it.

use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::sync::Arc;

use crate::error::{IoContext, StorageError};
use crate::files::{Files, read_bytes};
use crate::log::damage::Damages;
use crate::names::{self, FileKind};
use crate::producer::{Producers, decode_snapshot};
use crate::scan::{HeaderScan, ScanError};
use crate::segment::Segment;

/// Rebuilds the state as it was when the log ended at `end`. A snapshot that does not read gives way
/// to an older one, and damaged batches are stepped over.
pub(crate) fn replay_producers(
    files: &dyn Files,
    dir: &Path,
    segments: &[Arc<Segment>],
    end: i64,
    damages: &Damages,
) -> Result<Producers, StorageError> {
    let start = segments.first().map_or(end, |first| first.base_offset);
    let (mut producers, from) = newest_snapshot(files, dir, start..=end)?;
    for (index, segment) in segments.iter().enumerate() {
        let next_base = segments.get(index + 1).map_or(end, |next| next.base_offset);
        if next_base > from {
            replay(segment, from..end, damages, &mut producers)?;
        }
    }
    Ok(producers)
}

/// A snapshot from before the first segment does not count: batches that it misses are deleted, and to a producer
/// whose last batch is among them its next one would look out of order. It is better not known at all.
fn newest_snapshot(
    files: &dyn Files,
    dir: &Path,
    within: RangeInclusive<i64>,
) -> Result<(Producers, i64), StorageError> {
    let mut offsets: Vec<i64> = files
        .list(dir)
        .during("list", dir)?
        .iter()
        .filter_map(|entry| names::parse_segment_file(&entry.name))
        .filter(|&(offset, kind)| kind == FileKind::Snapshot && within.contains(&offset))
        .map(|(offset, _)| offset)
        .collect();
    offsets.sort_unstable();
    for offset in offsets.into_iter().rev() {
        let path = dir.join(names::segment_file(offset, FileKind::Snapshot));
        let bytes = read_bytes(files, &path)?.unwrap_or_default();
        match decode_snapshot(&bytes) {
            Ok(producers) => return Ok((producers, offset)),
            Err(reason) => {
                log::warn!("producer snapshot {} is left out: {reason}", path.display());
                files.remove(&path).during("remove", &path)?;
            }
        }
    }
    Ok((Producers::default(), 0))
}

fn replay(
    segment: &Segment,
    offsets: Range<i64>,
    damages: &Damages,
    producers: &mut Producers,
) -> Result<(), StorageError> {
    let (base, size) = (segment.base_offset, segment.size());
    let file = segment.file()?;
    let start = segment.offsets.position_before(offsets.start)?.min(size);
    for bytes in damages.intact(base, start..size) {
        let mut scan = HeaderScan::new(file.file(), bytes.start, bytes.end);
        loop {
            match scan.next() {
                Ok(Some((_, header))) if header.base_offset >= offsets.end => return Ok(()),
                Ok(Some((_, header))) if header.base_offset >= offsets.start => {
                    producers.record(&header)
                }
                Ok(Some(_)) => {}
                // Damage that no recovery has looked at: the segment lies below the durable point.
                Ok(None) | Err(ScanError::Malformed { .. }) => break,
                Err(ScanError::Io(source)) => {
                    return Err(StorageError::io("read", &segment.path(), source));
                }
            }
        }
    }
    Ok(())
}
