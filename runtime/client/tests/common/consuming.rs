//! Consumers and what they read, for tests against the included broker.

use std::sync::Arc;
use std::time::Duration;

use millrace_client::Cluster;
use millrace_client::admin::{Admin, NewTopic};
use millrace_client::consumer::{Consumer, ConsumerConfig, Fetched, TopicPartition};
use millrace_client::producer::{Producer, RecordRef};
use millrace_config::{Config, Properties};

use super::TestBroker;

pub(crate) const TICK: Duration = Duration::from_millis(50);

pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn config(pairs: &[(&str, &str)]) -> ConsumerConfig {
    let mut settings = Properties::from([
        ("auto.offset.reset".to_owned(), "earliest".to_owned()),
        ("enable.auto.commit".to_owned(), "false".to_owned()),
        ("heartbeat.interval.ms".to_owned(), "100".to_owned()),
        ("session.timeout.ms".to_owned(), "6000".to_owned()),
    ]);
    settings.extend(
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
    );
    ConsumerConfig::parse(&settings).unwrap()
}

pub(crate) fn member(group: &str, cluster: &Cluster) -> Consumer {
    Consumer::new(config(&[("group.id", group)]), cluster.clone())
}

pub(crate) fn tp(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition::new(topic, partition)
}

pub(crate) async fn create(cluster: &Cluster, topic: &str, partitions: i32) {
    let topic = NewTopic {
        partitions: Some(partitions),
        ..NewTopic::new(topic)
    };
    Admin::new(cluster).create_topic(&topic).await.unwrap();
}

pub(crate) async fn produce(
    broker: &TestBroker,
    topic: &str,
    partition: i32,
    values: impl IntoIterator<Item = i32>,
) {
    let producer = Producer::new(broker.config(), broker.tcp());
    let topic: Arc<str> = topic.into();
    for value in values {
        let value = value.to_string();
        let record = RecordRef {
            timestamp: 1000,
            key: None,
            value: Some(value.as_bytes()),
            headers: &[],
        };
        producer
            .send(&topic, Some(partition), record)
            .await
            .unwrap();
    }
}

pub(crate) fn values(fetched: &Fetched) -> Vec<i32> {
    let value = |row: &millrace_wire::batch::RecordRow| {
        std::str::from_utf8(row.value.of(&fetched.data).unwrap())
            .unwrap()
            .parse()
            .unwrap()
    };
    fetched.rows.iter().map(value).collect()
}

/// Polls until that many values have come, or the time is up.
pub(crate) async fn read(consumer: &mut Consumer, count: usize) -> Vec<i32> {
    let mut read = Vec::new();
    let end = tokio::time::Instant::now() + LIMIT;
    while read.len() < count && tokio::time::Instant::now() < end {
        if let Some(fetched) = consumer.poll(TICK).await.unwrap() {
            read.extend(values(&fetched));
        }
    }
    read
}

/// Polls these consumers in turn until `done` says so.
pub(crate) async fn poll_until(
    consumers: &mut [Consumer],
    mut done: impl FnMut(&[Consumer]) -> bool,
) {
    let end = tokio::time::Instant::now() + LIMIT;
    while !done(consumers) {
        assert!(
            tokio::time::Instant::now() < end,
            "it does not come to pass"
        );
        for consumer in consumers.iter_mut() {
            consumer.poll(Duration::from_millis(10)).await.unwrap();
        }
    }
}

pub(crate) fn range(count: i32) -> Vec<i32> {
    (0..count).collect()
}

pub(crate) fn names(partitions: &[TopicPartition]) -> String {
    partitions
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(",")
}
