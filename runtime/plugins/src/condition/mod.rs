//! Conditions on records, as a user writes them: `value.level == 'ERROR' and not (header.region in ('eu', 'us') or age > 7d)`.
//!
//! ```text
//! condition  = and { "or" and }
//! and        = not { "and" not }
//! not        = "not" not | "(" condition ")" | comparison
//! comparison = operand [ ("==" | "!=" | "<" | "<=" | ">" | ">=") operand | "matches" text | "in" "(" literal { "," literal } ")" ]
//! operand    = literal | "topic" | "partition" | "timestamp" | "age" | ("key" | "value") { "." step } | "header" "." step
//! literal    = text | number | duration | "true" | "false" | "null"
//! ```
//!
//! A text stands between single or double quotes, which are doubled inside; a step with other characters than letters,
//! digits, `_` and `-` between backticks. A duration is a number with `ms`, `s`, `m`, `h` or `d`, and means milliseconds,
//! as `timestamp` and `age` do. What is missing is null. Numbers are compared as numbers, whatever their types, also with
//! a text that is a number; what cannot be compared is unequal, and neither less nor greater. An operand alone is true if
//! it is the boolean true.

mod eval;
mod parse;
mod tokens;

#[cfg(test)]
mod tests;

use millrace_api::config::Value as Given;
use millrace_api::{RecordView, Side};

use crate::transforms::JavaRegex;

/// A condition, parsed.
#[derive(Debug)]
pub(crate) struct Condition {
    root: Node,
}

#[derive(Debug)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Truth(Operand),
    Compare(Operand, Operator, Operand),
    In(Operand, Vec<Literal>),
    Matches(Operand, Box<JavaRegex>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug)]
enum Operand {
    Literal(Literal),
    Topic,
    Partition,
    Timestamp,
    Age,
    Side(Side, Vec<String>),
    Header(String),
}

#[derive(Debug, Clone, PartialEq)]
enum Literal {
    Null,
    Boolean(bool),
    Integer(i64),
    Fraction(f64),
    Text(String),
}

impl Condition {
    /// Parses a condition; the error says where and why it cannot be.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let root = parse::parse(text)?;
        Ok(Self { root })
    }

    /// Whether a record, looked at at `now_ms`, meets the condition.
    pub(crate) fn holds(&self, view: RecordView<'_>, now_ms: i64) -> bool {
        self.root.holds(&eval::Subject { view, now_ms })
    }
}

/// The check of a key that holds a condition.
pub(crate) fn is_condition(_key: &str, value: &Given) -> Result<(), String> {
    match value.as_str() {
        Some(text) => Condition::parse(text).map(|_| ()),
        None => Ok(()),
    }
}
