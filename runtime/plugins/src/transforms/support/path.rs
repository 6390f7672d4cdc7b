//! Paths to fields, in the two syntaxes of `field.syntax.version`.
//!
//! In V1 a path is one name. In V2 dots part steps; a step between backticks may have dots in it, and a backtick closes
//! it only before a dot or at the end. `` \` `` there is a backtick of the name.

use std::sync::Arc;

use millrace_api::config::ConfigEnum;
use millrace_api::{ConnectError, Schema, SchemaType, Struct, Value};

use super::fields::{Entries, entry};
use super::names::simple_class_of;

/// The syntax of paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum FieldSyntax {
    /// A path is one name.
    #[default]
    #[config(name = "V1")]
    V1,
    /// Dots part steps.
    #[config(name = "V2")]
    V2,
}

/// The steps to a field, at least one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldPath {
    parents: Vec<String>,
    last: String,
}

impl FieldPath {
    /// Parses a path.
    pub(crate) fn parse(path: &str, syntax: FieldSyntax) -> Result<Self, ConnectError> {
        let mut steps = match syntax {
            FieldSyntax::V1 => vec![path.to_owned()],
            FieldSyntax::V2 => steps(path)?,
        };
        let last = steps.pop().unwrap_or_default();
        Ok(Self {
            parents: steps,
            last,
        })
    }

    /// The schema of the field, if there is such a field.
    pub(crate) fn schema(&self, schema: &Schema) -> Result<Option<Arc<Schema>>, ConnectError> {
        let mut current = schema;
        for step in &self.parents {
            match field(current, step)? {
                Some(next) => current = next,
                None => return Ok(None),
            }
        }
        Ok(field(current, &self.last)?.cloned())
    }

    /// The value in a struct; null where the way there is null or ends.
    pub(crate) fn in_struct(
        &self,
        value: &Struct,
        replace_null: bool,
    ) -> Result<Value, ConnectError> {
        let mut current = value;
        for step in &self.parents {
            match current.get(step) {
                Ok(Value::Struct(next)) => current = next,
                Ok(Value::Null) | Err(_) => return Ok(Value::Null),
                Ok(other) => return Err(not_a("Only Struct objects supported for", other)),
            }
        }
        let read = match replace_null {
            true => current.get(&self.last),
            false => current.get_without_default(&self.last),
        };
        Ok(read.cloned().unwrap_or_default())
    }

    /// The value in a schemaless map; null where the way there is null or ends.
    pub(crate) fn in_map(&self, entries: &Entries) -> Result<Value, ConnectError> {
        let mut current = entries;
        for step in &self.parents {
            match entry(current, step) {
                Some(Value::Map(next)) => current = next,
                Some(Value::Null) | None => return Ok(Value::Null),
                Some(other) => {
                    return Err(not_a(
                        "Only Map objects supported in absence of schema for",
                        other,
                    ));
                }
            }
        }
        Ok(entry(current, &self.last).cloned().unwrap_or_default())
    }

    /// The value in a struct or map; null in anything else.
    pub(crate) fn in_value(&self, value: &Value) -> Result<Value, ConnectError> {
        match value {
            Value::Struct(value) => self.in_struct(value, true),
            Value::Map(entries) => self.in_map(entries),
            _ => Ok(Value::Null),
        }
    }
}

fn field<'a>(schema: &'a Schema, name: &str) -> Result<Option<&'a Arc<Schema>>, ConnectError> {
    match schema.ty {
        SchemaType::Struct(_) => Ok(schema.field(name).map(|(_, field)| &field.schema)),
        _ => Err(ConnectError::data(
            "Cannot look up fields on non-struct type",
        )),
    }
}

fn not_a(what: &str, found: &Value) -> ConnectError {
    let found = simple_class_of(found);
    ConnectError::data(format!("{what} [nested field access], found: {found}"))
}

fn steps(path: &str) -> Result<Vec<String>, ConnectError> {
    let mut steps = Vec::new();
    let mut at = 0;
    while at < path.len() {
        let rest = &path[at..];
        if let Some(quoted) = rest.strip_prefix('`') {
            let (step, len) = backticks(quoted).ok_or_else(|| unclosed(path, at))?;
            steps.push(step);
            // Behind both backticks and the dot.
            at += len + 3;
        } else {
            let step = rest.split('.').next().unwrap_or(rest);
            steps.push(step.to_owned());
            at += step.len() + 1;
        }
    }
    if path.ends_with('.') {
        steps.push(String::new());
    }
    Ok(steps)
}

/// The step that `text` begins with and its length up to the backtick that closes it.
fn backticks(text: &str) -> Option<(String, usize)> {
    let mut step = String::new();
    let mut kept = 0;
    for (at, _) in text.match_indices('`') {
        let after = &text[at + 1..];
        if !after.is_empty() && !after.starts_with('.') {
            continue;
        }
        if text[..at].ends_with('\\') {
            if after.is_empty() {
                return None;
            }
            step.push_str(&text[kept..at - 1]);
            step.push('`');
            kept = at + 1;
            continue;
        }
        step.push_str(&text[kept..at]);
        return Some((step, at));
    }
    None
}

fn unclosed(path: &str, at: usize) -> ConnectError {
    ConnectError::config(format!(
        "Incomplete backtick pair in path: [{path}], consider adding a backslash before backtick at position {at} to escape it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_steps() {
        for (path, expected) in [
            ("a", &["a"][..]),
            ("a.b", &["a", "b"]),
            ("`a.b`.c", &["a.b", "c"]),
            ("`a`b`.c", &["a`b", "c"]),
            ("a.", &["a", ""]),
            ("``.x", &["", "x"]),
            ("`a\\`.b`", &["a`.b"]),
            ("a`b.c", &["a`b", "c"]),
        ] {
            assert_eq!(steps(path).unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn an_open_backtick_is_refused() {
        let error = FieldPath::parse("`ab", FieldSyntax::V2).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Incomplete backtick pair in path: [`ab], consider adding a backslash before backtick at position 0 to escape it"
        );
        assert!(steps("a.`b\\`").is_err());
    }
}
