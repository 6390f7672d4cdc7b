//! Checks of administration.

use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use rdkafka::{
    Message as _, Offset,
    admin::{AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication},
    consumer::{BaseConsumer, CommitMode, Consumer as _, StreamConsumer},
    error::RDKafkaErrorCode,
};
use tokio::time;

use crate::clients::{
    PATIENCE, admin, at, create, grouped, only, options, read, reader, refused, send_numbers,
    unique,
};

pub(crate) async fn topics(server: &str) -> anyhow::Result<()> {
    let topic = unique("topics");
    create(server, &topic, 3, &[]).await?;
    ensure!(partition_count(server, &topic)? == 3, "other partitions");
    let admin = admin(server)?;
    let three = format!("{topic}-three");
    let cases = [
        (topic.as_str(), 1, RDKafkaErrorCode::TopicAlreadyExists),
        ("no/topic", 1, RDKafkaErrorCode::InvalidTopic),
        (&three, 3, RDKafkaErrorCode::InvalidReplicationFactor),
    ];
    for (name, replicas, code) in cases {
        let new = NewTopic::new(name, 1, TopicReplication::Fixed(replicas));
        let results = admin.create_topics([&new], &options()).await?;
        refused(code, only(results))?;
    }
    only(admin.delete_topics(&[&topic], &options()).await?)?;
    let again = admin.delete_topics(&[&topic], &options()).await?;
    refused(RDKafkaErrorCode::UnknownTopicOrPartition, only(again))
}

pub(crate) async fn partitions(server: &str) -> anyhow::Result<()> {
    let topic = unique("partitions");
    create(server, &topic, 1, &[]).await?;
    let admin = admin(server)?;
    let more = NewPartitions::new(&topic, 4);
    only(admin.create_partitions([&more], &options()).await?)?;
    until("four partitions", async || {
        Ok(partition_count(server, &topic)? == 4)
    })
    .await?;
    let less = NewPartitions::new(&topic, 2);
    let results = admin.create_partitions([&less], &options()).await?;
    refused(RDKafkaErrorCode::InvalidPartitions, only(results))
}

pub(crate) async fn configs(server: &str) -> anyhow::Result<()> {
    let topic = unique("configs");
    create(server, &topic, 1, &[("cleanup.policy", "compact")]).await?;
    until("the policy", async || {
        has_config(server, &topic, "cleanup.policy", "compact").await
    })
    .await?;
    let resource = ResourceSpecifier::Topic(&topic);
    let admin = admin(server)?;
    // The call of rdkafka is the older one, which replaces all that was set before.
    let change = AlterConfig::new(resource).set("retention.ms", "3600000");
    only(admin.alter_configs([&change], &options()).await?)?;
    until("the change", async || {
        Ok(has_config(server, &topic, "retention.ms", "3600000").await?
            && has_config(server, &topic, "cleanup.policy", "delete").await?)
    })
    .await?;
    // rdkafka does not pass on why a change was refused: it shows in what is left.
    let wrong = AlterConfig::new(resource).set("retention.ms", "soon");
    admin.alter_configs([&wrong], &options()).await?;
    ensure!(
        has_config(server, &topic, "retention.ms", "3600000").await?,
        "a wrong value was taken"
    );
    Ok(())
}

pub(crate) async fn delete_records(server: &str) -> anyhow::Result<()> {
    let topic = unique("delete-records");
    create(server, &topic, 1, &[]).await?;
    send_numbers(server, &topic, 10).await?;
    let until = at(&topic, Offset::Offset(6))?;
    let deleted = admin(server)?.delete_records(&until, &options()).await?;
    let start = deleted.elements()[0].offset();
    ensure!(start == Offset::Offset(6), "the log starts at {start:?}");
    let reader = reader(server, &topic, Offset::Beginning, &[])?;
    let offset = read(&reader, 4).await?[0].offset();
    ensure!(offset == 6, "the first record is {offset}");
    Ok(())
}

pub(crate) async fn groups(server: &str) -> anyhow::Result<()> {
    let (topic, group) = (unique("groups"), unique("groups"));
    create(server, &topic, 1, &[]).await?;
    send_numbers(server, &topic, 5).await?;
    let consumer: StreamConsumer = grouped(server, &group).create()?;
    consumer.subscribe(&[&topic])?;
    read(&consumer, 5).await?;
    consumer.commit(&at(&topic, Offset::Offset(5))?, CommitMode::Sync)?;
    let admin = admin(server)?;
    ensure!(state(server, &group)? == "Stable", "the group has a member");
    let results = admin.delete_groups(&[&group], &options()).await?;
    refused(RDKafkaErrorCode::NonEmptyGroup, only(results))?;
    drop(consumer);
    until("an empty group", async || {
        Ok(state(server, &group)? == "Empty")
    })
    .await?;
    offsets_of_group(server, &topic, &group)?;
    only(admin.delete_groups(&[&group], &options()).await?)?;
    let again = admin.delete_groups(&[&group], &options()).await?;
    refused(RDKafkaErrorCode::GroupIdNotFound, only(again))
}

/// Moves what a group without members has committed.
fn offsets_of_group(server: &str, topic: &str, group: &str) -> anyhow::Result<()> {
    let consumer: BaseConsumer = grouped(server, group).create()?;
    let committed = || -> anyhow::Result<Offset> {
        let list = consumer.committed_offsets(at(topic, Offset::Invalid)?, PATIENCE)?;
        Ok(list.elements()[0].offset())
    };
    ensure!(committed()? == Offset::Offset(5), "not what was committed");
    consumer.commit(&at(topic, Offset::Offset(2))?, CommitMode::Sync)?;
    ensure!(committed()? == Offset::Offset(2), "it did not move");
    Ok(())
}

pub(crate) async fn cluster(server: &str) -> anyhow::Result<()> {
    let admin = admin(server)?;
    let client = admin.inner();
    let id = client.fetch_cluster_id(PATIENCE).context("a cluster id")?;
    ensure!(!id.is_empty(), "an empty cluster id");
    let brokers = client.fetch_metadata(None, PATIENCE)?.brokers().len();
    ensure!(brokers == 1, "{brokers} brokers");
    Ok(())
}

fn partition_count(server: &str, topic: &str) -> anyhow::Result<usize> {
    let metadata = admin(server)?
        .inner()
        .fetch_metadata(Some(topic), PATIENCE)?;
    Ok(metadata.topics()[0].partitions().len())
}

/// The state of a group, as the list of groups has it.
fn state(server: &str, group: &str) -> anyhow::Result<String> {
    let list = admin(server)?
        .inner()
        .fetch_group_list(Some(group), PATIENCE)?;
    let found = list.groups().first().context("the group is not listed")?;
    Ok(found.state().to_owned())
}

async fn has_config(server: &str, topic: &str, key: &str, value: &str) -> anyhow::Result<bool> {
    let resource = ResourceSpecifier::Topic(topic);
    let mut described = admin(server)?
        .describe_configs([&resource], &options())
        .await?;
    let described = described.pop().context("one resource")??;
    let entry = described
        .get(key)
        .ok_or_else(|| anyhow!("there is no {key}"))?;
    Ok(entry.value.as_deref() == Some(value))
}

/// Waits for what Apache Kafka's broker learns from its controller a moment after the answer.
async fn until(what: &str, holds: impl AsyncFn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let end = Instant::now() + PATIENCE;
    while !holds().await? {
        ensure!(Instant::now() < end, "waited in vain for {what}");
        time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
