//! Sending single records against the included broker: modes, partitioners, interceptors.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod common;

use std::error::Error;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use common::TestBroker;
use millrace_client::admin::{Admin, NewTopic};
use millrace_client::cluster::Topic;
use millrace_client::producer::partitioner::{Partitioner, Partitioning};
use millrace_client::producer::{
    Interceptor, OutgoingRecord, ProduceError, Producer, ProducerConfig, RecordMetadata, RecordRef,
};

async fn topic(broker: &TestBroker, partitions: i32) -> Arc<str> {
    let topic = NewTopic {
        partitions: Some(partitions),
        ..NewTopic::new("t")
    };
    Admin::new(&broker.tcp())
        .create_topic(&topic)
        .await
        .unwrap();
    "t".into()
}

fn producer(broker: &TestBroker, partitioning: Partitioning) -> Producer {
    let config = ProducerConfig {
        partitioning,
        ..broker.config()
    };
    Producer::new(config, broker.tcp())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callbacks_come_in_the_order_of_a_partition_and_panics_harm_nobody() {
    let broker = TestBroker::start().await;
    let topic = topic(&broker, 1).await;
    let producer = producer(&broker, Partitioning::ByKey);
    let (sender, receiver) = mpsc::sync_channel(100);
    for number in 0..50 {
        let sender = sender.clone();
        let done = move |outcome: Result<RecordMetadata, ProduceError>| {
            sender.send(outcome.unwrap().offset).unwrap();
            assert_ne!(number, 20, "on purpose");
        };
        producer
            .send_then(&topic, None, RecordRef::of(b"v"), done)
            .await
            .unwrap();
    }
    producer.flush().await;
    let offsets: Vec<i64> = receiver.try_iter().collect();
    assert_eq!(offsets, (0..50).collect::<Vec<i64>>());
    producer
        .send_and_forget(&topic, None, RecordRef::of(b"v"))
        .await
        .unwrap();
    let last = producer.send(&topic, None, RecordRef::of(b"v")).await;
    assert_eq!(last.unwrap().offset, 51);
}

/// The partition that the value names.
struct ByValue;

impl Partitioner for ByValue {
    fn partition(&self, record: &RecordRef<'_>, _: &Topic) -> i32 {
        record.value.map_or(0, |value| i32::from(value[0]))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitioners_choose_and_a_named_partition_wins() {
    let broker = TestBroker::start().await;
    let topic = topic(&broker, 3).await;
    let sent = async |producer: &Producer, partition, value: u8| {
        let value = [value];
        let record = RecordRef::of(&value).with_key(b"key");
        let sent = producer.send(&topic, partition, record).await;
        sent.map(|sent| sent.partition)
    };
    let turns = producer(&broker, Partitioning::RoundRobin);
    for expected in [0, 1, 2, 0] {
        assert_eq!(sent(&turns, None, 0).await.unwrap(), expected);
    }
    let keyed = producer(&broker, Partitioning::ByKey);
    let home = sent(&keyed, None, 0).await.unwrap();
    assert_eq!(sent(&keyed, None, 1).await.unwrap(), home);
    let own = producer(&broker, Partitioning::Own(Arc::new(ByValue)));
    assert_eq!(sent(&own, None, 2).await.unwrap(), 2);
    assert_eq!(sent(&own, Some(1), 2).await.unwrap(), 1);
    let beyond = sent(&own, None, 7).await.unwrap_err();
    assert!(matches!(
        beyond,
        ProduceError::UnknownPartition {
            partition: 7,
            count: 3,
            ..
        }
    ));
    let sticky = producer(&broker, Partitioning::Sticky);
    let first = sent(&sticky, None, 0).await.unwrap();
    assert_eq!(
        sent(&sticky, None, 1).await.unwrap(),
        first,
        "keys do not count"
    );
}

/// Notes acknowledgements, and turns records of the partition 0 to the partition 1.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Interceptor for Notes {
    fn on_send(&self, record: &mut OutgoingRecord<'_>) -> Result<(), Box<dyn Error + Send + Sync>> {
        if record.partition == Some(0) {
            record.partition = Some(1);
        }
        Ok(())
    }

    fn on_acknowledgement(&self, topic: &str, result: Result<&RecordMetadata, &ProduceError>) {
        self.0.lock().unwrap().push(match result {
            Ok(sent) => format!("{topic}-{} {}", sent.partition, sent.offset),
            Err(error) => error.to_string(),
        });
        panic!("on purpose");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interceptors_hear_of_every_outcome_in_every_mode() {
    let broker = TestBroker::start().await;
    let topic = topic(&broker, 2).await;
    let notes = Arc::new(Notes::default());
    let chain: Vec<Arc<dyn Interceptor>> = vec![Arc::clone(&notes) as Arc<dyn Interceptor>];
    let producer = Producer::with_interceptors(broker.config(), broker.tcp(), chain);
    let record = RecordRef::of(b"v");
    producer.send(&topic, Some(0), record).await.unwrap();
    producer
        .send_and_forget(&topic, Some(1), record)
        .await
        .unwrap();
    producer.flush().await;
    let refused = producer.send(&topic, Some(5), record).await;
    assert!(refused.is_err());
    producer.close(Duration::from_secs(5)).await;
    let late = producer.send(&topic, Some(1), record).await;
    assert!(matches!(late, Err(ProduceError::Closed)));
    let notes = notes.0.lock().unwrap();
    let expected = [
        "t-1 0",
        "t-1 1",
        "topic t has no partition 5, it has 2",
        "the producer is closed",
    ];
    assert_eq!(*notes, expected);
}
