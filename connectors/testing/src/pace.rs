//! How fast a source gives its records, and what time they bear.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use millrace_api::SourceContext;
use tokio::time::Instant;

/// Longest wait between two batches: a slow pace gives its few records as they come due, a fast one batches of this
/// much time.
const TICK: Duration = Duration::from_millis(20);

/// A steady number of records a second.
#[derive(Debug)]
pub(crate) struct Pace {
    per_second: f64,
    started: Instant,
    given: f64,
}

impl Pace {
    /// `per_second` below 0 is without a limit; 0 gives nothing at all.
    pub(crate) fn new(per_second: f64) -> Self {
        Self {
            per_second,
            started: Instant::now(),
            given: 0.0,
        }
    }

    /// Waits until records are due and says how many, at most `max`; 0 once the task is asked to pause or stop.
    pub(crate) async fn due(&mut self, max: usize, context: &SourceContext) -> usize {
        if context.is_interrupted() {
            return 0;
        }
        if self.per_second < 0.0 {
            return max;
        }
        if self.per_second == 0.0 {
            context.interrupted().await;
            return 0;
        }
        loop {
            let ahead = self.started.elapsed().as_secs_f64() * self.per_second - self.given;
            if ahead >= 1.0 {
                let due = (ahead as usize).min(max);
                self.given += due as f64;
                return due;
            }
            let next = Duration::from_secs_f64(((1.0 - ahead) / self.per_second).min(3600.0));
            tokio::select! {
                () = context.interrupted() => {
                    self.forgive();
                    return 0;
                }
                () = tokio::time::sleep(next.max(TICK)) => {}
            }
        }
    }

    /// What fell due during a pause is not made up for.
    fn forgive(&mut self) {
        self.started = Instant::now();
        self.given = 0.0;
    }
}

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "these records bear the time at which they are made, and the API hands a connector no clock"
    )]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use millrace_api::TaskId;
    use millrace_testkit::MemoryOffsets;
    use tokio::sync::watch;

    use super::*;

    fn context(running: &watch::Sender<bool>) -> SourceContext {
        let id = TaskId {
            connector: Arc::from("c"),
            task: 0,
        };
        SourceContext::new(id, Arc::new(MemoryOffsets::default()), running.subscribe())
    }

    #[tokio::test(start_paused = true)]
    async fn records_fall_due_steadily() {
        let running = watch::Sender::new(true);
        let context = context(&running);
        let mut pace = Pace::new(100.0);
        let mut given = 0;
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(10) {
            given += pace.due(1_000, &context).await;
        }
        assert!((990..=1_010).contains(&given), "{given}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_limit_and_no_records() {
        let running = watch::Sender::new(true);
        let context = context(&running);
        assert_eq!(Pace::new(-1.0).due(7, &context).await, 7);
        let mut none = Pace::new(0.0);
        let idle = tokio::time::timeout(Duration::from_secs(60), none.due(7, &context)).await;
        assert!(idle.is_err());
        running.send_replace(false);
        assert_eq!(none.due(7, &context).await, 0);
        assert_eq!(Pace::new(-1.0).due(7, &context).await, 0);
    }
}
