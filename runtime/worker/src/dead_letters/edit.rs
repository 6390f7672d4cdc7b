//! Changes to the value of a letter before it is replayed.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use regex::Regex;
use serde_json::Value;
use thiserror::Error;

/// One change of a value.
#[derive(Clone)]
pub enum Edit {
    /// Sets what a JSON pointer names; the last part of the pointer may be new.
    Set {
        /// The pointer, as `/order/total`.
        pointer: String,
        /// What is set.
        value: Value,
    },
    /// Removes what a JSON pointer names.
    Remove {
        /// The pointer.
        pointer: String,
    },
    /// Replaces every match of a pattern in the value as text; `$1` stands for the first group.
    Replace {
        /// The pattern.
        pattern: Regex,
        /// What it is replaced by.
        with: String,
    },
    /// Replaces the value.
    Whole(Option<Bytes>),
    /// Asks someone.
    By(Arc<Editor>),
}

/// Makes a value from a value.
pub type Editor = dyn Fn(Option<&[u8]>) -> Result<Option<Bytes>, EditError> + Send + Sync;

/// Why a value cannot be changed.
#[derive(Debug, Error)]
pub enum EditError {
    /// The value is no JSON.
    #[error("its value is no JSON ({0}), which a change by a pointer needs")]
    NotJson(serde_json::Error),
    /// The value is no text.
    #[error("its value is no UTF-8, which a change by a pattern needs")]
    NotText,
    /// The pointer leads nowhere.
    #[error("its value has nothing at '{0}'")]
    Nowhere(String),
    /// Whoever was asked has failed.
    #[error("{0}")]
    Failed(String),
}

impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set { pointer, .. } => write!(f, "Set({pointer})"),
            Self::Remove { pointer } => write!(f, "Remove({pointer})"),
            Self::Replace { pattern, .. } => write!(f, "Replace({pattern})"),
            Self::Whole(_) => f.write_str("Whole"),
            Self::By(_) => f.write_str("By"),
        }
    }
}

impl Edit {
    /// The value after the change.
    ///
    /// # Errors
    /// When the value is not such that it can be changed this way.
    pub fn apply(&self, value: Option<Bytes>) -> Result<Option<Bytes>, EditError> {
        match self {
            Self::Whole(new) => Ok(new.clone()),
            Self::By(editor) => editor(value.as_deref()),
            Self::Replace { pattern, with } => {
                let Some(bytes) = value else { return Ok(None) };
                let text = std::str::from_utf8(&bytes).map_err(|_| EditError::NotText)?;
                let replaced = pattern.replace_all(text, with.as_str());
                Ok(Some(Bytes::from(replaced.into_owned())))
            }
            Self::Set {
                pointer,
                value: new,
            } => in_json(value, pointer, |document| {
                set(document, pointer, new.clone())
            }),
            Self::Remove { pointer } => {
                in_json(value, pointer, |document| remove(document, pointer))
            }
        }
    }
}

fn in_json(
    value: Option<Bytes>,
    pointer: &str,
    change: impl FnOnce(&mut Value) -> Option<()>,
) -> Result<Option<Bytes>, EditError> {
    let bytes = value.unwrap_or_default();
    let mut document: Value = serde_json::from_slice(&bytes).map_err(EditError::NotJson)?;
    change(&mut document).ok_or_else(|| EditError::Nowhere(pointer.to_owned()))?;
    Ok(Some(Bytes::from(document.to_string())))
}

/// The pointer without its last part, and that part.
fn split(pointer: &str) -> Option<(&str, String)> {
    let (parent, last) = pointer.rsplit_once('/')?;
    Some((parent, last.replace("~1", "/").replace("~0", "~")))
}

fn set(document: &mut Value, pointer: &str, new: Value) -> Option<()> {
    if pointer.is_empty() {
        *document = new;
        return Some(());
    }
    let (parent, last) = split(pointer)?;
    match document.pointer_mut(parent)? {
        Value::Object(fields) => {
            fields.insert(last, new);
        }
        Value::Array(items) if last == "-" => items.push(new),
        Value::Array(items) => *items.get_mut(last.parse::<usize>().ok()?)? = new,
        _ => return None,
    }
    Some(())
}

fn remove(document: &mut Value, pointer: &str) -> Option<()> {
    let (parent, last) = split(pointer)?;
    match document.pointer_mut(parent)? {
        Value::Object(fields) => fields.shift_remove(&last).map(drop),
        Value::Array(items) => {
            let index: usize = last.parse().ok()?;
            (index < items.len()).then(|| drop(items.remove(index)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn apply(edit: &Edit, value: &str) -> Result<String, String> {
        let changed = edit.apply(Some(Bytes::copy_from_slice(value.as_bytes())));
        let text = |bytes: Option<Bytes>| {
            String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap_or_default()
        };
        changed.map(text).map_err(|error| error.to_string())
    }

    fn set(pointer: &str, value: Value) -> Edit {
        Edit::Set {
            pointer: pointer.to_owned(),
            value,
        }
    }

    fn remove(pointer: &str) -> Edit {
        Edit::Remove {
            pointer: pointer.to_owned(),
        }
    }

    #[test]
    fn values_are_changed_by_pointers() {
        let value = r#"{"b":{"x/y":[1,2]},"a":1}"#;
        let cases = [
            (set("/a", json!("n")), r#"{"b":{"x/y":[1,2]},"a":"n"}"#),
            (
                set("/c", json!(null)),
                r#"{"b":{"x/y":[1,2]},"a":1,"c":null}"#,
            ),
            (set("/b/x~1y/0", json!(7)), r#"{"b":{"x/y":[7,2]},"a":1}"#),
            (set("/b/x~1y/-", json!(7)), r#"{"b":{"x/y":[1,2,7]},"a":1}"#),
            (set("", json!([])), "[]"),
            (remove("/b"), r#"{"a":1}"#),
            (remove("/b/x~1y/1"), r#"{"b":{"x/y":[1]},"a":1}"#),
        ];
        for (edit, expected) in cases {
            assert_eq!(apply(&edit, value).as_deref(), Ok(expected), "{edit:?}");
        }
    }

    #[test]
    fn what_cannot_be_changed_is_said() {
        let edit = set("/q/r", json!(1));
        let error = apply(&edit, "{oops").unwrap_err();
        assert!(error.starts_with("its value is no JSON"), "{error}");
        for (edit, at) in [(edit, "/q/r"), (remove("/q"), "/q")] {
            let error = apply(&edit, "{}").unwrap_err();
            assert_eq!(error, format!("its value has nothing at '{at}'"));
        }
        let replace = Edit::Replace {
            pattern: Regex::new("x").unwrap(),
            with: String::new(),
        };
        assert!(replace.apply(Some(Bytes::from_static(b"\xff"))).is_err());
        assert_eq!(replace.apply(None).unwrap(), None);
    }

    #[test]
    fn text_is_replaced_by_patterns() {
        let edit = Edit::Replace {
            pattern: Regex::new("([a-z]+)=x").unwrap(),
            with: "$1=1".to_owned(),
        };
        assert_eq!(apply(&edit, "a=x b=x").as_deref(), Ok("a=1 b=1"));
    }
}
