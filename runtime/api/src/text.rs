//! The text form of values: what Java's `toString` gives, as StringConverter and FileStreamSink write it (contract
//! connectors-transforms, sections 1.2, 2.1 and 4.2).

use std::fmt;

use bigdecimal::BigDecimal;

use crate::{Struct, Value};

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Int8(value) => write!(f, "{value}"),
            Self::Int16(value) => write!(f, "{value}"),
            Self::Int32(value) => write!(f, "{value}"),
            Self::Int64(value) => write!(f, "{value}"),
            Self::Date(days) => f.write_str(&date_text(i64::from(*days) * DAY_MS)),
            Self::Time(ms) => f.write_str(&date_text(i64::from(*ms))),
            Self::Timestamp(ms) => f.write_str(&date_text(*ms)),
            Self::Float32(value) => {
                f.write_str(&java_float(&format!("{value:e}"), f64::from(*value)))
            }
            Self::Float64(value) => f.write_str(&java_float(&format!("{value:e}"), *value)),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::String(value) => f.write_str(value),
            Self::Bytes(value) => write!(f, "[B@{:x}", value.len()),
            Self::Array(values) => list(f, values),
            Self::Map(entries) => map(f, entries),
            Self::Struct(value) => write!(f, "{value}"),
            Self::Decimal(value) => f.write_str(&decimal_text(value)),
        }
    }
}

impl fmt::Display for Struct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Struct{")?;
        let mut first = true;
        for (field, value) in self.iter().filter(|(_, value)| **value != Value::Null) {
            if !std::mem::take(&mut first) {
                f.write_str(",")?;
            }
            write!(f, "{}={value}", field.name)?;
        }
        f.write_str("}")
    }
}

fn list(f: &mut fmt::Formatter<'_>, values: &[Value]) -> fmt::Result {
    f.write_str("[")?;
    for (index, value) in values.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        write!(f, "{separator}{value}")?;
    }
    f.write_str("]")
}

fn map(f: &mut fmt::Formatter<'_>, entries: &[(Value, Value)]) -> fmt::Result {
    f.write_str("{")?;
    for (index, (key, value)) in entries.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        write!(f, "{separator}{key}={value}")?;
    }
    f.write_str("}")
}

/// Java's text of a floating point number: plain from 0.001 up to 10,000,000, else `d.dE±n`, always with a fraction.
/// `scientific` is the shortest form that reads back to the same number, as `{:e}` writes it.
fn java_float(scientific: &str, value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let (sign, unsigned) = scientific
        .strip_prefix('-')
        .map_or(("", scientific), |rest| ("-", rest));
    let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((unsigned, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-3..1e7).contains(&magnitude) {
        // There are always two digits: where one tells the number, the second is the closest one.
        let two = format!("{magnitude:.1e}");
        return match digits.len() {
            1 => format!("{sign}{}", two.replace('e', "E")),
            _ => format!("{sign}{}.{}E{exponent}", &digits[..1], &digits[1..]),
        };
    }
    if exponent < 0 {
        return format!("{sign}0.{}{digits}", "0".repeat((-exponent - 1) as usize));
    }
    let whole = exponent as usize + 1;
    if digits.len() <= whole {
        return format!("{sign}{digits}{}.0", "0".repeat(whole - digits.len()));
    }
    format!("{sign}{}.{}", &digits[..whole], &digits[whole..])
}

const DAY_MS: i64 = 86_400_000;

/// Java's text of an instant, in UTC: `Tue Nov 14 22:13:20 UTC 2023`. Fractions of a second do not show.
fn date_text(ms: i64) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (days, second) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS) / 1000);
    let (year, month, day) = civil(days);
    format!(
        "{} {} {day:02} {:02}:{:02}:{:02} UTC {year:04}",
        WEEKDAYS[days.rem_euclid(7) as usize],
        MONTHS[month],
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// The year, month (from 0) and day of a day since 1970, by the Gregorian calendar: years are counted from March, so
/// that a leap day is the last of its year, in eras of 400 years.
fn civil(days: i64) -> (i64, usize, i64) {
    const ERA: i64 = 146_097;
    let since = days + 719_468;
    let (era, day) = (since.div_euclid(ERA), since.rem_euclid(ERA));
    let year = (day - day / 1460 + day / 36_524 - day / (ERA - 1)) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = (from_march + 2) % 12;
    let is_next_year = from_march >= 10;
    (
        era * 400 + year + i64::from(is_next_year),
        month as usize,
        of_year - (153 * from_march + 2) / 5 + 1,
    )
}

/// Java's text of an exact number: plain where it has a fraction of a sensible length, else with an exponent.
pub fn decimal_text(value: &BigDecimal) -> String {
    let (unscaled, scale) = value.as_bigint_and_exponent();
    let text = unscaled.to_string();
    let (sign, digits) = text
        .strip_prefix('-')
        .map_or(("", text.as_str()), |digits| ("-", digits));
    let len = digits.len() as i64;
    let exponent = len - 1 - scale;
    if scale == 0 {
        return text;
    }
    if scale > 0 && exponent >= -6 {
        let point = (len - scale).max(0) as usize;
        let zeros = "0".repeat((scale - len).max(0) as usize);
        let whole = if point == 0 { "0" } else { &digits[..point] };
        return format!("{sign}{whole}.{zeros}{}", &digits[point..]);
    }
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    format!("{sign}{first}{point}{rest}E{exponent:+}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_read_as_in_java() {
        for (unscaled, scale, text) in [
            (150, 2, "1.50"),
            (-150, 2, "-1.50"),
            (5, 3, "0.005"),
            (0, 2, "0.00"),
            (123, 0, "123"),
            (1, -3, "1E+3"),
            (12, -3, "1.2E+4"),
            (1, 7, "1E-7"),
            (1, 6, "0.000001"),
        ] {
            let value = BigDecimal::new(unscaled.into(), scale);
            assert_eq!(Value::Decimal(value).to_string(), text);
        }
    }

    #[test]
    fn instants_read_as_in_java() {
        for (value, text) in [
            (
                Value::Timestamp(1_700_000_000_123),
                "Tue Nov 14 22:13:20 UTC 2023",
            ),
            (Value::Timestamp(-1), "Wed Dec 31 23:59:59 UTC 1969"),
            (Value::Date(19_782), "Thu Feb 29 00:00:00 UTC 2024"),
            (Value::Date(0), "Thu Jan 01 00:00:00 UTC 1970"),
            (Value::Date(-719_162), "Mon Jan 01 00:00:00 UTC 0001"),
            (Value::Date(60), "Mon Mar 02 00:00:00 UTC 1970"),
            (Value::Time(80_000_000), "Thu Jan 01 22:13:20 UTC 1970"),
        ] {
            assert_eq!(value.to_string(), text);
        }
    }

    #[test]
    fn floats_read_as_in_java() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (100.0, "100.0"),
            (1e10, "1.0E10"),
            (1.5, "1.5"),
            (0.001, "0.001"),
            (0.00012, "1.2E-4"),
            (9_999_999.0, "9999999.0"),
            (12_345_678.9, "1.23456789E7"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(Value::Float64(value).to_string(), text);
        }
        assert_eq!(Value::Float32(1.1).to_string(), "1.1");
    }

    #[test]
    fn containers_read_as_in_java() {
        let list = Value::Array(vec![Value::Int8(1), Value::String("a".into()), Value::Null]);
        assert_eq!(list.to_string(), "[1, a, null]");
        let map = Value::Map(vec![(Value::String("k".into()), Value::Int64(1))]);
        assert_eq!(map.to_string(), "{k=1}");
    }
}
