//! The file that keeps REST-made connectors over a restart (`config.storage.file.filename`).
//!
//! It is JSON: a list of `{"name", "config", "state"}`. A change writes the whole file anew beside the old one, syncs
//! it and renames it, so that a crash leaves the old state or the new one.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millrace_config::NullableProperties;
use serde::{Deserialize, Serialize};

use crate::task::TargetState;

/// Why the file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path} (config.storage.file.filename): {source}")]
pub(super) struct FileError {
    action: &'static str,
    path: String,
    source: io::Error,
}

/// A connector as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kept {
    pub(super) name: String,
    pub(super) config: NullableProperties,
    pub(super) target: TargetState,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    name: String,
    config: NullableProperties,
    state: String,
}

/// The file.
#[derive(Debug)]
pub(super) struct ConfigFile {
    path: Arc<Path>,
    /// Lets writers go one after another.
    writing: tokio::sync::Mutex<()>,
}

impl ConfigFile {
    pub(super) fn new(path: &str) -> Self {
        Self {
            path: Arc::from(PathBuf::from(path)),
            writing: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The connectors of the file; none if it does not exist.
    pub(super) async fn read(&self) -> Result<Vec<Kept>, FileError> {
        let path = Arc::clone(&self.path);
        let entries = self.blocking("read", move || read(&path)).await?;
        let kept = |entry: Entry| Kept {
            name: entry.name,
            config: entry.config,
            target: target(&entry.state),
        };
        Ok(entries.into_iter().map(kept).collect())
    }

    /// Replaces the file's contents.
    pub(super) async fn write(&self, kept: Vec<Kept>) -> Result<(), FileError> {
        let _one_at_a_time = self.writing.lock().await;
        let entry = |kept: Kept| Entry {
            name: kept.name,
            config: kept.config,
            state: state(kept.target).to_owned(),
        };
        let entries: Vec<Entry> = kept.into_iter().map(entry).collect();
        let path = Arc::clone(&self.path);
        self.blocking("write", move || write(&path, &entries)).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        action: &'static str,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, FileError> {
        let outcome = tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)));
        outcome.map_err(|source| FileError {
            action,
            path: self.path.display().to_string(),
            source,
        })
    }
}

fn state(target: TargetState) -> &'static str {
    match target {
        TargetState::Started => "STARTED",
        TargetState::Paused => "PAUSED",
        TargetState::Stopped => "STOPPED",
    }
}

fn target(state: &str) -> TargetState {
    match state {
        "PAUSED" => TargetState::Paused,
        "STOPPED" => TargetState::Stopped,
        _ => TargetState::Started,
    }
}

#[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
fn read(path: &Path) -> io::Result<Vec<Entry>> {
    match std::fs::read(path) {
        Ok(bytes) if bytes.is_empty() => Ok(Vec::new()),
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[expect(clippy::disallowed_methods, reason = "runs on the blocking pool")]
fn write(path: &Path, entries: &[Entry]) -> io::Result<()> {
    let mut name = path
        .file_name()
        .ok_or(io::ErrorKind::InvalidInput)?
        .to_owned();
    name.push(".tmp");
    let beside = path.with_file_name(name);
    let mut file = std::fs::File::create(&beside)?;
    file.write_all(&serde_json::to_vec_pretty(entries)?)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()
}
