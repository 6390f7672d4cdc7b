//! Reading again what came since a time, without a group: partitions are assigned by hand, positions found by time,
//! and each partition is paused once it is read up to where it ended at the start.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::Args;
use millrace_client::Cluster;
use millrace_client::consumer::{ConsumeError, Consumer, TopicPartition};
use millrace_config::Properties;

use crate::read::print;

#[derive(Args)]
pub(crate) struct Options {
    /// The topic to read.
    #[arg(long, default_value = "orders")]
    topic: String,
    /// How many minutes to go back.
    #[arg(long, default_value_t = 60)]
    minutes: u32,
}

/// Positions are this program's own business, and of transactions it wants the committed ones only.
pub(crate) fn add_to(settings: &mut Properties) {
    settings.insert("enable.auto.commit".to_owned(), "false".to_owned());
    settings.insert("isolation.level".to_owned(), "read_committed".to_owned());
}

pub(crate) async fn run(
    mut consumer: Consumer,
    cluster: &Cluster,
    options: &Options,
) -> Result<()> {
    let partitions = partitions(cluster, &options.topic).await?;
    let isolation = consumer.config().isolation_level;
    let ends = consumer.end_offsets(&partitions, isolation).await?;
    let since = since(options.minutes)?;
    let times = partitions.iter().map(|name| (name.clone(), since));
    let found = consumer.offsets_for_times(&times.collect()).await?;

    consumer.assign(&partitions);
    let mut left = BTreeMap::new();
    for partition in &partitions {
        let end = ends.get(partition).copied().unwrap_or_default();
        match found.get(partition).copied().flatten() {
            Some(first) if first.offset < end => {
                consumer.seek(partition, first.offset)?;
                left.insert(partition.clone(), end);
            }
            _ => consumer.pause(std::slice::from_ref(partition))?,
        }
    }
    while !left.is_empty() {
        match consumer.poll(Duration::from_secs(1)).await {
            Ok(Some(batch)) => print(&batch),
            Ok(None) => {}
            Err(ConsumeError::WokenUp) => break,
            Err(error) => return Err(error.into()),
        }
        pause_those_at_their_end(&mut consumer, &mut left)?;
    }
    consumer.close(Duration::from_secs(5)).await?;
    Ok(())
}

/// Positions move over records that are not handed out too: those of transactions that were aborted.
fn pause_those_at_their_end(
    consumer: &mut Consumer,
    left: &mut BTreeMap<TopicPartition, i64>,
) -> Result<()> {
    let position = |partition| consumer.known_position(partition).unwrap_or_default();
    let at_end = left
        .iter()
        .filter(|(partition, end)| position(partition) >= **end);
    let done: Vec<TopicPartition> = at_end.map(|(partition, _)| partition.clone()).collect();
    consumer.pause(&done)?;
    left.retain(|partition, _| !done.contains(partition));
    Ok(())
}

async fn partitions(cluster: &Cluster, topic: &str) -> Result<Vec<TopicPartition>> {
    let metadata = cluster.refresh(&[topic.into()]).await?;
    let known = metadata.topic(topic);
    let known = known.with_context(|| format!("there is no topic {topic}"))?;
    let numbers = known.partitions.iter().map(|partition| partition.index);
    Ok(numbers
        .map(|number| TopicPartition::new(topic, number))
        .collect())
}

/// The time so many minutes ago, in milliseconds since 1970.
fn since(minutes: u32) -> Result<i64> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a program of its own reads the clock"
    )]
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let then = now.saturating_sub(Duration::from_secs(60 * u64::from(minutes)));
    Ok(i64::try_from(then.as_millis())?)
}
