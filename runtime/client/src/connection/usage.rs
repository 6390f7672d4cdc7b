//! How a connection is used: when last, by how many, and from when on again.
//!
//! Brokers answer at once and say how long the client is to hold back (KIP-219). A connection that
//! nobody has used for `connections.max.idle.ms` is closed, before a broker or a firewall does it.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use millrace_wire::clock::Clock;

use super::Connection;

/// All times are on the monotonic clock, in milliseconds.
#[derive(Debug)]
pub(super) struct Usage {
    clock: Arc<dyn Clock>,
    last_used: AtomicU64,
    in_flight: AtomicUsize,
    throttled_until: AtomicU64,
    expired: AtomicBool,
}

impl Usage {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let usage = Self {
            clock,
            last_used: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            throttled_until: AtomicU64::new(0),
            expired: AtomicBool::new(false),
        };
        usage.last_used.store(usage.now(), Ordering::Relaxed);
        usage
    }

    /// Counts a request until the guard is dropped.
    pub(super) fn begin(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        InFlight(self)
    }

    /// A broker has said how long to hold back.
    pub(super) fn throttle(&self, ms: i32) {
        if let Ok(ms) = u64::try_from(ms)
            && ms > 0
        {
            let until = self.now().saturating_add(ms);
            self.throttled_until.fetch_max(until, Ordering::AcqRel);
        }
    }

    /// From when on the broker takes requests again, if that is later than now.
    pub(super) fn throttled_until(&self) -> Option<Duration> {
        let until = self.throttled_until.load(Ordering::Acquire);
        (until > 0 && until > self.now()).then(|| Duration::from_millis(until))
    }

    /// Waits until the broker takes requests again.
    pub(super) async fn hold_back(&self) {
        while let Some(until) = self.throttled_until() {
            let wait = until.saturating_sub(self.clock.monotonic());
            tokio::time::sleep(wait).await;
        }
    }

    /// Whether it was closed because nobody used it.
    pub(super) fn has_expired(&self) -> bool {
        self.expired.load(Ordering::Acquire)
    }

    /// How much longer it may be idle; nothing once it has been idle for `max`.
    fn left(&self, max: Duration) -> Option<Duration> {
        if self.in_flight.load(Ordering::Acquire) > 0 {
            return Some(max);
        }
        let idle = self
            .now()
            .saturating_sub(self.last_used.load(Ordering::Acquire));
        let left = max.saturating_sub(Duration::from_millis(idle));
        (!left.is_zero()).then_some(left)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A request under way.
pub(super) struct InFlight<'a>(&'a Usage);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let now = self.0.now();
        self.0.last_used.store(now, Ordering::Release);
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Closes a connection once nobody has used it for `max`.
pub(super) async fn close_when_idle(connection: Weak<Connection>, max: Duration) {
    let mut wait = max;
    loop {
        tokio::time::sleep(wait).await;
        let Some(connection) = connection.upgrade() else {
            return;
        };
        match connection.usage.left(max) {
            _ if connection.is_closed() => return,
            Some(left) => wait = left,
            None => {
                connection.usage.expired.store(true, Ordering::Release);
                connection.close();
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_wire::clock::ManualClock;

    #[test]
    fn requests_under_way_and_the_last_one_keep_a_connection_open() {
        let clock = Arc::new(ManualClock::new(0));
        let usage = Usage::new(Arc::clone(&clock) as Arc<dyn Clock>);
        let max = Duration::from_secs(10);
        let request = usage.begin();
        clock.advance(Duration::from_secs(60));
        assert_eq!(usage.left(max), Some(max));
        drop(request);
        clock.advance(Duration::from_secs(4));
        assert_eq!(usage.left(max), Some(Duration::from_secs(6)));
        clock.advance(Duration::from_secs(6));
        assert_eq!(usage.left(max), None);
    }

    #[test]
    fn the_longest_time_to_hold_back_counts() {
        let clock = Arc::new(ManualClock::new(0));
        let usage = Usage::new(Arc::clone(&clock) as Arc<dyn Clock>);
        clock.advance(Duration::from_secs(1));
        assert_eq!(usage.throttled_until(), None);
        usage.throttle(500);
        usage.throttle(0);
        usage.throttle(200);
        assert_eq!(usage.throttled_until(), Some(Duration::from_millis(1_500)));
        clock.advance(Duration::from_millis(500));
        assert_eq!(usage.throttled_until(), None);
    }
}
