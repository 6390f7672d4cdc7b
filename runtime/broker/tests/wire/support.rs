//! A broker on a folder and a port of its own, and a client that speaks raw frames.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use millrace_broker::{Broker, BrokerConfig};
use millrace_wire::batch::{BatchBuilder, Headers, ProducerIdentity};
use millrace_wire::clock;
use millrace_wire::compression::Compression;
use millrace_wire::messages::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, FetchPartition, FetchRequest,
    FetchTopic, PartitionData, PartitionProduceData, PartitionProduceResponse, ProduceRequest,
    Request, TopicProduceData, decode_response, encode_request,
};
use millrace_wire::pool::Pool;
use millrace_wire::records::Records;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct TestBroker {
    pub(crate) broker: Broker,
    pub(crate) dir: TempDir,
    settings: Vec<(String, String)>,
}

impl TestBroker {
    pub(crate) async fn start(settings: &[(&str, &str)]) -> TestBroker {
        let settings: Vec<(String, String)> = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let dir = tempfile::tempdir().unwrap();
        let broker = start(&dir, &settings).await;
        TestBroker {
            broker,
            dir,
            settings,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.broker.listeners()[0].local
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address()).await
    }

    /// Stops the broker and starts another one on the same folder.
    pub(crate) async fn restart(self) -> TestBroker {
        assert!(self.broker.shutdown(PATIENCE).await);
        drop(self.broker);
        let broker = start(&self.dir, &self.settings).await;
        TestBroker {
            broker,
            dir: self.dir,
            settings: self.settings,
        }
    }
}

async fn start(dir: &TempDir, settings: &[(String, String)]) -> Broker {
    let mut properties = millrace_config::Properties::from([
        ("listeners".to_owned(), "PLAINTEXT://127.0.0.1:0".to_owned()),
        // Fifty partitions for each test would keep the disk busy for nothing.
        ("offsets.topic.num.partitions".to_owned(), "4".to_owned()),
        (
            "log.dirs".to_owned(),
            dir.path().join("data").display().to_string(),
        ),
    ]);
    properties.extend(settings.iter().cloned());
    let config = BrokerConfig::from_properties(&properties).unwrap();
    Broker::start(config, clock::system()).await.unwrap()
}

/// A raw connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    next_correlation_id: i32,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Client {
        Client {
            stream: TcpStream::connect(address).await.unwrap(),
            next_correlation_id: 7,
        }
    }

    /// Sends a request and gives its correlation id.
    pub(crate) async fn send<R: Request>(&mut self, version: i16, request: &R) -> i32 {
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id += 1;
        let frame = encode_request(correlation_id, Some("test"), version, request).unwrap();
        self.send_frame(&frame.into_contiguous(Pool::global()).unwrap())
            .await;
        correlation_id
    }

    pub(crate) async fn send_frame(&mut self, frame: &[u8]) {
        self.stream
            .write_all(&(frame.len() as i32).to_be_bytes())
            .await
            .unwrap();
        self.stream.write_all(frame).await.unwrap();
    }

    /// The next frame, `None` when the broker closed the connection.
    pub(crate) async fn receive_frame(&mut self) -> Option<Bytes> {
        let receive = async {
            let size = self.stream.read_i32().await.ok()?;
            let mut frame = vec![0; size as usize];
            self.stream.read_exact(&mut frame).await.ok()?;
            Some(Bytes::from(frame))
        };
        tokio::time::timeout(PATIENCE, receive)
            .await
            .expect("neither an answer nor a close came")
    }

    pub(crate) async fn receive<R: Request>(
        &mut self,
        version: i16,
        correlation_id: i32,
    ) -> R::Response {
        let frame = self.receive_frame().await.expect("connection closed");
        let (answered, response) = decode_response::<R>(version, frame).unwrap();
        assert_eq!(answered, correlation_id);
        response
    }

    pub(crate) async fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        let correlation_id = self.send(version, request).await;
        self.receive::<R>(version, correlation_id).await
    }

    pub(crate) async fn assert_closed(&mut self) {
        assert_eq!(self.receive_frame().await, None);
    }

    pub(crate) async fn create_topic(
        &mut self,
        name: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) {
        let configs = configs
            .iter()
            .map(|(name, value)| CreatableTopicConfig {
                name: (*name).to_owned(),
                value: Some((*value).to_owned()),
            })
            .collect();
        let topic = CreatableTopic {
            name: name.to_owned(),
            num_partitions: partitions,
            replication_factor: 1,
            configs,
            ..Default::default()
        };
        let request = CreateTopicsRequest {
            topics: vec![topic],
            ..Default::default()
        };
        let response = self.call(7, &request).await;
        assert!(response.topics[0].error_code.is_ok(), "{response:?}");
    }

    pub(crate) async fn produce(
        &mut self,
        version: i16,
        acks: i16,
        topic: &str,
        records: Bytes,
    ) -> PartitionProduceResponse {
        let response = self
            .call(version, &produce_request(acks, topic, 0, Some(records)))
            .await;
        response.responses[0].partition_responses[0].clone()
    }

    pub(crate) async fn fetch(
        &mut self,
        version: i16,
        topic: &str,
        offset: i64,
        max_wait_ms: i32,
    ) -> PartitionData {
        let response = self
            .call(version, &fetch_request(topic, offset, max_wait_ms))
            .await;
        response.responses[0].partitions[0].clone()
    }
}

pub(crate) fn produce_request(
    acks: i16,
    topic: &str,
    partition: i32,
    records: Option<Bytes>,
) -> ProduceRequest {
    ProduceRequest {
        acks,
        timeout_ms: 10_000,
        topic_data: vec![TopicProduceData {
            name: topic.to_owned(),
            partition_data: vec![PartitionProduceData {
                index: partition,
                records: records.map(Records::from),
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

pub(crate) fn fetch_request(topic: &str, fetch_offset: i64, max_wait_ms: i32) -> FetchRequest {
    FetchRequest {
        max_wait_ms,
        min_bytes: 1,
        topics: vec![FetchTopic {
            topic: topic.to_owned(),
            partitions: vec![FetchPartition {
                fetch_offset,
                partition_max_bytes: 1 << 20,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// A batch of values at the given times.
pub(crate) fn batch_of(identity: ProducerIdentity, records: &[(i64, Option<&str>, &str)]) -> Bytes {
    let mut builder = BatchBuilder::new(Pool::global(), 1 << 20);
    for (timestamp, key, value) in records {
        let key = key.map(str::as_bytes);
        let _outcome = builder.append(*timestamp, key, Some(value.as_bytes()), Headers::NONE);
    }
    builder
        .close(identity, Compression::None, None)
        .unwrap()
        .bytes()
        .clone()
}

pub(crate) fn batch(values: &[&str]) -> Bytes {
    let now = clock::system().now_ms();
    let records: Vec<_> = values.iter().map(|value| (now, None, *value)).collect();
    batch_of(ProducerIdentity::NONE, &records)
}

/// The bytes of a fetched partition.
pub(crate) fn bytes_of(data: &PartitionData) -> Bytes {
    data.records
        .clone()
        .unwrap()
        .into_bytes(Pool::global())
        .unwrap()
}
