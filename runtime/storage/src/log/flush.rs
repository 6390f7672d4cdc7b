//! What a sync of a log consists of.
//!
//! Of the active segment the batches alone are synced, for recovery rebuilds its indexes. A segment
//! that was rolled is synced whole, since recovery will not look at it again, and so is the producer
//! snapshot that the roll wrote. New files count once their directory is synced as well.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Log;
use super::position::Mark;
use crate::checkpoint;
use crate::config::Durability;
use crate::error::{IoContext, SYNC, SYNC_DIRECTORY, StorageError};
use crate::files::NamedFile;
use crate::names;

/// What was written since the last sync.
#[derive(Debug, Default)]
pub(crate) struct Unsynced {
    /// Batches of the active segment.
    pub(crate) data: bool,
    /// Files that are complete: those of rolled segments, snapshots, the topic's id.
    pub(crate) files: Vec<NamedFile>,
    /// Names in the partition's directory.
    pub(crate) names: bool,
    /// The name of the partition's directory itself.
    pub(crate) directory: bool,
    /// The leader epochs in memory differ from the file.
    pub(crate) epochs: bool,
}

impl Unsynced {
    pub(crate) fn has_files(&self) -> bool {
        !self.files.is_empty()
    }

    /// Adds what an earlier sync did not come to.
    fn put_back(&mut self, mut earlier: Self) {
        self.data |= earlier.data;
        earlier.files.append(&mut self.files);
        self.files = earlier.files;
        self.names |= earlier.names;
        self.directory |= earlier.directory;
        self.epochs |= earlier.epochs;
    }

    fn is_empty(&self) -> bool {
        !self.data && self.files.is_empty() && !self.names && !self.directory && !self.epochs
    }
}

/// One sync: what to do, and what is durable afterwards.
struct FlushJob {
    unsynced: Unsynced,
    active: Option<NamedFile>,
    epochs: Vec<(i32, i64)>,
    end: Mark,
}

impl Log {
    /// Puts the log on the flusher's list.
    pub(crate) fn request_flush(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.shared.queue().push(Arc::clone(self));
        }
    }

    /// Syncs what was written up to now, moves the durable point and answers who waited for it.
    /// Waits for the disk.
    ///
    /// # Errors
    ///
    /// Where anything could not be synced. Save for a shortage, after which the next call tries all of it
    /// again, nothing is known of the log's files then.
    pub(crate) fn flush(&self) -> Result<(), StorageError> {
        // Cleared first: what is appended from here on asks for a sync of its own.
        self.queued.store(false, Ordering::Release);
        let flushing = self.pause_flushing();
        if self.has_ended() {
            return Ok(());
        }
        let job = self.take_unsynced()?;
        if !job.unsynced.is_empty() {
            let started = self.shared.clock().monotonic();
            if let Err(error) = self.sync(&job) {
                self.lock_writer().unsynced.put_back(job.unsynced);
                return Err(error);
            }
            let took = self.shared.clock().monotonic().saturating_sub(started);
            self.shared.flush_times().observe(took);
        }
        self.positions.raise_durable(job.end.offset);
        // Before the answers: who is told that its records are in may read them at once.
        let moved = self.shared.durability() == Durability::Fsync
            && self.positions.raise_high_watermark(job.end);
        drop(flushing);
        self.complete_waiters();
        if moved {
            self.listeners.notify(self);
        }
        Ok(())
    }

    fn take_unsynced(&self) -> Result<FlushJob, StorageError> {
        let mut writer = self.lock_writer();
        let active = if writer.unsynced.data {
            let segment = &writer.active.segment;
            Some((segment.path(), segment.file()?))
        } else {
            None
        };
        let unsynced = std::mem::take(&mut writer.unsynced);
        let epochs = if unsynced.epochs {
            writer.epochs.entries().to_vec()
        } else {
            Vec::new()
        };
        Ok(FlushJob {
            active,
            epochs,
            end: Mark::at_end(writer.next_offset, &writer.active.segment),
            unsynced,
        })
    }

    fn sync(&self, job: &FlushJob) -> Result<(), StorageError> {
        for (path, file) in job.unsynced.files.iter().chain(&job.active) {
            file.sync().during(SYNC, path)?;
        }
        let files = self.shared.files();
        if job.unsynced.epochs {
            let path = self.path_of(names::LEADER_EPOCHS);
            checkpoint::write_epochs(files, &path, &job.epochs)?;
        } else if job.unsynced.names {
            files
                .sync_dir(&self.dir)
                .during(SYNC_DIRECTORY, &self.dir)?;
        }
        if job.unsynced.directory {
            let parent = self.shared.path();
            files.sync_dir(parent).during(SYNC_DIRECTORY, parent)?;
        }
        Ok(())
    }
}
