//! What a worker must remember: source offsets. A store has a file form (standalone) and a topic form
//! (distributed).

mod java_map;
mod migration;
mod offset_file;
pub(crate) mod topic;

use std::fmt;

use async_trait::async_trait;
use millrace_api::OffsetMap;

pub use offset_file::FileOffsetStore;

/// A change of one source partition's offset; none forgets the partition.
pub type OffsetChange = (OffsetMap, Option<OffsetMap>);

/// Why an offset store could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused.
    #[error("cannot {action} the offsets file {path}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The topic of offsets could not be read or written.
    #[error(transparent)]
    Topic(#[from] topic::log::LogError),
    /// The file is not an offsets file.
    #[error(
        "cannot read the offsets file {path}: {reason}; move it away, or name another one in offset.storage.file.filename"
    )]
    Format {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Keeps the offsets of source connectors. Partitions are compared by their contents, not by their bytes.
#[async_trait]
pub trait OffsetStore: Send + Sync + fmt::Debug {
    /// The offset last stored for a partition of `connector`.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn get(
        &self,
        connector: &str,
        partition: &OffsetMap,
    ) -> Result<Option<OffsetMap>, StoreError>;

    /// Stores offsets; when this returns they survive a crash.
    ///
    /// # Errors
    /// When the store cannot be written; then none of the changes may be counted on.
    async fn put(&self, connector: &str, changes: Vec<OffsetChange>) -> Result<(), StoreError>;

    /// All partitions of `connector` that have an offset.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn list(&self, connector: &str) -> Result<Vec<(OffsetMap, OffsetMap)>, StoreError>;
}
