//! Who chooses the partition: the caller, or what the producer was made with.

use std::sync::Arc;

use anyhow::Result;
use millrace_client::cluster::Topic;
use millrace_client::producer::partitioner::{Partitioner, partition_of_key};
use millrace_client::producer::{ProduceError, Producer, RecordMetadata, RecordRef};

/// Keeps partition 0 for large orders; the others are spread by their key.
pub(crate) struct LargeOrdersFirst;

impl Partitioner for LargeOrdersFirst {
    fn partition(&self, record: &RecordRef<'_>, topic: &Topic) -> i32 {
        let is_large = record.key.is_some_and(|key| key.starts_with(b"large"));
        let others = topic.partitions.len() - 1;
        if is_large || others == 0 {
            return 0;
        }
        let among_others = partition_of_key(record.key.unwrap_or_default(), others);
        i32::try_from(among_others + 1).unwrap_or(0)
    }
}

/// The producer's partitioner chooses.
pub(crate) async fn chosen(producer: &Producer, topic: &Arc<str>, count: u32) -> Result<()> {
    for number in 0..count {
        let size = if number % 4 == 0 { "large" } else { "small" };
        let key = format!("{size}-{}", number % 8);
        let value = format!("order {number}");
        let record = RecordRef::of(value.as_bytes()).with_key(key.as_bytes());
        let sent = producer.send(topic, None, record).await?;
        println!("{key} went to partition {}", sent.partition);
    }
    Ok(())
}

/// Records without a key: as they are sent without waiting, they share a batch, and so a partition.
pub(crate) async fn sticky(producer: &Producer, topic: &Arc<str>, count: u32) -> Result<()> {
    for number in 0..count {
        let value = format!("order {number}");
        let record = RecordRef::of(value.as_bytes());
        let done = move |sent: Result<RecordMetadata, ProduceError>| match sent {
            Ok(sent) => println!("order {number} went to partition {}", sent.partition),
            Err(error) => println!("order {number} was not delivered: {error}"),
        };
        producer.send_then(topic, None, record, done).await?;
    }
    producer.flush().await;
    Ok(())
}

/// The caller names the partition, here one after the other.
pub(crate) async fn explicit(producer: &Producer, topic: &Arc<str>, count: u32) -> Result<()> {
    let partitions = producer.ready(topic).await?.partitions.len();
    for number in 0..count {
        let partition = i32::try_from(number as usize % partitions)?;
        let value = format!("order {number}");
        let record = RecordRef::of(value.as_bytes());
        let sent = producer.send(topic, Some(partition), record).await?;
        println!(
            "{value} was sent to partition {partition}, offset {}",
            sent.offset
        );
    }
    Ok(())
}
