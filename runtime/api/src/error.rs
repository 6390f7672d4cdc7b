//! The error a connector, converter or transform gives the worker.

use std::error::Error;
use std::fmt;

/// What went wrong, in the terms Kafka Connect's users know. The Java class name appears in traces and in the headers
/// of dead letter records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The general failure (`ConnectException`).
    Connect,
    /// The configuration cannot be used (`ConfigException`).
    Config,
    /// A record's contents are not what they must be (`DataException`).
    Data,
    /// A schema is built or used wrongly (`SchemaBuilderException`).
    Schema,
    /// An argument is not what it must be (`IllegalArgumentException`).
    Argument,
    /// What was asked for does not exist (`NotFoundException`).
    NotFound,
    /// The call is not possible in this state (`IllegalWorkerStateException`).
    State,
    /// A plugin's code panicked (`RuntimeException`).
    Panic,
}

impl ErrorKind {
    /// Java's class name for this kind; `retriable` selects `RetriableException` for the general one.
    pub fn java_class(self, retriable: bool) -> &'static str {
        match self {
            Self::Connect if retriable => "org.apache.kafka.connect.errors.RetriableException",
            Self::Connect => "org.apache.kafka.connect.errors.ConnectException",
            Self::Config => "org.apache.kafka.common.config.ConfigException",
            Self::Data => "org.apache.kafka.connect.errors.DataException",
            Self::Schema => "org.apache.kafka.connect.errors.SchemaBuilderException",
            Self::Argument => "java.lang.IllegalArgumentException",
            Self::NotFound => "org.apache.kafka.connect.errors.NotFoundException",
            Self::State => "org.apache.kafka.connect.errors.IllegalWorkerStateException",
            Self::Panic => "java.lang.RuntimeException",
        }
    }
}

/// A failure of a plugin: a message for the user, whether trying again can help, and the cause.
///
/// The message is a lower-case fragment that says what was attempted on what, so that a chain reads as one sentence.
#[derive(Debug)]
pub struct ConnectError {
    kind: ErrorKind,
    retriable: bool,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ConnectError {
    /// An error of `kind` that trying again will not mend.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            retriable: false,
            message: message.into(),
            source: None,
        }
    }

    /// A general failure (`ConnectException`).
    pub fn connect(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Connect, message)
    }

    /// A configuration that cannot be used.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// A record whose contents are wrong.
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data, message)
    }

    /// A failure that may pass: the worker calls again with the same input.
    pub fn retriable(message: impl Into<String>) -> Self {
        Self {
            retriable: true,
            ..Self::connect(message)
        }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same error, its message behind `context`: who was at what when it happened.
    #[must_use]
    pub fn within(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether calling again with the same input can succeed.
    pub fn is_retriable(&self) -> bool {
        self.retriable
    }

    /// Java's class name for this error.
    pub fn java_class(&self) -> &'static str {
        self.kind.java_class(self.retriable)
    }

    /// The error and its causes as Connect shows a `trace`: one line for the error, then a `Caused by:` line each, with
    /// Java's class where it is a [`ConnectError`]. A cause that the line before has said already is left out.
    pub fn trace(&self) -> String {
        let mut text = format!("{}: {}", self.java_class(), self.message);
        let mut cause: Option<&(dyn Error + 'static)> = self.source();
        while let Some(error) = cause {
            let said = error.to_string();
            if !text.ends_with(&said) {
                text.push_str("\nCaused by: ");
                if let Some(error) = error.downcast_ref::<Self>() {
                    text.push_str(error.java_class());
                    text.push_str(": ");
                }
                text.push_str(&said);
            }
            cause = error.source();
        }
        text.push('\n');
        text
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_names_the_class_of_a_cause() {
        let cause = ConnectError::data("no number");
        let error = ConnectError::connect("the task failed").caused_by(cause);
        assert_eq!(
            error.trace(),
            "org.apache.kafka.connect.errors.ConnectException: the task failed\nCaused by: org.apache.kafka.connect.errors.DataException: no number\n"
        );
    }

    #[test]
    fn trace_lists_every_cause() {
        let io = std::io::Error::other("disk full");
        let error = ConnectError::connect("cannot write out.txt").caused_by(io);
        assert_eq!(
            error.trace(),
            "org.apache.kafka.connect.errors.ConnectException: cannot write out.txt\nCaused by: disk full\n"
        );
    }

    #[test]
    fn a_trace_says_nothing_twice() {
        let inner = std::io::Error::other("disk full");
        let middle = ConnectError::connect("cannot write: disk full").caused_by(inner);
        let outer = ConnectError::connect("task c-0: cannot write: disk full").caused_by(middle);
        assert_eq!(
            outer.trace(),
            "org.apache.kafka.connect.errors.ConnectException: task c-0: cannot write: disk full\n"
        );
    }

    #[test]
    fn a_context_stands_before_the_message_and_changes_nothing_else() {
        let error = ConnectError::data("no number")
            .caused_by(std::io::Error::other("cut off"))
            .within("task c-0 could not start");
        assert_eq!(
            error.trace(),
            "org.apache.kafka.connect.errors.DataException: task c-0 could not start: no number\nCaused by: cut off\n"
        );
        assert!(
            ConnectError::retriable("away")
                .within("task c-0")
                .is_retriable()
        );
    }

    #[test]
    fn retriable_errors_show_java_retriable_class() {
        let error = ConnectError::retriable("server away");
        assert!(error.is_retriable());
        assert_eq!(
            error.java_class(),
            "org.apache.kafka.connect.errors.RetriableException"
        );
    }
}
