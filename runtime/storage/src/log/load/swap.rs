//! Completing, or taking back, a replacement of segments that a crash interrupted.
//!
//! | found | means | done |
//! |---|---|---|
//! | `.cleaned` | the output was not complete | removed |
//! | `.swap` of a log | it was complete and synced | takes its place |
//! | `.swap` of a log, and a `.cleaned` with the same or a smaller base | one of several outputs (Kafka's split of a segment), and not all of them | both removed |
//! | `.swap` of an index only | the log was not renamed yet | removed, for it can be made anew |
//! | `.deleted` | nobody needs it | removed |
//!
//! A segment that takes its place replaces all those that begin within its offsets. One that begins
//! behind its last record held nothing that was kept: it may stay.

use std::collections::BTreeSet;
use std::path::Path;

use crate::error::{IoContext, StorageError};
use crate::files::{Entry, Files};
use crate::names::{self, CLEANED_SUFFIX, DELETED_SUFFIX, FileKind, SWAP_SUFFIX};
use crate::scan::HeaderScan;

/// Puts a directory in order before its segments are listed.
pub(super) fn tidy(files: &dyn Files, dir: &Path) -> Result<(), StorageError> {
    let entries = files.list(dir).during("list", dir)?;
    let cleaned = entries
        .iter()
        .filter_map(|entry| parse(entry, CLEANED_SUFFIX));
    let first_cleaned = cleaned.map(|(base, _)| base).min().unwrap_or(i64::MAX);
    let complete: BTreeSet<i64> = entries
        .iter()
        .filter_map(|entry| parse(entry, SWAP_SUFFIX))
        .filter(|&(base, kind)| kind == FileKind::Log && base < first_cleaned)
        .map(|(base, _)| base)
        .collect();
    for &base in &complete {
        put_in_place(files, dir, &entries, base)?;
    }
    for entry in &entries {
        let taken = parse(entry, SWAP_SUFFIX).is_some_and(|(base, _)| complete.contains(&base));
        let left_over = [DELETED_SUFFIX, CLEANED_SUFFIX, SWAP_SUFFIX, ".tmp"]
            .iter()
            .any(|suffix| entry.name.ends_with(suffix));
        if left_over && !taken {
            let path = dir.join(&entry.name);
            files.remove(&path).during("remove", &path)?;
        }
    }
    Ok(())
}

/// Base offset and kind of a segment's file that has a suffix.
fn parse(entry: &Entry, suffix: &str) -> Option<(i64, FileKind)> {
    names::parse_segment_file(entry.name.strip_suffix(suffix)?)
}

/// Removes the segments that the one of `base` replaces, and gives its files their names, the log's
/// last: until then the next start does all of this again.
fn put_in_place(
    files: &dyn Files,
    dir: &Path,
    entries: &[Entry],
    base: i64,
) -> Result<(), StorageError> {
    let name = |kind, suffix: &str| dir.join(names::segment_file(base, kind) + suffix);
    let log = name(FileKind::Log, SWAP_SUFFIX);
    let next_offset = next_offset(files, &log, base)?;
    for entry in entries {
        let Some((offset, kind)) = names::parse_segment_file(&entry.name) else {
            continue;
        };
        let is_replaced = base < offset && offset < next_offset;
        if is_replaced || offset == base && !matches!(kind, FileKind::Log | FileKind::Snapshot) {
            let path = dir.join(&entry.name);
            files.remove(&path).during("remove", &path)?;
        }
    }
    for (offset, kind) in entries.iter().filter_map(|entry| parse(entry, SWAP_SUFFIX)) {
        if offset == base && kind != FileKind::Log {
            let from = name(kind, SWAP_SUFFIX);
            files
                .rename(&from, &name(kind, ""))
                .during("rename", &from)?;
        }
    }
    files.sync_dir(dir).during("sync directory", dir)?;
    files
        .rename(&log, &name(FileKind::Log, ""))
        .during("rename", &log)?;
    files.sync_dir(dir).during("sync directory", dir)?;
    log::info!(
        "an interrupted compaction of {} is completed at offset {base}",
        dir.display()
    );
    Ok(())
}

/// The offset behind the last record of a segment's file.
fn next_offset(files: &dyn Files, path: &Path, base: i64) -> Result<i64, StorageError> {
    let file = files.open(path).during("open", path)?;
    let len = file.file().metadata().during("look at", path)?.len();
    let mut scan = HeaderScan::new(file.file(), 0, len);
    let mut next = base;
    while let Ok(Some((_, header))) = scan.next() {
        next = header.next_offset();
    }
    Ok(next)
}
