//! Times what the consumer adds to reading: fetch, checksum, decode and rows, from a link that answers at once (the
//! two copies that it makes of every batch are counted too). Time is that of the processor, so that other programs
//! on the machine count less.
//!
//! `cargo run --release -p millrace-client --example read_timing`

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a measurement by hand"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use millrace_client::consumer::{Consumer, ConsumerConfig, TopicPartition};
use millrace_client::{Cluster, ClusterConfig};
use millrace_config::{Config, Properties};
use millrace_wire::batch::{BatchBuilder, Headers, ProducerIdentity};
use millrace_wire::clock;
use millrace_wire::codec::Decoder;
use millrace_wire::compression::Compression;
use millrace_wire::frame::Frame;
use millrace_wire::link::{CallFuture, Dial, Link, LinkError, Reply};
use millrace_wire::messages::{
    ApiKey, ApiVersion, ApiVersionsResponse, FetchRequest, FetchResponse, FetchableTopicResponse,
    Message, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic, PartitionData, RequestHeader, decode_request_header, encode_response,
};
use millrace_wire::pool::Pool;
use millrace_wire::records::Records;

const TOPIC: &str = "lines";
const RECORDS: i64 = 5_000_000;
/// Without topic ids, so that requests name the topic.
const FETCH_VERSION: i16 = 12;

/// A broker that has one batch and gives it again for every offset.
#[derive(Debug)]
struct Canned {
    batch: Vec<u8>,
    records: i64,
    batches: i64,
}

#[derive(Debug, Clone)]
struct CannedDial(Arc<Canned>);

#[async_trait]
impl Dial for CannedDial {
    async fn dial(&self, _: &str, _: u16) -> Result<Arc<dyn Link>, LinkError> {
        Ok(Arc::new(self.clone()))
    }
}

impl Link for CannedDial {
    fn call(&self, request: Frame, _: Reply) -> CallFuture {
        let canned = Arc::clone(&self.0);
        Box::pin(async move { Ok(Some(canned.answer(request))) })
    }

    fn is_closed(&self) -> bool {
        false
    }

    fn close(&self) {}
}

impl Canned {
    fn answer(&self, request: Frame) -> Bytes {
        let mut decoder = Decoder::from_frame(request).unwrap();
        let header = decode_request_header(&mut decoder).unwrap();
        let frame = match ApiKey::try_from(header.api_key).unwrap() {
            ApiKey::ApiVersions => encode(ApiKey::ApiVersions, &header, &versions()),
            ApiKey::Metadata => encode(ApiKey::Metadata, &header, &metadata()),
            ApiKey::Fetch => {
                let request = FetchRequest::decode(&mut decoder, header.api_version).unwrap();
                let from = request
                    .topics
                    .first()
                    .map_or(0, |topic| topic.partitions[0].fetch_offset);
                encode(ApiKey::Fetch, &header, &self.fetch(from))
            }
            other => panic!("{other:?} is not asked for"),
        };
        frame.into_contiguous(Pool::global()).unwrap()
    }

    /// As many batches as an answer holds, their offsets from `offset` on.
    fn fetch(&self, offset: i64) -> FetchResponse {
        let mut buffer = Pool::global().take(self.batch.len() * self.batches as usize);
        for index in 0..self.batches {
            buffer.extend_from_slice(&(offset + index * self.records).to_be_bytes());
            buffer.extend_from_slice(&self.batch[8..]);
        }
        let part = PartitionData {
            records: Some(Records::from(buffer.freeze())),
            ..PartitionData::default()
        };
        let topic = FetchableTopicResponse {
            topic: TOPIC.into(),
            partitions: vec![part],
            ..FetchableTopicResponse::default()
        };
        FetchResponse {
            responses: vec![topic],
            ..FetchResponse::default()
        }
    }
}

fn encode<M: Message>(key: ApiKey, header: &RequestHeader, answer: &M) -> Frame {
    encode_response(key, header.api_version, header.correlation_id, answer).unwrap()
}

fn versions() -> ApiVersionsResponse {
    let range = |key: ApiKey, max_version| ApiVersion {
        api_key: key as i16,
        min_version: 0,
        max_version,
    };
    let api_keys = vec![
        range(ApiKey::Fetch, FETCH_VERSION),
        range(ApiKey::Metadata, 9),
        range(ApiKey::ApiVersions, 3),
    ];
    ApiVersionsResponse {
        api_keys,
        ..ApiVersionsResponse::default()
    }
}

fn metadata() -> MetadataResponse {
    let topic = MetadataResponseTopic {
        name: Some(TOPIC.into()),
        partitions: vec![MetadataResponsePartition::default()],
        ..MetadataResponseTopic::default()
    };
    let broker = MetadataResponseBroker {
        host: "canned".into(),
        port: 1,
        ..MetadataResponseBroker::default()
    };
    MetadataResponse {
        brokers: vec![broker],
        topics: vec![topic],
        ..MetadataResponse::default()
    }
}

fn canned(value_len: usize, batch_len: usize, codec: Compression) -> Canned {
    let mut builder = BatchBuilder::new(Pool::global(), batch_len);
    let line: Vec<u8> = (0..value_len)
        .map(|at| b"GET /orders/4711 200 "[at * at % 20])
        .collect();
    while builder.len() + value_len + 30 < batch_len {
        builder.append(1_000, None, Some(&line), Headers::NONE);
    }
    let records = i64::from(builder.record_count());
    let batches = (1_048_576 / builder.len()).max(1) as i64;
    let closed = builder.close(ProducerIdentity::NONE, codec, None).unwrap();
    Canned {
        batch: closed.bytes().to_vec(),
        records,
        batches,
    }
}

async fn read(dial: CannedDial) -> Duration {
    let cluster = Cluster::new(
        ClusterConfig::at("canned:1"),
        Arc::new(dial),
        clock::system(),
    );
    let keys = Properties::from([("auto.offset.reset".to_owned(), "earliest".to_owned())]);
    let mut consumer = Consumer::new(ConsumerConfig::parse(&keys).unwrap(), cluster);
    let partition = TopicPartition::new(TOPIC, 0);
    consumer.assign(std::slice::from_ref(&partition));
    consumer.seek(&partition, 0).unwrap();
    let start = processor_time();
    let mut count = 0;
    while count < RECORDS {
        let batch = consumer
            .poll(Duration::from_secs(5))
            .await
            .unwrap()
            .unwrap();
        black_box(&batch.rows[..]);
        count += batch.rows.len() as i64;
    }
    processor_time() - start
}

/// What all threads of this process have used, by the kernel's precise account.
fn processor_time() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let used = |task: std::io::Result<std::fs::DirEntry>| -> u64 {
        let text = std::fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap();
        text.split(' ').next().unwrap().parse().unwrap()
    };
    Duration::from_nanos(tasks.map(used).sum())
}

fn main() {
    println!("value  batch bytes  codec   threads  ns a record (median of 7)");
    for (value_len, batch_len, codec) in [
        (100, 16 << 10, Compression::None),
        (100, 512 << 10, Compression::None),
        (1_000, 512 << 10, Compression::None),
        (100, 512 << 10, Compression::Lz4),
    ] {
        for threads in [1, 2] {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(threads)
                .enable_all()
                .build()
                .unwrap();
            let dial = CannedDial(Arc::new(canned(value_len, batch_len, codec)));
            let mut times: Vec<Duration> = (0..7)
                .map(|_| {
                    let dial = dial.clone();
                    runtime.block_on(async move { tokio::spawn(read(dial)).await.unwrap() })
                })
                .collect();
            times.sort();
            let ns = times[3].as_nanos() as f64 / RECORDS as f64;
            println!(
                "{value_len:>5}  {batch_len:>11}  {:<6}  {threads:>7}  {ns:>6.1}",
                codec.name()
            );
        }
    }
}
