//! Source offsets in a file.
//!
//! The file is text. Line one is `millrace-offsets 1`; each further line is a JSON array
//! `["connector",{partition},{offset}]`. The first two elements are the key Kafka Connect uses in its offset topic
//! (contract connect-internals, section 1.4). A change writes the whole file anew beside the old one, syncs it,
//! renames it and syncs the folder, so that a crash leaves the old state or the new one, never a mixture.
//!
//! Where the file is Kafka Connect's own, its offsets are taken over: it is kept beside as `NAME.java`, and a file of
//! ours takes its place.

#![expect(
    clippy::disallowed_methods,
    reason = "file calls run at the start or on the blocking pool"
)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use millrace_api::OffsetMap;
use serde_json::Value;

use super::{OffsetChange, OffsetStore, StoreError, migration};

const FIRST_LINE: &str = "millrace-offsets 1";

/// Offsets of one connector, by the partition's text with sorted keys. A copy costs little, however many there are.
type Partitions = BTreeMap<Arc<str>, Arc<Stored>>;
type Offsets = BTreeMap<String, Partitions>;

/// A partition as first stored and its offset, as they stand in the file: maps of them take five times the memory.
#[derive(Debug)]
struct Stored {
    partition: Arc<str>,
    offset: Box<str>,
}

impl Stored {
    fn maps(&self) -> serde_json::Result<(OffsetMap, OffsetMap)> {
        let partition = serde_json::from_str(&self.partition)?;
        Ok((partition, serde_json::from_str(&self.offset)?))
    }
}

/// An offset store in one file, read once at start.
#[derive(Debug)]
pub struct FileOffsetStore {
    path: PathBuf,
    offsets: Mutex<Offsets>,
    /// Serialises writers, and numbers the state so that a slower write never replaces a newer one.
    writing: tokio::sync::Mutex<()>,
}

impl FileOffsetStore {
    /// Reads the file at `path`; a missing or empty one holds no offsets. Kafka Connect's own is replaced by one of
    /// ours and kept beside. Blocks: call it off the runtime.
    ///
    /// # Errors
    /// When the file cannot be read, is not an offsets file, or is Kafka Connect's and cannot be replaced.
    pub fn open(path: impl Into<PathBuf>) -> Result<Arc<Self>, StoreError> {
        let path = path.into();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(io_error("read", &path, source)),
        };
        let offsets = if migration::is_java(&bytes) {
            take_over(&path, &bytes)?
        } else {
            let text = String::from_utf8(bytes)
                .map_err(|_| format_error(&path, "it is not text".to_owned()))?;
            parse(&text).map_err(|reason| format_error(&path, reason))?
        };
        Ok(Arc::new(Self {
            path,
            offsets: Mutex::new(offsets),
            writing: tokio::sync::Mutex::new(()),
        }))
    }

    fn read(&self, stored: &Stored) -> Result<(OffsetMap, OffsetMap), StoreError> {
        let maps = stored.maps();
        maps.map_err(|error| format_error(&self.path, error.to_string()))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Offsets) -> T) -> T {
        look(&mut self.offsets.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl OffsetStore for FileOffsetStore {
    async fn get(
        &self,
        connector: &str,
        partition: &OffsetMap,
    ) -> Result<Option<OffsetMap>, StoreError> {
        let key = structural_key(partition);
        let stored = self.with(|all| all.get(connector)?.get(key.as_str()).cloned());
        let Some(stored) = stored else {
            return Ok(None);
        };
        let (_, offset) = self.read(&stored)?;
        Ok(Some(offset))
    }

    async fn put(&self, connector: &str, changes: Vec<OffsetChange>) -> Result<(), StoreError> {
        let _writing = self.writing.lock().await;
        let mut next = self.with(|all| all.clone());
        let (path, connector) = (self.path.clone(), connector.to_owned());
        let written = tokio::task::spawn_blocking(move || {
            apply(&mut next, &connector, changes);
            replace_file(&path, &render(&next))
                .map(|()| next)
                .map_err(|source| io_error("write", &path, source))
        });
        let next = written
            .await
            .unwrap_or_else(|error| Err(io_error("write", &self.path, io::Error::other(error))))?;
        self.with(|all| *all = next);
        Ok(())
    }

    async fn list(&self, connector: &str) -> Result<Vec<(OffsetMap, OffsetMap)>, StoreError> {
        let known = self.with(|all| all.get(connector).cloned());
        let known = known.unwrap_or_default();
        known.values().map(|stored| self.read(stored)).collect()
    }
}

fn apply(all: &mut Offsets, connector: &str, changes: Vec<OffsetChange>) {
    let known = all.entry(connector.to_owned()).or_default();
    for (partition, offset) in changes {
        let key = structural_key(&partition);
        let Some(offset) = offset else {
            known.remove(key.as_str());
            continue;
        };
        let before = known.get(key.as_str());
        let stored = Stored {
            partition: before.map_or_else(
                || text(&partition).into(),
                |stored| Arc::clone(&stored.partition),
            ),
            offset: text(&offset).into(),
        };
        known.insert(key.into(), Arc::new(stored));
    }
    if known.is_empty() {
        all.remove(connector);
    }
}

fn text(map: &OffsetMap) -> String {
    serde_json::to_string(map).unwrap_or_default()
}

/// The text of a partition with its keys sorted: equal for partitions with equal contents.
pub(super) fn structural_key(partition: &OffsetMap) -> String {
    let sorted: BTreeMap<&String, &Value> = partition.iter().collect();
    serde_json::to_string(&sorted).unwrap_or_default()
}

/// Reads the offsets of Kafka Connect's own file, keeps it beside, and puts one of ours in its place.
fn take_over(path: &Path, bytes: &[u8]) -> Result<Offsets, StoreError> {
    let known = migration::offsets(bytes).map_err(|reason| format_error(path, reason))?;
    let mut offsets = Offsets::new();
    for (connector, partition, offset) in known {
        apply(&mut offsets, &connector, vec![(partition, Some(offset))]);
    }
    let beside = migration::keep_beside(path)
        .and_then(|beside| replace_file(path, &render(&offsets)).map(|()| beside))
        .map_err(|source| io_error("replace", path, source))?;
    log::info!(
        "the offsets file {} was Kafka Connect's own: its offsets are taken over, and it is kept as {}",
        path.display(),
        beside.display()
    );
    Ok(offsets)
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        action,
        path: path.display().to_string(),
        source,
    }
}

fn format_error(path: &Path, reason: String) -> StoreError {
    StoreError::Format {
        path: path.display().to_string(),
        reason,
    }
}

fn parse(text: &str) -> Result<Offsets, String> {
    let mut offsets = Offsets::new();
    let mut lines = text.lines().enumerate();
    match lines.next() {
        None => return Ok(offsets),
        Some((_, FIRST_LINE)) => {}
        Some(_) => return Err(format!("its first line is not `{FIRST_LINE}`")),
    }
    for (index, line) in lines {
        let (connector, partition, offset): (String, OffsetMap, OffsetMap) =
            serde_json::from_str(line).map_err(|error| format!("line {}: {error}", index + 1))?;
        apply(&mut offsets, &connector, vec![(partition, Some(offset))]);
    }
    Ok(offsets)
}

fn render(offsets: &Offsets) -> String {
    let mut text = format!("{FIRST_LINE}\n");
    for (connector, partitions) in offsets {
        let connector = Value::from(connector.as_str()).to_string();
        for Stored { partition, offset } in partitions.values().map(AsRef::as_ref) {
            for part in ["[", &connector, ",", partition, ",", offset, "]\n"] {
                text.push_str(part);
            }
        }
    }
    text
}

/// Writes `text` beside `path`, syncs it, renames it over `path` and syncs the folder.
fn replace_file(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path
        .file_name()
        .ok_or(io::ErrorKind::InvalidInput)?
        .to_owned();
    name.push(".tmp");
    let beside = path.with_file_name(name);
    let mut file = File::create(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(text: &str) -> OffsetMap {
        serde_json::from_str(text).unwrap()
    }

    #[tokio::test]
    async fn offsets_survive_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("offsets");
        let store = FileOffsetStore::open(&path).unwrap();
        let changes = vec![
            (
                map(r#"{"filename":"a","n":1}"#),
                Some(map(r#"{"position":5}"#)),
            ),
            (
                map(r#"{"filename":"b\nc"}"#),
                Some(map(r#"{"position":9}"#)),
            ),
        ];
        store.put("c1", changes).await.unwrap();
        store
            .put(
                "c1",
                vec![(
                    map(r#"{"n":1,"filename":"a"}"#),
                    Some(map(r#"{"position":6}"#)),
                )],
            )
            .await
            .unwrap();
        store
            .put("c1", vec![(map(r#"{"filename":"b\nc"}"#), None)])
            .await
            .unwrap();

        let store = FileOffsetStore::open(&path).unwrap();
        let listed = store.list("c1").await.unwrap();
        assert_eq!(
            listed,
            [(map(r#"{"filename":"a","n":1}"#), map(r#"{"position":6}"#))]
        );
        assert_eq!(
            store
                .get("c1", &map(r#"{"n":1,"filename":"a"}"#))
                .await
                .unwrap(),
            Some(map(r#"{"position":6}"#))
        );
        assert_eq!(
            store.get("c2", &map(r#"{"filename":"a"}"#)).await.unwrap(),
            None
        );
    }

    #[test]
    fn foreign_files_are_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        for (bytes, reason) in [
            (&b"hello\n"[..], "first line"),
            (&[0xac, 0xed, 0, 5, 0x73], "Kafka Connect's own"),
            (&[0xff, 0xfe], "not text"),
        ] {
            let path = folder.path().join("offsets");
            fs::write(&path, bytes).unwrap();
            let text = FileOffsetStore::open(&path).unwrap_err().to_string();
            assert!(
                text.contains(reason) && text.contains("offset.storage.file.filename"),
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn kafka_connect_s_own_file_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("offsets");
        let java = crate::store::java_map::tests::stream(&[
            (
                Some(br#"["c",{"filename":"a"}]"#),
                Some(br#"{"position":20}"#),
            ),
            (Some(br#"["c",{"filename":"reset"}]"#), None),
            (Some(b"not a key"), Some(b"{}")),
            (None, None),
        ]);
        fs::write(&path, &java).unwrap();
        let expected = [(map(r#"{"filename":"a"}"#), map(r#"{"position":20}"#))];
        for _ in 0..2 {
            let store = FileOffsetStore::open(&path).unwrap();
            assert_eq!(store.list("c").await.unwrap(), expected);
            assert_eq!(fs::read(folder.path().join("offsets.java")).unwrap(), java);
            assert!(fs::read_to_string(&path).unwrap().starts_with(FIRST_LINE));
        }
        let other = crate::store::java_map::tests::stream(&[]);
        fs::write(&path, &other).unwrap();
        assert!(
            FileOffsetStore::open(&path)
                .unwrap()
                .list("c")
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(fs::read(folder.path().join("offsets.java")).unwrap(), java);
        assert_eq!(
            fs::read(folder.path().join("offsets.java.1")).unwrap(),
            other
        );
    }

    #[tokio::test]
    async fn a_failed_write_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileOffsetStore::open(folder.path().join("gone").join("offsets")).unwrap();
        let change = vec![(map(r#"{"f":1}"#), Some(map(r#"{"p":1}"#)))];
        assert!(store.put("c", change).await.is_err());
        assert!(store.list("c").await.unwrap().is_empty());
    }
}
