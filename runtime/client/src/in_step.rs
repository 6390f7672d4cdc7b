//! Waits that end together.
//!
//! A thousand idle consumers that each wake at a moment of their own cost a process a thousand wake-ups; those that
//! wake at the same moments cost it a few. So what may as well happen a little earlier is done at the ends of steps
//! that all waits of a kind share. Each step is a power of two of milliseconds, so that the ends of long steps are ends
//! of short ones, too.

use std::time::Duration;

/// A wait loses less than this part of itself.
const PART: u64 = 8;

/// A wait of at most `wait` from `now` on, and more than seven eighths of it, that ends when others do.
pub(crate) fn in_step(now: Duration, wait: Duration) -> Duration {
    let Ok(ms @ PART..) = u64::try_from(wait.as_millis()) else {
        return wait;
    };
    let step = 1 << (ms / PART).ilog2();
    let end = u64::try_from((now + wait).as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(end - end % step).saturating_sub(now)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn end(now_us: u64, wait: Duration) -> Duration {
        let now = Duration::from_micros(now_us);
        now + in_step(now, wait)
    }

    #[test]
    fn a_thousand_waits_of_a_second_end_at_few_moments() {
        let ends = (0..1000).map(|n| end(5_000_000 + n * 1_003, Duration::from_secs(1)));
        let ends: std::collections::BTreeSet<Duration> = ends.collect();
        assert!(ends.len() <= 17, "{ends:?}");
    }

    #[test]
    fn what_is_short_is_not_changed() {
        for wait in [Duration::ZERO, Duration::from_millis(7)] {
            assert_eq!(in_step(Duration::from_micros(12_345), wait), wait);
        }
    }

    proptest! {
        #[test]
        fn a_wait_gets_no_longer_and_little_shorter(now_us in 0_u64..1 << 50, ms in 0_u64..1 << 40) {
            let (now, wait) = (Duration::from_micros(now_us), Duration::from_millis(ms));
            let shorter = in_step(now, wait);
            prop_assert!(shorter <= wait);
            prop_assert!(shorter + Duration::from_millis(1) >= wait - wait / PART as u32);
        }

        #[test]
        fn long_waits_end_where_short_ones_may(now_us in 0_u64..1 << 50) {
            let end = end(now_us, Duration::from_secs(3)).as_millis();
            prop_assert_eq!(end % 64, 0);
        }
    }
}
