//! `auto.offset.reset`: where a consumer starts that has no valid position.

use std::time::Duration;

use millrace_config::{FieldType, Type, Validator, Value};

/// Begins the value that says how long ago to start.
const BY_DURATION: &str = "by_duration:";

/// Where a consumer starts if nothing is committed, or if its position is no longer in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetReset {
    /// At the first offset there is.
    Earliest,
    /// At the end.
    Latest,
    /// At the first record that is at most so old; at the end if there is none.
    ByDuration(Duration),
    /// Nowhere: that is an error.
    None,
}

impl OffsetReset {
    /// Reads the value as Kafka writes it: `earliest`, `latest`, `none`, or `by_duration:` with an ISO 8601 duration.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        match text.as_str() {
            "earliest" => Some(Self::Earliest),
            "latest" => Some(Self::Latest),
            "none" => Some(Self::None),
            other => duration(other.strip_prefix(BY_DURATION)?).map(Self::ByDuration),
        }
    }
}

impl FieldType for OffsetReset {
    const KIND: Type = Type::String;

    fn validator() -> Option<Validator> {
        Some(Validator::custom(|_, value| {
            match value.as_str() {
            Some(text) if OffsetReset::named(text).is_none() => Err(
                "The value must be either 'earliest', 'latest', 'none' or of the format 'by_duration:<PnDTnHnMn.nS.>'."
                    .to_owned(),
            ),
            _ => Ok(()),
        }
        }))
    }

    fn from_value(value: &Value) -> Option<Self> {
        value.as_str().and_then(Self::named)
    }
}

/// Reads `pNdtNhNmN.Ns`, in lower case; at least one part, none negative.
fn duration(text: &str) -> Option<Duration> {
    let rest = text.strip_prefix('p')?;
    let (days, times) = match rest.split_once('t') {
        Some((_, "")) => return None,
        Some((days, times)) => (days, times),
        None => (rest, ""),
    };
    let mut total = Duration::ZERO;
    let mut parts = 0;
    for (mut text, units) in [
        (days, &[('d', 86_400)][..]),
        (times, &[('h', 3_600), ('m', 60), ('s', 1)][..]),
    ] {
        for (unit, seconds) in units {
            let Some((number, behind)) = text.split_once(*unit) else {
                continue;
            };
            total = total.checked_add(part(number, *unit == 's', *seconds)?)?;
            text = behind;
            parts += 1;
        }
        if !text.is_empty() {
            return None;
        }
    }
    (parts > 0).then_some(total)
}

fn part(number: &str, may_have_fraction: bool, seconds: u64) -> Option<Duration> {
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) if may_have_fraction => (whole, fraction),
        Some(_) => return None,
        None => (number, ""),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let nanos: u32 = format!("{fraction:0<9}").parse().ok()?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(seconds)?;
    Some(Duration::new(whole, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_java_reads_them() {
        for (text, milliseconds) in [
            ("P3D", 259_200_000),
            ("PT6H", 21_600_000),
            ("P1DT2H3M4.5S", 93_784_500),
            ("pt0.001s", 1),
            ("PT90M", 5_400_000),
        ] {
            let expected = OffsetReset::ByDuration(Duration::from_millis(milliseconds));
            let read = OffsetReset::named(&format!("by_duration:{text}"));
            assert_eq!(read, Some(expected), "{text}");
        }
        for bad in [
            "",
            "P",
            "PT",
            "P1DT",
            "1D",
            "P1H",
            "PT1D",
            "P-1D",
            "PT1.5H",
            "PT1",
            "PT1S2M",
            "PTS",
            "P99999999999999999999D",
        ] {
            assert_eq!(
                OffsetReset::named(&format!("by_duration:{bad}")),
                None,
                "{bad}"
            );
        }
        assert_eq!(OffsetReset::named("Latest"), Some(OffsetReset::Latest));
        assert_eq!(OffsetReset::named("largest"), None);
    }
}
