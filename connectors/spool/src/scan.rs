//! Looks at the folder: which files are there, and which of them no longer grow.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use crate::config::Order;
use crate::names::Names;

/// What tells that a file has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) size: u64,
    /// Milliseconds since the epoch.
    pub(crate) modified_ms: u64,
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok();
        let since = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self {
            size: metadata.len(),
            modified_ms: since.map_or(0, |since| since.as_millis() as u64),
        }
    }
}

/// A file of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) name: OsString,
    pub(crate) stamp: Stamp,
}

/// The files of a folder that are to be read, in order. Blocks.
///
/// # Errors
/// When the folder cannot be read.
#[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
pub(crate) fn look(folder: &Path, names: &Names, order: Order) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if !names.are_read(&name.to_string_lossy()) {
            continue;
        }
        // A file that goes while the folder is read is none.
        let Ok(metadata) = std::fs::metadata(entry.path()) else {
            continue;
        };
        if metadata.is_file() {
            let stamp = Stamp::of(&metadata);
            found.push(Found { name, stamp });
        }
    }
    match order {
        Order::Name => found.sort_unstable_by(|one, other| one.name.cmp(&other.name)),
        Order::Oldest => found.sort_unstable_by(|one, other| {
            let rank = |file: &Found| file.stamp.modified_ms;
            rank(one)
                .cmp(&rank(other))
                .then_with(|| one.name.cmp(&other.name))
        }),
    }
    Ok(found)
}

/// Since when files have been as they are.
#[derive(Debug, Default)]
pub(crate) struct Settling {
    since: HashMap<OsString, (Stamp, Duration)>,
}

impl Settling {
    /// Those of the files found at `now` that have not changed for so long.
    pub(crate) fn settled(
        &mut self,
        found: Vec<Found>,
        now: Duration,
        stable_for: Duration,
    ) -> Vec<Found> {
        let mut before = std::mem::take(&mut self.since);
        let is_settled = |file: &Found| {
            let since = match before.remove(&file.name) {
                Some((stamp, since)) if stamp == file.stamp => since,
                _ => now,
            };
            self.since.insert(file.name.clone(), (file.stamp, since));
            now.saturating_sub(since) >= stable_for
        };
        found.into_iter().filter(is_settled).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, size: u64) -> Found {
        Found {
            name: name.into(),
            stamp: Stamp {
                size,
                modified_ms: 0,
            },
        }
    }

    #[test]
    fn a_file_is_settled_when_it_no_longer_changes() {
        let second = Duration::from_secs(1);
        let mut settling = Settling::default();
        let mut names = |found: &[Found], now: u32| {
            let settled = settling.settled(found.to_vec(), second * now, second * 2);
            settled
                .into_iter()
                .map(|file| file.name)
                .collect::<Vec<_>>()
        };
        assert!(names(&[file("a", 1), file("b", 1)], 1).is_empty());
        assert!(names(&[file("a", 2), file("b", 1)], 2).is_empty());
        assert_eq!(names(&[file("a", 2), file("b", 1)], 3), ["b"]);
        assert!(names(&[file("a", 2)], 3).is_empty());
        assert_eq!(names(&[file("a", 2), file("b", 1)], 4), ["a"]);
    }
}
