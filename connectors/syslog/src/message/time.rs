//! Times: those of RFC 3339, which say all, and those of RFC 3164, which know neither year nor time zone.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::{Offset, TimeZone};

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// When a message was sent, as far as it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stamp {
    /// Milliseconds since the epoch.
    Exact(i64),
    /// By a clock on the wall, somewhere.
    Local(Local),
}

/// What a clock on the wall says. The year may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Local {
    year: Option<i16>,
    month: i8,
    day: i8,
    hour: i8,
    minute: i8,
    second: i8,
    nanosecond: i32,
}

impl Local {
    fn in_year(self, year: i16) -> Option<DateTime> {
        let second = self.second.min(59);
        DateTime::new(
            year,
            self.month,
            self.day,
            self.hour,
            self.minute,
            second,
            self.nanosecond,
        )
        .ok()
    }
}

/// Milliseconds since the epoch of a time that was received at `now_ms`. A time without a year is of the year that
/// brings it nearest to that: a message of December that arrives in January is of last year. None where there is no
/// such day.
pub(crate) fn resolve(stamp: Stamp, now_ms: i64, zone: &TimeZone) -> Option<i64> {
    let local = match stamp {
        Stamp::Exact(ms) => return Some(ms),
        Stamp::Local(local) => local,
    };
    let now = Timestamp::from_millisecond(now_ms).ok()?;
    let this_year = zone.to_datetime(now).year();
    let years = match local.year {
        Some(year) => year..=year,
        None => this_year - 1..=this_year + 1,
    };
    years
        .filter_map(|year| zone.to_timestamp(local.in_year(year)?).ok())
        .map(Timestamp::as_millisecond)
        .min_by_key(|ms| (ms - now_ms).abs())
}

/// The time zone of this name: the system's where it is empty.
///
/// # Errors
/// That it is none, and what is one.
pub(crate) fn zone(name: &str) -> Result<TimeZone, String> {
    static PARSER: DateTimeParser = DateTimeParser::new();
    if name.is_empty() {
        return Ok(TimeZone::system());
    }
    PARSER.parse_time_zone(name).map_err(|_| {
        "it is no time zone that this system knows; write a name such as Europe/Berlin (from the system's tzdata), an \
         offset such as +02:00, or UTC"
            .to_owned()
    })
}

/// The time that a message of RFC 3164 begins with, and what is behind it and a blank.
pub(super) fn at_start(bytes: &[u8]) -> Option<(Stamp, &[u8])> {
    if bytes.first()?.is_ascii_digit() {
        let (word, rest) = super::field(bytes)?;
        return Some((Stamp::Exact(rfc3339(word)?), rest));
    }
    // Cisco's devices say so that their clock may be wrong.
    let bytes = match bytes {
        [b'*' | b'.', rest @ ..] => rest,
        bytes => bytes,
    };
    let mut digits = Digits(bytes);
    let local = digits.local()?;
    let rest = digits.0.strip_prefix(b":").unwrap_or(digits.0);
    match rest {
        [] => Some((Stamp::Local(local), rest)),
        [b' ', rest @ ..] => Some((Stamp::Local(local), rest)),
        _ => None,
    }
}

/// Milliseconds since the epoch of a time of RFC 3339; none where it is none.
pub(super) fn rfc3339(text: &[u8]) -> Option<i64> {
    let mut digits = Digits(text);
    let year = digits.exactly(4)?;
    digits.skip(b'-')?;
    let month = digits.exactly(2)?;
    digits.skip(b'-')?;
    let day = digits.exactly(2)?;
    digits.skip(b'T').or_else(|| digits.skip(b't'))?;
    let (hour, minute, second) = digits.clock()?;
    let nanosecond = digits.fraction()?;
    let offset = digits.offset()?;
    if !digits.0.is_empty() {
        return None;
    }
    let local = Local {
        year: None,
        month: small(month)?,
        day: small(day)?,
        hour,
        minute,
        second,
        nanosecond,
    };
    let time = local.in_year(i16::try_from(year).ok()?)?;
    Some(offset.to_timestamp(time).ok()?.as_millisecond())
}

fn small(number: u32) -> Option<i8> {
    i8::try_from(number).ok()
}

/// What is left of a text that is read from its front.
struct Digits<'a>(&'a [u8]);

impl Digits<'_> {
    /// `Oct 11 22:14:15`, `Oct  1 2026 22:14:15.003`.
    fn local(&mut self) -> Option<Local> {
        let (name, rest) = self.0.split_at_checked(3)?;
        let month = MONTHS.iter().position(|month| *month == name)?;
        self.0 = rest;
        self.blanks()?;
        let (day, _) = self.number(2)?;
        self.blanks()?;
        let year = self.year();
        let (hour, minute, second) = self.clock()?;
        let nanosecond = self.fraction()?;
        let is_day = (1..=31).contains(&day);
        is_day.then_some(Local {
            year,
            month: small(month as u32 + 1)?,
            day: small(day)?,
            hour,
            minute,
            second,
            nanosecond,
        })
    }

    /// A year, where there is one before the hour.
    fn year(&mut self) -> Option<i16> {
        let mut ahead = Digits(self.0);
        let year = ahead.exactly(4)?;
        ahead.blanks()?;
        self.0 = ahead.0;
        i16::try_from(year).ok()
    }

    /// `22:14:15`; a leap second is taken for the one before it.
    fn clock(&mut self) -> Option<(i8, i8, i8)> {
        let hour = self.exactly(2).filter(|hour| *hour < 24)?;
        self.skip(b':')?;
        let minute = self.exactly(2).filter(|minute| *minute < 60)?;
        self.skip(b':')?;
        let second = self.exactly(2).filter(|second| *second <= 60)?;
        Some((small(hour)?, small(minute)?, small(second)?))
    }

    /// Nanoseconds of `.003`; 0 where there is no point.
    fn fraction(&mut self) -> Option<i32> {
        if self.skip(b'.').is_none() {
            return Some(0);
        }
        let (fraction, len) = self.number(9)?;
        let scale = 10_i32.pow(9 - u32::try_from(len).ok()?);
        Some(i32::try_from(fraction).ok()? * scale)
    }

    /// `Z` or `+02:00`.
    fn offset(&mut self) -> Option<Offset> {
        if self.skip(b'Z').or_else(|| self.skip(b'z')).is_some() {
            return Some(Offset::UTC);
        }
        let sign = match self.skip(b'+') {
            Some(()) => 1,
            None => self.skip(b'-').map(|()| -1)?,
        };
        let hours = self.exactly(2)?;
        self.skip(b':')?;
        let minutes = self.exactly(2).filter(|minutes| *minutes < 60)?;
        let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
        Offset::from_seconds(sign * seconds).ok()
    }

    /// A number of at least one and at most `most` digits, and how many it has.
    fn number(&mut self, most: usize) -> Option<(u32, usize)> {
        let is_digit = |byte: &&u8| byte.is_ascii_digit();
        let len = self.0.iter().take(most).take_while(is_digit).count();
        let (digits, rest) = self.0.split_at(len);
        let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
        self.0 = rest;
        Some((number, len))
    }

    /// A number of so many digits.
    fn exactly(&mut self, len: usize) -> Option<u32> {
        let mut ahead = Digits(self.0);
        let (number, _) = ahead.number(len).filter(|(_, found)| *found == len)?;
        self.0 = ahead.0;
        Some(number)
    }

    fn skip(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    /// One blank or more.
    fn blanks(&mut self) -> Option<()> {
        let len = self.0.iter().take_while(|byte| **byte == b' ').count();
        self.0 = &self.0[len..];
        (len > 0).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn times_of_rfc_3339() {
        for (text, expected) in [
            ("1985-04-12T23:20:50.52Z", Some("1985-04-12T23:20:50.52Z")),
            (
                "1985-04-12T19:20:50.52-04:00",
                Some("1985-04-12T23:20:50.52Z"),
            ),
            (
                "2003-08-24T05:14:15.000003-07:00",
                Some("2003-08-24T12:14:15Z"),
            ),
            ("2016-12-31t23:59:60z", Some("2016-12-31T23:59:59Z")),
            ("2003-08-24T05:14:15.000000003-07:00x", None),
            ("2003-02-29T05:14:15Z", None),
            ("2003-08-24 05:14:15Z", None),
            ("2003-08-24T24:14:15Z", None),
            ("2003-08-24T05:14:15", None),
            ("2003-08-24T05:14:15.Z", None),
            ("2003-08-24T05:14:15+99:00", None),
            ("", None),
        ] {
            assert_eq!(rfc3339(text.as_bytes()), expected.map(ms), "{text}");
        }
    }

    #[test]
    fn times_without_year_and_zone() {
        let berlin = zone("+01:00").unwrap();
        for (text, received, expected) in [
            (
                "Oct 11 22:14:15 x",
                "2026-11-22T00:00:00Z",
                Some("2026-10-11T21:14:15Z"),
            ),
            (
                "Oct  1 22:14:15: x",
                "2026-11-22T00:00:00Z",
                Some("2026-10-01T21:14:15Z"),
            ),
            (
                "Dec 31 23:59:59 x",
                "2026-12-31T23:30:00Z",
                Some("2026-12-31T22:59:59Z"),
            ),
            (
                "Dec 31 23:59:59 x",
                "2027-01-01T00:30:00Z",
                Some("2026-12-31T22:59:59Z"),
            ),
            (
                "Jan  1 00:00:01 x",
                "2026-12-31T22:00:00Z",
                Some("2026-12-31T23:00:01Z"),
            ),
            (
                "Feb 29 12:00:00 x",
                "2025-01-05T00:00:00Z",
                Some("2024-02-29T11:00:00Z"),
            ),
            ("Feb 29 12:00:00 x", "2026-06-05T00:00:00Z", None),
            (
                "*Mar  1 2024 18:46:11.123 x",
                "2026-11-22T00:00:00Z",
                Some("2024-03-01T17:46:11.123Z"),
            ),
        ] {
            let (stamp, rest) = at_start(text.as_bytes()).unwrap();
            assert_eq!(rest, b"x");
            let resolved = resolve(stamp, ms(received), &berlin);
            assert_eq!(resolved, expected.map(ms), "{text} at {received}");
        }
        for text in [
            "",
            "Oct",
            "Okt 11 22:14:15 x",
            "Oct 11 22:14",
            "Oct 32 22:14:15 x",
            "Oct 11 25:14:15 x",
            "Oct 11 22:14:15x",
            "2026-10-11 x",
        ] {
            assert!(at_start(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn zones() {
        assert!(zone("").is_ok() && zone("UTC").is_ok() && zone("-03:30").is_ok());
        assert!(zone("Mars/Olympus").unwrap_err().contains("Europe/Berlin"));
    }
}
