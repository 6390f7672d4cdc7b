//! A plan as it is shown: for people a line a connector with the keys that change below it, for scripts JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    plan::{Action, KeyChange, Step},
    secret::{HIDDEN, Secrets},
    show::plain,
};
use crate::plan::ConnectorFile;

impl Action {
    fn sign(&self) -> char {
        match self {
            Self::Create => '+',
            Self::Update => '~',
            Self::Delete => '-',
            Self::Keep => '=',
            Self::Leave => '?',
        }
    }

    /// Its word in JSON.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Keep => "keep",
            Self::Leave => "leave",
        }
    }

    /// Whether something is to be done.
    pub(super) fn is_change(&self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Delete)
    }
}

/// How many steps are of each kind.
pub(super) fn summary(steps: &[Step]) -> String {
    let count = |action: Action| steps.iter().filter(|step| step.action == action).count();
    let mut text = format!(
        "{} to create, {} to change, {} to delete, {} as they should be",
        count(Action::Create),
        count(Action::Update),
        count(Action::Delete),
        count(Action::Keep)
    );
    let left = count(Action::Leave);
    if left > 0 {
        let _written = write!(text, ", {left} in no file");
    }
    text
}

/// The plan for people.
pub(super) fn text(steps: &[Step], files: &[ConnectorFile], secrets: &Secrets) -> String {
    let mut text = String::new();
    for step in steps.iter().filter(|step| step.action != Action::Keep) {
        let place = match step.file.and_then(|index| files.get(index)) {
            Some(file) => format!("  ({})", file.path.display()),
            None if step.action == Action::Leave => "  (in no file; it stays)".to_owned(),
            None => "  (in no file)".to_owned(),
        };
        let _written = writeln!(text, "{} {}{place}", step.action.sign(), plain(&step.name));
        for change in &step.changes {
            text.push_str(&line(change, step.action == Action::Create, secrets));
        }
    }
    let _written = writeln!(text, "{}", summary(steps));
    text
}

fn line(change: &KeyChange, is_new: bool, secrets: &Secrets) -> String {
    let key = plain(&change.key);
    let show = |value: &str| secrets.show(&change.key, value).into_owned();
    match (&change.old, &change.new) {
        (Some(old), Some(new)) => format!(
            "    ~ {key}: {} -> {}\n",
            show(old),
            changed(old, new, &change.key, secrets)
        ),
        (Some(old), None) => format!("    - {key}: {}\n", show(old)),
        (None, Some(new)) if is_new => format!("    {key}: {}\n", show(new)),
        (None, Some(new)) => format!("    + {key}: {}\n", show(new)),
        (None, None) => String::new(),
    }
}

/// The new value; where nothing of the change can be seen, a word that there is one.
fn changed(old: &str, new: &str, key: &str, secrets: &Secrets) -> String {
    let (old, new) = (secrets.show(key, old), secrets.show(key, new));
    match old == new {
        true => format!("{new} (another one)"),
        false => new.into_owned(),
    }
}

/// A step for scripts, with what became of it.
pub(super) fn json(
    step: &Step,
    files: &[ConnectorFile],
    secrets: &Secrets,
    outcome: Option<&Result<(), String>>,
) -> Value {
    let side = |key: &str, value: &Option<String>| -> Value {
        value
            .as_deref()
            .map_or(Value::Null, |value| match secrets.hides(key, value) {
                true => HIDDEN.into(),
                false => secrets.show_raw(value).into(),
            })
    };
    let changes: Vec<Value> = step
        .changes
        .iter()
        .map(|change| {
            json!({
                "key": change.key,
                "old": side(&change.key, &change.old),
                "new": side(&change.key, &change.new),
            })
        })
        .collect();
    let file = step.file.and_then(|index| files.get(index));
    json!({
        "connector": step.name,
        "action": step.action.word(),
        "file": file.map(|file| file.path.display().to_string()),
        "changes": changes,
        "done": outcome.map(Result::is_ok),
        "error": outcome.and_then(|outcome| outcome.as_ref().err()),
    })
}

#[cfg(test)]
mod tests {
    use super::{Action, KeyChange, Secrets, Step, json, text};

    fn change(key: &str, old: Option<&str>, new: Option<&str>) -> KeyChange {
        KeyChange {
            key: key.to_owned(),
            old: old.map(str::to_owned),
            new: new.map(str::to_owned),
        }
    }

    fn step(name: &str, action: Action, changes: Vec<KeyChange>) -> Step {
        Step {
            name: name.to_owned(),
            action,
            changes,
            file: None,
        }
    }

    #[test]
    fn a_plan_shows_what_changes_and_no_secret() {
        let steps = [
            step(
                "a",
                Action::Update,
                vec![
                    change("batch", Some("1"), Some("2")),
                    change("gone", Some("x"), None),
                    change("more", None, Some("y")),
                    change("db.password", Some("old-one"), Some("new-one")),
                    change("url", Some("s://u:p@h"), Some("s://u:q@h")),
                ],
            ),
            step(
                "b",
                Action::Create,
                vec![change("token", None, Some("t0k"))],
            ),
            step("c", Action::Keep, Vec::new()),
            step("d", Action::Leave, Vec::new()),
            step("e", Action::Delete, Vec::new()),
        ];
        let shown = text(&steps, &[], &Secrets::default());
        let expected = "~ a  (in no file)\n\
            \x20   ~ batch: 1 -> 2\n\
            \x20   - gone: x\n\
            \x20   + more: y\n\
            \x20   ~ db.password: [hidden] -> [hidden] (another one)\n\
            \x20   ~ url: s://u:[hidden]@h -> s://u:[hidden]@h (another one)\n\
            + b  (in no file)\n\
            \x20   token: [hidden]\n\
            ? d  (in no file; it stays)\n\
            - e  (in no file)\n\
            1 to create, 1 to change, 1 to delete, 1 as they should be, 1 in no file\n";
        assert_eq!(shown, expected);
        let document = json(
            &steps[0],
            &[],
            &Secrets::default(),
            Some(&Err("no".to_owned())),
        );
        assert_eq!(document["changes"][3]["new"], "[hidden]");
        assert_eq!(document["done"], false);
        for secret in ["old-one", "new-one", "u:p@", "u:q@"] {
            assert!(!document.to_string().contains(secret), "{document}");
        }
    }
}
