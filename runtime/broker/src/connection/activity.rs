//! When the peer last sent or took bytes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Stands in for "never".
const FAR_AWAY: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// The moment of the last progress, shared between what reads or writes and what waits for silence.
#[derive(Debug)]
pub(super) struct Activity {
    start: Instant,
    last_ms: AtomicU64,
    idle_max: Duration,
}

impl Activity {
    /// Starts now; `None` for a peer that may be silent for ever.
    pub(super) fn new(idle_max: Option<Duration>) -> Self {
        let idle_max = idle_max.unwrap_or(FAR_AWAY).min(FAR_AWAY);
        Self {
            start: Instant::now(),
            last_ms: AtomicU64::new(0),
            idle_max,
        }
    }

    /// Notes that the peer sent or took something.
    pub(super) fn progress(&self) {
        let since_start = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(since_start, Ordering::Relaxed);
    }

    /// Waits until there was no progress for as long as is allowed.
    pub(super) async fn silence(&self) {
        loop {
            let last = Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
            let end = self.start + last + self.idle_max;
            if end <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(end).await;
        }
    }
}
