//! The producers' state at an offset: the newest snapshot up to there, and the batches behind it.

use std::path::Path;
use std::sync::Arc;

use crate::error::{IoContext, StorageError};
use crate::files::{Files, read_bytes};
use crate::names::{self, FileKind};
use crate::producer::{Producers, decode_snapshot};
use crate::scan::{HeaderScan, ScanError};
use crate::segment::Segment;

/// Rebuilds the state as it was when the log ended at `end`. A snapshot that does not read gives way
/// to an older one.
pub(crate) fn replay_producers(
    files: &dyn Files,
    dir: &Path,
    segments: &[Arc<Segment>],
    end: i64,
) -> Result<Producers, StorageError> {
    let (mut producers, from) = newest_snapshot(files, dir, end)?;
    for (index, segment) in segments.iter().enumerate() {
        let next_base = segments.get(index + 1).map_or(end, |next| next.base_offset);
        if next_base > from {
            replay(segment, from, end, &mut producers)?;
        }
    }
    Ok(producers)
}

fn newest_snapshot(
    files: &dyn Files,
    dir: &Path,
    end: i64,
) -> Result<(Producers, i64), StorageError> {
    let mut offsets: Vec<i64> = files
        .list(dir)
        .during("list", dir)?
        .iter()
        .filter_map(|entry| names::parse_segment_file(&entry.name))
        .filter(|&(offset, kind)| kind == FileKind::Snapshot && offset <= end)
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
    from: i64,
    end: i64,
    producers: &mut Producers,
) -> Result<(), StorageError> {
    let start = segment.offsets.position_before(from)?;
    let file = segment.file()?;
    let mut scan = HeaderScan::new(file.file(), start.min(segment.size()), segment.size());
    loop {
        match scan.next() {
            Ok(Some((_, header))) if header.base_offset >= end => return Ok(()),
            Ok(Some((_, header))) if header.base_offset >= from => producers.record(&header),
            Ok(Some(_)) => {}
            Ok(None) => return Ok(()),
            Err(ScanError::Io(source)) => {
                return Err(StorageError::io("read", &segment.path(), source));
            }
            // Damage below the durable point: what is behind it in this segment stays unknown here.
            Err(ScanError::Malformed { .. }) => return Ok(()),
        }
    }
}
