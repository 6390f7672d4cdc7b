//! Opening a partition's directory.

mod files;
mod producers;
mod segments;
mod swap;

use std::path::Path;
use std::sync::Arc;

use millrace_wire::uuid::Uuid;

pub(super) use producers::replay_producers;

use super::damage::{Damage, Damages};
use super::flush::Unsynced;
use crate::checkpoint;
use crate::config::LogConfig;
use crate::epochs::LeaderEpochs;
use crate::error::{IoContext, StorageError};
use crate::files::Files;
use crate::names;
use crate::producer::Producers;
use crate::recovery::LogRecovery;
use crate::segment::{ActiveSegment, Segment};

/// What a log's directory is opened with.
pub(crate) struct LoadRequest<'a> {
    pub(crate) files: &'a Arc<dyn Files>,
    pub(crate) dir: Arc<Path>,
    pub(crate) topic: &'a str,
    pub(crate) partition: i32,
    pub(crate) config: Arc<LogConfig>,
    /// Whether the last stop was orderly.
    pub(crate) clean: bool,
    /// From the recovery checkpoint; 0 where it says nothing.
    pub(crate) recovery_point: i64,
    /// From the checkpoint of log start offsets; 0 where it says nothing.
    pub(crate) log_start: i64,
    /// From the checkpoint of the compactions; `None` where the log was never compacted, so that a gap
    /// in it is damage.
    pub(crate) compacted: Option<i64>,
    /// The highest leader epoch of any earlier run.
    pub(crate) last_epoch: i32,
    pub(crate) now_ms: i64,
}

/// A log's parts, ready to be put together.
#[derive(Debug)]
pub(crate) struct LoadedLog {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) topic_id: Uuid,
    pub(crate) dir: Arc<Path>,
    pub(crate) config: Arc<LogConfig>,
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) active: ActiveSegment,
    pub(crate) start_offset: i64,
    pub(crate) next_offset: i64,
    pub(crate) compacted: Option<i64>,
    pub(crate) producers: Producers,
    pub(crate) epochs: LeaderEpochs,
    pub(crate) unsynced: Unsynced,
    pub(crate) damages: Vec<Damage>,
    pub(crate) recovery: LogRecovery,
    pub(crate) scanned_bytes: u64,
    /// Whether the log was recovered, so that its active segment is not sealed.
    pub(crate) changed: bool,
}

/// Opens a directory; waits for the disk.
pub(crate) fn load(request: &LoadRequest<'_>) -> Result<LoadedLog, StorageError> {
    let files = &**request.files;
    let listing = files::tidy(files, &request.dir)?;
    let mut loaded = segments::load(request, &listing)?;
    let epochs_path = request.dir.join(names::LEADER_EPOCHS);
    let saved = checkpoint::read_epochs(files, &epochs_path)?;
    let mut epochs = LeaderEpochs::new(saved, loaded.next_offset);
    for (epoch, start) in loaded.epochs_seen.drain(..) {
        loaded.unsynced.epochs |= epochs.assign(epoch, start);
    }
    files::remove_snapshots_above(files, &request.dir, &listing, loaded.next_offset)?;
    let damages = Damages::new(loaded.damages.clone());
    let (segments, end) = (&loaded.segments, loaded.next_offset);
    let producers = replay_producers(files, &request.dir, segments, end, &damages)?;
    // Thousands of logs are opened at a start, and few of them used at once.
    loaded.segments.iter().for_each(|segment| segment.close());
    let first = loaded
        .segments
        .first()
        .map_or(0, |segment| segment.base_offset);
    Ok(LoadedLog {
        topic: Arc::from(request.topic),
        partition: request.partition,
        topic_id: crate::meta::read_partition_metadata(files, &request.dir)?.unwrap_or(Uuid::ZERO),
        dir: Arc::clone(&request.dir),
        config: Arc::clone(&request.config),
        start_offset: request
            .log_start
            .clamp(first, loaded.next_offset.max(first)),
        segments: loaded.segments,
        active: loaded.active,
        next_offset: loaded.next_offset,
        compacted: request.compacted,
        producers,
        epochs,
        unsynced: loaded.unsynced,
        recovery: LogRecovery {
            topic: request.topic.to_owned(),
            partition: request.partition,
            cuts: loaded.cuts,
            damages: loaded.damages.clone(),
        },
        damages: loaded.damages,
        scanned_bytes: loaded.scanned_bytes,
        changed: loaded.recovered,
    })
}

/// Creates the directory of a new, empty log. Nothing of it is synced yet.
pub(crate) fn create(request: &LoadRequest<'_>, topic_id: Uuid) -> Result<LoadedLog, StorageError> {
    let files = &**request.files;
    files
        .create_dir(&request.dir)
        .during("create directory", &request.dir)?;
    let segment = Arc::new(Segment::new(request.files, &request.dir, 0));
    segment.create(request.now_ms)?;
    let path = request.dir.join(names::PARTITION_METADATA);
    let metadata = files.create(&path).during("create", &path)?;
    let text = crate::meta::format_partition_metadata(topic_id);
    metadata
        .write_at(&mut [std::io::IoSlice::new(text.as_bytes())], 0)
        .during("write", &path)?;
    segment.close();
    let unsynced = Unsynced {
        files: vec![(path, metadata)],
        names: true,
        directory: true,
        ..Unsynced::default()
    };
    Ok(LoadedLog {
        topic: Arc::from(request.topic),
        partition: request.partition,
        topic_id,
        dir: Arc::clone(&request.dir),
        config: Arc::clone(&request.config),
        segments: vec![Arc::clone(&segment)],
        active: ActiveSegment::empty(segment, request.now_ms),
        start_offset: 0,
        next_offset: 0,
        compacted: None,
        producers: Producers::default(),
        epochs: LeaderEpochs::default(),
        unsynced,
        damages: Vec::new(),
        recovery: LogRecovery::default(),
        scanned_bytes: 0,
        changed: false,
    })
}
