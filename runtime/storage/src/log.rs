//! The log of one partition.
//!
//! Appends are serialised by one lock, which is held over the write to the page cache and, once in a
//! segment, over the creation of the next one's files; reads take no lock that an append holds.
//! [`Log::append`], [`Log::read`] and the look-ups may run on an async task: they touch the page cache.
//! What waits for the disk, [`Log::flush`], [`Log::truncate_to`] and [`Log::apply_retention`], may not.

mod append;
mod close;
mod compact;
pub(crate) mod damage;
mod durable;
pub(crate) mod flush;
mod load;
mod lookup;
mod notify;
mod position;
mod producers;
mod read;
mod retention;
mod roll;
#[cfg(test)]
mod tests;
mod truncate;

use std::cmp;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use millrace_wire::uuid::Uuid;

pub use append::Appended;
pub use damage::Damage;
pub use durable::OnDurable;
pub(crate) use load::{LoadRequest, LoadedLog, create, load};
pub use lookup::OffsetAndTimestamp;
pub use notify::LogListener;
pub use producers::ProducerInfo;
pub use read::{Isolation, ReadRange};
pub(crate) use retention::Removed;

use crate::config::LogConfig;
use crate::epochs::LeaderEpochs;
use crate::error::StorageError;
use crate::producer::Producers;
use crate::segment::{ActiveSegment, Segment};
use crate::shared::Shared;
use damage::Damages;
use durable::Waiters;
use flush::Unsynced;
use notify::Listeners;
use position::Positions;

/// One partition's log. Shared by all who append to it and read from it.
pub struct Log {
    topic: Arc<str>,
    partition: i32,
    topic_id: Uuid,
    leader_epoch: i32,
    dir: Arc<Path>,
    shared: Arc<Shared>,
    config: RwLock<Arc<LogConfig>>,
    /// Ordered by base offset, never empty; the last one is active.
    segments: RwLock<Vec<Arc<Segment>>>,
    writer: Mutex<Writer>,
    positions: Positions,
    waiters: Waiters,
    listeners: Listeners,
    damages: Damages,
    /// Whether the flusher has the log on its list.
    queued: AtomicBool,
    /// Held while segments are replaced, cut off or let go of, and while the directory is renamed; taken
    /// before `flushing`, and that before `writer`.
    structure: Mutex<()>,
    /// Offset below which the log is compacted; [`NEVER_COMPACTED`] where it has no gaps.
    compacted: AtomicI64,
    /// Whether compaction met damage; it does not try again.
    uncleanable: AtomicBool,
    /// Held over a sync; who cuts the log or renames its directory waits for the end of it.
    flushing: Mutex<()>,
    /// Whether the log is gone or its directory closed.
    ended: Mutex<Option<StorageError>>,
    has_ended: AtomicBool,
}

/// What the append lock guards.
#[derive(Debug)]
struct Writer {
    active: ActiveSegment,
    /// The log end offset.
    next_offset: i64,
    producers: Producers,
    epochs: LeaderEpochs,
    unsynced: Unsynced,
    /// Whether the next start would have to recover: the log changed since it was opened.
    changed: bool,
}

/// Value of `compacted` for a log of which nothing was ever compacted.
const NEVER_COMPACTED: i64 = -1;

impl Log {
    pub(crate) fn new(loaded: LoadedLog, shared: Arc<Shared>, leader_epoch: i32) -> Self {
        let LoadedLog {
            topic,
            partition,
            topic_id,
            dir,
            config,
            segments,
            start_offset,
            ..
        } = loaded;
        let active = loaded.active;
        let end = position::Mark::at_end(loaded.next_offset, &active.segment);
        Self {
            topic,
            partition,
            topic_id,
            leader_epoch,
            dir,
            shared,
            config: RwLock::new(config),
            segments: RwLock::new(segments),
            positions: Positions::new(start_offset, end, loaded.producers.first_open_transaction()),
            writer: Mutex::new(Writer {
                active,
                next_offset: loaded.next_offset,
                producers: loaded.producers,
                epochs: loaded.epochs,
                unsynced: loaded.unsynced,
                changed: loaded.changed,
            }),
            waiters: Waiters::default(),
            listeners: Listeners::default(),
            damages: Damages::new(loaded.damages),
            queued: AtomicBool::new(false),
            structure: Mutex::default(),
            compacted: AtomicI64::new(loaded.compacted.unwrap_or(NEVER_COMPACTED)),
            uncleanable: AtomicBool::new(false),
            flushing: Mutex::default(),
            ended: Mutex::new(None),
            has_ended: AtomicBool::new(false),
        }
    }

    /// The topic's name.
    #[must_use]
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// The partition's number.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// The topic's id; zero where the directory names none.
    #[must_use]
    pub fn topic_id(&self) -> Uuid {
        self.topic_id
    }

    /// The leader epoch of this run: higher than any that a batch in the directory was written with
    /// and than that of any earlier start.
    #[must_use]
    pub fn leader_epoch(&self) -> i32 {
        self.leader_epoch
    }

    /// The partition's directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn dir_arc(&self) -> &Arc<Path> {
        &self.dir
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> Arc<LogConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts other settings in force, from the next append on.
    pub fn set_config(&self, config: LogConfig) {
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }

    /// First offset that may be read.
    #[must_use]
    pub fn log_start_offset(&self) -> i64 {
        self.positions.start()
    }

    /// Offset of the next record to be appended.
    #[must_use]
    pub fn log_end_offset(&self) -> i64 {
        self.positions.end()
    }

    /// Offset up to which, exclusively, records may be read.
    #[must_use]
    pub fn high_watermark(&self) -> i64 {
        self.positions.high_watermark().offset
    }

    /// Offset up to which, exclusively, no open transaction reaches; never above the high watermark.
    #[must_use]
    pub fn last_stable_offset(&self) -> i64 {
        self.positions.last_stable()
    }

    /// Offset up to which, exclusively, everything is on the disk: the recovery point.
    #[must_use]
    pub fn durable_offset(&self) -> i64 {
        self.positions.durable()
    }

    /// Bytes of all segments.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.segment_list()
            .iter()
            .map(|segment| segment.size())
            .sum()
    }

    /// The number of segments.
    #[must_use]
    pub fn segment_count(&self) -> usize {
        self.segment_list().len()
    }

    pub(crate) fn first_base_offset(&self) -> i64 {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.first().map_or(0, |segment| segment.base_offset)
    }

    /// The answer to OffsetForLeaderEpoch: the greatest epoch up to `epoch` that wrote, and the
    /// offset at which it ended; `None` for an epoch above all known. The epoch of this start counts
    /// although it may not have written yet, because clients are told of it, and so do those of
    /// earlier starts that never wrote.
    #[must_use]
    pub fn end_of_epoch(&self, epoch: i32) -> Option<(i32, i64)> {
        let writer = self.lock_writer();
        let end = writer.next_offset;
        match epoch.cmp(&self.leader_epoch) {
            cmp::Ordering::Greater => writer.epochs.end_of(epoch, end),
            cmp::Ordering::Equal => Some((epoch, end)),
            cmp::Ordering::Less => {
                // One behind all that wrote ended where this start begins: at the end, for had this
                // start written, it would be among them.
                let idle = (writer.epochs.latest().unwrap_or(epoch), end);
                Some(writer.epochs.end_of(epoch, end).unwrap_or(idle))
            }
        }
    }

    /// The epoch that a record at `offset` was written under, or would be.
    #[must_use]
    pub fn epoch_at(&self, offset: i64) -> i32 {
        let writer = self.lock_writer();
        if offset >= writer.next_offset {
            return self.leader_epoch;
        }
        writer.epochs.at(offset).unwrap_or(self.leader_epoch)
    }

    /// The largest producer id that the log remembers: no new producer may get it again.
    #[must_use]
    pub fn largest_producer_id(&self) -> Option<i64> {
        self.lock_writer().producers.largest_id()
    }

    /// The epoch of the last batch, if there is one.
    #[must_use]
    pub fn latest_epoch(&self) -> Option<i32> {
        self.lock_writer().epochs.latest()
    }

    /// Whether recovery found something in it that cannot be read any more.
    pub(crate) fn is_damaged(&self) -> bool {
        !self.damages.is_empty()
    }

    /// Fails where the log was deleted or closed, or its directory is offline.
    pub(crate) fn check_usable(&self) -> Result<(), StorageError> {
        if self.has_ended.load(Ordering::Acquire)
            && let Some(reason) = &*self.ended.lock().unwrap_or_else(PoisonError::into_inner)
        {
            return Err(reason.clone());
        }
        self.shared.check_online()
    }

    /// Whether the log was deleted or closed.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// Keeps the segments and the directory's name as they are for as long as the guard lives.
    pub(crate) fn lock_structure(&self) -> MutexGuard<'_, ()> {
        self.structure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps syncs away for as long as the guard lives.
    pub(crate) fn pause_flushing(&self) -> MutexGuard<'_, ()> {
        self.flushing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the log for all who use it and answers those who wait.
    pub(crate) fn end(&self, reason: &StorageError) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.clone());
        self.has_ended.store(true, Ordering::Release);
        self.fail_waiters(reason);
        self.listeners.notify(self);
        for segment in self.segment_list() {
            segment.close();
        }
    }

    pub(crate) fn name(&self) -> String {
        crate::names::partition_dir(&self.topic, self.partition)
    }

    pub(crate) fn expire_producers(&self, now_ms: i64, expiration_ms: i64) {
        self.lock_writer().producers.expire(now_ms, expiration_ms);
    }

    /// Closes the files that nothing used since the last call.
    pub(crate) fn release_idle_files(&self) {
        for segment in self.segment_list() {
            segment.release_idle();
        }
    }

    fn lock_writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn segment_list(&self) -> Vec<Arc<Segment>> {
        self.segments
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The segment that holds `offset`, or would hold it.
    fn segment_at(&self, offset: i64) -> Option<Arc<Segment>> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let behind = segments.partition_point(|segment| segment.base_offset <= offset);
        segments.get(behind.checked_sub(1)?).cloned()
    }

    /// The first segment that starts behind `offset`.
    fn segment_after(&self, offset: i64) -> Option<Arc<Segment>> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let behind = segments.partition_point(|segment| segment.base_offset <= offset);
        segments.get(behind).cloned()
    }

    fn path_of(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("name", &self.name())
            .field("start", &self.log_start_offset())
            .field("high_watermark", &self.high_watermark())
            .field("end", &self.log_end_offset())
            .finish_non_exhaustive()
    }
}
