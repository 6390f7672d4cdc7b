//! Source offsets in a file.
//!
//! The file is text. Line one is `millrace-offsets 2`; each further line is a JSON array
//! `["connector",{partition},{offset}]`, and the last one of a partition counts: `null` in place of the offset says that it
//! has none. The first two elements are the key Kafka Connect uses in its offset topic (contract connect-internals, section
//! 1.4). Files that begin with `millrace-offsets 1` are read too.
//!
//! Changes are appended and synced. The first ones of a process, and those that would make the appended part longer than
//! the rest, write the whole file anew beside the old one, sync it, rename it and sync the folder. A crash leaves each
//! partition its old offset or its new one: a last line without a line end was not written to its end, and does not count.
//!
//! Where the file is Kafka Connect's own, its offsets are taken over: it is kept beside as `NAME.java`, and a file of
//! ours takes its place.

#![expect(
    clippy::disallowed_methods,
    reason = "file calls run at the start or on the blocking pool"
)]

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use millrace_api::OffsetMap;
use serde_json::Value;

use super::{OffsetChange, OffsetStore, StoreError, migration};

const FIRST_LINE: &str = "millrace-offsets 2";
/// Of files in which each partition has one line.
const FIRST_LINE_BEFORE: &str = "millrace-offsets 1";

/// So many bytes may be appended however short the file is.
const APPENDED_MIN: usize = 64 << 10;

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
    offsets: Arc<Mutex<Offsets>>,
    /// Held while something is written, also where nobody waits for it any more.
    written: Arc<tokio::sync::Mutex<Written>>,
}

/// The file, and what may still be appended to it.
#[derive(Debug, Default)]
struct Written {
    /// None where the file's end is not known to be that of a line.
    file: Option<File>,
    room: usize,
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
            let text = str::from_utf8(whole_lines(&bytes))
                .map_err(|_| format_error(&path, "it is not text".to_owned()))?;
            parse(text).map_err(|reason| format_error(&path, reason))?
        };
        Ok(Arc::new(Self {
            path,
            offsets: Arc::new(Mutex::new(offsets)),
            written: Arc::default(),
        }))
    }

    fn read(&self, stored: &Stored) -> Result<(OffsetMap, OffsetMap), StoreError> {
        let maps = stored.maps();
        maps.map_err(|error| format_error(&self.path, error.to_string()))
    }

    fn with<T>(&self, look: impl FnOnce(&Offsets) -> T) -> T {
        look(&lock(&self.offsets))
    }
}

fn lock(offsets: &Mutex<Offsets>) -> MutexGuard<'_, Offsets> {
    offsets.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Written {
    /// Writes changes, and then takes them in. Blocks.
    fn put(
        &mut self,
        path: &Path,
        offsets: &Mutex<Offsets>,
        connector: &str,
        changes: Vec<OffsetChange>,
    ) -> io::Result<()> {
        let mut lines = String::new();
        for (partition, offset) in &changes {
            let offset = offset.as_ref().map_or_else(|| "null".to_owned(), text);
            push_line(&mut lines, connector, &text(partition), &offset);
        }
        if lines.len() <= self.room && self.is_at(path) && self.append(&lines)? {
            apply(&mut lock(offsets), connector, changes);
            return Ok(());
        }
        let mut next = lock(offsets).clone();
        apply(&mut next, connector, changes);
        let whole = render(&next);
        self.file = None;
        self.file = Some(replace_file(path, &whole)?);
        self.room = whole.len().max(APPENDED_MIN);
        *lock(offsets) = next;
        Ok(())
    }

    /// Whether the file that was written is still the one that is read at the next start.
    fn is_at(&self, path: &Path) -> bool {
        let ids = |metadata: Metadata| (metadata.dev(), metadata.ino());
        let written = self.file.as_ref().and_then(|file| file.metadata().ok());
        written.is_some() && written.map(ids) == fs::metadata(path).ok().map(ids)
    }

    /// Appends lines and syncs them; false where there is no file to append to.
    fn append(&mut self, lines: &str) -> io::Result<bool> {
        // After a failure nobody knows where the file ends.
        let Some(mut file) = self.file.take() else {
            return Ok(false);
        };
        file.write_all(lines.as_bytes())?;
        file.sync_data()?;
        self.file = Some(file);
        self.room -= lines.len();
        Ok(true)
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
        let mut written = Arc::clone(&self.written).lock_owned().await;
        let (path, offsets) = (self.path.clone(), Arc::clone(&self.offsets));
        let connector = connector.to_owned();
        let put =
            tokio::task::spawn_blocking(move || written.put(&path, &offsets, &connector, changes));
        let put = put
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)));
        put.map_err(|source| io_error("write", &self.path, source))
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
        .and_then(|beside| replace_file(path, &render(&offsets)).map(|_file| beside))
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

/// Without a last line that has no end: it may be cut anywhere, inside of a character, too.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte == b'\n');
    end.map_or(bytes, |end| &bytes[..=end])
}

fn parse(text: &str) -> Result<Offsets, String> {
    let mut offsets = Offsets::new();
    let mut lines = text.lines().enumerate();
    match lines.next() {
        None => return Ok(offsets),
        Some((_, FIRST_LINE | FIRST_LINE_BEFORE)) => {}
        Some(_) => return Err(format!("its first line is not `{FIRST_LINE}`")),
    }
    for (index, line) in lines {
        let (connector, partition, offset): (String, OffsetMap, Option<OffsetMap>) =
            serde_json::from_str(line).map_err(|error| format!("line {}: {error}", index + 1))?;
        apply(&mut offsets, &connector, vec![(partition, offset)]);
    }
    Ok(offsets)
}

fn render(offsets: &Offsets) -> String {
    let mut text = format!("{FIRST_LINE}\n");
    for (connector, partitions) in offsets {
        for Stored { partition, offset } in partitions.values().map(AsRef::as_ref) {
            push_line(&mut text, connector, partition, offset);
        }
    }
    text
}

fn push_line(text: &mut String, connector: &str, partition: &str, offset: &str) {
    let connector = Value::from(connector).to_string();
    for part in ["[", &connector, ",", partition, ",", offset, "]\n"] {
        text.push_str(part);
    }
}

/// Writes `text` beside `path`, syncs it, renames it over `path` and syncs the folder. The file is returned for appending.
fn replace_file(path: &Path, text: &str) -> io::Result<File> {
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
    File::open(folder)?.sync_all()?;
    Ok(file)
}

#[cfg(test)]
mod tests;
