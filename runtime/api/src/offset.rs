//! Where a source is: source partitions, and offsets in them.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::ConnectError;

/// A source partition or a source offset: a JSON object of primitive values whose order is kept, because Kafka Connect
/// compares partitions by their bytes (contract connect-internals, section 1.4).
pub type OffsetMap = serde_json::Map<String, serde_json::Value>;

/// Checks each offset that a user wants to store by `check`, as
/// [`SourceConnector::alter_offsets`](crate::SourceConnector::alter_offsets) is given them. One that is dropped, whatever
/// its partition, needs no check.
///
/// # Errors
/// The first that `check` gives.
pub fn check_altered(
    offsets: &[(Option<OffsetMap>, Option<OffsetMap>)],
    check: impl Fn(Option<&OffsetMap>, &OffsetMap) -> Result<(), ConnectError>,
) -> Result<(), ConnectError> {
    offsets.iter().try_for_each(|(partition, offset)| {
        let offset = offset.as_ref();
        offset.map_or(Ok(()), |offset| check(partition.as_ref(), offset))
    })
}

type ToOffset = dyn Fn(i64) -> OffsetMap + Send + Sync;

/// A source partition (for example one file) and the way from a row's mark to Connect's offset map.
///
/// A mark is any integer that grows with the records of the partition, such as the byte position behind a line. The
/// map is built only when offsets are committed, so that no map exists a record.
#[derive(Clone)]
pub struct SourcePartition {
    partition: Arc<OffsetMap>,
    to_offset: Arc<ToOffset>,
}

impl SourcePartition {
    /// The partition with the function from a mark to the offset to resume from behind that row.
    pub fn new(
        partition: OffsetMap,
        to_offset: impl Fn(i64) -> OffsetMap + Send + Sync + 'static,
    ) -> Self {
        Self {
            partition: Arc::new(partition),
            to_offset: Arc::new(to_offset),
        }
    }

    /// The partition map, as it is stored.
    pub fn partition(&self) -> &OffsetMap {
        &self.partition
    }

    /// The offset to resume from behind the row that bears `mark`.
    pub fn offset(&self, mark: i64) -> OffsetMap {
        (self.to_offset)(mark)
    }
}

impl fmt::Debug for SourcePartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SourcePartition")
            .field(&self.partition)
            .finish()
    }
}

/// Reads the committed offsets of a connector.
#[async_trait]
pub trait OffsetReader: Send + Sync + fmt::Debug {
    /// The offset last committed for `partition`, or none.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn offset(&self, partition: &OffsetMap) -> Result<Option<OffsetMap>, ConnectError>;

    /// All partitions of the connector that have a committed offset, with it.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn offsets(&self) -> Result<Vec<(OffsetMap, OffsetMap)>, ConnectError>;
}

/// Hears of offsets that are to be committed and that no record bears; must not block.
pub trait OffsetListener: Send + Sync + fmt::Debug {
    /// Commits the offset of a partition once every record that earlier calls of `poll` have returned was answered.
    fn commit_offset(&self, partition: OffsetMap, offset: OffsetMap);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drops_an_offset_is_not_checked() {
        let map = || Some(OffsetMap::new());
        let refuse = |_: Option<&OffsetMap>, _: &OffsetMap| Err(ConnectError::connect("no"));
        assert!(check_altered(&[(map(), None), (None, None)], refuse).is_ok());
        assert!(check_altered(&[(map(), None), (None, map())], refuse).is_err());
        assert!(check_altered(&[(None, map())], |_, _| Ok(())).is_ok());
    }
}
