//! Reading a partition of `__consumer_offsets` back at start.

use std::collections::HashMap;
use std::io;

use bytes::Bytes;
use millrace_storage::{Isolation, Log, ReadError};
use millrace_wire::batch::{Batch, BatchError, Decoded, batches};
use millrace_wire::frame::FileRange;
use millrace_wire::pool::Pool;

use crate::coordinator::group::Step;
use crate::coordinator::groups::Groups;
use crate::coordinator::record::Change;

/// How much is read at a time; a larger batch is read whole.
const CHUNK_BYTES: usize = 1 << 20;
/// What a compressed batch may expand to. Only batches of another broker are compressed here.
const DECODED_BYTES_MAX: usize = 256 << 20;

/// Why a partition could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReplayError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("cannot read {len} bytes of records: {source}")]
    File { len: usize, source: io::Error },
}

/// Rebuilds the groups that a log tells of. Damaged batches are named and passed over: the groups in them are lost, or
/// fall back to an earlier offset, but all others go on. Blocks on the disk.
pub(super) fn replay(log: &Log, step: Step<'_>) -> Result<Groups, ReplayError> {
    let mut replay = Replay {
        groups: Groups::default(),
        open: HashMap::new(),
        step,
    };
    let mut offset = log.log_start_offset();
    let mut damaged = false;
    while offset < log.log_end_offset() {
        let range = match log.read(offset, CHUNK_BYTES, true, Isolation::ReadUncommitted) {
            Ok(range) => range,
            Err(error @ ReadError::Corrupt { .. }) => {
                if !damaged {
                    log::error!("group coordinator: {error}; what was stored there is lost");
                }
                damaged = true;
                offset += 1;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let Some(records) = range.records else {
            break;
        };
        damaged = false;
        offset = replay.chunk(&bytes_of(&records)?).max(offset + 1);
    }
    Ok(replay.groups)
}

fn bytes_of(range: &FileRange) -> Result<Bytes, ReplayError> {
    let mut buffer = Pool::global().take(range.len);
    buffer.resize(range.len);
    range
        .read_into(&mut buffer)
        .map_err(|source| ReplayError::File {
            len: range.len,
            source,
        })?;
    Ok(buffer.freeze())
}

struct Replay<'a> {
    groups: Groups,
    /// Changes of transactions whose marker has not come, by producer.
    open: HashMap<i64, Vec<Change>>,
    step: Step<'a>,
}

impl Replay<'_> {
    /// Applies whole batches; the offset behind the last.
    fn chunk(&mut self, bytes: &Bytes) -> i64 {
        let mut next = -1;
        for batch in batches(bytes) {
            match batch.and_then(|batch| self.batch(&batch)) {
                Ok(offset) => next = offset,
                Err(error) => {
                    log::error!("group coordinator: {error}; what was stored there is lost");
                }
            }
        }
        next
    }

    fn batch(&mut self, batch: &Batch) -> Result<i64, BatchError> {
        batch.check_crc()?;
        let decoded = batch.decode(DECODED_BYTES_MAX, Pool::global())?;
        if batch.header().attributes.is_control() {
            self.marker(batch, &decoded);
        } else {
            self.changes(batch, &decoded);
        }
        Ok(batch.header().next_offset())
    }

    fn changes(&mut self, batch: &Batch, decoded: &Decoded) {
        for row in &decoded.rows {
            let key = row.key.of(&decoded.data).unwrap_or_default();
            match Change::decode(key, row.value.of(&decoded.data)) {
                Ok(Some(change)) if batch.header().attributes.is_transactional() => {
                    self.open
                        .entry(batch.header().producer_id)
                        .or_default()
                        .push(change);
                }
                Ok(Some(change)) => self.groups.apply(change, self.step),
                Ok(None) => {}
                // One record that a newer broker wrote must not cost all the others.
                Err(error) => log::warn!("offset {} is passed over: {error}", row.offset),
            }
        }
    }

    /// The end of a transaction: its offsets count from here on, or never did.
    fn marker(&mut self, batch: &Batch, decoded: &Decoded) {
        const COMMIT: [u8; 4] = [0, 0, 0, 1];
        let changes = self.open.remove(&batch.header().producer_id);
        let key = decoded
            .rows
            .first()
            .and_then(|row| row.key.of(&decoded.data));
        if key == Some(&COMMIT[..]) {
            for change in changes.into_iter().flatten() {
                self.groups.apply(change, self.step);
            }
        }
    }
}
