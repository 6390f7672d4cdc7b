//! Committed source offsets, in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use millrace_api::{ConnectError, OffsetMap, OffsetReader};

/// A store that outlives the tasks that use it; cloning it clones a handle.
#[derive(Clone, Debug, Default)]
pub struct MemoryOffsets {
    committed: Arc<Mutex<Vec<(OffsetMap, OffsetMap)>>>,
}

impl MemoryOffsets {
    /// Stores the offset of a partition.
    pub fn commit(&self, partition: &OffsetMap, offset: OffsetMap) {
        let mut committed = self.lock();
        match committed.iter_mut().find(|(known, _)| known == partition) {
            Some(entry) => entry.1 = offset,
            None => committed.push((partition.clone(), offset)),
        }
    }

    /// All partitions with their offsets.
    pub fn all(&self) -> Vec<(OffsetMap, OffsetMap)> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(OffsetMap, OffsetMap)>> {
        self.committed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl OffsetReader for MemoryOffsets {
    async fn offset(&self, partition: &OffsetMap) -> Result<Option<OffsetMap>, ConnectError> {
        Ok(self
            .lock()
            .iter()
            .find(|(known, _)| known == partition)
            .map(|(_, offset)| offset.clone()))
    }

    async fn offsets(&self) -> Result<Vec<(OffsetMap, OffsetMap)>, ConnectError> {
        Ok(self.all())
    }
}
