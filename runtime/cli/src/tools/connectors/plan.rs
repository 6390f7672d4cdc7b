//! What would have to change so that the cluster has the connectors of the files: computed from both, without asking
//! anyone.

use std::collections::{BTreeMap, BTreeSet};

use millrace_config::Properties;
use serde_json::Value;

use crate::plan::ConnectorFile;

/// The configurations that the cluster has, by name. A key whose value is null is as good as not there.
pub(super) type Actual = BTreeMap<String, Properties>;

/// What is to be done with one connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    Create,
    Update,
    Delete,
    /// It is as its file says.
    Keep,
    /// It is in no file, and stays.
    Leave,
}

/// A key whose value is another one afterwards. Without an old value it is new, without a new one it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyChange {
    pub(super) key: String,
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
}

/// One connector's part of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) action: Action,
    pub(super) changes: Vec<KeyChange>,
    /// Its file's place among those that were read.
    pub(super) file: Option<usize>,
}

/// The steps: those of the files in their order, then what is in no file by name.
pub(super) fn steps(files: &[ConnectorFile], actual: &Actual, prune: bool) -> Vec<Step> {
    let mut steps: Vec<Step> = files
        .iter()
        .enumerate()
        .map(|(index, file)| {
            let there = actual.get(&file.name);
            let changes = changes(there, &file.config);
            let action = match (there, changes.is_empty()) {
                (None, _) => Action::Create,
                (Some(_), true) => Action::Keep,
                (Some(_), false) => Action::Update,
            };
            Step {
                name: file.name.clone(),
                action,
                changes,
                file: Some(index),
            }
        })
        .collect();
    let in_no_file = actual
        .keys()
        .filter(|name| files.iter().all(|file| file.name != **name));
    steps.extend(in_no_file.map(|name| Step {
        name: name.clone(),
        action: if prune { Action::Delete } else { Action::Leave },
        changes: Vec::new(),
        file: None,
    }));
    steps
}

/// The keys that differ, in order.
fn changes(old: Option<&Properties>, new: &Properties) -> Vec<KeyChange> {
    let nothing = Properties::new();
    let old = old.unwrap_or(&nothing);
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    keys.into_iter()
        .filter(|key| old.get(*key) != new.get(*key))
        .map(|key| KeyChange {
            key: key.clone(),
            old: old.get(key).cloned(),
            new: new.get(key).cloned(),
        })
        .collect()
}

/// Reads the answer to `GET /connectors?expand=info`.
pub(super) fn actual(answer: &Value) -> Actual {
    let config = |shown: &Value| {
        shown["info"]["config"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect()
    };
    answer
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, shown)| (name.clone(), config(shown)))
        .collect()
}

#[cfg(test)]
mod tests {
    use millrace_testkit::properties;
    use serde_json::json;

    use super::{Action, Step, actual, steps};
    use crate::plan::ConnectorFile;

    fn file(name: &str, pairs: &[(&str, &str)]) -> ConnectorFile {
        let mut config = properties(pairs);
        config.insert("name".to_owned(), name.to_owned());
        ConnectorFile {
            path: format!("{name}.json").into(),
            name: name.to_owned(),
            config,
            initial_state: None,
        }
    }

    /// A step in short: its sign and name, and its changes.
    fn short(step: &Step) -> String {
        let sign = match step.action {
            Action::Create => '+',
            Action::Update => '~',
            Action::Delete => '-',
            Action::Keep => '=',
            Action::Leave => '?',
        };
        let change = |change: &super::KeyChange| {
            let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "_".to_owned());
            format!(
                " {}:{}>{}",
                change.key,
                side(&change.old),
                side(&change.new)
            )
        };
        let changes: String = step.changes.iter().map(change).collect();
        format!("{sign}{}{changes}", step.name)
    }

    #[test]
    fn steps_follow_from_files_and_what_is_there() {
        let there = actual(&json!({
            "same": {"info": {"config": {"name": "same", "a": "1"}}},
            "other": {"info": {"config": {"name": "other", "a": "1", "gone": "x", "null": null}}},
            "extra": {"info": {"config": {"name": "extra"}}},
        }));
        let files = [
            file("new", &[("a", "1")]),
            file("same", &[("a", "1")]),
            file("other", &[("a", "2"), ("b", "3")]),
        ];
        let planned =
            |prune| -> Vec<String> { steps(&files, &there, prune).iter().map(short).collect() };
        let mut expected = vec![
            "+new a:_>1 name:_>new",
            "=same",
            "~other a:1>2 b:_>3 gone:x>_",
            "?extra",
        ];
        assert_eq!(planned(false), expected);
        expected[3] = "-extra";
        assert_eq!(planned(true), expected);
    }

    #[test]
    fn nothing_there_and_nothing_wanted_is_nothing_to_do() {
        assert!(steps(&[], &actual(&json!({})), true).is_empty());
        assert!(actual(&json!([])).is_empty());
    }
}
