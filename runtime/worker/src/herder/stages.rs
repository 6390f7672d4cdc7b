//! What the worker is waiting for: the calls of connectors' code that are in progress. A request that ran out of
//! time tells its sender.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millrace_wire::clock::Clock;

/// Something that is in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// What, as it completes "the worker is currently …".
    pub doing: String,
    /// Since when, in milliseconds since the epoch.
    pub began_ms: i64,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let began = jiff::Timestamp::from_millisecond(self.began_ms).unwrap_or_default();
        write!(
            f,
            "The worker is currently {}, which began at {began}.",
            self.doing
        )
    }
}

#[derive(Debug, Default)]
struct Running {
    next: u64,
    stages: BTreeMap<u64, Stage>,
}

/// All that is in progress, oldest first.
#[derive(Debug, Clone)]
pub(super) struct Stages {
    clock: Arc<dyn Clock>,
    running: Arc<Mutex<Running>>,
}

impl Stages {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            running: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that something began; it ends when the mark is dropped.
    pub(super) fn begin(&self, doing: String) -> Mark {
        let began_ms = self.clock.now_ms();
        let mut running = self.lock();
        let number = running.next;
        running.next += 1;
        running.stages.insert(number, Stage { doing, began_ms });
        Mark {
            stages: self.clone(),
            number,
        }
    }

    /// What has been in progress for longest.
    pub(super) fn oldest(&self) -> Option<Stage> {
        self.lock().stages.values().next().cloned()
    }
}

/// Stands for something in progress.
#[derive(Debug)]
pub(super) struct Mark {
    stages: Stages,
    number: u64,
}

impl Drop for Mark {
    fn drop(&mut self) {
        self.stages.lock().stages.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use millrace_wire::clock::ManualClock;

    use super::Stages;

    #[test]
    fn the_oldest_stage_in_progress_is_told() {
        let stages = Stages::new(Arc::new(ManualClock::new(1_700_000_000_123)));
        assert_eq!(stages.oldest(), None);
        let first = stages.begin("waiting for a".to_owned());
        let _second = stages.begin("waiting for b".to_owned());
        assert_eq!(
            stages.oldest().unwrap().to_string(),
            "The worker is currently waiting for a, which began at 2023-11-14T22:13:20.123Z."
        );
        drop(first);
        assert_eq!(stages.oldest().unwrap().doing, "waiting for b");
    }
}
