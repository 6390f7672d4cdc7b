//! Three ways to send: slow and sure, fast and sure, fast.

use std::sync::Arc;

use anyhow::Result;
use millrace_client::producer::{Producer, RecordRef};

/// One round trip a record: the order is certain, and the first error ends it.
pub(crate) async fn wait(producer: &Producer, topic: &Arc<str>, count: u32) -> Result<()> {
    for number in 0..count {
        let value = format!("order {number}");
        let sent = producer
            .send(topic, None, RecordRef::of(value.as_bytes()))
            .await?;
        println!(
            "{value} is at {topic}-{} offset {}",
            sent.partition, sent.offset
        );
    }
    Ok(())
}

/// Records travel in batches. The callback runs in the producer's task and has to be quick.
pub(crate) async fn call_back(producer: &Producer, topic: &Arc<str>, count: u32) -> Result<()> {
    for number in 0..count {
        let value = format!("order {number}");
        let record = RecordRef::of(value.as_bytes());
        producer
            .send_then(topic, None, record, move |outcome| match outcome {
                Ok(sent) => println!(
                    "order {number} is in partition {} at offset {}",
                    sent.partition, sent.offset
                ),
                Err(error) => println!("order {number} was not delivered: {error}"),
            })
            .await?;
    }
    producer.flush().await;
    Ok(())
}

/// As fast, and nobody hears whether it worked. What is waited for is room in `buffer.memory` alone.
pub(crate) async fn forget(producer: &Producer, topic: &Arc<str>, count: u32) -> Result<()> {
    for number in 0..count {
        let value = format!("order {number}");
        producer
            .send_and_forget(topic, None, RecordRef::of(value.as_bytes()))
            .await?;
    }
    println!("{count} orders were handed over");
    Ok(())
}
