//! The thread that compacts logs, the dirtiest first.

use std::sync::{Arc, Mutex, PoisonError};

use crate::checkpoints::Checkpoints;
use crate::compaction::{self, CompactionError, Context, Pace, Plan};
use crate::data_dir::DataDir;
use crate::error::StorageError;
use crate::log::{Log, Removed};
use crate::registry::Registry;
use crate::shared::Shared;
use crate::stop::Stop;

/// What the cleaner and the directory share.
#[derive(Debug)]
pub(super) struct Cleaner {
    shared: Arc<Shared>,
    registry: Arc<Registry>,
    checkpoints: Arc<Checkpoints>,
    removals: Arc<Mutex<Vec<Removed>>>,
    stop: Arc<Stop>,
}

impl Cleaner {
    pub(super) fn new(
        shared: Arc<Shared>,
        registry: Arc<Registry>,
        checkpoints: Arc<Checkpoints>,
        removals: Arc<Mutex<Vec<Removed>>>,
        stop: Arc<Stop>,
    ) -> Self {
        Self {
            shared,
            registry,
            checkpoints,
            removals,
            stop,
        }
    }

    /// The thread's loop.
    pub(super) fn run(&self) {
        while !self.stop.wait(self.shared.config().cleaner.backoff) {
            self.compact_due();
        }
    }

    /// Compacts one log after the other until none is due. A log whose files resist is left for the
    /// next time, a damaged one for the next start.
    pub(super) fn compact_due(&self) {
        let mut failed = Vec::new();
        while let Some((log, plan)) = self.dirtiest(&failed) {
            match self.compact(&log, &plan) {
                Ok(()) => {}
                Err(CompactionError::Stopped) => return,
                Err(error) => {
                    self.note_failure(&log, &error);
                    failed.push(log);
                }
            }
        }
    }

    fn compact(&self, log: &Arc<Log>, plan: &Plan) -> Result<(), CompactionError> {
        let pace = Pace::new(&self.shared, Arc::clone(&self.stop));
        let save = || self.checkpoints.write_now(&self.shared);
        let remove = |removed| {
            self.removals
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(removed);
        };
        let context = Context {
            shared: &self.shared,
            pace: &pace,
            save: &save,
            remove: &remove,
        };
        compaction::compact(log, plan, &context)
    }

    fn note_failure(&self, log: &Log, error: &CompactionError) {
        match error {
            CompactionError::Corrupt { .. } | CompactionError::TooLarge { .. } => {
                log::error!(
                    "{} is not compacted any more until the next start: {error}",
                    log.name()
                );
                log.set_uncleanable();
            }
            // The log was deleted, cut, or let go of by retention: it is planned anew.
            CompactionError::Changed => {}
            _ if log.has_ended() => {}
            _ => log::error!("compaction of {} failed: {error}", log.name()),
        }
    }

    /// The log that is due and has most that is new.
    fn dirtiest(&self, failed: &[Arc<Log>]) -> Option<(Arc<Log>, Plan)> {
        let now_ms = self.shared.clock().now_ms();
        let mut dirtiest: Option<(Arc<Log>, Plan)> = None;
        for log in self.registry.all() {
            let config = log.config();
            if !config.compact || failed.iter().any(|known| Arc::ptr_eq(known, &log)) {
                continue;
            }
            match due_plan(&log, now_ms) {
                Ok(Some(plan)) => {
                    let ratio = plan.dirty_ratio();
                    if dirtiest
                        .as_ref()
                        .is_none_or(|(_, known)| ratio > known.dirty_ratio())
                    {
                        dirtiest = Some((log, plan));
                    }
                }
                Ok(None) => {}
                Err(error) => log::warn!("cannot plan a compaction of {}: {error}", log.name()),
            }
        }
        dirtiest
    }
}

fn due_plan(log: &Log, now_ms: i64) -> Result<Option<Plan>, StorageError> {
    let Some(plan) = log.compaction_plan(now_ms)? else {
        return Ok(None);
    };
    let due = plan.is_due(&log.config(), now_ms)?;
    Ok(due.then_some(plan))
}

impl DataDir {
    /// Compacts all logs that are due now; a thread does so every `log.cleaner.backoff.ms`.
    pub fn compact_due(&self) {
        self.cleaner.compact_due();
    }
}
