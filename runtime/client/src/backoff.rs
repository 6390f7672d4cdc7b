//! Waiting longer after each failure in a row.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Each failure doubles the wait.
const FACTOR: u32 = 2;
/// Waits differ by up to a fifth either way, so that many clients do not come back at once.
const JITTER: f64 = 0.2;

/// A wait that grows from failure to failure, up to a maximum.
#[derive(Debug, Clone)]
pub struct Backoff {
    initial: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    /// Starts at `initial` and grows up to `max`.
    #[must_use]
    pub fn new(initial: Duration, max: Duration) -> Self {
        Self {
            initial,
            max: max.max(initial),
            failures: 0,
        }
    }

    /// Counts a failure and says how long to wait after it.
    pub fn fail(&mut self) -> Duration {
        let factor = FACTOR.saturating_pow(self.failures.min(20));
        self.failures = self.failures.saturating_add(1);
        let wait = self.initial.saturating_mul(factor).min(self.max);
        wait.mul_f64(1.0 + JITTER * (2.0 * random_unit() - 1.0))
    }

    /// Failures since the last success.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Forgets the failures.
    pub fn succeed(&mut self) {
        self.failures = 0;
    }
}

/// A number from 0 up to 1. Good enough to spread load, not to keep secrets.
pub(crate) fn random_unit() -> f64 {
    (random_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Each `RandomState` has keys of its own, so that hashing nothing with it gives a new number.
pub(crate) fn random_u64() -> u64 {
    RandomState::new().hash_one(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_maximum_and_start_over_after_a_success() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(50), ms(1_000));
        for expected in [50, 100, 200, 400, 800, 1_000, 1_000] {
            let wait = backoff.fail();
            let expected = ms(expected);
            assert!(
                wait >= expected.mul_f64(0.8) && wait <= expected.mul_f64(1.2),
                "{wait:?} for {expected:?}"
            );
        }
        backoff.succeed();
        assert!(backoff.fail() <= ms(60));
    }

    #[test]
    fn random_numbers_differ() {
        assert_ne!(random_u64(), random_u64());
        assert!((0.0..1.0).contains(&random_unit()));
    }
}
