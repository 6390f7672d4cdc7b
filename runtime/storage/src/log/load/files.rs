//! Putting a partition's directory in order before its segments are looked at.

use std::collections::BTreeMap;
use std::path::Path;

use super::swap;
use crate::error::{IoContext, StorageError};
use crate::files::{Entry, Files};
use crate::names::{self, FileKind};

/// The segments' files: by base offset, what there is of each kind.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) segments: BTreeMap<i64, BTreeMap<FileKind, Entry>>,
    pub(super) snapshots: Vec<i64>,
}

/// Puts right what an interrupted removal or compaction left, and lists what is there then.
pub(super) fn tidy(files: &dyn Files, dir: &Path) -> Result<Listing, StorageError> {
    swap::tidy(files, dir)?;
    list(files, dir)
}

fn list(files: &dyn Files, dir: &Path) -> Result<Listing, StorageError> {
    let mut listing = Listing::default();
    for entry in files.list(dir).during("list", dir)? {
        match names::parse_segment_file(&entry.name) {
            Some((offset, FileKind::Snapshot)) => listing.snapshots.push(offset),
            Some((base_offset, kind)) => {
                listing
                    .segments
                    .entry(base_offset)
                    .or_default()
                    .insert(kind, entry);
            }
            None => {}
        }
    }
    remove_orphans(files, dir, &mut listing)?;
    listing.snapshots.sort_unstable();
    Ok(listing)
}

/// An index without its log is of no use.
fn remove_orphans(
    files: &dyn Files,
    dir: &Path,
    listing: &mut Listing,
) -> Result<(), StorageError> {
    let orphans = listing
        .segments
        .extract_if(.., |_, kinds| !kinds.contains_key(&FileKind::Log));
    for (_, kinds) in orphans {
        for entry in kinds.values() {
            let path = dir.join(&entry.name);
            files.remove(&path).during("remove", &path)?;
        }
    }
    Ok(())
}

/// Removes producer snapshots that know of batches which are gone. They must not come back with the next crash: by
/// then the log may have grown past them with other batches.
pub(super) fn remove_snapshots_above(
    files: &dyn Files,
    dir: &Path,
    listing: &Listing,
    end: i64,
) -> Result<(), StorageError> {
    let mut removed = false;
    for &offset in listing.snapshots.iter().filter(|&&offset| offset > end) {
        let path = dir.join(names::segment_file(offset, FileKind::Snapshot));
        files.remove(&path).during("remove", &path)?;
        removed = true;
    }
    if removed {
        files.sync_dir(dir).during("sync directory", dir)?;
    }
    Ok(())
}
