//! Errors as one line of a log or of an answer.

use std::iter;

/// An error with all its causes; one that the text before it has said already is left out.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        match text.ends_with(&cause) {
            true => text,
            false => format!("{text}: {cause}"),
        }
    })
}

#[cfg(test)]
mod tests {
    use millrace_api::ConnectError;

    use super::chain;

    #[test]
    fn nothing_is_said_twice() {
        let inner = ConnectError::config("no such key");
        let outer = ConnectError::connect("cannot start: no such key").caused_by(inner);
        let whole = ConnectError::connect("the task failed").caused_by(outer);
        assert_eq!(chain(&whole), "the task failed: cannot start: no such key");
    }
}
