//! Points in time as they are typed: ISO 8601, milliseconds, or how long ago.

use jiff::{Span, SpanRelativeTo, Timestamp, civil::DateTime, tz::TimeZone};

use super::run::Usage;

/// Milliseconds since the Unix epoch of `2026-03-02T09:00:00.000`, with or without an offset from UTC (UTC without).
///
/// # Errors
/// A text that is no such time.
pub(crate) fn datetime_ms(text: &str) -> Result<i64, Usage> {
    let with_colon = offset_with_colon(text);
    if let Ok(instant) = with_colon.parse::<Timestamp>() {
        return Ok(instant.as_millisecond());
    }
    let wrong = |error: jiff::Error| {
        Usage::new(format!(
            "{text} is no time like 2026-03-02T09:00:00.000: {error}"
        ))
    };
    let civil: DateTime = text.parse().map_err(wrong)?;
    let instant = civil.to_zoned(TimeZone::UTC).map_err(wrong)?;
    Ok(instant.timestamp().as_millisecond())
}

/// Kafka takes offsets without a colon too: `+0100`.
fn offset_with_colon(text: &str) -> String {
    let digits = text
        .len()
        .checked_sub(4)
        .filter(|&at| text.is_char_boundary(at));
    if let Some(at) = digits
        && text[..at].ends_with(['+', '-'])
        && text.contains('T')
        && text[at..].bytes().all(|byte| byte.is_ascii_digit())
    {
        return format!("{}:{}", &text[..at + 2], &text[at + 2..]);
    }
    text.to_owned()
}

/// Milliseconds of a duration like `P1DT2H30M`.
///
/// # Errors
/// A text that is no such duration.
pub(crate) fn duration_ms(text: &str) -> Result<i64, Usage> {
    let wrong =
        |error: jiff::Error| Usage::new(format!("{text} is no duration like P1DT2H30M: {error}"));
    // The parser takes "1 hour ago" as well, which counts the other way.
    if !text.starts_with('P') {
        return Err(Usage::new(format!("{text} is no duration like P1DT2H30M")));
    }
    let span: Span = text.parse().map_err(wrong)?;
    let duration = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(wrong)?;
    i64::try_from(duration.as_millis()).map_err(|_| Usage::new(format!("{text} is too long")))
}

/// Any of it: a number is milliseconds since the epoch, a duration counts back from now.
///
/// # Errors
/// A text that is neither.
pub(crate) fn instant_ms(text: &str, now_ms: i64) -> Result<i64, Usage> {
    if let Ok(milliseconds) = text.parse() {
        return Ok(milliseconds);
    }
    if text.starts_with('P') {
        return Ok(now_ms.saturating_sub(duration_ms(text)?));
    }
    datetime_ms(text)
}

/// A time for people, in UTC: `2026-03-02 09:00:00:123`, as Kafka's performance tools print it.
pub(crate) fn show(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(
        |_| ms.to_string(),
        |instant| {
            let civil = instant.to_zoned(TimeZone::UTC).datetime();
            format!(
                "{:04}-{:02}-{:02} {:02}:{:02}:{:02}:{:03}",
                civil.year(),
                civil.month(),
                civil.day(),
                civil.hour(),
                civil.minute(),
                civil.second(),
                civil.millisecond()
            )
        },
    )
}

#[cfg(test)]
mod tests {
    use super::{datetime_ms, duration_ms, instant_ms, show};

    const MARCH: i64 = 1_772_442_000_123;

    #[test]
    fn times_are_in_utc_unless_they_say_otherwise() {
        for text in [
            "2026-03-02T09:00:00.123",
            "2026-03-02T09:00:00.123Z",
            "2026-03-02T10:00:00.123+01:00",
            "2026-03-02T10:00:00.123+0100",
        ] {
            assert_eq!(datetime_ms(text).unwrap(), MARCH, "{text}");
        }
        assert!(datetime_ms("yesterday").is_err());
        assert_eq!(show(MARCH), "2026-03-02 09:00:00:123");
    }

    #[test]
    fn durations_count_back() {
        assert_eq!(duration_ms("P1DT1H").unwrap(), 90_000_000);
        assert_eq!(instant_ms("PT1M", 100_000).unwrap(), 40_000);
        assert_eq!(instant_ms("42", 0).unwrap(), 42);
        assert!(duration_ms("1 hour ago").is_err());
    }
}
