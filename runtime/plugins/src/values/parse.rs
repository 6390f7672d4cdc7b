//! Text to value: the type is guessed from the text (contract connectors-transforms, section 1.4).

use std::str::FromStr;
use std::sync::Arc;

use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, ToPrimitive};
use millrace_api::{Datum, Schema, SchemaType, Value};

use super::merge::Elements;
use super::temporal;
use super::tokens::Tokens;

/// Deeper nesting is taken as a string: it is input, and the stack is finite.
const DEPTH_MAX: usize = 100;

/// A number of more digits than this is taken as a string: its exponent would be written out in zeros.
const EXPONENT_MAX: i64 = 10_000;

/// The text is not the list or map that it began as.
struct Malformed;

/// The value of `text`; a null has no schema.
pub(crate) fn parse(text: &str) -> Datum {
    if text.is_empty() {
        return string(text);
    }
    let mut parser = Parser {
        tokens: Tokens::new(text),
        depth: 0,
    };
    match parser.value(false) {
        Ok(value) => value.unwrap_or_default(),
        Err(Malformed) => string(text),
    }
}

fn string(text: &str) -> Datum {
    Datum::new(Schema::string(), Value::String(text.to_owned()))
}

struct Parser<'a> {
    tokens: Tokens<'a>,
    depth: usize,
}

impl Parser<'_> {
    /// The next value, none for null; `embedded` in a list or map.
    fn value(&mut self, embedded: bool) -> Result<Option<Datum>, Malformed> {
        if !self.tokens.has_next() {
            return Ok(None);
        }
        if embedded && self.tokens.consume("\"") {
            return Ok(Some(self.quoted()));
        }
        if self.literal("null", embedded) {
            return Ok(None);
        }
        for (literal, value) in [("true", true), ("false", false)] {
            if self.literal(literal, embedded) {
                return Ok(Some(Datum::new(boolean(), Value::Boolean(value))));
            }
        }
        let start = self.tokens.mark();
        if let Ok(container) = self.container() {
            if let Some(container) = container {
                return Ok(Some(container));
            }
        } else {
            self.tokens.rewind(start);
        }
        self.plain(embedded).map(Some)
    }

    /// A literal word, which at the top must be all there is.
    fn literal(&mut self, word: &str, embedded: bool) -> bool {
        let start = self.tokens.mark();
        if self.tokens.consume(word) && (embedded || !self.tokens.has_next()) {
            return true;
        }
        self.tokens.rewind(start);
        false
    }

    fn container(&mut self) -> Result<Option<Datum>, Malformed> {
        let is_list = self.tokens.consume("[");
        if !is_list && !self.tokens.consume("{") {
            return Ok(None);
        }
        if self.depth >= DEPTH_MAX {
            return Err(Malformed);
        }
        self.depth += 1;
        let container = if is_list { self.list() } else { self.map() };
        self.depth -= 1;
        container.map(Some)
    }

    fn list(&mut self) -> Result<Datum, Malformed> {
        let mut elements = Elements::default();
        while self.tokens.has_next() {
            if self.tokens.consume("]") {
                let (values, schema) = elements.finish().ok_or(Malformed)?;
                let schema = Schema::new(SchemaType::Array(schema));
                return Ok(Datum::new(Arc::new(schema), Value::Array(values)));
            }
            if self.tokens.consume(",") {
                return Err(Malformed);
            }
            elements.push(self.value(true)?);
            let end = self.tokens.mark();
            if self.tokens.consume("]") {
                self.tokens.rewind(end);
            } else if !self.tokens.consume(",") {
                return Err(Malformed);
            }
        }
        Err(Malformed)
    }

    fn map(&mut self) -> Result<Datum, Malformed> {
        let (mut keys, mut values) = (Elements::default(), Elements::default());
        while self.tokens.has_next() {
            if self.tokens.consume("}") {
                return map_of(keys, values);
            }
            if self.tokens.consume(",") {
                return Err(Malformed);
            }
            keys.push(Some(self.value(true)?.ok_or(Malformed)?));
            if !self.tokens.consume(":") {
                return Err(Malformed);
            }
            values.push(self.value(true)?);
            // Java does not insist on the comma.
            self.tokens.consume(",");
        }
        Err(Malformed)
    }

    fn quoted(&mut self) -> Datum {
        let mut content = String::new();
        while self.tokens.has_next() && !self.tokens.consume_exactly("\"") {
            content.push_str(self.tokens.next());
        }
        temporal::parse(&content).unwrap_or_else(|| string(&content))
    }

    /// A date, a number, or at the top the whole text as a string.
    fn plain(&mut self, embedded: bool) -> Result<Datum, Malformed> {
        let token = self.tokens.next();
        if token.trim().is_empty() {
            return Ok(string(token));
        }
        let token = token.trim();
        let starts_with_digit = token.starts_with(|first: char| first.is_ascii_digit());
        if starts_with_digit && let Some(instant) = self.instant(token) {
            return Ok(instant);
        }
        if (starts_with_digit || token.starts_with(['+', '-']))
            && let Some(number) = number(token)
        {
            return Ok(number);
        }
        if embedded {
            Err(Malformed)
        } else {
            Ok(string(self.tokens.text()))
        }
    }

    /// Times hold colons, which are delimiters: two of them make five tokens.
    fn instant(&mut self, token: &str) -> Option<Datum> {
        let start = self.tokens.mark();
        if let Some(rest) = self.tokens.take(4) {
            if let Some(instant) = temporal::parse(&format!("{token}{rest}")) {
                return Some(instant);
            }
            self.tokens.rewind(start);
        }
        temporal::parse(token)
    }
}

fn boolean() -> Arc<Schema> {
    Arc::new(Schema::new(SchemaType::Boolean))
}

/// The last value of a key wins, in the place of the first.
fn map_of(keys: Elements, values: Elements) -> Result<Datum, Malformed> {
    let (keys, key_schema) = keys.finish().ok_or(Malformed)?;
    let (values, value_schema) = values.finish().ok_or(Malformed)?;
    let mut entries: Vec<(Value, Value)> = Vec::with_capacity(keys.len());
    for (key, value) in keys.into_iter().zip(values) {
        match entries.iter_mut().find(|(known, _)| *known == key) {
            Some(entry) => entry.1 = value,
            None => entries.push((key, value)),
        }
    }
    Ok(Datum::new(
        Arc::new(Schema::new(SchemaType::Map(key_schema, value_schema))),
        Value::Map(entries),
    ))
}

/// An integer of the least width; else, where the text has a fraction or an exponent, a float if its magnitude fits;
/// else a decimal.
fn number(token: &str) -> Option<Datum> {
    // The parser would take underscores between digits.
    if token.contains('_') {
        return None;
    }
    let decimal = BigDecimal::from_str(token).ok()?;
    let (_, scale) = decimal.as_bigint_and_exponent();
    if scale.abs() > EXPONENT_MAX {
        return None;
    }
    if decimal.is_integer() {
        let integer: BigInt = decimal.with_scale(0).as_bigint_and_exponent().0;
        if let Some(number) = integer.to_i64() {
            return Some(integer_datum(number));
        }
    }
    if scale != 0 {
        let single: f32 = token.parse().ok()?;
        if single.is_finite() {
            return Some(Datum::new(
                Arc::new(Schema::new(SchemaType::Float32)),
                Value::Float32(single),
            ));
        }
        let double: f64 = token.parse().ok()?;
        if double.is_finite() {
            return Some(Datum::new(
                Arc::new(Schema::new(SchemaType::Float64)),
                Value::Float64(double),
            ));
        }
    }
    Some(Datum::new(
        Arc::new(Schema::decimal(scale)),
        Value::Decimal(decimal),
    ))
}

fn integer_datum(number: i64) -> Datum {
    let (ty, value) = if let Ok(number) = i8::try_from(number) {
        (SchemaType::Int8, Value::Int8(number))
    } else if let Ok(number) = i16::try_from(number) {
        (SchemaType::Int16, Value::Int16(number))
    } else if let Ok(number) = i32::try_from(number) {
        (SchemaType::Int32, Value::Int32(number))
    } else {
        (SchemaType::Int64, Value::Int64(number))
    };
    Datum::new(Arc::new(Schema::new(ty)), value)
}
