//! Times the producer alone: append, encode, checksum and acknowledge, against a link that says yes.
//!
//! `cargo run --release -p millrace-client --example append_timing`

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a measurement by hand"
)]

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use millrace_client::Cluster;
use millrace_client::producer::{Ack, AckSink, ProduceError, Producer, ProducerConfig, RecordRef};
use millrace_wire::batch::BatchHeader;
use millrace_wire::clock;
use millrace_wire::codec::Decoder;
use millrace_wire::frame::{Frame, Segment};
use millrace_wire::link::{CallFuture, Dial, Link, LinkError, Reply};
use millrace_wire::messages::*;
use millrace_wire::pool::Pool;

const RUN: usize = 2_000;
const RECORDS: usize = 20_000_000;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    for value_len in [99, 213, 1_000] {
        let mut runs: Vec<(f64, f64)> = Vec::new();
        for _ in 0..5 {
            runs.push(time(value_len).await);
        }
        runs.sort_by(|a, b| a.1.total_cmp(&b.1));
        let (append, whole) = runs[2];
        println!(
            "{value_len:5} bytes: append {append:.1} ns of CPU, until acknowledged {whole:.1} ns a record"
        );
    }
}

async fn time(value_len: usize) -> (f64, f64) {
    let records = RECORDS / value_len.div_ceil(100);
    let config = ProducerConfig {
        batch_size: 512 << 10,
        ..ProducerConfig::at("yes:1")
    };
    let cluster = Cluster::new(config.cluster.clone(), Arc::new(YesDial), clock::system());
    let producer = Producer::new(config, cluster);
    let topic: Arc<str> = "lines".into();
    producer.ready(&topic).await.unwrap();
    let counted = Arc::new(Count(AtomicU64::new(0)));
    let sink: Arc<dyn AckSink> = Arc::clone(&counted) as Arc<dyn AckSink>;
    let lines = vec![b'x'; value_len * RUN];
    let mut done = 0;
    let (start, busy) = (Instant::now(), thread_cpu_ns());
    while done < records {
        let mut rows = lines.chunks_exact(value_len).map(|line| RecordRef {
            timestamp: 1_700_000_000_000,
            key: None,
            value: Some(line),
            headers: &[],
        });
        let appended = producer
            .append(&topic, Some(0), &mut rows, done as u64, &sink)
            .unwrap();
        done += appended.rows;
        if appended.full {
            producer.room().await.unwrap();
        }
    }
    let appending = thread_cpu_ns() - busy;
    producer.flush().await;
    let whole = start.elapsed();
    assert_eq!(counted.0.load(Ordering::Relaxed), done as u64);
    (
        appending / done as f64,
        whole.as_nanos() as f64 / done as f64,
    )
}

/// CPU time of this thread, which other load on the machine does not disturb.
fn thread_cpu_ns() -> f64 {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    schedstat.split(' ').next().unwrap().parse().unwrap()
}

struct Count(AtomicU64);

impl AckSink for Count {
    fn acknowledged(&self, tickets: Range<u64>, result: Result<Ack, &ProduceError>) {
        assert!(result.is_ok());
        self.0
            .fetch_add(tickets.end - tickets.start, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct YesDial;

#[derive(Debug, Default)]
struct YesLink {
    offset: Arc<AtomicI64>,
}

#[async_trait]
impl Dial for YesDial {
    async fn dial(&self, _: &str, _: u16) -> Result<Arc<dyn Link>, LinkError> {
        Ok(Arc::new(YesLink::default()))
    }
}

impl Link for YesLink {
    fn call(&self, request: Frame, _: Reply) -> CallFuture {
        let offset = Arc::clone(&self.offset);
        Box::pin(async move {
            tokio::task::yield_now().await;
            let answer = answer(&request, &offset);
            Ok(Some(answer.into_contiguous(Pool::global()).unwrap()))
        })
    }

    fn is_closed(&self) -> bool {
        false
    }

    fn close(&self) {}
}

fn answer(request: &Frame, offset: &AtomicI64) -> Frame {
    let Some(Segment::Bytes(head)) = request.segments().first() else {
        panic!("no head")
    };
    let mut decoder = Decoder::new(head.clone());
    let header = decode_request_header(&mut decoder).unwrap();
    let key = ApiKey::try_from(header.api_key).unwrap();
    let (version, number) = (header.api_version, header.correlation_id);
    let frame = match key {
        ApiKey::ApiVersions => {
            let api = |key: ApiKey| ApiVersion {
                api_key: key as i16,
                min_version: 0,
                max_version: 9,
            };
            let keys = [
                ApiKey::Metadata,
                ApiKey::Produce,
                ApiKey::InitProducerId,
                ApiKey::ApiVersions,
            ];
            let answer = ApiVersionsResponse {
                api_keys: keys.map(api).to_vec(),
                ..Default::default()
            };
            encode_response(key, version, number, &answer)
        }
        ApiKey::Metadata => {
            let partition = MetadataResponsePartition {
                leader_id: 1,
                ..Default::default()
            };
            let name = Some("lines".to_owned());
            let topic = MetadataResponseTopic {
                name,
                partitions: vec![partition],
                ..Default::default()
            };
            let node = MetadataResponseBroker {
                node_id: 1,
                host: "yes".into(),
                port: 1,
                rack: None,
            };
            let answer = MetadataResponse {
                brokers: vec![node],
                topics: vec![topic],
                ..Default::default()
            };
            encode_response(key, version, number, &answer)
        }
        ApiKey::InitProducerId => {
            encode_response(key, version, number, &InitProducerIdResponse::default())
        }
        ApiKey::Produce => {
            let segments = request.segments().iter();
            let batch = segments.filter_map(|segment| match segment {
                Segment::Bytes(bytes) => BatchHeader::parse(bytes).ok(),
                Segment::File(_) => None,
            });
            let count: i32 = batch.map(|header| header.record_count).sum();
            let base_offset = offset.fetch_add(count.into(), Ordering::Relaxed);
            let partition = PartitionProduceResponse {
                base_offset,
                ..Default::default()
            };
            let topic = TopicProduceResponse {
                name: "lines".into(),
                partition_responses: vec![partition],
                ..Default::default()
            };
            encode_response(
                key,
                version,
                number,
                &ProduceResponse {
                    responses: vec![topic],
                    ..Default::default()
                },
            )
        }
        other => panic!("{other:?}"),
    };
    frame.unwrap()
}
