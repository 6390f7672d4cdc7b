//! Topics that another broker has left in the data directory.
//!
//! What a directory of a partition cannot tell, how many partitions the topic has and how it is configured, Apache
//! Kafka keeps in its metadata log; that is looked at where the file of topics does not know a topic.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_config::Properties;
use millrace_storage::{DataDir, KafkaTopic, Log};
use millrace_wire::uuid::Uuid;

use super::TopicError;
use super::store::StoredTopic;
use crate::config::TopicConfig;

/// A topic's logs by partition.
pub(super) type Logs = BTreeMap<i32, Arc<Log>>;

/// Enters all topics whose directories are there, and the partitions that the file of topics does not know.
pub(super) fn adopt(
    stored: &mut BTreeMap<String, StoredTopic>,
    logs: &BTreeMap<Arc<str>, Logs>,
    data_dir: &DataDir,
    defaults: &TopicConfig,
) -> Result<(), TopicError> {
    let mut kafka_topics = None;
    for (name, logs) in logs {
        let partitions = logs
            .keys()
            .next_back()
            .map_or(1, |last| last.saturating_add(1));
        if let Some(known) = stored.get_mut(&**name) {
            known.partitions = known.partitions.max(partitions);
            continue;
        }
        let kafka_topics = match &mut kafka_topics {
            Some(topics) => topics,
            none => none.insert(data_dir.kafka_topics()?),
        };
        let topic = adopted(name, logs, partitions, kafka_topics, defaults)?;
        log::info!(
            "took over topic {name} with {} partitions, id {}",
            topic.partitions,
            topic.id
        );
        stored.insert(name.to_string(), topic);
    }
    Ok(())
}

fn adopted(
    name: &str,
    logs: &Logs,
    partitions: i32,
    kafka_topics: &[KafkaTopic],
    defaults: &TopicConfig,
) -> Result<StoredTopic, TopicError> {
    let id = logs
        .values()
        .map(|log| log.topic_id())
        .find(|id| !id.is_zero());
    let described = kafka_topics
        .iter()
        .find(|topic| topic.name == name && id.is_none_or(|id| id == topic.id));
    let id = match id.or(described.map(|topic| topic.id)) {
        Some(id) => id,
        None => Uuid::random()?,
    };
    Ok(StoredTopic {
        id,
        partitions: described.map_or(partitions, |topic| topic.partitions.max(partitions)),
        overrides: described.map_or_else(Properties::new, |topic| usable(topic, defaults)),
    })
}

/// The topic's own configuration, without what this broker does not know.
fn usable(topic: &KafkaTopic, defaults: &TopicConfig) -> Properties {
    let is_usable = |(key, value): &(&String, &String)| {
        let checked = defaults.with_overrides([(key.as_str(), Some(value.as_str()))]);
        if let Err(error) = &checked {
            log::warn!(
                "topic {} is taken over without {key}={value}: {error}",
                topic.name
            );
        }
        checked.is_ok()
    };
    topic
        .configs
        .iter()
        .filter(is_usable)
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
