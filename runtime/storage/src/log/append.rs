//! Appending a batch.

use std::io::IoSlice;
use std::sync::Arc;

use bytes::Bytes;
use millrace_wire::batch::{BatchHeader, HEADER_LEN};

use super::position::Mark;
use super::{Log, Writer};
use crate::append_error::AppendError;
use crate::config::{Durability, LogConfig};
use crate::producer::{BatchMark, Verdict};
use crate::segment::Segment;
use crate::validate::{self, ValidBatch};

/// Smaller batches are left to the sync, which writes many at once.
const WRITE_OUT_FROM: u64 = 256 << 10;

/// Where a batch went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Offset of its first record.
    pub base_offset: i64,
    /// Offset of its last record; the batch is durable once `durable_offset` is above it.
    pub last_offset: i64,
    /// The time that the records got, ms, or -1 where they keep the producer's. Of a duplicate it is
    /// the largest time of the batch that is there.
    pub log_append_time: i64,
    /// The log start offset at the append.
    pub log_start_offset: i64,
    /// Whether an earlier append had brought the same batch, so that nothing was written.
    pub duplicate: bool,
}

impl Log {
    /// Appends what a producer sent for this partition, which must be exactly one batch.
    ///
    /// The bytes are not written into. The batch is in the page cache on return, and a sync has been
    /// asked for; [`Log::on_durable`] tells when it is done.
    ///
    /// # Errors
    ///
    /// Where the batch is not one that the topic takes, does not carry on its producer's sequence, or
    /// cannot be written.
    pub fn append(
        self: &Arc<Self>,
        records: &Bytes,
        leader_epoch: i32,
        now_ms: i64,
    ) -> Result<Appended, AppendError> {
        self.check_usable()?;
        let config = self.config();
        let batch = validate::producer_batch(records, &config, now_ms)?;
        self.append_valid(&batch, &config, leader_epoch, now_ms)
    }

    /// Appends a batch that the broker itself made: a coordinator's state or a transaction's marker.
    ///
    /// # Errors
    ///
    /// Where the batch does not parse, is larger than a segment, or cannot be written.
    pub fn append_as_leader(
        self: &Arc<Self>,
        records: &Bytes,
        leader_epoch: i32,
        now_ms: i64,
    ) -> Result<Appended, AppendError> {
        self.check_usable()?;
        let config = self.config();
        let batch = validate::leader_batch(records, &config)?;
        self.append_valid(&batch, &config, leader_epoch, now_ms)
    }

    fn append_valid(
        self: &Arc<Self>,
        batch: &ValidBatch,
        config: &LogConfig,
        leader_epoch: i32,
        now_ms: i64,
    ) -> Result<Appended, AppendError> {
        let mut writer = self.lock_writer();
        if !batch.header.attributes.is_control()
            && let Verdict::Duplicate(mark) = writer.producers.check(&batch.header)?
        {
            return Ok(self.duplicate(&mark));
        }
        let header = self.write(&mut writer, batch, config, leader_epoch, now_ms)?;
        let end = Mark::at_end(writer.next_offset, &writer.active.segment);
        let segment = Arc::clone(&writer.active.segment);
        let rolled = writer.unsynced.has_files();
        drop(writer);
        self.announce(end, rolled);
        self.begin_write_out(&segment, end.position, header.total_len() as u64);
        Ok(Appended {
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            log_append_time: batch.log_append_time.unwrap_or(-1),
            log_start_offset: self.log_start_offset(),
            duplicate: false,
        })
    }

    /// Gives the batch its place and writes it; on an error the log is as before.
    fn write(
        &self,
        writer: &mut Writer,
        batch: &ValidBatch,
        config: &LogConfig,
        leader_epoch: i32,
        now_ms: i64,
    ) -> Result<BatchHeader, AppendError> {
        let header = BatchHeader {
            base_offset: writer.next_offset,
            partition_leader_epoch: leader_epoch,
            batch_length: batch.header.batch_length,
            ..batch.header
        };
        if writer.active.is_full_for(&header, config, now_ms)? {
            self.roll(writer, now_ms)?;
        }
        let mut head = [0; HEADER_LEN];
        header.write(&mut head);
        writer.active.append(
            &header,
            &mut [IoSlice::new(&head), IoSlice::new(&batch.records)],
            config,
        )?;
        writer.active.segment.set_modified(now_ms);
        writer.next_offset = header.next_offset();
        writer.unsynced.data = true;
        writer.changed = true;
        writer.unsynced.epochs |= writer.epochs.assign(leader_epoch, header.base_offset);
        if header.has_producer_id() {
            writer.producers.record(&header);
            self.positions
                .set_first_open(writer.producers.first_open_transaction());
        }
        self.positions.set_end(writer.next_offset);
        Ok(header)
    }

    /// Lets the disk begin with a large batch that ends at `end` while the flusher still waits for an earlier sync.
    fn begin_write_out(&self, segment: &Segment, end: u64, len: u64) {
        if len >= WRITE_OUT_FROM
            && self.shared.durability() == Durability::Fsync
            && let Ok(file) = segment.file()
        {
            file.begin_write_out(end - len..end);
        }
    }

    /// Asks for a sync, or lets readers see the batch at once where none is to be waited for.
    fn announce(self: &Arc<Self>, end: Mark, rolled: bool) {
        match self.shared.durability() {
            Durability::Fsync => self.request_flush(),
            Durability::PageCache => {
                if rolled {
                    self.request_flush();
                }
                if self.positions.raise_high_watermark(end) {
                    self.complete_waiters();
                    self.listeners.notify(self);
                }
            }
        }
    }

    fn duplicate(&self, mark: &BatchMark) -> Appended {
        Appended {
            base_offset: mark.first_offset(),
            last_offset: mark.last_offset,
            log_append_time: mark.timestamp,
            log_start_offset: self.log_start_offset(),
            duplicate: true,
        }
    }
}
