//! How often and how long connections are used: throttling, idleness, several bootstrap servers.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use common::{TestBroker, start_at};
use millrace_client::connection::{Connection, ConnectionSettings};
use millrace_client::producer::{Producer, ProducerConfig, RecordRef};
use millrace_client::{Cluster, ClusterConfig};
use millrace_wire::clock;
use millrace_wire::codec::Decoder;
use millrace_wire::frame::Frame;
use millrace_wire::link::{CallFuture, Dial, Link, LinkError, Reply, TcpDial};
use millrace_wire::messages::*;
use millrace_wire::pool::Pool;

const THROTTLE_MS: i32 = 300;

/// A broker that gives everybody the same answer to Metadata.
#[derive(Debug, Default)]
struct Telling {
    metadata: MetadataResponse,
    closed: AtomicBool,
}

fn answer(header: &RequestHeader, metadata: &MetadataResponse) -> Frame {
    let (version, correlation) = (header.api_version, header.correlation_id);
    if header.api_key == ApiKey::ApiVersions as i16 {
        let keys = [ApiKey::ApiVersions, ApiKey::Metadata];
        let api_keys = keys.map(|key| ApiVersion {
            api_key: key as i16,
            min_version: 0,
            max_version: 4,
        });
        let versions = ApiVersionsResponse {
            api_keys: api_keys.into(),
            ..ApiVersionsResponse::default()
        };
        return encode_response(ApiKey::ApiVersions, version, correlation, &versions).unwrap();
    }
    encode_response(ApiKey::Metadata, version, correlation, metadata).unwrap()
}

impl Link for Telling {
    fn call(&self, request: Frame, _: Reply) -> CallFuture {
        let metadata = self.metadata.clone();
        Box::pin(async move {
            let bytes = request.into_contiguous(Pool::global()).unwrap();
            let header = decode_request_header(&mut Decoder::new(bytes)).unwrap();
            Ok(Some(
                answer(&header, &metadata)
                    .into_contiguous(Pool::global())
                    .unwrap(),
            ))
        })
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }
}

#[derive(Debug)]
struct ToTelling(MetadataResponse);

#[async_trait]
impl Dial for ToTelling {
    async fn dial(&self, _: &str, _: u16) -> Result<Arc<dyn Link>, LinkError> {
        Ok(Arc::new(Telling {
            metadata: self.0.clone(),
            closed: AtomicBool::new(false),
        }))
    }
}

#[tokio::test]
async fn a_connection_holds_back_for_as_long_as_the_broker_says() {
    let settings = ConnectionSettings {
        client_id: "test".into(),
        request_timeout: Duration::from_secs(5),
        max_idle: None,
        clock: clock::system(),
        protection: Arc::default(),
    };
    let dial = ToTelling(MetadataResponse {
        throttle_time_ms: THROTTLE_MS,
        ..MetadataResponse::default()
    });
    let connection = Connection::open(&dial, "peer", 1, settings).await;
    let connection = connection.unwrap();
    // Before the answer that says so, for the time counts from then.
    let began = tokio::time::Instant::now();
    connection.call(&MetadataRequest::default()).await.unwrap();
    connection.call(&MetadataRequest::default()).await.unwrap();
    let wait = Duration::from_millis(THROTTLE_MS.unsigned_abs().into());
    assert!(began.elapsed() >= wait - Duration::from_millis(5));
}

#[tokio::test]
async fn a_topic_without_partitions_is_waited_for_and_then_named() {
    let topic = MetadataResponseTopic {
        name: Some("t".to_owned()),
        ..MetadataResponseTopic::default()
    };
    let dial = ToTelling(MetadataResponse {
        topics: vec![topic],
        ..MetadataResponse::default()
    });
    let config = ProducerConfig {
        max_block: Duration::from_millis(300),
        ..ProducerConfig::at("peer:1")
    };
    let cluster = Cluster::new(config.cluster.clone(), Arc::new(dial), clock::system());
    let producer = Producer::new(config, cluster);
    let topic = Arc::from("t");
    let sending = producer.send(&topic, None, RecordRef::of(b"v"));
    let sent = tokio::time::timeout(Duration::from_secs(10), sending).await;
    let error = sent.unwrap().unwrap_err();
    assert!(
        error.is_retriable() && error.to_string().contains("topic t"),
        "{error}"
    );
}

/// Counts connections.
#[derive(Debug, Default)]
struct Counted {
    tcp: TcpDial,
    dials: AtomicUsize,
}

#[async_trait]
impl Dial for Counted {
    async fn dial(&self, host: &str, port: u16) -> Result<Arc<dyn Link>, LinkError> {
        self.dials.fetch_add(1, Ordering::SeqCst);
        self.tcp.dial(host, port).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_are_closed_and_opened_again() {
    let broker = TestBroker::start().await;
    let mut config = broker.config();
    config.cluster.connections_max_idle_ms = 200;
    let dial = Arc::new(Counted::default());
    let shared = Arc::clone(&dial) as Arc<dyn Dial>;
    let cluster = Cluster::new(config.cluster.clone(), shared, clock::system());
    let lane = cluster.lane();
    let connection = lane.any().await.unwrap();
    let expiring = async {
        while !connection.is_closed() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), expiring)
        .await
        .unwrap();
    assert!(connection.has_expired());
    let producer = Producer::new(config, cluster);
    let before = dial.dials.load(Ordering::SeqCst);
    for _ in 0..2 {
        let sent = producer.send(&"t".into(), None, RecordRef::of(b"v")).await;
        sent.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(
        dial.dials.load(Ordering::SeqCst) >= before + 3,
        "one of two stayed open"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_bootstrap_server_that_answers_is_enough() {
    let broker = TestBroker::start().await;
    let servers = format!("127.0.0.1:1,localhost:1,127.0.0.1:{}", broker.port);
    let config = ProducerConfig::at(&servers);
    let producer = Producer::new(config.clone(), Cluster::tcp(config.cluster));
    let sent = producer.send(&"t".into(), None, RecordRef::of(b"v")).await;
    assert_eq!(sent.unwrap().offset, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_moved_is_found_through_the_bootstrap_servers() {
    let mut first = TestBroker::start().await;
    let folder = tempfile::TempDir::new().unwrap();
    let second = start_at(&folder, 0, &[]).await;
    let moved = second.listeners()[0].local.port();
    let servers = format!("127.0.0.1:{},127.0.0.1:{moved}", first.port);
    let cluster = Cluster::tcp(ClusterConfig::at(&servers));
    let before = cluster.refresh(&[]).await.unwrap();
    first.stop().await;
    let after = cluster.refresh(&[]).await.unwrap();
    assert_ne!(before.cluster_id, after.cluster_id);
    assert!(after.nodes.values().all(|node| node.port == moved));
    second.shutdown(Duration::from_secs(5)).await;
}
