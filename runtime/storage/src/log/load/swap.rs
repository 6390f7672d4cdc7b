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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::OsFiles;
    use crate::testing::value_batch;

    /// A file of one batch of `records` records.
    fn segment(base: i64, records: usize) -> Vec<u8> {
        let mut bytes = value_batch(0, &vec![&b"value"[..]; records]).to_vec();
        bytes[..8].copy_from_slice(&base.to_be_bytes());
        bytes
    }

    /// Tidies a directory of these files; gives names and contents that are left.
    fn tidied(files: &[(&str, &[u8])]) -> Vec<(String, Vec<u8>)> {
        let temp = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(temp.path().join(name), bytes).unwrap();
        }
        tidy(&OsFiles, temp.path()).unwrap();
        let mut left: Vec<_> = std::fs::read_dir(temp.path())
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let name = entry.file_name().into_string().unwrap();
                (name, std::fs::read(entry.path()).unwrap())
            })
            .collect();
        left.sort();
        left
    }

    fn names(files: &[(String, Vec<u8>)]) -> Vec<&str> {
        files.iter().map(|(name, _)| name.as_str()).collect()
    }

    const A: &str = "00000000000000000000.log";
    const A_INDEX: &str = "00000000000000000000.index";
    const B: &str = "00000000000000000005.log";
    const B_INDEX: &str = "00000000000000000005.index";
    const C: &str = "00000000000000000009.log";

    #[test]
    fn what_was_not_complete_is_taken_back() {
        let (old, new) = (segment(0, 5), segment(0, 2));
        let swap_index = format!("{A_INDEX}.swap");
        for unfinished in ["00000000000000000000.log.cleaned", &swap_index] {
            let left = tidied(&[(A, &old), (A_INDEX, b"old"), (unfinished, &new)]);
            assert_eq!(names(&left), [A_INDEX, A], "{unfinished}");
            assert_eq!(left[1].1, old);
        }
    }

    #[test]
    fn what_was_complete_takes_the_place_of_all_it_was_made_of() {
        let (new, c) = (segment(0, 7), segment(9, 3));
        let swap = "00000000000000000000.log.swap";
        let index_swap = format!("{A_INDEX}.swap");
        let left = tidied(&[
            (A, &segment(0, 5)),
            (A_INDEX, b"old"),
            ("00000000000000000000.txnindex", b"old"),
            (B, &segment(5, 4)),
            (B_INDEX, b"old"),
            (C, &c),
            (swap, &new),
            (&index_swap, b"new"),
            ("00000000000000000005.snapshot.deleted", b""),
        ]);
        assert_eq!(names(&left), [A_INDEX, A, C]);
        assert_eq!(
            (&left[0].1[..], &left[1].1, &left[2].1),
            (&b"new"[..], &new, &c)
        );
    }

    #[test]
    fn one_of_several_outputs_is_not_enough() {
        let old = segment(0, 9);
        let left = tidied(&[
            (A, &old),
            ("00000000000000000000.log.cleaned", &segment(0, 5)),
            ("00000000000000000005.log.swap", &segment(5, 4)),
        ]);
        assert_eq!(names(&left), [A]);
    }
}
