//! Pauses between attempts: 300 ms, doubling; from the longest one on, random ones below it. None goes past the deadline.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(300);
/// So long even where a setting allows no pause at all, for others to have their turn.
const SHORTEST: Duration = Duration::from_millis(1);

/// The attempts at one thing.
#[derive(Debug)]
pub(crate) struct Retry {
    /// When trying again ends; none for never.
    deadline: Option<Duration>,
    max: Duration,
    failed: u32,
}

impl Retry {
    pub(super) fn new(deadline: Option<Duration>, max: Duration) -> Self {
        Self {
            deadline,
            max,
            failed: 0,
        }
    }

    /// Whether an attempt that begins at `now` may be followed by another.
    pub(crate) fn may(&self, now: Duration) -> bool {
        self.deadline.is_none_or(|deadline| now < deadline)
    }

    /// The pause after an attempt that failed at `now`. `random` chooses a number below the one it is given.
    pub(crate) fn pause(&mut self, now: Duration, random: impl FnOnce(u64) -> u64) -> Duration {
        let doubled = FIRST.saturating_mul(1_u32.checked_shl(self.failed).unwrap_or(u32::MAX));
        self.failed += 1;
        let pause = match doubled > self.max {
            true => Duration::from_millis(random(millis(self.max).max(1))),
            false => doubled,
        };
        let left = self.deadline.map(|deadline| deadline.saturating_sub(now));
        left.map_or(pause, |left| pause.min(left)).max(SHORTEST)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A number below `end`, of the operating system's making.
pub(crate) fn random(end: u64) -> u64 {
    let bytes = millrace_wire::uuid::Uuid::random().map(|id| id.to_string());
    // Where there are no random bytes, the longest pause is as good as any.
    let number = bytes.ok().map(|text| {
        text.bytes().fold(0_u64, |sum, byte| {
            sum.wrapping_mul(257).wrapping_add(byte.into())
        })
    });
    number.map_or(end.saturating_sub(1), |number| number % end.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// The pauses of attempts that take no time, until no further one may follow.
    fn pauses(deadline: Option<u64>, max: u64, count: usize) -> Vec<u64> {
        let mut retry = Retry::new(deadline.map(ms), ms(max));
        let mut now = Duration::ZERO;
        let mut pauses = Vec::new();
        while retry.may(now) && pauses.len() < count {
            let pause = retry.pause(now, |end| end / 2);
            pauses.push(millis(pause));
            now += pause;
        }
        pauses
    }

    #[test]
    fn pauses_double_up_to_the_deadline() {
        assert_eq!(pauses(Some(6000), 60_000, 9), [300, 600, 1200, 2400, 1500]);
        assert_eq!(pauses(Some(0), 60_000, 9), [] as [u64; 0]);
    }

    #[test]
    fn pauses_above_the_longest_are_random_ones_below_it() {
        assert_eq!(
            pauses(None, 60_000, 10),
            [
                300, 600, 1200, 2400, 4800, 9600, 19_200, 38_400, 30_000, 30_000
            ]
        );
        assert_eq!(pauses(None, 0, 2), [1, 1]);
    }

    #[test]
    fn many_attempts_do_not_overflow() {
        let mut retry = Retry::new(None, Duration::MAX);
        for _ in 0..100 {
            retry.pause(Duration::ZERO, |end| end - 1);
        }
    }

    #[test]
    fn random_numbers_are_below_their_end() {
        for end in [0, 1, 2, 1000, u64::MAX] {
            assert!(random(end) < end.max(1), "{end}");
        }
    }
}
