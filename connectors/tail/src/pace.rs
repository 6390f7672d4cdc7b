//! When the folders are looked at: at an interval, and soon after a name has come or gone, but never so often that
//! looking takes more than a tenth of the time. Where a watch tells of changes, looks of which it told nothing take a
//! hundredth, for they find only what the watch has missed.

use std::time::Duration;

/// Shortest pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);
/// How much longer the interval is where a watch tells of changes.
const WATCHED: u32 = 10;
/// A pause is at least so many times as long as the look before it.
const REST: u32 = 10;
/// The same for looks that nothing has asked for where a watch tells of changes, as long as that is no longer than a minute.
const REST_WATCHED: u32 = 100;
const REST_WATCHED_MAX: Duration = Duration::from_secs(60);

/// The times of the looks, counted from the start of the task.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    next: Duration,
    /// No look before this.
    earliest: Duration,
    began: Option<Duration>,
    /// Something has changed while a look was under way.
    again: bool,
}

impl Pace {
    /// The first look is due at once.
    pub(crate) fn new(interval: Duration) -> Self {
        Self {
            interval,
            next: Duration::ZERO,
            earliest: Duration::ZERO,
            began: None,
            again: false,
        }
    }

    /// When the next look is due; never while one is under way.
    pub(crate) fn next(&self) -> Duration {
        self.began.map_or(self.next, |_| Duration::MAX)
    }

    pub(crate) fn is_due(&self, now: Duration) -> bool {
        now >= self.next()
    }

    /// A look has begun.
    pub(crate) fn begin(&mut self, now: Duration) {
        self.began = Some(now);
    }

    /// The look has ended; with `watched`, changes will be told.
    pub(crate) fn end(&mut self, now: Duration, watched: bool) {
        let took = now.saturating_sub(self.began.take().unwrap_or(now));
        let pause = PAUSE.max(took * REST);
        let interval = match watched {
            true => (self.interval * WATCHED).max((took * REST_WATCHED).min(REST_WATCHED_MAX)),
            false => self.interval,
        };
        self.earliest = now + pause;
        self.next = now + interval.max(pause);
        if std::mem::take(&mut self.again) {
            self.next = self.earliest;
        }
    }

    /// A name has come or gone.
    pub(crate) fn hurry(&mut self) {
        if self.began.is_some() {
            self.again = true;
        }
        self.next = self.next.min(self.earliest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn looks_come_at_the_interval_or_soon_after_a_change() {
        let mut pace = Pace::new(ms(1000));
        assert!(pace.is_due(ms(0)));
        pace.begin(ms(0));
        assert!(!pace.is_due(ms(5000)), "one at a time");
        pace.end(ms(1), false);
        assert_eq!(pace.next(), ms(1001));
        pace.hurry();
        assert_eq!(pace.next(), ms(21));
        pace.begin(ms(21));
        pace.end(ms(22), true);
        assert_eq!(pace.next(), ms(10_022));
    }

    #[test]
    fn looks_that_a_watch_makes_needless_take_a_hundredth_of_the_time() {
        let mut pace = Pace::new(ms(1000));
        for (took, pause) in [(1, 10_000), (200, 20_000), (5_000, 60_000), (7_000, 70_000)] {
            let begin = pace.next();
            pace.begin(begin);
            let end = begin + ms(took);
            pace.end(end, true);
            assert_eq!(pace.next(), end + ms(pause), "{took}");
        }
        let mut hurried = Pace::new(ms(1000));
        hurried.begin(ms(0));
        hurried.end(ms(200), true);
        hurried.hurry();
        assert_eq!(
            hurried.next(),
            ms(2_200),
            "what a watch tells of is looked at soon"
        );
    }

    #[test]
    fn looks_take_a_tenth_of_the_time_at_most() {
        let mut pace = Pace::new(ms(10));
        pace.begin(ms(0));
        pace.hurry();
        pace.end(ms(50), false);
        assert_eq!(
            pace.next(),
            ms(550),
            "what changed meanwhile is looked at again"
        );
    }
}
