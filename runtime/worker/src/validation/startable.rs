//! What a configuration may hold that passes validation and still lets no connector be made of it: Kafka Connect
//! finds it when it makes the instance, so the connector is there, and FAILED (contract connect-rest, sections 3
//! and 6).

use millrace_config::NullableProperties;

use crate::registry::PluginKind;
use crate::task::topic_creation_refusal;

/// Why no instance can be made; none if one can.
pub(crate) fn refusal(kind: PluginKind, properties: &NullableProperties) -> Option<String> {
    let null = properties.iter().find(|(_, value)| value.is_none());
    if let Some((key, _)) = null {
        return Some(format!(
            "Non-string value found in original settings for key {key}: null"
        ));
    }
    match kind {
        PluginKind::Source => topic_creation_refusal(properties),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use millrace_config::NullableProperties;

    use super::refusal;
    use crate::registry::PluginKind;

    #[test]
    fn nulls_and_settings_of_a_sources_topics_are_looked_at() {
        let null = NullableProperties::from([("file".to_owned(), None)]);
        assert_eq!(
            refusal(PluginKind::Sink, &null).as_deref(),
            Some("Non-string value found in original settings for key file: null")
        );
        let partitions = "topic.creation.default.partitions".to_owned();
        let topics = NullableProperties::from([(partitions, Some("x".to_owned()))]);
        assert!(refusal(PluginKind::Source, &topics).is_some());
        assert_eq!(refusal(PluginKind::Sink, &topics), None);
    }
}
