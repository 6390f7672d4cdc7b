//! Decimals as bytes: the unscaled number in two's complement, big-endian, of minimal length.

use std::str::FromStr;

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;
use millrace_api::{ConnectError, Schema};

/// A scale beyond this is refused: writing such a number out would take that many digits.
const SCALE_MAX: i64 = 100_000;

/// The scale that a Decimal schema names.
fn scale(schema: &Schema) -> Result<i64, ConnectError> {
    let text = schema
        .parameters
        .get("scale")
        .ok_or_else(|| ConnectError::data("a Decimal schema has no scale parameter"))?;
    i64::from_str(text)
        .ok()
        .filter(|scale| scale.abs() <= SCALE_MAX)
        .ok_or_else(|| {
            ConnectError::data(format!(
                "Invalid scale parameter found in Decimal schema: {text} is no integer in range"
            ))
        })
}

/// The bytes of `value` under its schema.
pub(crate) fn decimal_bytes(schema: &Schema, value: &BigDecimal) -> Result<Vec<u8>, ConnectError> {
    let (unscaled, own) = value.as_bigint_and_exponent();
    let wanted = scale(schema)?;
    if own != wanted {
        return Err(ConnectError::data(format!(
            "Decimal value has mismatching scale for given Decimal schema. Schema has scale {wanted}, value has scale {own}."
        )));
    }
    Ok(unscaled.to_signed_bytes_be())
}

/// The value of `bytes` under its schema.
pub(crate) fn decimal_from_bytes(
    schema: &Schema,
    bytes: &[u8],
) -> Result<BigDecimal, ConnectError> {
    if bytes.is_empty() {
        return Err(ConnectError::data("a decimal has no bytes"));
    }
    Ok(BigDecimal::new(
        BigInt::from_signed_bytes_be(bytes),
        scale(schema)?,
    ))
}

/// The exact value of a JSON number; its scale is the text's.
pub(crate) fn decimal_from_text(text: &str) -> Result<BigDecimal, ConnectError> {
    BigDecimal::from_str(text)
        .ok()
        .filter(|number| number.as_bigint_and_exponent().1.abs() <= SCALE_MAX)
        .ok_or_else(|| {
            ConnectError::data(format!("the number {text} has an exponent out of range"))
        })
}
