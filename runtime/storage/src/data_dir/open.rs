//! Opening a data directory: who owns it, how it was left, and all its logs in parallel.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use millrace_wire::clock::Clock;
use millrace_wire::uuid::Uuid;

use super::cleaner::Cleaner;
use super::close::take_clean_mark;
use super::housekeeping::Housekeeper;
use super::lock::DirLock;
use super::{DataDir, Removed};
use crate::checkpoint::{Offsets, read_offsets};
use crate::checkpoints::Checkpoints;
use crate::config::DataDirConfig;
use crate::error::{IoContext, StorageError};
use crate::files::{Files, OsFiles, read_optional, replace};
use crate::flusher;
use crate::log::{LoadRequest, LoadedLog, Log, load};
use crate::meta::MetaProperties;
use crate::names::{self, DirName};
use crate::parallel;
use crate::recovery::Recovery;
use crate::registry::Registry;
use crate::shared::Shared;
use crate::stop::Stop;

impl DataDir {
    /// Opens the directory, or makes it, with all the logs in it. After an unclean stop the logs are
    /// recovered first; the report says what was cut and what is damaged, which is logged as well.
    ///
    /// # Errors
    ///
    /// Where another broker uses the directory, it belongs to another node or cluster, or its files
    /// cannot be read. Damaged batches are no error.
    pub fn open(
        path: &Path,
        config: DataDirConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Recovery), StorageError> {
        let (dir, recovery) = Self::open_with(path, config, clock, Arc::new(OsFiles))?;
        dir.start_threads()?;
        Ok((dir, recovery))
    }

    /// [`DataDir::open`] with other files, and without threads.
    pub(crate) fn open_with(
        path: &Path,
        config: DataDirConfig,
        clock: Arc<dyn Clock>,
        files: Arc<dyn Files>,
    ) -> Result<(Self, Recovery), StorageError> {
        files.create_dir(path).during("create directory", path)?;
        let lock = DirLock::acquire(path)?;
        let meta = claim(&*files, path, &config)?;
        let shared = Arc::new(Shared::new(path, files, clock, config));
        let opened = Opening::new(&shared)?.load_all()?;
        let leader_epoch = next_leader_epoch(shared.files(), path, &opened)?;
        let registry = Arc::new(Registry::default());
        let mut recovery = Recovery {
            clean: opened.clean,
            ..Recovery::default()
        };
        for loaded in opened.logs {
            recovery.add(&loaded);
            registry.insert(Arc::new(Log::new(
                loaded,
                Arc::clone(&shared),
                leader_epoch,
            )));
        }
        recovery.log();
        let checkpoints = Arc::new(Checkpoints::new(Arc::clone(&registry)));
        if !recovery.clean {
            checkpoints.write(&shared);
        }
        let removals = Arc::new(Mutex::new(opened.removals));
        let stop = Arc::new(Stop::default());
        let housekeeper = Housekeeper::new(
            Arc::clone(&shared),
            Arc::clone(&registry),
            Arc::clone(&removals),
            Arc::clone(&stop),
        );
        let cleaner = Cleaner::new(
            Arc::clone(&shared),
            Arc::clone(&registry),
            Arc::clone(&checkpoints),
            Arc::clone(&removals),
            Arc::clone(&stop),
        );
        let dir = Self {
            shared,
            registry,
            checkpoints,
            removals,
            housekeeper: Arc::new(housekeeper),
            cleaner: Arc::new(cleaner),
            stop,
            threads: Mutex::default(),
            meta,
            leader_epoch,
            _lock: lock,
        };
        Ok((dir, recovery))
    }

    fn start_threads(&self) -> Result<(), StorageError> {
        let (shared, checkpoints) = (Arc::clone(&self.shared), Arc::clone(&self.checkpoints));
        let housekeeper = Arc::clone(&self.housekeeper);
        let flusher = thread::Builder::new().name("log-flusher".into());
        let flusher = flusher.spawn(move || flusher::run(&shared, &checkpoints));
        let keeper = thread::Builder::new().name("log-housekeeper".into());
        let keeper = keeper.spawn(move || housekeeper.run());
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.push(flusher.during("start the flusher of", self.path())?);
        threads.push(keeper.during("start the housekeeper of", self.path())?);
        if self.shared.config().cleaner.enabled {
            let cleaner = Arc::clone(&self.cleaner);
            let thread = thread::Builder::new().name("log-cleaner".into());
            let thread = thread.spawn(move || cleaner.run());
            threads.push(thread.during("start the cleaner of", self.path())?);
        }
        Ok(())
    }
}

/// Reads who owns the directory, or takes possession of a new one.
fn claim(
    files: &dyn Files,
    dir: &Path,
    config: &DataDirConfig,
) -> Result<MetaProperties, StorageError> {
    let path = dir.join(names::META_PROPERTIES);
    let Some(meta) = MetaProperties::read(files, dir)? else {
        let random = || {
            Uuid::random()
                .map(|id| id.to_string())
                .during("read", Path::new("/dev/urandom"))
        };
        let cluster_id = config.cluster_id.clone().map_or_else(random, Ok)?;
        let meta = MetaProperties {
            cluster_id,
            node_id: config.node_id,
            directory_id: random()?,
        };
        meta.write(files, dir)?;
        return Ok(meta);
    };
    if meta.node_id != config.node_id {
        let (owner, own) = (meta.node_id, config.node_id);
        return Err(StorageError::malformed(
            &path,
            format!("it belongs to node.id {owner}, this broker is {own}"),
        ));
    }
    match &config.cluster_id {
        Some(cluster_id) if *cluster_id != meta.cluster_id => {
            let owner = &meta.cluster_id;
            Err(StorageError::malformed(
                &path,
                format!("it belongs to cluster.id {owner}, this broker to {cluster_id}"),
            ))
        }
        _ => Ok(meta),
    }
}

/// The leader epoch of the last start; `None` where the directory is new, or Apache Kafka's.
fn last_leader_epoch(files: &dyn Files, dir: &Path) -> Result<Option<i32>, StorageError> {
    let path = dir.join(names::START_EPOCH);
    let Some(text) = read_optional(files, &path)? else {
        return Ok(None);
    };
    let epoch = text.trim().parse();
    epoch
        .map(Some)
        .map_err(|_| StorageError::malformed(&path, "it holds no number"))
}

/// The leader epoch of this run, kept so that no later run has it again: clients that saw records of
/// an earlier one can tell that the log may have been cut.
fn next_leader_epoch(files: &dyn Files, dir: &Path, opened: &Opened) -> Result<i32, StorageError> {
    let written = opened
        .logs
        .iter()
        .filter_map(|log| log.epochs.latest())
        .max();
    let epoch = opened
        .last_epoch
        .max(written)
        .map_or(0, |last| last.saturating_add(1));
    replace(
        files,
        &dir.join(names::START_EPOCH),
        format!("{epoch}\n").as_bytes(),
    )?;
    Ok(epoch)
}

/// What the opening of all logs needs.
struct Opening<'a> {
    shared: &'a Shared,
    clean: bool,
    last_epoch: Option<i32>,
    recovery_points: Offsets,
    log_starts: Offsets,
    compacted: Offsets,
    partitions: Vec<(String, i32)>,
    deleting: Vec<PathBuf>,
}

struct Opened {
    clean: bool,
    last_epoch: Option<i32>,
    logs: Vec<LoadedLog>,
    removals: Vec<Removed>,
}

impl<'a> Opening<'a> {
    fn new(shared: &'a Shared) -> Result<Self, StorageError> {
        let (files, dir) = (shared.files(), shared.path());
        let mut opening = Self {
            shared,
            clean: take_clean_mark(files, dir)?,
            last_epoch: last_leader_epoch(files, dir)?,
            recovery_points: read_offsets(files, &dir.join(names::RECOVERY_POINTS))?,
            log_starts: read_offsets(files, &dir.join(names::LOG_STARTS))?,
            compacted: read_offsets(files, &dir.join(names::CLEANED))?,
            partitions: Vec::new(),
            deleting: Vec::new(),
        };
        for entry in files
            .list(dir)
            .during("list", dir)?
            .iter()
            .filter(|entry| entry.is_dir)
        {
            match names::parse_dir(&entry.name) {
                DirName::Partition { topic, partition } => {
                    opening.partitions.push((topic.to_owned(), partition))
                }
                DirName::Deleting => opening.deleting.push(dir.join(&entry.name)),
                DirName::Foreign => {}
            }
        }
        Ok(opening)
    }

    /// Opens all logs, as many at a time as there are recovery threads.
    fn load_all(self) -> Result<Opened, StorageError> {
        let loaded = Mutex::new(Vec::with_capacity(self.partitions.len()));
        let threads = self.shared.config().recovery_threads;
        parallel::for_each(&self.partitions, threads, |(topic, partition)| {
            let log = self.load(topic, *partition);
            loaded
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(log);
        });
        let logs = loaded.into_inner().unwrap_or_else(PoisonError::into_inner);
        let logs = logs.into_iter().collect::<Result<Vec<_>, _>>()?;
        let removals = vec![Removed {
            paths: self.deleting,
            due_ms: 0,
        }];
        Ok(Opened {
            clean: self.clean,
            last_epoch: self.last_epoch,
            logs,
            removals,
        })
    }

    fn load(&self, topic: &str, partition: i32) -> Result<LoadedLog, StorageError> {
        let key = (topic.to_owned(), partition);
        load(&LoadRequest {
            files: self.shared.files_arc(),
            dir: Arc::from(
                self.shared
                    .path()
                    .join(names::partition_dir(topic, partition)),
            ),
            topic,
            partition,
            config: Arc::new(self.shared.config().log_defaults.clone()),
            clean: self.clean,
            recovery_point: self.recovery_points.get(&key).copied().unwrap_or(0),
            log_start: self.log_starts.get(&key).copied().unwrap_or(0),
            compacted: self.compacted.get(&key).copied(),
            last_epoch: self.last_epoch.unwrap_or(i32::MAX),
            now_ms: self.shared.clock().now_ms(),
        })
    }
}

impl Recovery {
    fn add(&mut self, loaded: &LoadedLog) {
        self.scanned_bytes += loaded.scanned_bytes;
        if !loaded.recovery.cuts.is_empty() || !loaded.recovery.damages.is_empty() {
            self.logs.push(loaded.recovery.clone());
        }
    }

    fn log(&self) {
        for log in &self.logs {
            for cut in &log.cuts {
                let (path, saved) = (cut.path.display(), cut.saved.display());
                let (position, bytes, offset) = (cut.position, cut.bytes, cut.offset);
                log::warn!(
                    "torn tail of {path} cut at byte {position}, offset {offset}: {}; its {bytes} bytes are kept in {saved}",
                    cut.reason
                );
            }
            for damage in &log.damages {
                let path = damage.path.display();
                log::error!(
                    "{path} is damaged at byte {}, offsets {} to {} cannot be read: {}",
                    damage.position,
                    damage.offset,
                    damage.end_offset - 1,
                    damage.reason
                );
            }
        }
    }
}
