//! Positions that Flume's TAILDIR source has left in its position file, to go on from there.
//!
//! The file is a JSON array, one object a file that Flume reads; `pos` is a position in bytes behind a line
//! (apache/flume, flume-taildir-source, `ReliableTaildirEventReader`):
//!
//! ```text
//! [{"inode":2496272,"pos":12,"file":"/var/log/a.log"},{"inode":2496275,"pos":0,"file":"/var/log/b.log"}]
//! ```

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use crate::book::Stored;

/// Larger files are none of Flume's.
const BYTES_MAX: u64 = 64 << 20;

/// Where Flume stopped, by inode.
#[derive(Debug, Default)]
pub(crate) struct FlumePositions {
    files: HashMap<u64, Vec<Position>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Position {
    path: String,
    bytes: u64,
}

impl FlumePositions {
    /// Reads a position file. Blocks: for the blocking pool.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    #[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes))
            .map_err(|error| {
                format!(
                    "cannot read the file: {error}; name Flume's positionFile, or leave the key out"
                )
            })?;
        if bytes.len() as u64 > BYTES_MAX {
            return Err(format!(
                "the file is larger than {BYTES_MAX} bytes, which no position file is; name Flume's positionFile"
            ));
        }
        Self::parse(&bytes)
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let remedy = "name the positionFile of Flume's TAILDIR source, a JSON array of objects with inode, pos and file";
        let all: Vec<Value> = serde_json::from_slice(bytes)
            .map_err(|error| format!("the file is no position file: {error}; {remedy}"))?;
        let mut positions = Self::default();
        for one in &all {
            let inode = one.get("inode").and_then(Value::as_u64);
            let pos = one.get("pos").and_then(Value::as_u64);
            let file = one.get("file").and_then(Value::as_str);
            let (Some(inode), Some(bytes), Some(path)) = (inode, pos, file) else {
                return Err(format!("{one} is no position of a file; {remedy}"));
            };
            positions.files.entry(inode).or_default().push(Position {
                path: path.to_owned(),
                bytes,
            });
        }
        Ok(positions)
    }

    /// How many files it has positions of.
    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    /// Where to go on with a file: of an inode with several positions, the one under this name, else the last.
    pub(crate) fn of(&self, inode: u64, path: &Path) -> Option<Stored> {
        let known = self.files.get(&inode)?;
        let named = known
            .iter()
            .find(|position| Path::new(&position.path) == path);
        let position = named.or_else(|| known.last())?;
        Some(Stored {
            position: position.bytes,
            head: None,
            path: Some(position.path.clone()),
            packed_len: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_of_flume() {
        let text =
            br#"[{"inode":7,"pos":12,"file":"/l/a.log"},{"inode":8,"pos":0,"file":"/l/b.log"},
            {"inode":7,"pos":5,"file":"/l/c.log"}]"#;
        let positions = FlumePositions::parse(text).unwrap();
        assert_eq!(positions.len(), 2);
        for (inode, path, expected) in [
            (7, "/l/a.log", Some((12, "/l/a.log"))),
            (7, "/l/a.log.1", Some((5, "/l/c.log"))),
            (8, "/l/b.log", Some((0, "/l/b.log"))),
            (9, "/l/a.log", None),
        ] {
            let stored = positions.of(inode, Path::new(path));
            let found = stored
                .as_ref()
                .map(|stored| (stored.position, stored.path.as_deref().unwrap_or_default()));
            assert_eq!(found, expected, "{inode} {path}");
        }
    }

    #[test]
    fn files_that_are_none_of_flumes() {
        for (text, told) in [
            ("", "no position file"),
            ("{}", "no position file"),
            (r#"[{"inode":7,"pos":-1,"file":"/l/a.log"}]"#, "\"pos\":-1"),
            (r#"[{"inode":7,"pos":1}]"#, "no position of a file"),
            ("[1]", "1 is no position"),
        ] {
            let error = FlumePositions::parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
            assert!(error.contains("positionFile"), "{error}");
        }
        let missing = FlumePositions::read(Path::new("/none/taildir_position.json")).unwrap_err();
        assert!(missing.contains("cannot read") && missing.contains("positionFile"));
    }
}
