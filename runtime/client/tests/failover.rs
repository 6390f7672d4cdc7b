//! A broker of an Apache Kafka cluster dies under a producer and a group of consumers:
//! `KAFKA_BOOTSTRAP=host:port,host:port KAFKA_CLUSTER=folder cargo test -p millrace-client --test failover -- --ignored`
//! where each node has its process id in `folder/ID/pid`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod common;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use common::Acks;
use millrace_client::admin::{Admin, NewTopic};
use millrace_client::consumer::{Consumer, ConsumerConfig};
use millrace_client::producer::{AckSink, ProduceError, Producer, ProducerConfig, RecordRef};
use millrace_client::{Cluster, ClusterConfig};
use millrace_config::{Config, Properties};

const PARTITIONS: i32 = 6;
/// Records appended before the leader dies.
const BEFORE: u64 = 100_000;

/// How many are appended: more with `KAFKA_RECORDS`, for somebody who kills and starts nodes meanwhile.
fn records() -> u64 {
    let given = std::env::var("KAFKA_RECORDS").ok();
    given.map_or(300_000, |count| count.parse().unwrap())
}

/// Appends numbers, each with its partition: `number % PARTITIONS`.
async fn produce(
    producer: &Producer,
    topic: &Arc<str>,
    numbers: std::ops::Range<u64>,
    acks: &Arc<Acks>,
) {
    let sink = Arc::clone(acks) as Arc<dyn AckSink>;
    for number in numbers {
        let value = number.to_be_bytes();
        let partition = i32::try_from(number % PARTITIONS as u64).unwrap();
        loop {
            let record = RecordRef::of(&value);
            let mut rows = std::iter::once(record);
            match producer.append(topic, Some(partition), &mut rows, number, &sink) {
                Ok(appended) if appended.rows == 1 => break,
                Ok(_) => producer.room().await.unwrap(),
                Err(ProduceError::NotReady { .. }) => drop(producer.ready(topic).await.unwrap()),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Reads in a group until every offset has come; the numbers of each partition by their offsets. A consumer that loses
/// its place in the group reads some again: how many, is told.
async fn consume(
    bootstrap: String,
    topic: Arc<str>,
    records: u64,
) -> (BTreeMap<i32, BTreeMap<i64, u64>>, u64) {
    let settings: Properties = [
        ("bootstrap.servers", bootstrap.as_str()),
        ("group.id", &format!("{topic}-readers")),
        ("auto.offset.reset", "earliest"),
        ("auto.commit.interval.ms", "200"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    let cluster = Cluster::tcp(ClusterConfig::parse(&settings).unwrap());
    let mut consumer = Consumer::new(ConsumerConfig::parse(&settings).unwrap(), cluster);
    consumer.subscribe(&[&topic]).unwrap();
    let mut read: BTreeMap<i32, BTreeMap<i64, u64>> = BTreeMap::new();
    let (mut count, mut again) = (0, 0);
    while count < records {
        let polled = consumer.poll(Duration::from_secs(60)).await.unwrap();
        let batch = polled.unwrap_or_else(|| panic!("nothing for a minute after {count} records"));
        for row in &batch.rows {
            let value = row.value.of(&batch.data).unwrap();
            let number = u64::from_be_bytes(value.try_into().unwrap());
            let numbers = read.entry(batch.partition).or_default();
            match numbers.insert(row.offset, number) {
                None => count += 1,
                Some(before) => {
                    assert_eq!(before, number, "offset {} has changed", row.offset);
                    again += 1;
                }
            }
        }
    }
    consumer.close(Duration::from_secs(10)).await.unwrap();
    (read, again)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "kills a node of the Apache Kafka cluster that KAFKA_BOOTSTRAP and KAFKA_CLUSTER name"]
async fn a_leader_that_dies_loses_and_doubles_nothing() {
    let bootstrap = std::env::var("KAFKA_BOOTSTRAP").unwrap();
    let folder = std::env::var("KAFKA_CLUSTER").unwrap();
    let config = ProducerConfig::at(&bootstrap);
    let cluster = Cluster::tcp(config.cluster.clone());
    let admin = Admin::new(&cluster);
    let topic: Arc<str> = format!("failover-{}", std::process::id()).into();
    let new = NewTopic {
        partitions: Some(PARTITIONS),
        replication_factor: Some(3),
        configs: BTreeMap::from([("min.insync.replicas".to_owned(), "2".to_owned())]),
        ..NewTopic::new(&*topic)
    };
    admin.create_topic(&new).await.unwrap();
    let described = admin.describe_topic(&topic).await.unwrap().unwrap();
    let victim = described.partitions[0].leader.unwrap();

    let records = records();
    let reading = tokio::spawn(consume(bootstrap, Arc::clone(&topic), records));
    let producer = Producer::new(config, cluster);
    let acks = Acks::new();
    produce(&producer, &topic, 0..BEFORE, &acks).await;
    let pid = std::fs::read_to_string(format!("{folder}/{victim}/pid")).unwrap();
    let killed = Command::new("kill").args(["-9", pid.trim()]).status();
    assert!(killed.unwrap().success(), "node {victim}, process {pid}");
    produce(&producer, &topic, BEFORE..records, &acks).await;
    producer.flush().await;

    assert_eq!(acks.failed.lock().unwrap().first(), None);
    assert_eq!(acks.tickets().len() as u64, records);
    let (read, _again) = reading.await.unwrap();
    for (partition, numbers) in read {
        let numbers: Vec<u64> = numbers.into_values().collect();
        let expected = (0..records).filter(|number| number % PARTITIONS as u64 == partition as u64);
        let wrong = numbers
            .iter()
            .zip(expected)
            .find(|(one, other)| *one != other);
        assert_eq!(wrong, None, "partition {partition}");
        assert_eq!(
            numbers.len() as u64,
            records / PARTITIONS as u64,
            "partition {partition}"
        );
    }
}
