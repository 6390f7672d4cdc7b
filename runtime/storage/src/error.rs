//! What goes wrong with files and directories, told apart from what is wrong with a request.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millrace_wire::error_code::ErrorCode;
use rustix::io::Errno;
use thiserror::Error;

/// What is said of an operation that syncs.
pub(crate) const SYNC: &str = "sync";
pub(crate) const SYNC_DIRECTORY: &str = "sync directory";
const SYNCS: [&str; 2] = [SYNC, SYNC_DIRECTORY];

/// A failure of the disk, or of what is on it. Kafka's code for all of them is KAFKA_STORAGE_ERROR,
/// save [`StorageError::Deleted`].
#[derive(Debug, Clone, Error)]
pub enum StorageError {
    /// A file operation failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was attempted, as a verb phrase.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// A file holds something else than its format allows.
    #[error("{} is malformed: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// An earlier sync failed, after which nothing in this directory can be promised any more.
    #[error("data directory {} is offline: {reason}", dir.display())]
    Offline {
        /// The data directory.
        dir: PathBuf,
        /// The failure that took it offline.
        reason: Arc<str>,
    },
    /// A log of that topic and partition is there already.
    #[error("log {0} exists already")]
    Exists(String),
    /// The log was deleted while the call waited.
    #[error("log {0} has been deleted")]
    Deleted(String),
    /// The log was cut below an offset that the call waited for.
    #[error("log {0} has been truncated below the offset waited for")]
    Truncated(String),
    /// The data directory was closed while the call waited.
    #[error("log {0} is closed")]
    Closed(String),
}

impl StorageError {
    /// Whether the same call may succeed later without anyone's doing: a full disk, say.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        matches!(self, Self::Io { .. })
    }

    /// Whether space or descriptors ran short before anything was lost, so that all of it can be tried
    /// again once there is room. A sync that fails for want of space is no such case: what it could not
    /// write is gone from memory, too.
    pub(crate) fn is_shortage(&self) -> bool {
        let Self::Io { action, source, .. } = self else {
            return false;
        };
        let errno = source.raw_os_error().map(Errno::from_raw_os_error);
        let no_descriptor = matches!(errno, Some(Errno::MFILE | Errno::NFILE));
        let no_room = matches!(
            source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        );
        no_descriptor || (no_room && !SYNCS.contains(action))
    }

    /// Kafka's code for an answer.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Deleted(_) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            _ => ErrorCode::KAFKA_STORAGE_ERROR,
        }
    }

    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source: Arc::new(source),
        }
    }

    pub(crate) fn malformed(path: &Path, reason: impl Into<String>) -> Self {
        Self::Malformed {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}

/// Says what was attempted on which file.
pub(crate) trait IoContext<T> {
    fn during(self, action: &'static str, path: &Path) -> Result<T, StorageError>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn during(self, action: &'static str, path: &Path) -> Result<T, StorageError> {
        self.map_err(|source| StorageError::io(action, path, source))
    }
}
