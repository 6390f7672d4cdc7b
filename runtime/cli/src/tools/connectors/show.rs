//! Connectors and their tasks as a worker reports them: tables for people.

use serde_json::Value;

use crate::tools::table::{Column, Table};

/// A text field; `-` where it is not there.
pub(super) fn word<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or("-")
}

/// The elements of an array field.
pub(super) fn each<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().map_or(&[], Vec::as_slice)
}

/// The connector's state and that of its tasks.
pub(super) fn states(status: &Value) -> impl Iterator<Item = &str> {
    let connector = std::iter::once(word(&status["connector"], "state"));
    connector.chain(each(status, "tasks").iter().map(|task| word(task, "state")))
}

/// A line a connector.
pub(super) fn list(statuses: &[&Value]) -> String {
    let mut table = Table::new(&[
        Column("NAME", 0),
        Column("TYPE", 0),
        Column("STATE", 0),
        Column("TASKS", 0),
        Column("WORKER", 0),
    ]);
    for status in statuses {
        table.row(vec![
            plain(word(status, "name")),
            word(status, "type").to_owned(),
            word(&status["connector"], "state").to_owned(),
            tasks(status),
            word(&status["connector"], "worker_id").to_owned(),
        ]);
    }
    table.to_text()
}

/// The tasks by state: `2 RUNNING, 1 FAILED`.
fn tasks(status: &Value) -> String {
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for task in each(status, "tasks") {
        let state = word(task, "state");
        match counted.iter_mut().find(|(known, _)| *known == state) {
            Some((_, count)) => *count += 1,
            None => counted.push((state, 1)),
        }
    }
    if counted.is_empty() {
        return "none".to_owned();
    }
    let parts: Vec<String> = counted
        .iter()
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    parts.join(", ")
}

/// A line a connector and task, with the first lines of why it failed.
pub(super) fn details(statuses: &[&Value]) -> String {
    let mut table = Table::new(&[
        Column("NAME", 0),
        Column("TASK", 0),
        Column("STATE", 0),
        Column("WORKER", 0),
        Column("VERSION", 0),
    ]);
    let mut traces = String::new();
    for status in statuses {
        let name = plain(word(status, "name"));
        let connector = ("-".to_owned(), &status["connector"]);
        let tasks = each(status, "tasks")
            .iter()
            .map(|task| (task["id"].to_string(), task));
        for (id, part) in std::iter::once(connector).chain(tasks) {
            table.row(vec![
                name.clone(),
                id.clone(),
                word(part, "state").to_owned(),
                word(part, "worker_id").to_owned(),
                word(part, "version").to_owned(),
            ]);
            if let Some(trace) = part["trace"].as_str() {
                let what = match id.as_str() {
                    "-" => name.clone(),
                    id => format!("{name}-{id}"),
                };
                traces.push_str(&format!("\n{what} failed:\n{}", reasons(trace)));
            }
        }
    }
    table.to_text() + &traces
}

/// The lines of a trace that say why, without those that say where in the code.
fn reasons(trace: &str) -> String {
    trace
        .lines()
        .filter(|line| !line.starts_with("\tat ") && !line.starts_with("\t... "))
        .take(20)
        .map(|line| format!("  {}\n", plain(line)))
        .collect()
}

/// A text without control characters, which would play with the terminal.
pub(super) fn plain(text: &str) -> String {
    text.replace('\t', "  ")
        .chars()
        .map(|letter| {
            if letter.is_control() {
                '\u{fffd}'
            } else {
                letter
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{details, list, states};

    #[test]
    fn states_are_counted_and_failures_explained() {
        let status = json!({
            "name": "a", "type": "sink",
            "connector": {"state": "RUNNING", "worker_id": "h:1", "version": "1"},
            "tasks": [
                {"id": 0, "state": "RUNNING", "worker_id": "h:1", "version": "1"},
                {"id": 1, "state": "FAILED", "worker_id": "h:2", "version": null,
                 "trace": "x.Error: no \u{1b}[2J disk\n\tat x.y\nCaused by: z\n"},
            ],
        });
        assert_eq!(
            list(&[&status]),
            "NAME TYPE STATE   TASKS               WORKER\na    sink RUNNING 1 RUNNING, 1 FAILED h:1\n"
        );
        let shown = details(&[&status]);
        assert!(
            shown.ends_with("\na-1 failed:\n  x.Error: no \u{fffd}[2J disk\n  Caused by: z\n"),
            "{shown}"
        );
        assert_eq!(
            states(&status).filter(|state| *state == "FAILED").count(),
            1
        );
    }
}
