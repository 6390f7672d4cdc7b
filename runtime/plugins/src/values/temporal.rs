//! Dates and times as text, in UTC: `yyyy-MM-dd`, `HH:mm:ss.SSS'Z'` and both joined by `T`.
//!
//! Reading is lenient as Java's is: a field may run over its range (`2019-13-45`), and what follows a date is ignored.

use std::sync::Arc;

use millrace_api::{Datum, Schema, Value};

pub(crate) const DAY_MS: i64 = 86_400_000;

const DATE_LEN: usize = 10;
const TIME_LEN: usize = 13;
const TIMESTAMP_LEN: usize = 24;

/// The date, time or timestamp that `text` is, told apart by length.
pub(crate) fn parse(text: &str) -> Option<Datum> {
    let text = text.replace("\\:", ":");
    match text.chars().count() {
        DATE_LEN => {
            let (day, _) = date(&text)?;
            Some(Datum::new(
                Arc::new(Schema::date()),
                Value::Date(i32::try_from(day).ok()?),
            ))
        }
        TIME_LEN => {
            let ms = time(&text)?;
            // Java keeps the instant; a time that runs over its day has no encoding.
            Some(Datum::new(
                Arc::new(Schema::time()),
                Value::Time(i32::try_from(ms).ok()?),
            ))
        }
        TIMESTAMP_LEN => {
            let (day, rest) = date(&text)?;
            let ms = time(rest.strip_prefix('T')?)?;
            Some(Datum::new(
                Arc::new(Schema::timestamp()),
                Value::Timestamp(day * DAY_MS + ms),
            ))
        }
        _ => None,
    }
}

/// Java's text of an instant: below one day the time, at midnight the date, else both.
pub(crate) fn format(ms: i64) -> String {
    if ms < DAY_MS {
        return format_time(ms.rem_euclid(DAY_MS));
    }
    let (year, month, day) = civil(ms.div_euclid(DAY_MS));
    let date = format!("{year:04}-{month:02}-{day:02}");
    if ms % DAY_MS == 0 {
        date
    } else {
        format!("{date}T{}", format_time(ms % DAY_MS))
    }
}

fn format_time(ms: i64) -> String {
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{:03}Z", ms % 1000)
}

/// The day since 1970 of the date at the start of `text`, and what follows.
fn date(text: &str) -> Option<(i64, &str)> {
    let (year, rest) = number(text)?;
    let (month, rest) = number(rest.strip_prefix('-')?)?;
    let (day, rest) = number(rest.strip_prefix('-')?)?;
    let months = year * 12 + month - 1;
    Some((
        days(months.div_euclid(12), months.rem_euclid(12) + 1) + day - 1,
        rest,
    ))
}

/// Milliseconds of `HH:mm:ss.SSSZ` at the start of `text`.
fn time(text: &str) -> Option<i64> {
    let (hours, rest) = number(text)?;
    let (minutes, rest) = number(rest.strip_prefix(':')?)?;
    let (seconds, rest) = number(rest.strip_prefix(':')?)?;
    let (ms, rest) = number(rest.strip_prefix('.')?)?;
    rest.strip_prefix('Z')?;
    Some(((hours * 60 + minutes) * 60 + seconds) * 1000 + ms)
}

fn number(text: &str) -> Option<(i64, &str)> {
    let end = text
        .bytes()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    // No field of these lengths overflows.
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// Days from 1970-01-01 to the first of a month, in the proleptic Gregorian calendar.
fn days(year: i64, month: i64) -> i64 {
    // Years that start in March have their leap day last.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + (month * 153 + 2) / 5 - 719_468
}

/// Year, month and day of a day since 1970-01-01.
fn civil(day: i64) -> (i64, i64, i64) {
    let since_march_0 = day + 719_468;
    let era = since_march_0.div_euclid(146_097);
    let of_era = since_march_0.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let january_or_february = month >= 10;
    (
        era * 400 + year + i64::from(january_or_february),
        if january_or_february {
            month - 9
        } else {
            month + 3
        },
        day,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_to_instant() {
        for (text, expected) in [
            ("2019-08-23", Some(Value::Date(18_131))),
            ("2019-13-45", Some(Value::Date(18_306))),
            ("1969-12-31", Some(Value::Date(-1))),
            ("14:34:54.346Z", Some(Value::Time(52_494_346))),
            (
                "2019-08-23T14:34:54.346Z",
                Some(Value::Timestamp(1_566_570_894_346)),
            ),
            (
                "2019-08-23T14\\:34\\:54.346Z",
                Some(Value::Timestamp(1_566_570_894_346)),
            ),
            ("2019-08-2x", Some(Value::Date(18_110))),
            ("2019-08-23Z", None),
            ("abcd-ef-gh", None),
            ("14:34:54.346X", None),
        ] {
            assert_eq!(parse(text).map(|datum| datum.value), expected, "{text}");
        }
    }

    #[test]
    fn instant_to_text() {
        for (ms, text) in [
            (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
            (-5, "23:59:59.995Z"),
            (0, "00:00:00.000Z"),
            (DAY_MS - 1, "23:59:59.999Z"),
            (DAY_MS, "1970-01-02"),
            (951_782_400_000, "2000-02-29"),
        ] {
            assert_eq!(format(ms), text);
        }
    }

    #[test]
    fn days_and_dates_agree() {
        for day in (-800_000..800_000).step_by(13) {
            let (year, month, of_month) = civil(day);
            assert_eq!(days(year, month) + of_month - 1, day);
        }
    }
}
