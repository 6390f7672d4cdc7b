//! When a command that has ended is started again.

use std::time::Duration;

/// How often and how soon.
#[derive(Debug, Clone)]
pub(crate) struct Restarts {
    pause: Duration,
    pause_max: Duration,
    /// Failures in a row after which it is not started again; none for ever.
    most: Option<u32>,
    failures: u32,
}

impl Restarts {
    pub(crate) fn new(pause: Duration, pause_max: Duration, most: Option<u32>) -> Self {
        Self {
            pause,
            pause_max: pause_max.max(pause),
            most,
            failures: 0,
        }
    }

    /// The pause before the next start after a run that took `ran`; none if the budget is used up.
    ///
    /// The pause doubles with each failure in a row. One that ran for longer than the longest pause begins a new row.
    pub(crate) fn pause_after(&mut self, has_failed: bool, ran: Duration) -> Option<Duration> {
        if !has_failed || ran >= self.pause_max {
            self.failures = 0;
        }
        if !has_failed {
            return Some(self.pause);
        }
        if self.most.is_some_and(|most| self.failures >= most) {
            return None;
        }
        let doubled = self.pause.saturating_mul(1 << self.failures.min(20));
        self.failures += 1;
        Some(doubled.min(self.pause_max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_failures_until_the_budget_is_used_up() {
        let seconds = Duration::from_secs;
        let mut restarts = Restarts::new(seconds(10), seconds(35), Some(3));
        let short = seconds(1);
        assert_eq!(restarts.pause_after(true, short), Some(seconds(10)));
        assert_eq!(restarts.pause_after(true, short), Some(seconds(20)));
        assert_eq!(restarts.pause_after(true, short), Some(seconds(35)));
        assert_eq!(restarts.pause_after(true, short), None);
        assert_eq!(restarts.pause_after(false, short), Some(seconds(10)));
        assert_eq!(restarts.pause_after(true, short), Some(seconds(10)));
        assert_eq!(restarts.pause_after(true, short), Some(seconds(20)));
        assert_eq!(restarts.pause_after(true, seconds(36)), Some(seconds(10)));
        let mut endless = Restarts::new(seconds(0), seconds(0), None);
        for _ in 0..100 {
            assert_eq!(endless.pause_after(true, short), Some(seconds(0)));
        }
    }
}
