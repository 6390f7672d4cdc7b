//! Which answers are worth another try, and when.

use std::time::Duration;

use jiff::fmt::rfc2822;
use millrace_api::config::{self, ConfigEnum};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// The longest pause between two tries, whatever the number of tries.
pub(crate) const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// The longest that a server's `Retry-After` is heeded.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);

/// A set of HTTP statuses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Statuses {
    ranges: Vec<(u16, u16)>,
}

impl Statuses {
    /// Reads `408,429,500-599,400-`: statuses and ranges, open at the upper end where nothing follows the dash.
    ///
    /// # Errors
    /// What is wrong, and what is meant to be there.
    pub(crate) fn read(items: &[String]) -> Result<Self, String> {
        let items = items.iter().map(|item| item.trim());
        let ranges = items.filter(|item| !item.is_empty()).map(range);
        Ok(Self {
            ranges: ranges.collect::<Result<_, _>>()?,
        })
    }

    /// Whether `status` is in the set.
    pub(crate) fn contains(&self, status: u16) -> bool {
        self.ranges
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&status))
    }
}

fn range(item: &str) -> Result<(u16, u16), String> {
    let wrong = || {
        format!(
            "'{item}' is not a status or a range of statuses; write them as 429,500-599 or 400-"
        )
    };
    let status = |text: &str| {
        let status = text.trim().parse::<u16>().map_err(|_| wrong())?;
        (100..=599)
            .contains(&status)
            .then_some(status)
            .ok_or_else(wrong)
    };
    let (first, last) = match item.split_once('-') {
        None => (status(item)?, status(item)?),
        Some((first, "")) => (status(first)?, 599),
        Some((first, last)) => (status(first)?, status(last)?),
    };
    (first <= last).then_some((first, last)).ok_or_else(wrong)
}

/// The check of a key that holds statuses.
pub(crate) fn check_statuses(_key: &str, value: &config::Value) -> Result<(), String> {
    match value {
        config::Value::List(items) => Statuses::read(items).map(drop),
        _ => Ok(()),
    }
}

/// How pauses grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum BackoffPolicy {
    /// Twice as long each time, up to a minute, less a random part of up to a half.
    #[default]
    #[config(name = "EXPONENTIAL_WITH_JITTER")]
    ExponentialWithJitter,
    /// Always the same.
    #[config(name = "CONSTANT_VALUE")]
    ConstantValue,
}

/// Pauses between tries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    /// The first pause.
    pub(crate) first: Duration,
    /// How pauses grow.
    pub(crate) policy: BackoffPolicy,
}

impl Backoff {
    /// The pause after `failed` tries, at least one; `random` is between 0 and 1.
    pub(crate) fn pause(&self, failed: u32, random: f64) -> Duration {
        match self.policy {
            BackoffPolicy::ConstantValue => self.first,
            BackoffPolicy::ExponentialWithJitter => {
                let doublings = failed.saturating_sub(1).min(20);
                let longest = BACKOFF_MAX.max(self.first);
                let pause = self.first.saturating_mul(1 << doublings).min(longest);
                pause.mul_f64(1.0 - random.clamp(0.0, 1.0) / 2.0)
            }
        }
    }
}

/// How long the server asks to wait: `Retry-After` in seconds, or as a date, which is compared with the answer's own
/// `Date`, so that clocks need not agree. None where there is none or it makes no sense.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
    }
    let until = date(text)?;
    let now = headers
        .get(DATE)
        .and_then(|date_header| date(date_header.to_str().ok()?))
        .unwrap_or_else(|| jiff::Timestamp::now().as_second());
    let seconds = u64::try_from(until.saturating_sub(now)).unwrap_or(0);
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

/// An HTTP date as seconds since the epoch.
fn date(text: &str) -> Option<i64> {
    let parsed = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(parsed.as_second())
}

/// A source of jitter that needs no seed: numbers between 0 and 1.
#[derive(Debug)]
pub(crate) struct Jitter(u64);

impl Jitter {
    /// Numbers that differ from those of other instances.
    pub(crate) fn new() -> Self {
        use std::hash::{BuildHasher, RandomState};
        Self(RandomState::new().hash_one(0) | 1)
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn statuses(text: &str) -> Result<Statuses, String> {
        Statuses::read(&text.split(',').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn statuses_and_ranges() {
        let set = statuses("408, 429,500-503,550-").unwrap();
        for (status, expected) in [
            (408, true),
            (409, false),
            (429, true),
            (500, true),
            (503, true),
            (504, false),
            (599, true),
            (200, false),
        ] {
            assert_eq!(set.contains(status), expected, "{status}");
        }
        assert!(!statuses("").unwrap().contains(500));
        for wrong in ["5xx", "600", "99", "-", "500-400", "500-x", "-500"] {
            assert!(statuses(wrong).unwrap_err().contains("429"), "{wrong}");
        }
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_vary_by_half() {
        let backoff = Backoff {
            first: Duration::from_secs(3),
            policy: BackoffPolicy::ExponentialWithJitter,
        };
        for (failed, random, seconds) in [
            (1, 0.0, 3.0),
            (1, 1.0, 1.5),
            (2, 0.0, 6.0),
            (4, 0.5, 18.0),
            (9, 0.0, 60.0),
            (u32::MAX, 0.0, 60.0),
        ] {
            assert_eq!(backoff.pause(failed, random).as_secs_f64(), seconds);
        }
        let constant = Backoff {
            policy: BackoffPolicy::ConstantValue,
            ..backoff
        };
        assert_eq!(constant.pause(7, 0.9), constant.first);
    }

    #[test]
    fn retry_after_in_seconds_and_as_a_date() {
        for (value, now, seconds) in [
            ("7", None, Some(7)),
            ("99999999", None, Some(600)),
            ("99999999999999999999999", None, None),
            ("-3", None, None),
            ("soon", None, None),
            (
                "Wed, 21 Oct 2015 07:28:30 GMT",
                Some("Wed, 21 Oct 2015 07:28:00 GMT"),
                Some(30),
            ),
            (
                "Wed, 21 Oct 2015 07:28:00 GMT",
                Some("Wed, 21 Oct 2015 07:29:00 GMT"),
                Some(0),
            ),
            ("Wed, 21 Oct 2015 07:28:00 GMT", None, Some(0)),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
            if let Some(now) = now {
                headers.insert(DATE, HeaderValue::from_static(now));
            }
            let waited = retry_after(&headers).map(|pause| pause.as_secs());
            assert_eq!(waited, seconds, "{value}");
        }
    }

    #[test]
    fn jitter_stays_between_0_and_1_and_varies() {
        let mut jitter = Jitter::new();
        let drawn: Vec<f64> = (0..100).map(|_| jitter.next()).collect();
        assert!(drawn.iter().all(|drawn| (0.0..1.0).contains(drawn)));
        assert!(drawn.iter().any(|drawn| *drawn < 0.5) && drawn.iter().any(|drawn| *drawn > 0.5));
    }
}
