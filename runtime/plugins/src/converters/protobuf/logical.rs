//! Messages that stand for logical values: dates, times, timestamps and decimals.

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;
use millrace_api::{ConnectError, Value};

use super::wire::{Input, Wire, put_tag, put_varint};
use crate::transforms::dates::calendar::{Date, date_of, day_of};

/// The greatest time of day, which Java's classes take in.
const TIME_MAX: i32 = 86_400_000;
/// A scale beyond this is refused: writing such a number out would take that many digits.
const SCALE_MAX: i64 = 100_000;

/// Which logical value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Logical {
    Date,
    Time,
    Timestamp,
    Decimal,
}

/// The first four fields of a message, numbers all, and the bytes of the first.
fn fields<'a>(message: &'a [u8]) -> Result<([i64; 4], &'a [u8]), ConnectError> {
    let mut numbers = [0; 4];
    let mut bytes: &'a [u8] = &[];
    let mut input = Input(message);
    while let Some((number, wire)) = input.field()? {
        match (number, wire) {
            (1, Wire::Bytes(first)) => bytes = first,
            (1..=4, Wire::Varint(value)) => numbers[number as usize - 1] = value as i64,
            _ => {}
        }
    }
    Ok((numbers, bytes))
}

impl Logical {
    /// The value of a message.
    pub(super) fn read(self, message: &[u8]) -> Result<Value, ConnectError> {
        let (numbers, bytes) = fields(message)?;
        Ok(match self {
            Self::Date => {
                let [year, month, day, _] = numbers;
                let date = Date { year, month, day };
                let in_range = (1..=9999).contains(&year)
                    && (1..=12).contains(&month)
                    && (1..=31).contains(&day);
                let of_day = if in_range { day_of(date) } else { 0 };
                if !in_range || date_of(of_day) != date {
                    return Err(ConnectError::data(format!(
                        "{year}-{month}-{day} is no date"
                    )));
                }
                Value::Date(i32::try_from(of_day).unwrap_or(0))
            }
            Self::Time => {
                let [hours, minutes, seconds, nanos] = numbers;
                let is_time = (0..24).contains(&hours)
                    && (0..60).contains(&minutes)
                    && (0..60).contains(&seconds)
                    && (0..1_000_000_000).contains(&nanos);
                if !is_time {
                    return Err(ConnectError::data(
                        "a google.type.TimeOfDay is no time of day",
                    ));
                }
                let ms = ((hours * 60 + minutes) * 60 + seconds) * 1000 + nanos / 1_000_000;
                Value::Time(i32::try_from(ms).unwrap_or(0))
            }
            Self::Timestamp => {
                let ms = numbers[0].checked_mul(1000);
                let ms = ms.and_then(|ms| ms.checked_add(numbers[1].div_euclid(1_000_000)));
                Value::Timestamp(
                    ms.ok_or_else(|| ConnectError::data("a timestamp is out of range"))?,
                )
            }
            Self::Decimal => {
                let scale = i64::from(numbers[2] as i32);
                if scale.abs() > SCALE_MAX {
                    return Err(ConnectError::data(format!(
                        "the scale {scale} of a decimal is out of range"
                    )));
                }
                Value::Decimal(BigDecimal::new(BigInt::from_signed_bytes_be(bytes), scale))
            }
        })
    }

    /// Appends the message of a value.
    pub(super) fn write(self, value: &Value, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        let mut put = |number: u32, value: i64| {
            if value != 0 {
                put_tag(number, 0, out);
                put_varint(value as u64, out);
            }
        };
        match (self, value) {
            (Self::Date, Value::Date(day)) => {
                let date = date_of((*day).into());
                put(1, date.year);
                put(2, date.month);
                put(3, date.day);
            }
            (Self::Time, Value::Time(ms)) if (0..=TIME_MAX).contains(ms) => {
                let ms = i64::from(*ms) % i64::from(TIME_MAX);
                put(1, ms / 3_600_000);
                put(2, ms / 60_000 % 60);
                put(3, ms / 1000 % 60);
                put(4, ms % 1000 * 1_000_000);
            }
            (Self::Time, Value::Time(ms)) => {
                return Err(ConnectError::data(format!(
                    "the time {ms} ms is not within a day"
                )));
            }
            (Self::Timestamp, Value::Timestamp(ms)) => {
                put(1, ms.div_euclid(1000));
                put(2, ms.rem_euclid(1000) * 1_000_000);
            }
            (Self::Decimal, Value::Decimal(number)) => {
                let (unscaled, scale) = number.as_bigint_and_exponent();
                let bytes = unscaled.to_signed_bytes_be();
                let digits = unscaled.magnitude().to_string().len();
                put_tag(1, 2, out);
                put_varint(bytes.len() as u64, out);
                out.extend_from_slice(&bytes);
                put_tag(2, 0, out);
                put_varint(digits as u64, out);
                if scale != 0 {
                    put_tag(3, 0, out);
                    put_varint(scale as u64, out);
                }
            }
            (_, value) => {
                return Err(ConnectError::data(format!(
                    "{} is not of the logical type of its schema",
                    crate::transforms::class_of(value)
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_as_messages() {
        for (logical, value) in [
            (Logical::Date, Value::Date(0)),
            (Logical::Date, Value::Date(20_000)),
            (Logical::Date, Value::Date(-141_428)),
            (Logical::Time, Value::Time(0)),
            (Logical::Time, Value::Time(86_399_999)),
            (Logical::Timestamp, Value::Timestamp(-1)),
            (Logical::Timestamp, Value::Timestamp(1_700_000_000_123)),
            (
                Logical::Decimal,
                Value::Decimal(BigDecimal::new((-12345).into(), 2)),
            ),
            (
                Logical::Decimal,
                Value::Decimal(BigDecimal::new(0.into(), -3)),
            ),
        ] {
            let mut out = Vec::new();
            logical.write(&value, &mut out).unwrap();
            assert_eq!(logical.read(&out).unwrap(), value);
        }
    }

    #[test]
    fn what_is_no_date_or_time_is_refused() {
        let date = [0x08, 0xe8, 0x0f, 0x10, 2, 0x18, 30];
        assert!(Logical::Date.read(&date).is_err());
        assert!(Logical::Date.read(&[]).is_err());
        assert!(Logical::Time.read(&[0x08, 24]).is_err());
        assert!(
            Logical::Time
                .write(&Value::Time(-1), &mut Vec::new())
                .is_err()
        );
    }
}
