//! Clients of the broker under test, and what all checks do with them.

use std::{
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, anyhow, ensure};
use rdkafka::{
    ClientConfig, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{Consumer as _, StreamConsumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::OwnedMessage,
    producer::{FutureProducer, FutureRecord, future_producer::Delivery},
    topic_partition_list::Offset,
};
use tokio::time;

/// How long a call or a record may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Keys and values of the configuration beside those of all checks.
pub(crate) type Settings<'a> = &'a [(&'a str, &'a str)];

/// A record without a key, for partition 0 of a topic.
pub(crate) fn record<'a>(topic: &'a str, value: &'a [u8]) -> FutureRecord<'a, [u8], [u8]> {
    FutureRecord::to(topic).partition(0).payload(value)
}

fn config(server: &str, settings: Settings<'_>) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", server);
    for (key, value) in settings {
        config.set(*key, *value);
    }
    config
}

/// A name that no other check has.
pub(crate) fn unique(what: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{what}-rdkafka-{}-{count}", now.as_nanos())
}

pub(crate) fn admin(server: &str) -> anyhow::Result<AdminClient<DefaultClientContext>> {
    Ok(config(server, &[]).create()?)
}

pub(crate) fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(PATIENCE))
        .operation_timeout(Some(PATIENCE))
}

/// The only result of a call for one topic or group.
pub(crate) fn only<T, N>(
    results: Vec<Result<T, (N, RDKafkaErrorCode)>>,
) -> Result<T, RDKafkaErrorCode> {
    let result = results.into_iter().next();
    result
        .unwrap_or_else(|| panic!("one result for one name"))
        .map_err(|(_, code)| code)
}

/// Expects a call to be refused with this code.
pub(crate) fn refused<T>(
    expected: RDKafkaErrorCode,
    result: Result<T, RDKafkaErrorCode>,
) -> anyhow::Result<()> {
    let code = result.err();
    ensure!(
        code == Some(expected),
        "expected {expected:?}, got {code:?}"
    );
    Ok(())
}

/// Makes a topic with this number of partitions.
pub(crate) async fn create(
    server: &str,
    topic: &str,
    partitions: i32,
    configs: Settings<'_>,
) -> anyhow::Result<()> {
    let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    for (key, value) in configs {
        new = new.set(key, value);
    }
    only(admin(server)?.create_topics([&new], &options()).await?)
        .with_context(|| format!("cannot make {topic}"))?;
    Ok(())
}

/// Sends records and waits for all answers, which are those of the broker in the order of the records.
pub(crate) async fn send<'a>(
    server: &str,
    records: impl IntoIterator<Item = FutureRecord<'a, [u8], [u8]>>,
    settings: Settings<'_>,
) -> Result<Vec<Delivery>, KafkaError> {
    let producer: FutureProducer = config(server, settings).create()?;
    let mut waiting = Vec::new();
    for record in records {
        waiting.push(producer.send_result(record).map_err(|(error, _)| error)?);
    }
    let mut answers = Vec::new();
    for answer in waiting {
        let answer = answer.await.map_err(|_| KafkaError::Canceled)?;
        answers.push(answer.map_err(|(error, _)| error)?);
    }
    Ok(answers)
}

/// Writes these numbers, number `n` to partition `n % 4`; makes the topic if 0 is among them.
pub(crate) async fn fill(server: &str, topic: &str, numbers: Range<usize>) -> anyhow::Result<()> {
    if numbers.contains(&0) {
        create(server, topic, 4, &[]).await?;
    }
    let values: Vec<_> = numbers
        .map(|number| ((number % 4) as i32, number.to_string()))
        .collect();
    let records = values
        .iter()
        .map(|(partition, value)| record(topic, value.as_bytes()).partition(*partition));
    send(server, records, &[]).await?;
    Ok(())
}

/// Sends the numbers from 0 on to partition 0.
pub(crate) async fn send_numbers(server: &str, topic: &str, count: usize) -> anyhow::Result<()> {
    let values: Vec<_> = (0..count).map(|number| number.to_string()).collect();
    let records = values.iter().map(|value| record(topic, value.as_bytes()));
    send(server, records, &[]).await?;
    Ok(())
}

/// A list with one offset of partition 0.
pub(crate) fn at(topic: &str, offset: Offset) -> anyhow::Result<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, offset)?;
    Ok(list)
}

/// A consumer of partition 0 from this offset on.
pub(crate) fn reader(
    server: &str,
    topic: &str,
    offset: Offset,
    settings: Settings<'_>,
) -> anyhow::Result<StreamConsumer> {
    let consumer: StreamConsumer = config(server, settings)
        .set("group.id", "none")
        .set("enable.auto.commit", "false")
        .create()?;
    consumer.assign(&at(topic, offset)?)?;
    Ok(consumer)
}

/// A consumer in a group that commits when told to.
pub(crate) fn grouped(server: &str, group: &str) -> ClientConfig {
    let settings = [
        ("group.id", group),
        ("enable.auto.commit", "false"),
        ("auto.offset.reset", "earliest"),
        ("partition.assignment.strategy", "range"),
        ("session.timeout.ms", "6000"),
        ("heartbeat.interval.ms", "500"),
    ];
    config(server, &settings)
}

/// The next records of a consumer, with their offsets.
pub(crate) async fn read(
    consumer: &StreamConsumer,
    count: usize,
) -> anyhow::Result<Vec<OwnedMessage>> {
    let mut records = Vec::new();
    while records.len() < count {
        let record = time::timeout(PATIENCE, consumer.recv())
            .await
            .map_err(|_| anyhow!("only {} of {count} records came", records.len()))?;
        records.push(record?.detach());
    }
    Ok(records)
}
