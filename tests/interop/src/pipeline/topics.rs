//! Topics of both brokers, by Millrace's client: the bytes as they are stored.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use millrace_api::{EncodedHeaders, Properties, encode_header};
use millrace_client::admin::{Admin, NewTopic};
use millrace_client::consumer::{Consumer, ConsumerConfig, TopicPartition};
use millrace_client::producer::{Ack, AckSink, ProduceError, Producer, ProducerConfig, RecordRef};
use millrace_client::{Cluster, ClusterConfig};
use millrace_config::Config as _;
use millrace_wire::batch::Span;
use millrace_wire::clock;
use millrace_wire::link::TcpDial;
use tokio::runtime::{Builder, Runtime};

use super::case::Record;

/// How long reading a topic may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client of one broker.
pub(super) struct Topics {
    runtime: Runtime,
    cluster: Cluster,
    address: String,
}

impl Topics {
    pub(super) fn of(address: &str) -> anyhow::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let dial = Arc::new(TcpDial::default());
        let cluster = runtime
            .block_on(async { Cluster::new(ClusterConfig::at(address), dial, clock::system()) });
        Ok(Self {
            runtime,
            cluster,
            address: address.to_owned(),
        })
    }

    /// Makes a topic of one partition that holds these records.
    pub(super) fn fill(&self, topic: &str, records: &[Record]) -> anyhow::Result<()> {
        self.runtime.block_on(async {
            let new = NewTopic {
                partitions: Some(1),
                ..NewTopic::new(topic)
            };
            Admin::new(&self.cluster).create_topic(&new).await?;
            let config = ProducerConfig::at(&self.address);
            let producer = Producer::new(config, self.cluster.clone());
            let name: Arc<str> = topic.into();
            producer.ready(&name).await?;
            let acks: Arc<dyn AckSink> = Arc::new(Unheard);
            for (ticket, record) in (0..).zip(records) {
                let headers = section(&record.headers);
                let row = RecordRef {
                    timestamp: record.timestamp,
                    key: record.key.as_deref(),
                    value: record.value.as_deref(),
                    headers: &headers,
                };
                producer.append(&name, Some(0), &mut std::iter::once(row), ticket, &acks)?;
            }
            producer.flush().await;
            producer.close(PATIENCE).await;
            anyhow::Ok(())
        })?;
        let stored = self.read(topic)?.len();
        ensure!(
            stored == records.len(),
            "{topic} holds {stored} of {} records",
            records.len()
        );
        Ok(())
    }

    /// The names of all topics.
    pub(super) fn names(&self) -> anyhow::Result<Vec<String>> {
        let topics = self
            .runtime
            .block_on(Admin::new(&self.cluster).list_topics())?;
        Ok(topics.iter().map(|topic| topic.name.to_string()).collect())
    }

    /// All records of a topic, partition by partition.
    pub(super) fn read(&self, topic: &str) -> anyhow::Result<Vec<Record>> {
        let read = async {
            let known = Admin::new(&self.cluster).describe_topic(topic).await?;
            let known = known.with_context(|| format!("there is no topic {topic}"))?;
            let places: Vec<_> = known
                .partitions
                .iter()
                .map(|partition| TopicPartition::new(topic, partition.index))
                .collect();
            let config = ConsumerConfig::parse(&Properties::new())?;
            let mut consumer = Consumer::new(config, self.cluster.clone());
            let isolation = consumer.config().isolation_level;
            let ends = consumer.end_offsets(&places, isolation).await?;
            let mut records = Vec::new();
            for place in &places {
                let end = ends.get(place).copied().unwrap_or_default();
                consumer.assign(std::slice::from_ref(place));
                consumer.seek(place, 0)?;
                let mut next = 0;
                while next < end {
                    let Some(batch) = consumer.poll(Duration::from_secs(1)).await? else {
                        continue;
                    };
                    next = batch.next_offset;
                    records.extend(batch.rows.iter().map(|row| Record {
                        partition: batch.partition,
                        timestamp: row.timestamp,
                        key: bytes(&batch.data, row.key),
                        value: bytes(&batch.data, row.value),
                        headers: headers(&bytes(&batch.data, row.headers).unwrap_or_default()),
                    }));
                }
            }
            anyhow::Ok(records)
        };
        let limited = async { tokio::time::timeout(PATIENCE, read).await };
        self.runtime
            .block_on(limited)
            .with_context(|| format!("reading {topic} takes too long"))?
    }
}

fn bytes(data: &[u8], span: Span) -> Option<Vec<u8>> {
    span.of(data).map(<[u8]>::to_vec)
}

fn section(headers: &[(String, Option<Vec<u8>>)]) -> Vec<u8> {
    let mut section = Vec::new();
    if !headers.is_empty() {
        EncodedHeaders::begin(&mut section, headers.len());
    }
    for (name, value) in headers {
        encode_header(&mut section, name.as_bytes(), value.as_deref());
    }
    section
}

fn headers(section: &[u8]) -> Vec<(String, Option<Vec<u8>>)> {
    EncodedHeaders::new(section)
        .iter()
        .map(|(name, value)| {
            let name = String::from_utf8_lossy(name).into_owned();
            (name, value.map(<[u8]>::to_vec))
        })
        .collect()
}

/// What is stored is read back, which tells more than acknowledgements.
struct Unheard;

impl AckSink for Unheard {
    fn acknowledged(&self, _tickets: Range<u64>, _result: Result<Ack, &ProduceError>) {}
}
