//! The one place where time is read.
//!
//! State machines take `now` as an argument; loops hold an `Arc<dyn Clock>` handed down from the
//! binary. Tests use [`ManualClock`], which moves only when told to.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Reads wall and monotonic time.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Wall time in milliseconds since the Unix epoch; may jump when the host's clock is set.
    fn now_ms(&self) -> i64;

    /// Time since a fixed but arbitrary point; never goes backwards.
    fn monotonic(&self) -> Duration;
}

/// The host's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts at zero now.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn new() -> Self {
        Self {
            origin: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    fn now_ms(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
        }
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// The host's clocks behind the shared handle that loops take.
#[must_use]
pub fn system() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// A clock for tests: stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    wall_ms: AtomicI64,
    monotonic_us: AtomicU64,
}

impl ManualClock {
    /// A clock that shows `wall_ms` and a monotonic time of zero.
    #[must_use]
    pub fn new(wall_ms: i64) -> Self {
        Self {
            wall_ms: AtomicI64::new(wall_ms),
            monotonic_us: AtomicU64::new(0),
        }
    }

    /// Moves both clocks forward.
    pub fn advance(&self, by: Duration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let us = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        self.wall_ms.fetch_add(ms, Ordering::SeqCst);
        self.monotonic_us.fetch_add(us, Ordering::SeqCst);
    }

    /// Sets the wall clock alone, as an administrator or NTP might.
    pub fn set_wall_ms(&self, wall_ms: i64) {
        self.wall_ms.store(wall_ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.wall_ms.load(Ordering::SeqCst)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.monotonic_us.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::new(1_000);
        clock.advance(Duration::from_millis(250));
        assert_eq!(
            (clock.now_ms(), clock.monotonic()),
            (1_250, Duration::from_millis(250))
        );
        clock.set_wall_ms(5);
        assert_eq!(
            (clock.now_ms(), clock.monotonic()),
            (5, Duration::from_millis(250))
        );
    }

    #[test]
    fn the_system_clock_shows_this_century() {
        assert!(SystemClock::new().now_ms() > 1_600_000_000_000);
    }
}
