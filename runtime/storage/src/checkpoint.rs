//! Checkpoint files: offsets by partition, and leader epochs with their start offsets.
//!
//! Text of lines: `0` (the version), the number of entries, then one entry a line with its fields
//! apart by a space. Offsets: `topic partition offset` (Kafka's `OffsetCheckpointFile`). Epochs:
//! `epoch startOffset` (`LeaderEpochCheckpointFile`).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use crate::error::StorageError;
use crate::files::{Files, read_optional, replace};

const VERSION: &str = "0";

/// Offsets of partitions, ordered by topic and partition.
pub(crate) type Offsets = BTreeMap<(String, i32), i64>;

/// Reads a file of offsets; one that is not there holds none.
pub(crate) fn read_offsets(files: &dyn Files, path: &Path) -> Result<Offsets, StorageError> {
    let Some(text) = read_optional(files, path)? else {
        return Ok(Offsets::new());
    };
    parse_offsets(&text).map_err(|reason| StorageError::malformed(path, reason))
}

/// Replaces a file of offsets.
pub(crate) fn write_offsets<'a>(
    files: &dyn Files,
    path: &Path,
    offsets: impl ExactSizeIterator<Item = (&'a str, i32, i64)>,
) -> Result<(), StorageError> {
    let mut text = format!("{VERSION}\n{}\n", offsets.len());
    for (topic, partition, offset) in offsets {
        writeln!(text, "{topic} {partition} {offset}").expect("writing to a string cannot fail");
    }
    replace(files, path, text.as_bytes())
}

/// Reads a partition's leader epochs; a file that is not there holds none.
pub(crate) fn read_epochs(files: &dyn Files, path: &Path) -> Result<Vec<(i32, i64)>, StorageError> {
    let Some(text) = read_optional(files, path)? else {
        return Ok(Vec::new());
    };
    parse_epochs(&text).map_err(|reason| StorageError::malformed(path, reason))
}

/// Replaces a partition's leader epochs.
pub(crate) fn write_epochs(
    files: &dyn Files,
    path: &Path,
    epochs: &[(i32, i64)],
) -> Result<(), StorageError> {
    let mut text = format!("{VERSION}\n{}\n", epochs.len());
    for (epoch, start) in epochs {
        writeln!(text, "{epoch} {start}").expect("writing to a string cannot fail");
    }
    replace(files, path, text.as_bytes())
}

fn parse_offsets(text: &str) -> Result<Offsets, String> {
    let mut offsets = Offsets::new();
    for line in entries(text)? {
        let mut fields = line.split(' ');
        let entry = (|| {
            let topic = fields.next()?.to_owned();
            let partition = fields.next()?.parse().ok()?;
            let offset = fields.next()?.parse().ok()?;
            fields
                .next()
                .is_none()
                .then_some(((topic, partition), offset))
        })();
        let (key, offset) =
            entry.ok_or_else(|| format!("`{line}` is not a topic, a partition and an offset"))?;
        offsets.insert(key, offset);
    }
    Ok(offsets)
}

fn parse_epochs(text: &str) -> Result<Vec<(i32, i64)>, String> {
    let parse = |line: &str| {
        let (epoch, start) = line.split_once(' ')?;
        Some((epoch.parse().ok()?, start.parse().ok()?))
    };
    entries(text)?
        .into_iter()
        .map(|line| {
            parse(line).ok_or_else(|| format!("`{line}` is not an epoch and its start offset"))
        })
        .collect()
}

/// The lines behind version and count.
fn entries(text: &str) -> Result<Vec<&str>, String> {
    // Apache Kafka creates the files empty.
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let mut lines = text.lines();
    let version = lines.next().unwrap_or_default();
    if version.trim() != VERSION {
        return Err(format!(
            "its version is `{version}`, only {VERSION} is known"
        ));
    }
    let count = lines.next().unwrap_or_default();
    let expected: usize = count
        .trim()
        .parse()
        .map_err(|_| format!("`{count}` is not a number of entries"))?;
    let entries: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    if entries.len() == expected {
        Ok(entries)
    } else {
        Err(format!(
            "it announces {expected} entries and has {}",
            entries.len()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::OsFiles;

    #[test]
    fn offsets_survive_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("recovery-point-offset-checkpoint");
        assert!(read_offsets(&OsFiles, &path).unwrap().is_empty());
        let offsets = [("a.b", 0, 17), ("shop", 12, i64::MAX)];
        write_offsets(&OsFiles, &path, offsets.into_iter()).unwrap();
        let read: Vec<_> = read_offsets(&OsFiles, &path).unwrap().into_iter().collect();
        assert_eq!(
            read,
            offsets.map(|(topic, partition, offset)| ((topic.to_owned(), partition), offset))
        );
    }

    #[test]
    fn text_is_kafkas() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("leader-epoch-checkpoint");
        write_epochs(&OsFiles, &path, &[(0, 0), (3, 120)]).unwrap();
        assert_eq!(
            read_optional(&OsFiles, &path).unwrap().unwrap(),
            "0\n2\n0 0\n3 120\n"
        );
        assert_eq!(read_epochs(&OsFiles, &path).unwrap(), [(0, 0), (3, 120)]);
    }

    #[test]
    fn damaged_text_is_named() {
        assert_eq!(parse_offsets(""), Ok(Offsets::new()), "as Kafka creates it");
        for text in [
            "1\n0\n",
            "0\nx\n",
            "0\n2\nshop 0 1\n",
            "0\n1\nshop zero 1\n",
            "0\n1\nshop 0 1 2\n",
        ] {
            assert!(parse_offsets(text).is_err(), "{text:?}");
        }
        assert!(parse_epochs("0\n1\n5\n").is_err());
    }
}
