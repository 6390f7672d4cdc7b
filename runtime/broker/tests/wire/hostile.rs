//! Requests that mean harm: random bodies for every API and version, and fields at their ends.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use millrace_wire::codec::Encoder;
use millrace_wire::messages::{
    ApiKey, CreatableTopic, CreateTopicsRequest, FetchPartition, FetchRequest, FetchTopic,
    ForgottenTopic, InitProducerIdRequest, ListOffsetsPartition, ListOffsetsRequest,
    ListOffsetsTopic, MetadataRequest, MetadataRequestTopic,
};
use millrace_wire::pool::Pool;
use tokio::io::AsyncWriteExt;

use crate::support::{Client, TestBroker, batch, produce_request};

const SEED: u64 = 0x5eed;
const ROUNDS: usize = 6;

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Counts panics of the broker's threads, which would else only close a connection.
fn count_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        before(info);
    }));
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Bytes that are mostly small numbers, so that they are sometimes lengths.
    fn body(&mut self) -> Vec<u8> {
        let length = self.next() % 120;
        (0..length)
            .map(|_| match self.next() % 4 {
                0 => self.next() as u8,
                1 => 0,
                _ => (self.next() % 4) as u8,
            })
            .collect()
    }
}

#[tokio::test]
async fn random_bodies_are_answered_or_close_their_connection() {
    count_panics();
    let broker = TestBroker::start(&[("group.min.session.timeout.ms", "1")]).await;
    let mut random = Random(SEED);
    for key in ApiKey::ALL {
        for version in key.versions() {
            for _ in 0..ROUNDS {
                let mut encoder = Encoder::new();
                encoder.put_i16(*key as i16);
                encoder.put_i16(version);
                encoder.put_i32(1);
                encoder.put_short_string(None).unwrap();
                if key.is_flexible(version) {
                    encoder.put_uvarint(0);
                }
                encoder.put_slice(&random.body());
                let frame = encoder.finish().into_contiguous(Pool::global()).unwrap();
                let mut client = broker.client().await;
                client.send_frame(&frame).await;
                // What is parked is left so; everything else is over soon.
                let over = tokio::time::timeout(Duration::from_millis(20), client.receive_frame());
                drop(over.await);
            }
        }
    }
    for _ in 0..50 {
        let mut client = broker.client().await;
        let bytes = random.body();
        // The broker may have closed it by then.
        client.stream.write_all(&bytes).await.ok();
    }
    let metadata = MetadataRequest {
        topics: Some(Vec::new()),
        ..Default::default()
    };
    assert_eq!(
        broker
            .client()
            .await
            .call(12, &metadata)
            .await
            .brokers
            .len(),
        1
    );
    assert_eq!(PANICS.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn fields_at_their_ends_are_answered() {
    count_panics();
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    client.produce(9, -1, "t", batch(&["x"])).await;
    for number in [i32::MIN, -2, -1, 0, 1, i32::MAX] {
        fetch_with(&mut client, number).await;
        list_with(&mut client, number).await;
        let create = CreatableTopic {
            name: format!("n{}", number.unsigned_abs()),
            num_partitions: if number == 1 { 2 } else { number },
            replication_factor: number as i16,
            ..Default::default()
        };
        let request = CreateTopicsRequest {
            topics: vec![create],
            timeout_ms: number,
            ..Default::default()
        };
        client.call(7, &request).await;
        let mut produce = produce_request(number as i16, "t", number, Some(batch(&["x"])));
        if produce.acks != 0 {
            produce.timeout_ms = number;
            client.call(9, &produce).await;
        }
        let init = InitProducerIdRequest {
            transaction_timeout_ms: number,
            producer_id: i64::from(number),
            producer_epoch: number as i16,
            ..Default::default()
        };
        client.call(4, &init).await;
    }
    let strange = ["", ".", "\u{0}", "\u{1F980}", "a/../../b"].map(|name| MetadataRequestTopic {
        name: Some(name.to_owned()),
        ..Default::default()
    });
    let response = client
        .call(
            12,
            &MetadataRequest {
                topics: Some(strange.to_vec()),
                ..Default::default()
            },
        )
        .await;
    assert!(
        response
            .topics
            .iter()
            .all(|topic| !topic.error_code.is_ok()),
        "{response:?}"
    );
    assert_eq!(PANICS.load(Ordering::SeqCst), 0);
}

async fn fetch_with(client: &mut Client, number: i32) {
    for offset in [i64::MIN, -1, 0, i64::MAX] {
        let partition = FetchPartition {
            partition: if number == 1 { 0 } else { number },
            current_leader_epoch: if number == 1 { -1 } else { number },
            fetch_offset: offset,
            last_fetched_epoch: number,
            log_start_offset: offset,
            partition_max_bytes: number,
            ..Default::default()
        };
        let topics = vec![FetchTopic {
            topic: "t".to_owned(),
            partitions: vec![partition],
            ..Default::default()
        }];
        let forgotten = ForgottenTopic {
            topic: "t".to_owned(),
            partitions: vec![number],
            ..Default::default()
        };
        let request = FetchRequest {
            max_wait_ms: number.min(1),
            min_bytes: number,
            max_bytes: number,
            isolation_level: number as i8,
            session_id: number,
            session_epoch: number,
            topics,
            forgotten_topics_data: vec![forgotten],
            ..Default::default()
        };
        client.call(12, &request).await;
    }
}

async fn list_with(client: &mut Client, number: i32) {
    for timestamp in [i64::MIN, -3, 0, i64::MAX] {
        let partition = ListOffsetsPartition {
            partition_index: number.clamp(-1, 0),
            current_leader_epoch: -1,
            timestamp,
        };
        let topic = ListOffsetsTopic {
            name: "t".to_owned(),
            partitions: vec![partition],
        };
        client
            .call(
                9,
                &ListOffsetsRequest {
                    topics: vec![topic],
                    timeout_ms: number,
                    ..Default::default()
                },
            )
            .await;
    }
}
