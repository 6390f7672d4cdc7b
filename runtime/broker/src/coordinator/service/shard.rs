//! One partition of `__consumer_offsets` with the groups that live on it.

use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use millrace_storage::{AppendError, Log};
use millrace_wire::batch::{Append, BatchBuilder, Headers, ProducerIdentity};
use millrace_wire::compression::Compression;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::pool::Pool;

use crate::coordinator::groups::Groups;
use crate::coordinator::record::Change;

/// Changes beyond this many bytes go into another batch.
const BATCH_BYTES: usize = 1 << 20;

/// Groups and the log that remembers them.
///
/// The log is appended to under the groups' lock, so that it tells their changes in the order in which they happened.
#[derive(Debug)]
pub(super) struct Shard {
    log: Arc<Log>,
    groups: Mutex<Groups>,
}

/// Why changes could not be stored.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    #[error("cannot append to {log}: {source}")]
    Append { log: String, source: AppendError },
    #[error("cannot append to {log}: {reason}")]
    Encode { log: String, reason: String },
}

impl StoreError {
    /// What a client is told: to look for the coordinator again, unless its own request is what does not fit.
    pub(super) fn code(&self) -> ErrorCode {
        match self {
            StoreError::Append {
                source: AppendError::Storage(_),
                ..
            } => ErrorCode::COORDINATOR_NOT_AVAILABLE,
            StoreError::Append { .. } | StoreError::Encode { .. } => {
                ErrorCode::UNKNOWN_SERVER_ERROR
            }
        }
    }
}

impl Shard {
    pub(super) fn new(log: Arc<Log>, groups: Groups) -> Shard {
        Shard {
            log,
            groups: Mutex::new(groups),
        }
    }

    pub(super) fn log(&self) -> &Arc<Log> {
        &self.log
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends changes; the offset behind the last of them, which becomes durable later, or `None` if there were none.
    pub(super) fn append(
        &self,
        changes: &[Change],
        now_ms: i64,
    ) -> Result<Option<i64>, StoreError> {
        if changes.is_empty() {
            return Ok(None);
        }
        let mut end = None;
        let mut builder = BatchBuilder::new(Pool::global(), BATCH_BYTES);
        for change in changes {
            let (key, value) = change.encode();
            let mut outcome = builder.append(now_ms, Some(&key), value.as_deref(), Headers::NONE);
            if outcome == Append::Full {
                let full =
                    std::mem::replace(&mut builder, BatchBuilder::new(Pool::global(), BATCH_BYTES));
                end = Some(self.append_batch(&self.close(full)?, now_ms)?);
                outcome = builder.append(now_ms, Some(&key), value.as_deref(), Headers::NONE);
            }
            if outcome != Append::Added {
                return Err(self.unencodable(&"the record is too large"));
            }
        }
        if !builder.is_empty() {
            end = Some(self.append_batch(&self.close(builder)?, now_ms)?);
        }
        Ok(end)
    }

    fn close(&self, builder: BatchBuilder) -> Result<Bytes, StoreError> {
        builder
            .close(ProducerIdentity::NONE, Compression::None, None)
            .map(|batch| batch.bytes().clone())
            .map_err(|error| self.unencodable(&error))
    }

    fn append_batch(&self, batch: &Bytes, now_ms: i64) -> Result<i64, StoreError> {
        self.log
            .append_as_leader(batch, self.log.leader_epoch(), now_ms)
            .map(|appended| appended.last_offset + 1)
            .map_err(|source| StoreError::Append {
                log: self.name(),
                source,
            })
    }

    fn unencodable(&self, reason: &dyn Display) -> StoreError {
        StoreError::Encode {
            log: self.name(),
            reason: reason.to_string(),
        }
    }

    fn name(&self) -> String {
        format!("{}-{}", self.log.topic(), self.log.partition())
    }
}
