//! What an answer's body must look like.
//!
//! `-` is no body, `html` a page, `error "TEXT"` Connect's error body; anything else is JSON in which a text may have
//! `*` for anything, the text `*` alone is any value, an object with the key `...` may have further members and an
//! array that ends in `"..."` further elements.

use serde_json::Value;

/// A pattern of a body.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Pattern {
    Anything,
    Empty,
    Html,
    Error(String),
    Json(Value),
}

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let json = |text: &str| {
            serde_json::from_str(text).map_err(|error| format!("{text} is no JSON: {error}"))
        };
        Ok(match text.trim() {
            "" => Self::Anything,
            "-" => Self::Empty,
            "html" => Self::Html,
            text => match text.strip_prefix("error ") {
                Some(message) => match json(message)? {
                    Value::String(message) => Self::Error(message),
                    other => return Err(format!("{other} is no text")),
                },
                None => Self::Json(json(text)?),
            },
        })
    }

    /// Whether the body of an answer is like this but for one member.
    pub(super) fn admits_but(&self, member: &str, status: u16, body: &str) -> bool {
        let (Self::Json(Value::Object(pattern)), Ok(Value::Object(mut fields))) =
            (self, serde_json::from_str(body))
        else {
            return self.admits(status, body);
        };
        let mut pattern = pattern.clone();
        pattern.remove(member);
        fields.remove(member);
        admits(&Value::Object(pattern), &Value::Object(fields))
    }

    /// Whether the body of an answer is like this.
    pub(super) fn admits(&self, status: u16, body: &str) -> bool {
        match self {
            Self::Anything => true,
            Self::Empty => body.is_empty(),
            Self::Html => body.trim_start().to_lowercase().starts_with("<"),
            Self::Error(message) => {
                let body = serde_json::from_str::<Value>(body).unwrap_or_default();
                let has_both = body.as_object().is_some_and(|fields| fields.len() == 2);
                has_both
                    && body["error_code"] == status
                    && admits(&Value::String(message.clone()), &body["message"])
            }
            Self::Json(pattern) => {
                serde_json::from_str(body).is_ok_and(|body| admits(pattern, &body))
            }
        }
    }
}

fn admits(pattern: &Value, value: &Value) -> bool {
    match (pattern, value) {
        (Value::String(pattern), _) if pattern == "*" => true,
        (Value::String(pattern), Value::String(text)) => glob(pattern, text),
        (Value::Object(pattern), Value::Object(fields)) => {
            let is_open = pattern.contains_key("...");
            let wanted = pattern.iter().filter(|(key, _)| *key != "...");
            let mut all_there = wanted
                .map(|(key, pattern)| fields.get(key).is_some_and(|value| admits(pattern, value)));
            all_there.all(|is_there| is_there) && (is_open || fields.len() == pattern.len())
        }
        (Value::Array(pattern), Value::Array(values)) => {
            let (pattern, is_open) = match pattern.split_last() {
                Some((last, rest)) if last == "..." => (rest, true),
                _ => (pattern.as_slice(), false),
            };
            (pattern.len() == values.len() || is_open && pattern.len() < values.len())
                && pattern
                    .iter()
                    .zip(values)
                    .all(|(pattern, value)| admits(pattern, value))
        }
        (pattern, value) => pattern == value,
    }
}

/// Whether a text is like a pattern in which `*` stands for anything.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn bodies_are_compared_by_pattern() {
        for (pattern, body, expected) in [
            ("", "x", true),
            ("-", "", true),
            ("-", "{}", false),
            ("html", "<html>", true),
            (
                r#"error "No *!""#,
                r#"{"error_code":404,"message":"No a!"}"#,
                true,
            ),
            (r#"error "*""#, r#"{"error_code":500,"message":"a"}"#, false),
            (r#"error "*""#, r#"{"error_code":404,"message":null}"#, true),
            (r#"{"a":"*"}"#, r#"{"a":[1]}"#, true),
            (r#"{"a":1}"#, r#"{"a":1,"b":2}"#, false),
            (r#"{"a":1,"...":0}"#, r#"{"a":1,"b":2}"#, true),
            (r#"["a*c","..."]"#, r#"["abc",1]"#, true),
            (r#"["a","..."]"#, r#"["b"]"#, false),
            ("[1]", "[1,2]", false),
        ] {
            let pattern = Pattern::parse(pattern).unwrap();
            assert_eq!(pattern.admits(404, body), expected, "{pattern:?} {body}");
        }
    }
}
