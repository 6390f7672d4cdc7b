//! Whether a record meets a condition.

use std::cmp::Ordering;

use bigdecimal::ToPrimitive;
use millrace_api::{Cell, RecordView, Side, Value, utf8_lossy};

use super::{Literal, Node, Operand, Operator};

const DAY_MS: i64 = 86_400_000;

/// A record and the time at which it is looked at.
pub(super) struct Subject<'a> {
    pub(super) view: RecordView<'a>,
    pub(super) now_ms: i64,
}

impl Node {
    pub(super) fn holds(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.holds(subject)),
            Self::Any(nodes) => nodes.iter().any(|node| node.holds(subject)),
            Self::Not(node) => !node.holds(subject),
            Self::Truth(operand) => operand.read(subject) == Literal::Boolean(true),
            Self::Compare(left, operator, right) => {
                operator.holds(compare(&left.read(subject), &right.read(subject)))
            }
            Self::In(operand, literals) => {
                let value = operand.read(subject);
                let equals = |literal| compare(&value, literal) == Some(Ordering::Equal);
                literals.iter().any(equals)
            }
            Self::Matches(operand, regex) => match operand.read(subject) {
                Literal::Null => false,
                value => regex.matches(&value.text()),
            },
        }
    }
}

impl Operator {
    fn holds(self, ordering: Option<Ordering>) -> bool {
        match self {
            Self::Equal => ordering == Some(Ordering::Equal),
            Self::Unequal => ordering != Some(Ordering::Equal),
            Self::Less => ordering == Some(Ordering::Less),
            Self::LessOrEqual => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
            Self::Greater => ordering == Some(Ordering::Greater),
            Self::GreaterOrEqual => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
        }
    }
}

impl Operand {
    fn read(&self, subject: &Subject<'_>) -> Literal {
        let view = subject.view;
        match self {
            Self::Literal(literal) => literal.clone(),
            Self::Topic => Literal::Text(view.topic().to_string()),
            Self::Partition => integer(view.partition().map(i64::from)),
            Self::Timestamp => integer(view.timestamp()),
            Self::Age => integer(view.timestamp().map(|at| subject.now_ms.saturating_sub(at))),
            Self::Side(Side::Key, steps) => of_cell(view.key(), steps),
            Self::Side(Side::Value, steps) => of_cell(view.value(), steps),
            Self::Header(name) if !view.has_header(name) => Literal::Null,
            Self::Header(name) => {
                let headers = view.headers().unwrap_or_default().into_iter();
                let mut named = headers.filter(|header| header.name == *name);
                named
                    .next_back()
                    .map_or(Literal::Null, |header| literal(&header.value))
            }
        }
    }
}

fn integer(number: Option<i64>) -> Literal {
    number.map_or(Literal::Null, Literal::Integer)
}

fn of_cell(cell: Cell<'_>, steps: &[String]) -> Literal {
    match cell {
        Cell::Value(datum) => of_value(&datum.value, steps),
        Cell::Text(text) | Cell::Bytes(text) if steps.is_empty() => Literal::Text(utf8_lossy(text)),
        Cell::Null | Cell::Text(_) | Cell::Bytes(_) => Literal::Null,
    }
}

fn of_value(value: &Value, steps: &[String]) -> Literal {
    let Some((step, rest)) = steps.split_first() else {
        return literal(value);
    };
    let found = match value {
        Value::Struct(value) => value.get(step).ok(),
        Value::Map(entries) => entries
            .iter()
            .find(|(key, _)| matches!(key, Value::String(key) if key == step))
            .map(|(_, value)| value),
        Value::Array(values) => step.parse().ok().and_then(|at: usize| values.get(at)),
        _ => None,
    };
    found.map_or(Literal::Null, |value| of_value(value, rest))
}

fn literal(value: &Value) -> Literal {
    match value {
        Value::Null => Literal::Null,
        Value::Boolean(value) => Literal::Boolean(*value),
        Value::Int8(number) => Literal::Integer(i64::from(*number)),
        Value::Int16(number) => Literal::Integer(i64::from(*number)),
        Value::Int32(number) | Value::Time(number) => Literal::Integer(i64::from(*number)),
        Value::Int64(number) | Value::Timestamp(number) => Literal::Integer(*number),
        Value::Date(days) => Literal::Integer(i64::from(*days) * DAY_MS),
        Value::Float32(number) => Literal::Fraction(f64::from(*number)),
        Value::Float64(number) => Literal::Fraction(*number),
        Value::Decimal(number) => Literal::Fraction(number.to_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Literal::Text(text.clone()),
        Value::Bytes(bytes) => Literal::Text(utf8_lossy(bytes)),
        other => Literal::Text(other.to_string()),
    }
}

impl Literal {
    fn text(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Boolean(value) => value.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Fraction(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(*number as f64),
            Self::Fraction(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Null | Self::Boolean(_) => None,
        }
    }
}

/// How two values stand to each other; none where they cannot be compared.
fn compare(a: &Literal, b: &Literal) -> Option<Ordering> {
    match (a, b) {
        (Literal::Null, Literal::Null) => Some(Ordering::Equal),
        (Literal::Boolean(a), Literal::Boolean(b)) => (a == b).then_some(Ordering::Equal),
        (Literal::Integer(a), Literal::Integer(b)) => Some(a.cmp(b)),
        (Literal::Text(a), Literal::Text(b)) => Some(a.cmp(b)),
        (Literal::Text(text), Literal::Boolean(truth))
        | (Literal::Boolean(truth), Literal::Text(text)) => {
            (text.parse() == Ok(*truth)).then_some(Ordering::Equal)
        }
        (a, b) => a.number()?.partial_cmp(&b.number()?),
    }
}
