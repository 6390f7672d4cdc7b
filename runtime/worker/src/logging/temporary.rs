//! Levels that hold for a while, and what they were before.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Setting;

/// Loggers whose levels end by themselves.
#[derive(Debug, Default)]
pub(super) struct Temporary(BTreeMap<String, Until>);

#[derive(Debug)]
struct Until {
    /// Monotonic time.
    end: Duration,
    /// The level of its own that it had; none for none.
    before: Option<Setting>,
}

impl Temporary {
    /// Whether a logger's level ends by itself.
    pub(super) fn has(&self, logger: &str) -> bool {
        self.0.contains_key(logger)
    }

    /// A logger gets another level, until `end` or for good. It had `before`, which counts unless that was to end itself.
    pub(super) fn set(&mut self, logger: &str, end: Option<Duration>, before: Option<Setting>) {
        let earlier = self.0.remove(logger);
        let Some(end) = end else { return };
        let before = earlier.map_or(before, |earlier| earlier.before);
        self.0.insert(logger.to_owned(), Until { end, before });
    }

    /// When the next one ends.
    pub(super) fn next_end(&self) -> Option<Duration> {
        self.0.values().map(|until| until.end).min()
    }

    /// Takes those that have ended: their loggers, and the levels that these had before.
    pub(super) fn take_ended(&mut self, now: Duration) -> Vec<(String, Option<Setting>)> {
        let ended = self.0.extract_if(.., |_, until| until.end <= now);
        ended
            .map(|(logger, until)| (logger, until.before))
            .collect()
    }
}
