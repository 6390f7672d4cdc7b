//! A data directory: all its logs, the threads that look after them, and the files that say how it
//! was left.
//!
//! Opening, creating, deleting and closing wait for the disk or walk directories; none of them
//! belongs on an async task.

mod cleaner;
mod close;
mod housekeeping;
mod lock;
mod open;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use millrace_wire::metrics::Histogram;
use millrace_wire::uuid::Uuid;

use crate::checkpoints::Checkpoints;
use crate::config::LogConfig;
use crate::error::{IoContext, StorageError};
use crate::log::{Log, Removed, create};
use crate::meta::MetaProperties;
use crate::names;
use crate::registry::Registry;
use crate::shared::Shared;
use crate::stop::Stop;
use cleaner::Cleaner;
use housekeeping::Housekeeper;
use lock::DirLock;

/// An open data directory. Dropping it without [`DataDir::close`] is an unclean stop.
#[derive(Debug)]
pub struct DataDir {
    shared: Arc<Shared>,
    registry: Arc<Registry>,
    checkpoints: Arc<Checkpoints>,
    removals: Arc<Mutex<Vec<Removed>>>,
    housekeeper: Arc<Housekeeper>,
    cleaner: Arc<Cleaner>,
    stop: Arc<Stop>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    meta: MetaProperties,
    leader_epoch: i32,
    _lock: DirLock,
}

impl DataDir {
    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.shared.path()
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Cluster, node and directory ids.
    #[must_use]
    pub fn meta(&self) -> &MetaProperties {
        &self.meta
    }

    /// The leader epoch of this run, which all its logs have.
    #[must_use]
    pub fn leader_epoch(&self) -> i32 {
        self.leader_epoch
    }

    /// All logs, ordered by topic and partition.
    #[must_use]
    pub fn logs(&self) -> Vec<Arc<Log>> {
        self.registry.all()
    }

    /// The log of a partition.
    #[must_use]
    pub fn find(&self, topic: &str, partition: i32) -> Option<Arc<Log>> {
        self.registry.find(topic, partition)
    }

    /// How long the syncs of its logs took.
    #[must_use]
    pub fn flush_times(&self) -> &Histogram {
        self.shared.flush_times()
    }

    /// Fails once a sync has failed: every log answers the same error from then on.
    ///
    /// # Errors
    ///
    /// Where the directory is offline.
    pub fn check_online(&self) -> Result<(), StorageError> {
        self.shared.check_online()
    }

    /// Creates the log of a partition. It is on the disk no later than the first batch that is
    /// acknowledged; nothing is synced before, so that a topic of many partitions costs no wait to whoever
    /// first appends to one of them.
    ///
    /// # Errors
    ///
    /// Where there is one already, or a file cannot be created.
    pub fn create_log(
        &self,
        topic: &str,
        partition: i32,
        topic_id: Uuid,
        config: LogConfig,
    ) -> Result<Arc<Log>, StorageError> {
        self.shared.check_online()?;
        let name = names::partition_dir(topic, partition);
        if self.registry.find(topic, partition).is_some() {
            return Err(StorageError::Exists(name));
        }
        let request = crate::log::LoadRequest {
            files: self.shared.files_arc(),
            dir: Arc::from(self.path().join(&name)),
            topic,
            partition,
            config: Arc::new(config),
            clean: true,
            recovery_point: 0,
            log_start: 0,
            compacted: None,
            last_epoch: self.leader_epoch,
            now_ms: self.shared.clock().now_ms(),
        };
        let log = Arc::new(Log::new(
            create(&request, topic_id)?,
            Arc::clone(&self.shared),
            self.leader_epoch,
        ));
        self.registry.insert(Arc::clone(&log));
        Ok(log)
    }

    /// Deletes a log: who waits for it is told, its directory is renamed, and the files go after
    /// `file.delete.delay.ms`. Nothing happens where there is none.
    ///
    /// # Errors
    ///
    /// Where the directory cannot be renamed; the log is gone all the same until the next start.
    pub fn delete_log(&self, topic: &str, partition: i32) -> Result<(), StorageError> {
        let Some(log) = self.registry.remove(topic, partition) else {
            return Ok(());
        };
        log.end(&StorageError::Deleted(log.name()));
        let unique = Uuid::random().during("read", Path::new("/dev/urandom"))?;
        let renamed = self
            .path()
            .join(names::deleting_dir(topic, partition, unique.0));
        // A sync that goes on writes into the directory by its old name.
        let _structure = log.lock_structure();
        let _no_sync = log.pause_flushing();
        let files = self.shared.files();
        files
            .rename(log.dir(), &renamed)
            .during("rename", log.dir())?;
        files
            .sync_dir(self.path())
            .during("sync directory", self.path())?;
        let due_ms = self
            .shared
            .clock()
            .now_ms()
            .saturating_add(log.config().file_delete_delay_ms);
        let removed = Removed {
            paths: vec![renamed],
            due_ms,
        };
        self.removals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(removed);
        self.shared.queue().request_checkpoint();
        Ok(())
    }
}
