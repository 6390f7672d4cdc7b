//! What a configuration may hold that passes validation and still lets no connector be made of it: Kafka Connect
//! finds it when it makes the instance, so the connector is there, and FAILED (contract connect-rest, sections 3
//! and 6).

use millrace_config::{ConfigDef, ConfigKey, NullableProperties, Type, Validator, Value};

use super::given;
use crate::registry::PluginKind;

const PREFIX: &str = "topic.creation.";

/// Why no instance can be made; none if one can.
pub(crate) fn refusal(kind: PluginKind, properties: &NullableProperties) -> Option<String> {
    let null = properties.iter().find(|(_, value)| value.is_none());
    if let Some((key, _)) = null {
        return Some(format!(
            "Non-string value found in original settings for key {key}: null"
        ));
    }
    let creates_topics =
        kind == PluginKind::Source && properties.keys().any(|key| key.starts_with(PREFIX));
    if !creates_topics {
        return None;
    }
    let mut verdicts = topic_creation(properties).validate(properties).into_iter();
    verdicts.find_map(|verdict| verdict.errors.into_iter().next())
}

/// The settings of topics to create: those of the default group, and those that other groups have of their own.
fn topic_creation(properties: &NullableProperties) -> ConfigDef {
    let groups = given(properties, "topic.creation.groups").unwrap_or_default();
    let groups = groups
        .split(',')
        .map(str::trim)
        .filter(|group| !group.is_empty());
    let own = groups.flat_map(|group| settings(group).map(ConfigKey::optional));
    own.fold(ConfigDef::new(), ConfigDef::key).with(
        settings("default")
            .into_iter()
            .fold(ConfigDef::new(), ConfigDef::key),
    )
}

fn settings(group: &str) -> [ConfigKey; 2] {
    let key = |name: &str, kind| {
        ConfigKey::new(format!("{PREFIX}{group}.{name}"), kind)
            .validator(Validator::custom(positive_or_default).or_null())
    };
    [
        key("replication.factor", Type::Short),
        key("partitions", Type::Int),
    ]
}

fn positive_or_default(_key: &str, value: &Value) -> Result<(), String> {
    match value.as_integer() {
        Some(-1 | 1..) => Ok(()),
        _ => Err("Value must be positive, or -1 for the broker's default".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use millrace_config::NullableProperties;

    use super::refusal;
    use crate::registry::PluginKind;

    #[test]
    fn nulls_and_settings_of_topics_that_cannot_be_used_are_found() {
        let (factor, partitions) = (
            "topic.creation.default.replication.factor",
            "topic.creation.default.partitions",
        );
        for (given, expected) in [
            (vec![("file", Some("f"))], None),
            (
                vec![("file", None)],
                Some("Non-string value found in original settings for key file: null"),
            ),
            (
                vec![(partitions, Some("1"))],
                Some(
                    "Missing required configuration \"topic.creation.default.replication.factor\" which has no default value.",
                ),
            ),
            (
                vec![(partitions, Some("x")), (factor, Some("1"))],
                Some(
                    "Invalid value x for configuration topic.creation.default.partitions: Not a number of type INT",
                ),
            ),
            (
                vec![(partitions, Some("-1")), (factor, Some("0"))],
                Some(
                    "Invalid value 0 for configuration topic.creation.default.replication.factor: Value must be positive, or -1 for the broker's default",
                ),
            ),
            (vec![(partitions, Some("-1")), (factor, Some("3"))], None),
            (
                vec![
                    (partitions, Some("1")),
                    (factor, Some("1")),
                    ("topic.creation.groups", Some("a, b")),
                    ("topic.creation.b.partitions", Some("many")),
                ],
                Some(
                    "Invalid value many for configuration topic.creation.b.partitions: Not a number of type INT",
                ),
            ),
        ] {
            let properties: NullableProperties = given
                .iter()
                .map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned)))
                .collect();
            let found = refusal(PluginKind::Source, &properties);
            assert_eq!(found.as_deref(), expected, "{given:?}");
        }
        let sink = NullableProperties::from([(partitions.to_owned(), Some("x".to_owned()))]);
        assert_eq!(refusal(PluginKind::Sink, &sink), None);
    }
}
