//! How many requests there may be in a time.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// At most so many requests in any interval.
#[derive(Debug)]
pub(super) struct Rate {
    most: usize,
    interval: Duration,
    /// When the last ones were sent, the oldest first.
    sent: VecDeque<Instant>,
}

impl Rate {
    /// At most `most` requests in each `interval`; 0 sets no limit.
    pub(super) fn new(most: usize, interval: Duration) -> Self {
        Self {
            most,
            interval,
            sent: VecDeque::new(),
        }
    }

    /// When the next one may be sent; none for at once.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.most > 0 && self.sent.len() >= self.most {
            true => self.sent.front().map(|oldest| *oldest + self.interval),
            false => None,
        }
    }

    /// One is sent at `now`.
    pub(super) fn send(&mut self, now: Instant) {
        if self.most == 0 {
            return;
        }
        if self.sent.len() >= self.most {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_the_last_ones_counts() {
        let start = Instant::now();
        let mut rate = Rate::new(2, Duration::from_secs(10));
        for second in [0, 3] {
            assert_eq!(rate.due(), None);
            rate.send(start + Duration::from_secs(second));
        }
        assert_eq!(rate.due(), Some(start + Duration::from_secs(10)));
        rate.send(start + Duration::from_secs(10));
        assert_eq!(rate.due(), Some(start + Duration::from_secs(13)));
        assert_eq!(Rate::new(0, Duration::from_secs(1)).due(), None);
    }
}
