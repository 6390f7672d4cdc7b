//! How far a group has read a partition.

/// An offset to commit, or a committed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read.
    pub offset: i64,
    /// Epoch of the last record that was read, -1 if unknown.
    pub leader_epoch: i32,
    /// Whatever the one who commits wants to remember.
    pub metadata: String,
}

impl CommittedOffset {
    /// The offset alone.
    #[must_use]
    pub fn at(offset: i64) -> Self {
        CommittedOffset {
            offset,
            leader_epoch: -1,
            metadata: String::new(),
        }
    }
}
