//! The three checkpoint files of a data directory.
//!
//! The recovery points are what a start after a crash builds on: below them nothing is read again.
//! Log start offsets matter where a start lies inside a segment. High watermarks are kept for Kafka's
//! tools and for Kafka itself; here everything that survives a start is below the high watermark.

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

    /// Writes all three files.
    pub(crate) fn write_all(&self, shared: &Shared) -> Result<(), StorageError> {
        self.write_due(shared, true)
    }

    fn write_due(&self, shared: &Shared, all: bool) -> Result<(), StorageError> {
        let logs = self.registry.all();
        let now = shared.clock().monotonic();
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let starts = starts(&logs);
        let named: Vec<_> = starts
            .iter()
            .map(|(log, start)| (log.name(), *start))
            .collect();
        if all || written.starts.as_ref() != Some(&named) {
            write(shared, names::LOG_STARTS, &starts)?;
            written.starts = Some(named);
        }
        write(
            shared,
            names::RECOVERY_POINTS,
            &lines(&logs, Log::durable_offset),
        )?;
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
fn starts(logs: &[Arc<Log>]) -> Vec<Line> {
    let started = |log: &&Arc<Log>| log.first_base_offset() < log.log_start_offset();
    logs.iter()
        .filter(started)
        .map(|log| (Arc::clone(log), log.log_start_offset()))
        .collect()
}

fn write(shared: &Shared, name: &str, lines: &[Line]) -> Result<(), StorageError> {
    let path: PathBuf = shared.path().join(name);
    let offsets = lines
        .iter()
        .map(|(log, offset)| (&**log.topic(), log.partition(), *offset));
    write_offsets(shared.files(), &path, offsets)
}
