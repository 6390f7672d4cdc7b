//! The options that change values, in the order: whole, by pointers, by patterns, by a command.

use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use clap::Args;
use millrace_worker::dead_letters::Edit;
use regex::Regex;
use serde_json::Value;

use super::command;
use crate::{plan::read_text, tools::run::Usage};

#[derive(Debug, Args)]
pub(super) struct Edits {
    /// Replace the value by what a file holds
    #[arg(long, value_name = "FILE")]
    value_file: Option<PathBuf>,
    /// Set a field of a JSON value: /order/total=5. What is no JSON is a text. May be repeated
    #[arg(long, value_name = "POINTER=JSON")]
    set: Vec<String>,
    /// Remove a field of a JSON value: /order/total. May be repeated
    #[arg(long, value_name = "POINTER")]
    remove: Vec<String>,
    /// Replace what a regular expression matches in the value; $1 is its first group. May be repeated
    #[arg(long, num_args = 2, value_names = ["PATTERN", "TEXT"])]
    replace: Vec<String>,
    /// Have a shell command make each value: it reads the old one and writes the new one
    #[arg(long, value_name = "COMMAND")]
    edit: Option<String>,
}

impl Edits {
    /// The changes, in their order.
    ///
    /// # Errors
    /// What is no pointer or no pattern, and a file that cannot be read.
    pub(super) fn edits(&self) -> Result<Vec<Edit>, Usage> {
        let mut edits = Vec::new();
        if let Some(path) = &self.value_file {
            let text = read_text(path).map_err(|problem| Usage::new(problem.to_string()))?;
            edits.push(Edit::Whole(Some(Bytes::from(text))));
        }
        for text in &self.set {
            let wrong = || Usage::new(format!("--set {text}: expected /POINTER=JSON"));
            let (given, value) = text.split_once('=').ok_or_else(wrong)?;
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            let pointer = pointer("--set", given)?;
            edits.push(Edit::Set { pointer, value });
        }
        for text in &self.remove {
            let pointer = pointer("--remove", text)?;
            edits.push(Edit::Remove { pointer });
        }
        for pair in self.replace.chunks(2) {
            let [pattern, with] = pair else { continue };
            let pattern = Regex::new(pattern).map_err(|error| {
                Usage::new(format!(
                    "--replace {pattern} is no regular expression: {error}"
                ))
            })?;
            let with = with.clone();
            edits.push(Edit::Replace { pattern, with });
        }
        if let Some(line) = self.edit.clone() {
            let editor = move |value: Option<&[u8]>| command::run(&line, value);
            edits.push(Edit::By(Arc::new(editor)));
        }
        Ok(edits)
    }
}

fn pointer(option: &str, text: &str) -> Result<String, Usage> {
    match text.is_empty() || text.starts_with('/') {
        true => Ok(text.to_owned()),
        false => Err(Usage::new(format!(
            "{option} {text}: a JSON pointer begins with /"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        edits: Edits,
    }

    fn edits(words: &[&str]) -> Result<Vec<Edit>, String> {
        let typed = Typed::parse_from(std::iter::once(&"x").chain(words));
        typed.edits.edits().map_err(|error| error.to_string())
    }

    #[test]
    fn changes_are_read_in_their_order() {
        let edits = edits(&[
            "--replace",
            "a",
            "b",
            "--set",
            "/x=1",
            "--set",
            "/y=text",
            "--remove",
            "/z",
        ])
        .unwrap();
        let value = Some(Bytes::from_static(br#"{"a":0,"z":1}"#));
        let changed = edits
            .iter()
            .try_fold(value, |value, edit| edit.apply(value))
            .unwrap();
        assert_eq!(changed.unwrap(), r#"{"b":0,"x":1,"y":"text"}"#);
    }

    #[test]
    fn what_is_typed_wrong_is_refused() {
        for words in [
            &["--set", "x=1"][..],
            &["--set", "/x"],
            &["--remove", "x"],
            &["--replace", "(", "y"],
        ] {
            assert!(edits(words).is_err(), "{words:?}");
        }
    }
}
