//! What became of records that could not be handled.

use millrace_wire::metrics::{Counter, Gauge};

/// Failures of a task's records.
#[derive(Debug, Default)]
pub(crate) struct ErrorMetrics {
    /// Records that failed in a step.
    pub(crate) failures: Counter,
    /// Those of them that were left out.
    pub(crate) skipped: Counter,
    /// Those of them that were logged.
    pub(crate) logged: Counter,
    /// Attempts after the first, of polls, puts and steps.
    pub(crate) retries: Counter,
    /// Records that went to the producer of dead letters.
    pub(crate) dead_letters: Counter,
    /// Those of them that could not be stored.
    pub(crate) dead_letters_failed: Counter,
    /// When the last one failed, in ms since 1970; 0 for never.
    pub(crate) last_ms: Gauge,
}

impl ErrorMetrics {
    /// A record failed.
    pub(crate) fn failed(&self, now_ms: i64, logged: bool, skipped: bool) {
        self.failures.increment();
        self.last_ms.set(now_ms);
        if logged {
            self.logged.increment();
        }
        if skipped {
            self.skipped.increment();
        }
    }
}
