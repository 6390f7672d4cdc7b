//! Millrace's client, embedded: topics, and producing to them.

use std::fs;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use millrace_client::producer::{
    Ack, AckSink, Appended, ProduceError, Producer, ProducerConfig, RecordRef,
};
use millrace_client::{Cluster, ClusterConfig, Lane};
use millrace_wire::clock;
use millrace_wire::compression::Compression;
use millrace_wire::link::TcpDial;
use millrace_wire::messages::{
    CreatableTopic, CreateTopicsRequest, DeleteTopicState, DeleteTopicsRequest, LATEST_TIMESTAMP,
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use tokio::runtime::{Builder, Runtime};

use crate::case::Codec;
use crate::input::Input;

/// Connector clients' default over a socket.
const BATCH: usize = 1_000_000;

/// A client of one broker over TCP, with a runtime of its own.
pub(crate) struct Client {
    pub(crate) runtime: Runtime,
    pub(crate) cluster: Cluster,
    lane: Lane,
    address: String,
}

impl Client {
    pub(crate) fn connect(address: &str) -> anyhow::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let cluster = runtime.block_on(async {
            Cluster::new(
                ClusterConfig::at(address),
                Arc::new(TcpDial::default()),
                clock::system(),
            )
        });
        let lane = cluster.lane();
        Ok(Self {
            runtime,
            cluster,
            lane,
            address: address.to_owned(),
        })
    }

    /// Where the broker listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Makes a topic of one partition.
    pub(crate) fn create_topic(&self, name: &str) -> anyhow::Result<()> {
        let topic = CreatableTopic {
            name: name.to_owned(),
            num_partitions: 1,
            replication_factor: 1,
            ..CreatableTopic::default()
        };
        let request = CreateTopicsRequest {
            topics: vec![topic],
            ..CreateTopicsRequest::default()
        };
        let answer = self
            .runtime
            .block_on(async { self.lane.any().await?.call(&request).await })?;
        ensure!(
            answer.topics.iter().all(|topic| topic.error_code.is_ok()),
            "cannot create {name}: {answer:?}"
        );
        Ok(())
    }

    /// Deletes a topic, which drops what of its pages was not written to disk yet.
    pub(crate) fn delete_topic(&self, name: &str) -> anyhow::Result<()> {
        let request = DeleteTopicsRequest {
            topics: vec![DeleteTopicState {
                name: Some(name.to_owned()),
                ..DeleteTopicState::default()
            }],
            topic_names: vec![name.to_owned()],
            timeout_ms: 30_000,
        };
        let answer = self
            .runtime
            .block_on(async { self.lane.any().await?.call(&request).await })?;
        ensure!(
            answer
                .responses
                .iter()
                .all(|topic| topic.error_code.is_ok()),
            "cannot delete {name}: {answer:?}"
        );
        Ok(())
    }

    /// The offset behind the last durable record; 0 while there is no such topic.
    pub(crate) fn end_offset(&self, topic: &str) -> anyhow::Result<u64> {
        let partition = ListOffsetsPartition {
            timestamp: LATEST_TIMESTAMP,
            ..ListOffsetsPartition::default()
        };
        let topics = vec![ListOffsetsTopic {
            name: topic.to_owned(),
            partitions: vec![partition],
        }];
        let request = ListOffsetsRequest {
            topics,
            ..ListOffsetsRequest::default()
        };
        let answer = self
            .runtime
            .block_on(async { self.lane.any().await?.call(&request).await })?;
        let offset = answer
            .topics
            .first()
            .and_then(|topic| topic.partitions.first())
            .map(|partition| partition.offset);
        Ok(offset
            .and_then(|offset| u64::try_from(offset).ok())
            .unwrap_or(0))
    }

    /// A producer with the settings of a connector's.
    pub(crate) fn producer(&self, codec: Codec, linger: Duration) -> Producer {
        let compression = match codec {
            Codec::Plain => Compression::None,
            Codec::Lz4 => Compression::Lz4,
        };
        let config = ProducerConfig {
            batch_size: BATCH,
            compression,
            linger,
            ..ProducerConfig::at(&self.address)
        };
        let _inside = self.runtime.enter();
        Producer::new(config, self.cluster.clone())
    }

    /// Sends `count` lines of `block`, which is gone through again and again, and waits until all are acknowledged.
    pub(crate) fn produce(
        &self,
        producer: &Producer,
        topic: &str,
        block: &[u8],
        line_bytes: usize,
        count: u64,
    ) -> anyhow::Result<()> {
        let acknowledged = Arc::new(Counter::default());
        let acks: Arc<dyn AckSink> = Arc::clone(&acknowledged) as Arc<dyn AckSink>;
        let lines = (block.len() / line_bytes) as u64;
        self.runtime.block_on(async {
            let topic: Arc<str> = Arc::from(topic);
            producer.ready(&topic).await?;
            let mut sent = 0;
            while sent < count {
                let next = (sent % lines) as usize * line_bytes;
                let mut rows = block[next..]
                    .chunks_exact(line_bytes)
                    .take((count - sent) as usize)
                    .map(|line| record(&line[..line_bytes - 1]));
                let Appended { rows, full } =
                    producer.append(&topic, Some(0), &mut rows, sent, &acks)?;
                sent += rows as u64;
                if full {
                    producer.room().await?;
                }
            }
            producer.flush().await;
            anyhow::Ok(())
        })?;
        let stored = acknowledged.0.load(Ordering::Relaxed);
        ensure!(
            stored == count,
            "{stored} of {count} records were acknowledged"
        );
        Ok(())
    }

    /// Fills a new topic with the lines of `input`.
    pub(crate) fn fill(&self, topic: &str, input: &Input, codec: Codec) -> anyhow::Result<()> {
        let lines = fs::read(&input.path)
            .with_context(|| format!("cannot read {}", input.path.display()))?;
        self.create_topic(topic)?;
        let producer = self.producer(codec, Duration::ZERO);
        self.produce(&producer, topic, &lines, input.line_bytes, input.lines)?;
        self.runtime
            .block_on(producer.close(Duration::from_secs(10)));
        Ok(())
    }
}

fn record(value: &[u8]) -> RecordRef<'_> {
    RecordRef {
        timestamp: -1,
        key: None,
        value: Some(value),
        headers: &[],
    }
}

/// Counts acknowledged records.
#[derive(Default)]
struct Counter(AtomicU64);

impl AckSink for Counter {
    fn acknowledged(&self, tickets: Range<u64>, result: Result<Ack, &ProduceError>) {
        if result.is_ok() {
            self.0
                .fetch_add(tickets.end - tickets.start, Ordering::Relaxed);
        }
    }
}
