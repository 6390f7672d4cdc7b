//! The four checkpoint files of a data directory.
//!
//! The recovery points are what a start after a crash builds on: below them nothing is read again.
//! Log start offsets matter where a start lies inside a segment. High watermarks are kept for Kafka's
//! tools and for Kafka itself; here everything that survives a start is below the high watermark. Up to
//! where a log was compacted also tells a start that gaps in it are no damage.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::checkpoint::write_offsets;
use crate::error::StorageError;
use crate::log::Log;
use crate::names;
use crate::registry::Registry;
use crate::shared::Shared;

/// How often the high watermarks are written while they move.
const HIGH_WATERMARK_INTERVAL: Duration = Duration::from_secs(5);

type Line = (Arc<Log>, i64);

#[derive(Debug)]
pub(crate) struct Checkpoints {
    registry: Arc<Registry>,
    written: Mutex<Written>,
}

#[derive(Debug, Default)]
struct Written {
    starts: Option<Vec<(String, i64)>>,
    compacted: Option<Vec<(String, i64)>>,
    high_watermarks_at: Duration,
    failed: bool,
}

impl Checkpoints {
    pub(crate) fn new(registry: Arc<Registry>) -> Self {
        Self {
            registry,
            written: Mutex::default(),
        }
    }

    /// Writes what is due. A failure is logged and leaves the older checkpoint, from which a start
    /// only has more to read.
    pub(crate) fn write(&self, shared: &Shared) {
        if shared.check_online().is_err() {
            return;
        }
        let outcome = self.write_due(shared, false);
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = &outcome
            && !written.failed
        {
            log::error!(
                "checkpoints of {} stay behind: {error}",
                shared.path().display()
            );
        }
        written.failed = outcome.is_err();
    }

    /// Writes what is due, and says where it could not.
    pub(crate) fn write_now(&self, shared: &Shared) -> Result<(), StorageError> {
        shared.check_online()?;
        self.write_due(shared, false)
    }

    /// Writes all files.
    pub(crate) fn write_all(&self, shared: &Shared) -> Result<(), StorageError> {
        self.write_due(shared, true)
    }

    fn write_due(&self, shared: &Shared, all: bool) -> Result<(), StorageError> {
        let logs = self.registry.all();
        let now = shared.clock().monotonic();
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let Written {
            starts, compacted, ..
        } = &mut *written;
        write_if_changed(shared, names::LOG_STARTS, &starts_of(&logs), starts, all)?;
        write(
            shared,
            names::RECOVERY_POINTS,
            &lines(&logs, Log::durable_offset),
        )?;
        // Behind the recovery points: compaction leaves gaps below them only.
        let lines_now = compacted_of(&logs);
        write_if_changed(shared, names::CLEANED, &lines_now, compacted, all)?;
        if all || now >= written.high_watermarks_at + HIGH_WATERMARK_INTERVAL {
            write(
                shared,
                names::HIGH_WATERMARKS,
                &lines(&logs, Log::high_watermark),
            )?;
            written.high_watermarks_at = now;
        }
        Ok(())
    }
}

fn lines(logs: &[Arc<Log>], offset: impl Fn(&Log) -> i64) -> Vec<Line> {
    logs.iter()
        .map(|log| (Arc::clone(log), offset(log)))
        .collect()
}

/// The logs whose start their first segment's name does not tell.
fn starts_of(logs: &[Arc<Log>]) -> Vec<Line> {
    let started = |log: &&Arc<Log>| log.first_base_offset() < log.log_start_offset();
    logs.iter()
        .filter(started)
        .map(|log| (Arc::clone(log), log.log_start_offset()))
        .collect()
}

fn compacted_of(logs: &[Arc<Log>]) -> Vec<Line> {
    logs.iter()
        .filter_map(|log| Some((Arc::clone(log), log.compacted_offset()?)))
        .collect()
}

/// Writes a file that seldom changes; `known` is what was written last.
fn write_if_changed(
    shared: &Shared,
    name: &str,
    lines: &[Line],
    known: &mut Option<Vec<(String, i64)>>,
    always: bool,
) -> Result<(), StorageError> {
    let named: Vec<_> = lines
        .iter()
        .map(|(log, offset)| (log.name(), *offset))
        .collect();
    if always || known.as_ref() != Some(&named) {
        write(shared, name, lines)?;
        *known = Some(named);
    }
    Ok(())
}

fn write(shared: &Shared, name: &str, lines: &[Line]) -> Result<(), StorageError> {
    let path: PathBuf = shared.path().join(name);
    let offsets = lines
        .iter()
        .map(|(log, offset)| (&**log.topic(), log.partition(), *offset));
    write_offsets(shared.files(), &path, offsets)
}
