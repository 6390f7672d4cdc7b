//! Subjects: the names under which a registry keeps the versions of a schema.

use millrace_api::config::Value;
use millrace_api::{ConnectError, ConverterKind};

/// How a subject is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum SubjectStrategy {
    /// `<topic>-key` or `<topic>-value`.
    #[default]
    Topic,
    /// The name of the record.
    Record,
    /// `<topic>-<name of the record>`.
    TopicRecord,
}

impl SubjectStrategy {
    /// The strategy of a class name, in full or short.
    pub(crate) fn from_class(class: &str) -> Option<Self> {
        match class.rsplit('.').next().unwrap_or(class) {
            "TopicNameStrategy" | "AssociatedNameStrategy" => Some(Self::Topic),
            "RecordNameStrategy" => Some(Self::Record),
            "TopicRecordNameStrategy" => Some(Self::TopicRecord),
            _ => None,
        }
    }

    /// Refuses classes that are not there.
    pub(crate) fn check(_: &str, value: &Value) -> Result<(), String> {
        match value.as_str().and_then(Self::from_class) {
            Some(_) => Ok(()),
            None => Err(
                "built in are TopicNameStrategy, RecordNameStrategy and TopicRecordNameStrategy"
                    .to_owned(),
            ),
        }
    }

    /// Whether subjects of this strategy hold the record's name.
    pub(crate) fn needs_name(self) -> bool {
        self != Self::Topic
    }

    /// The subject of a record that goes to `topic` and whose schema has a `name`.
    pub(crate) fn subject(
        self,
        topic: &str,
        kind: ConverterKind,
        name: Option<&str>,
    ) -> Result<String, ConnectError> {
        let part = if kind == ConverterKind::Key {
            "key"
        } else {
            "value"
        };
        match (self, name) {
            (Self::Topic, _) => Ok(format!("{topic}-{part}")),
            (Self::Record, Some(name)) => Ok(name.to_owned()),
            (Self::TopicRecord, Some(name)) => Ok(format!("{topic}-{name}")),
            (_, None) => Err(ConnectError::data(format!(
                "the {part} of a record for topic {topic} has no record name, which {part}.subject.name.strategy needs; name its schema (SetSchemaMetadata), or use TopicNameStrategy"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_follow_the_strategy() {
        for (class, kind, expected) in [
            (
                "io.confluent.kafka.serializers.subject.TopicNameStrategy",
                ConverterKind::Key,
                "t-key",
            ),
            ("TopicNameStrategy", ConverterKind::Value, "t-value"),
            ("RecordNameStrategy", ConverterKind::Value, "a.B"),
            ("TopicRecordNameStrategy", ConverterKind::Value, "t-a.B"),
        ] {
            let strategy = SubjectStrategy::from_class(class).unwrap();
            assert_eq!(strategy.subject("t", kind, Some("a.B")).unwrap(), expected);
        }
        assert_eq!(SubjectStrategy::from_class("MyStrategy"), None);
        let unnamed = SubjectStrategy::Record.subject("t", ConverterKind::Value, None);
        let text = unnamed.unwrap_err().to_string();
        assert!(text.contains("value.subject.name.strategy"), "{text}");
    }
}
