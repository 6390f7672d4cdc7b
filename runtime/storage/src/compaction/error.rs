//! Why a log could not be compacted.

use std::path::PathBuf;

use thiserror::Error;

use crate::error::StorageError;

/// A compaction that did not come to its end; the log is as it was, or compacted in part.
#[derive(Debug, Error)]
pub(crate) enum CompactionError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A batch does not read. Nothing of its segment is written anew: that would hide the damage.
    #[error("{} is damaged at byte {position}: {reason}", path.display())]
    Corrupt {
        path: PathBuf,
        position: u64,
        reason: String,
    },
    /// The batches of a group of segments outgrew what a position in an index can say.
    #[error("{} would have more than 2 GiB", path.display())]
    TooLarge { path: PathBuf },
    /// The segments were deleted or cut off meanwhile.
    #[error("the log's segments changed meanwhile")]
    Changed,
    /// The data directory is being closed.
    #[error("the data directory is being closed")]
    Stopped,
}
