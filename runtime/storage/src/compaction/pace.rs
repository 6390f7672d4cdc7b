//! How fast a compaction may read and write, and whether it is to go on at all.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use super::CompactionError;
use crate::shared::Shared;
use crate::stop::Stop;

/// Less than this is not worth a sleep.
const SHORTEST_WAIT: Duration = Duration::from_millis(10);

/// Bytes spent since a moment, against a rate.
pub(crate) struct Pace<'a> {
    shared: &'a Shared,
    stop: Arc<Stop>,
    started: Duration,
    spent: Cell<f64>,
}

impl<'a> Pace<'a> {
    pub(crate) fn new(shared: &'a Shared, stop: Arc<Stop>) -> Self {
        Self {
            started: shared.clock().monotonic(),
            shared,
            stop,
            spent: Cell::new(0.0),
        }
    }

    /// Counts bytes that were read or are to be written, and waits where they came too fast.
    pub(super) fn spend(&self, bytes: usize) -> Result<(), CompactionError> {
        let rate = self.shared.config().cleaner.io_bytes_per_second;
        let mut ahead = Duration::ZERO;
        if rate.is_finite() {
            // Below 2^53 bytes the count is exact.
            self.spent.set(self.spent.get() + bytes as f64);
            let due = Duration::try_from_secs_f64(self.spent.get() / rate.max(1.0))
                .unwrap_or(Duration::MAX);
            let used = self.shared.clock().monotonic().saturating_sub(self.started);
            ahead = due.saturating_sub(used);
        }
        let stopped = if ahead > SHORTEST_WAIT {
            self.stop.wait(ahead)
        } else {
            self.stop.is_set()
        };
        if stopped {
            Err(CompactionError::Stopped)
        } else {
            Ok(())
        }
    }
}
