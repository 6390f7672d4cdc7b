//! The highest offset that records had so far, and which records had it.

use std::cmp::Ordering;

use serde_json::Value;

/// An offset and the identities of the records that had it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Level {
    pub(super) value: Option<Value>,
    pub(super) seen: Vec<u64>,
}

impl Level {
    /// The first `seen` records of this level.
    pub(super) fn up_to(&self, seen: usize) -> Self {
        Self {
            value: self.value.clone(),
            seen: self.seen[..seen.min(self.seen.len())].to_vec(),
        }
    }

    /// The offset as text, for requests.
    pub(super) fn text(&self) -> Option<String> {
        self.value.as_ref().map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    }
}

/// Compares offsets: numbers, and texts that are whole numbers, by value; other texts by their characters. None where
/// one is neither, or only one is a number.
pub(super) fn compare(one: &Value, other: &Value) -> Option<Ordering> {
    if let (Some(one), Some(other)) = (whole(one), whole(other)) {
        return Some(one.cmp(&other));
    }
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64()?.partial_cmp(&other.as_f64()?),
        (Value::String(one), Value::String(other)) => Some(one.cmp(other)),
        _ => None,
    }
}

fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => number
            .as_i64()
            .map(i128::from)
            .or_else(|| number.as_u64().map(i128::from)),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn offsets_are_compared_by_what_they_are() {
        for (one, other, expected) in [
            (json!(9), json!(10), Some(Ordering::Less)),
            (json!("9"), json!("10"), Some(Ordering::Less)),
            (json!("9"), json!(9), Some(Ordering::Equal)),
            (json!(1.5), json!(1), Some(Ordering::Greater)),
            (
                json!("2024-01-09"),
                json!("2024-01-10"),
                Some(Ordering::Less),
            ),
            (json!(u64::MAX), json!(1), Some(Ordering::Greater)),
            (json!("b"), json!(1), None),
            (json!(null), json!(1), None),
        ] {
            assert_eq!(compare(&one, &other), expected, "{one} {other}");
        }
    }
}
