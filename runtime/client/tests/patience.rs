//! How long the fetches of a consumer are parked for which nothing comes, and what becomes of them when it wants more.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use millrace_client::consumer::{Consumer, ConsumerConfig, TopicPartition};
use millrace_client::{Cluster, ClusterConfig};
use millrace_config::{Config, Properties};
use millrace_wire::batch::{BatchBuilder, Headers, ProducerIdentity};
use millrace_wire::clock;
use millrace_wire::codec::Decoder;
use millrace_wire::compression::Compression;
use millrace_wire::frame::Frame;
use millrace_wire::link::{CallFuture, Dial, Link, LinkError, Reply};
use millrace_wire::messages::*;
use millrace_wire::pool::Pool;
use millrace_wire::records::Records;

const TOPIC: &str = "t";
/// The partition with a record; the other one is empty.
const FULL: i32 = 1;
const LIMIT: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(10);

/// A broker that answers an empty fetch at once, as if its wait were over, until one may wait for long: that stays without
/// an answer.
#[derive(Debug, Clone, Default)]
struct Broker {
    seen: Arc<Mutex<Vec<i32>>>,
    parked: Arc<AtomicI32>,
}

#[derive(Debug)]
struct Way {
    broker: Broker,
    closed: Arc<AtomicBool>,
}

#[async_trait]
impl Dial for Broker {
    async fn dial(&self, _: &str, _: u16) -> Result<Arc<dyn Link>, LinkError> {
        Ok(Arc::new(Way {
            broker: self.clone(),
            closed: Arc::default(),
        }))
    }
}

impl Link for Way {
    fn call(&self, request: Frame, _: Reply) -> CallFuture {
        let broker = self.broker.clone();
        Box::pin(async move {
            match broker.answer(request) {
                Some(answer) => Ok(Some(answer.into_contiguous(Pool::global()).unwrap())),
                None => {
                    broker.parked.fetch_add(1, Ordering::SeqCst);
                    std::future::pending().await
                }
            }
        })
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }
}

impl Broker {
    fn answer(&self, request: Frame) -> Option<Frame> {
        let bytes = request.into_contiguous(Pool::global()).unwrap();
        let mut decoder = Decoder::new(bytes);
        let header = decode_request_header(&mut decoder).unwrap();
        let key = ApiKey::try_from(header.api_key).unwrap();
        let (version, number) = (header.api_version, header.correlation_id);
        let frame = match key {
            ApiKey::ApiVersions => encode_response(key, version, number, &versions()),
            ApiKey::Metadata => encode_response(key, version, number, &metadata()),
            ApiKey::Fetch => {
                let request = FetchRequest::decode(&mut decoder, version).unwrap();
                encode_response(key, version, number, &self.fetch(&request)?)
            }
            other => panic!("{other:?} is not scripted"),
        };
        Some(frame.unwrap())
    }

    fn fetch(&self, request: &FetchRequest) -> Option<FetchResponse> {
        self.seen.lock().unwrap().push(request.max_wait_ms);
        let mut asked = request.topics.iter().flat_map(|topic| &topic.partitions);
        if asked.any(|partition| partition.partition == FULL && partition.fetch_offset == 0) {
            return Some(record());
        }
        (request.max_wait_ms <= 500).then(FetchResponse::default)
    }

    fn longest(&self) -> i32 {
        self.seen.lock().unwrap().iter().copied().max().unwrap_or(0)
    }
}

fn versions() -> ApiVersionsResponse {
    let api = |key: ApiKey, max_version| ApiVersion {
        api_key: key as i16,
        min_version: 0,
        max_version,
    };
    ApiVersionsResponse {
        api_keys: vec![
            api(ApiKey::ApiVersions, 3),
            api(ApiKey::Metadata, 9),
            api(ApiKey::Fetch, 12),
        ],
        ..ApiVersionsResponse::default()
    }
}

fn metadata() -> MetadataResponse {
    let partition = |partition_index| MetadataResponsePartition {
        partition_index,
        leader_id: 1,
        ..MetadataResponsePartition::default()
    };
    MetadataResponse {
        brokers: vec![MetadataResponseBroker {
            node_id: 1,
            host: "fake".into(),
            port: 1,
            rack: None,
        }],
        topics: vec![MetadataResponseTopic {
            name: Some(TOPIC.to_owned()),
            partitions: vec![partition(0), partition(FULL)],
            ..MetadataResponseTopic::default()
        }],
        ..MetadataResponse::default()
    }
}

fn record() -> FetchResponse {
    let mut builder = BatchBuilder::new(Pool::global(), 1 << 10);
    builder.append(0, None, Some(b"v"), Headers::NONE);
    let closed = builder.close(ProducerIdentity::NONE, Compression::None, None);
    let partition = PartitionData {
        partition_index: FULL,
        high_watermark: 1,
        records: Some(Records::from(closed.unwrap().bytes().clone())),
        ..PartitionData::default()
    };
    FetchResponse {
        responses: vec![FetchableTopicResponse {
            topic: TOPIC.to_owned(),
            partitions: vec![partition],
            ..FetchableTopicResponse::default()
        }],
        ..FetchResponse::default()
    }
}

/// A consumer of the empty partition.
fn consumer(broker: &Broker, pairs: &[(&str, &str)]) -> Consumer {
    let dial = Arc::new(broker.clone());
    let cluster = Cluster::new(ClusterConfig::at("fake:1"), dial, clock::system());
    let defaults = [("enable.auto.commit", "false")];
    let keys: Properties = defaults
        .iter()
        .chain(pairs)
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let mut consumer = Consumer::new(ConsumerConfig::parse(&keys).unwrap(), cluster);
    let empty = TopicPartition::new(TOPIC, 0);
    consumer.assign(std::slice::from_ref(&empty));
    consumer.seek(&empty, 0).unwrap();
    consumer
}

async fn poll_until(consumer: &mut Consumer, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < deadline);
        assert!(consumer.poll(TICK).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_long_wait_is_given_up_for_another_partition() {
    let broker = Broker::default();
    let mut consumer = consumer(&broker, &[]);
    poll_until(&mut consumer, || broker.parked.load(Ordering::SeqCst) > 0).await;
    assert!(broker.longest() > 500);
    let both = [0, FULL].map(|partition| TopicPartition::new(TOPIC, partition));
    consumer.assign(&both);
    for partition in &both {
        consumer.seek(partition, 0).unwrap();
    }
    let batch = consumer.poll(LIMIT).await.unwrap().expect("a record");
    assert_eq!((batch.partition, batch.rows.len()), (FULL, 1));
    consumer.close(Duration::from_secs(1)).await.unwrap();
}

#[tokio::test]
async fn a_long_wait_is_given_up_for_a_partition_that_was_paused() {
    let broker = Broker::default();
    let mut consumer = consumer(&broker, &[]);
    let both = [0, FULL].map(|partition| TopicPartition::new(TOPIC, partition));
    consumer.assign(&both);
    consumer.pause(&both[1..]).unwrap();
    for partition in &both {
        consumer.seek(partition, 0).unwrap();
    }
    poll_until(&mut consumer, || broker.parked.load(Ordering::SeqCst) > 0).await;
    consumer.resume(&both[1..]).unwrap();
    let batch = consumer.poll(LIMIT).await.unwrap().expect("a record");
    assert_eq!(batch.partition, FULL);
}

#[tokio::test]
async fn a_wait_that_is_set_stays_as_it_is() {
    let broker = Broker::default();
    let mut consumer = consumer(&broker, &[("fetch.max.wait.ms", "100")]);
    poll_until(&mut consumer, || broker.seen.lock().unwrap().len() > 20).await;
    assert!(broker.longest() <= 100);
}
