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

#[cfg(test)]
mod tests {
    use millrace_config::ConfigErrors;
    use millrace_storage::DataDirConfig;
    use millrace_wire::batch::{BatchBuilder, Headers, ProducerIdentity};
    use millrace_wire::clock;
    use millrace_wire::compression::Compression;
    use millrace_wire::pool::Pool;

    use super::*;
    use crate::config::BrokerLayers;

    const ID: Uuid = Uuid([5; 16]);

    fn string(text: &str) -> Vec<u8> {
        let mut bytes = vec![text.len() as u8 + 1];
        bytes.extend(text.as_bytes());
        bytes
    }

    fn config(key: &str, value: &str) -> Vec<u8> {
        [
            vec![1, 4, 0, 2],
            string("shop"),
            string(key),
            string(value),
            vec![0],
        ]
        .concat()
    }

    /// Kafka's metadata log of a topic `shop` with three partitions.
    fn metadata_log() -> Vec<u8> {
        let records = [
            [vec![1, 2, 0], string("shop"), ID.0.to_vec(), vec![0]].concat(),
            [vec![1, 3, 0, 0, 0, 0, 2], ID.0.to_vec()].concat(),
            config("cleanup.policy", "compact"),
            config("remote.storage.enable", "true"),
        ];
        let mut builder = BatchBuilder::new(Pool::global(), 1 << 16);
        for record in &records {
            builder.append(0, None, Some(record), Headers::NONE);
        }
        let closed = builder.close(ProducerIdentity::NONE, Compression::None, None);
        closed.unwrap().bytes().to_vec()
    }

    #[test]
    fn a_topic_of_apache_kafka_comes_as_its_metadata_log_describes_it() {
        let temp = tempfile::tempdir().unwrap();
        let kafka = temp.path().join("__cluster_metadata-0");
        std::fs::create_dir(&kafka).unwrap();
        std::fs::write(kafka.join("00000000000000000000.log"), metadata_log()).unwrap();
        let settings = DataDirConfig::default();
        let (dir, _) = DataDir::open(temp.path(), settings, clock::system()).unwrap();
        let defaults =
            TopicConfig::broker_defaults(BrokerLayers::default(), &mut ConfigErrors::default());
        let log = |name, id| {
            dir.create_log(name, 0, id, defaults.log_config().clone())
                .unwrap()
        };
        let logs = BTreeMap::from([
            (Arc::from("shop"), Logs::from([(0, log("shop", ID))])),
            (
                Arc::from("other"),
                Logs::from([(0, log("other", Uuid([6; 16])))]),
            ),
        ]);
        let mut stored = BTreeMap::new();
        adopt(&mut stored, &logs, &dir, &defaults).unwrap();
        let shop = &stored["shop"];
        assert_eq!((shop.id, shop.partitions), (ID, 3));
        let policy = ("cleanup.policy".to_owned(), "compact".to_owned());
        assert_eq!(
            shop.overrides,
            Properties::from([policy]),
            "what is known here"
        );
        assert_eq!(
            (stored["other"].partitions, stored["other"].overrides.len()),
            (1, 0)
        );
    }
}
