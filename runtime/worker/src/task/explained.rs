//! The first line of a task's trace: which task it is, and at what it failed.

use millrace_api::{ConnectError, TaskId};

/// The error with the task and what it `could_not` do before it, unless it names the task already.
pub(crate) fn explained(id: &TaskId, could_not: &str, error: ConnectError) -> ConnectError {
    let text = error.to_string();
    let is_named = ["task", "Task"]
        .iter()
        .any(|word| text.contains(&format!("{word} {id}")));
    match is_named {
        true => error,
        false => error.within(format!("task {id} could not {could_not}")),
    }
}

#[cfg(test)]
mod tests {
    use millrace_api::{ConnectError, TaskId};

    use super::explained;

    #[test]
    fn the_task_is_named_once() {
        let id = TaskId {
            connector: "c".into(),
            task: 0,
        };
        for (text, expected) in [
            ("no such file", "task c-0 could not poll: no such file"),
            ("task c-0 panicked in poll", "task c-0 panicked in poll"),
            ("Task c-0 failed to create", "Task c-0 failed to create"),
        ] {
            let error = explained(&id, "poll", ConnectError::data(text));
            assert_eq!(error.to_string(), expected);
        }
    }
}
