//! Figures of the last minute, made of ever-growing counts when somebody asks.
//!
//! Each keeps what it saw at the last look. What came since is taken to have come evenly, and older figures fade with a
//! time constant of a minute: the exponentially weighted average that Kafka's `OneMinuteRate` is, without a timer.

use std::time::Duration;

use super::{HistogramSnapshot, Timing};

const MINUTE: Duration = Duration::from_secs(60);

/// How much of an older figure is left after `elapsed`.
fn faded(elapsed: Duration) -> f64 {
    (-elapsed.as_secs_f64() / MINUTE.as_secs_f64()).exp()
}

/// The rate at which a counter grew over the last minute or so.
#[derive(Debug, Clone)]
pub struct OneMinuteRate {
    count: u64,
    at: Duration,
    per_second: Option<f64>,
}

impl OneMinuteRate {
    /// Begins to watch a counter that stands at `count`.
    #[must_use]
    pub fn new(count: u64, now: Duration) -> Self {
        Self {
            count,
            at: now,
            per_second: None,
        }
    }

    /// Tells it where the counter stands now; gives how much it grows a second.
    pub fn update(&mut self, count: u64, now: Duration) -> f64 {
        let elapsed = now.saturating_sub(self.at);
        if elapsed.is_zero() {
            return self.per_second.unwrap_or(0.0);
        }
        let current = count.saturating_sub(self.count) as f64 / elapsed.as_secs_f64();
        let rate = self.per_second.map_or(current, |earlier| {
            current + (earlier - current) * faded(elapsed)
        });
        *self = Self {
            count,
            at: now,
            per_second: Some(rate),
        };
        rate
    }
}

/// The mean of what was observed lately; 0 before anything was.
#[derive(Debug, Clone, Default)]
pub struct RecentMean {
    count: u64,
    sum: f64,
    at: Duration,
    recent_count: f64,
    recent_sum: f64,
}

impl RecentMean {
    /// Tells it how many observations there were in all and what they sum up to; gives the recent mean.
    pub fn update(&mut self, count: u64, sum: f64, now: Duration) -> f64 {
        let left = faded(now.saturating_sub(self.at));
        let new = count.saturating_sub(self.count) as f64;
        if new > 0.0 {
            self.recent_count = self.recent_count * left + new;
            self.recent_sum = self.recent_sum * left + (sum - self.sum);
            (self.count, self.sum, self.at) = (count, sum, now);
        }
        if self.recent_count > 0.0 {
            self.recent_sum / self.recent_count
        } else {
            0.0
        }
    }

    /// The same of a timing, in milliseconds.
    pub fn update_ms(&mut self, timing: &Timing, now: Duration) -> f64 {
        self.update(timing.count(), timing.total().as_secs_f64() * 1e3, now)
    }
}

/// The largest of the last one or two minutes.
#[derive(Debug, Clone, Default)]
pub struct RecentMax {
    earlier: f64,
    current: f64,
    since: Duration,
}

impl RecentMax {
    /// Tells it the largest since the last call; gives the largest of late.
    pub fn update(&mut self, largest: f64, now: Duration) -> f64 {
        if now.saturating_sub(self.since) >= MINUTE {
            (self.earlier, self.current, self.since) = (self.current, 0.0, now);
        }
        self.current = self.current.max(largest);
        self.current.max(self.earlier)
    }
}

/// Quantiles of the times that a histogram counted of late.
#[derive(Debug, Clone, Default)]
pub struct RecentTimes {
    seen: Vec<u64>,
    weights: Vec<f64>,
    at: Duration,
}

impl RecentTimes {
    /// Takes over what the histogram has counted since the last call.
    pub fn update(&mut self, snapshot: &HistogramSnapshot, now: Duration) {
        let buckets = snapshot.buckets.len();
        self.seen.resize(buckets, 0);
        self.weights.resize(buckets, 0.0);
        // Without news the last minute in which something happened stays, as in Kafka.
        if self.seen == snapshot.buckets {
            return;
        }
        let left = faded(now.saturating_sub(self.at));
        for (weight, (new, old)) in self
            .weights
            .iter_mut()
            .zip(snapshot.buckets.iter().zip(&self.seen))
        {
            *weight = *weight * left + new.saturating_sub(*old) as f64;
        }
        self.seen.clone_from(&snapshot.buckets);
        self.at = now;
    }

    /// The time that `quantile` of the recent ones stay below, estimated within its bucket; none where there are none.
    #[must_use]
    pub fn quantile(&self, quantile: f64, bounds: &[u64]) -> Option<Duration> {
        let total: f64 = self.weights.iter().sum();
        if total <= 0.0 {
            return None;
        }
        let mut below = 0.0;
        for (bucket, weight) in self.weights.iter().enumerate() {
            if *weight > 0.0 && below + weight >= quantile * total {
                let floor = bucket.checked_sub(1).map_or(0, |before| bounds[before]) as f64;
                let ceiling = bounds.get(bucket).map_or(floor, |bound| *bound as f64);
                let share = (quantile * total - below) / weight;
                return Some(Duration::from_secs_f64(
                    (floor + (ceiling - floor) * share) / 1e6,
                ));
            }
            below += weight;
        }
        bounds.last().map(|last| Duration::from_micros(*last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ManualClock};
    use crate::metrics::{Counter, Histogram};

    #[test]
    fn a_steady_counter_has_its_rate_however_often_it_is_looked_at() {
        for step in [1, 5, 15, 60] {
            let (clock, counter) = (ManualClock::new(0), Counter::default());
            let mut rate = OneMinuteRate::new(0, clock.monotonic());
            let mut shown = 0.0;
            for _ in 0..60 / step {
                counter.add(100 * step);
                clock.advance(Duration::from_secs(step));
                shown = rate.update(counter.get(), clock.monotonic());
            }
            assert!((shown - 100.0).abs() < 1e-6, "{shown} every {step} s");
        }
    }

    #[test]
    fn a_burst_fades_by_two_thirds_a_minute() {
        let clock = ManualClock::new(0);
        let mut rate = OneMinuteRate::new(0, clock.monotonic());
        clock.advance(Duration::from_secs(10));
        assert!((rate.update(1_000, clock.monotonic()) - 100.0).abs() < 1e-9);
        clock.advance(MINUTE);
        let after = rate.update(1_000, clock.monotonic());
        assert!(
            (after - 100.0 / std::f64::consts::E).abs() < 1e-9,
            "{after}"
        );
        assert!((rate.update(5_000, clock.monotonic()) - after).abs() < 1e-9);
    }

    #[test]
    fn a_mean_follows_what_is_new() {
        let clock = ManualClock::new(0);
        let mut mean = RecentMean::default();
        assert!(mean.update(0, 0.0, clock.monotonic()).abs() < 1e-9);
        assert!((mean.update(10, 100.0, clock.monotonic()) - 10.0).abs() < 1e-9);
        clock.advance(10 * MINUTE);
        let shown = mean.update(20, 300.0, clock.monotonic());
        assert!((shown - 20.0).abs() < 0.01, "{shown}");
        clock.advance(MINUTE);
        assert!((mean.update(20, 300.0, clock.monotonic()) - shown).abs() < 1e-9);
    }

    #[test]
    fn a_maximum_is_gone_after_two_minutes() {
        let clock = ManualClock::new(0);
        let mut max = RecentMax::default();
        assert!((max.update(7.0, clock.monotonic()) - 7.0).abs() < 1e-9);
        clock.advance(MINUTE);
        assert!((max.update(1.0, clock.monotonic()) - 7.0).abs() < 1e-9);
        clock.advance(MINUTE);
        assert!((max.update(0.0, clock.monotonic()) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn quantiles_lie_in_their_bucket_and_forget() {
        let (clock, histogram) = (ManualClock::new(0), Histogram::new(&[1_000, 2_000, 4_000]));
        let mut recent = RecentTimes::default();
        recent.update(&histogram.snapshot(), clock.monotonic());
        assert_eq!(recent.quantile(0.5, &[1_000, 2_000, 4_000]), None);
        for _ in 0..100 {
            histogram.observe(Duration::from_micros(3_000));
        }
        let snapshot = histogram.snapshot();
        recent.update(&snapshot, clock.monotonic());
        let median = recent.quantile(0.5, snapshot.bounds).unwrap();
        assert_eq!(median, Duration::from_micros(3_000));
        clock.advance(10 * MINUTE);
        for _ in 0..100 {
            histogram.observe(Duration::from_micros(500));
        }
        let snapshot = histogram.snapshot();
        recent.update(&snapshot, clock.monotonic());
        let late = recent.quantile(0.99, snapshot.bounds).unwrap();
        assert!(late < Duration::from_micros(1_001), "{late:?}");
    }
}
