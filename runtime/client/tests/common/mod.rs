//! The included broker for tests of the client.
#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod consuming;
pub(crate) mod fake;

use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use millrace_broker::{Broker, BrokerConfig};
use millrace_client::Cluster;
use millrace_client::producer::{Ack, AckSink, ProduceError, ProducerConfig};
use millrace_wire::clock;
use millrace_wire::link::{Dial, TcpDial};
use tempfile::TempDir;

/// Records with times of long ago are not to go when a test takes its time.
const KEEPS_ALL: &[(&str, &str)] = &[("log.retention.ms", "-1")];

/// A broker on a port of its own, in a folder that goes with it.
pub(crate) struct TestBroker {
    running: Option<Broker>,
    pub(crate) folder: TempDir,
    pub(crate) port: u16,
    properties: &'static [(&'static str, &'static str)],
}

impl TestBroker {
    /// One that keeps all records, however old they are.
    pub(crate) async fn start() -> Self {
        Self::start_with(KEEPS_ALL).await
    }

    /// One with these properties.
    pub(crate) async fn start_with(properties: &'static [(&'static str, &'static str)]) -> Self {
        let folder = TempDir::new().unwrap();
        // One that it has again after a restart.
        let port = millrace_testkit::free_port();
        let broker = start_at(&folder, port, properties).await;
        Self {
            running: Some(broker),
            folder,
            port,
            properties,
        }
    }

    /// Stops the broker and starts it again on the same port and data.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.running = Some(start_at(&self.folder, self.port, self.properties).await);
    }

    /// Stops the broker; its data stays.
    pub(crate) async fn stop(&mut self) {
        if let Some(broker) = self.running.take() {
            broker.shutdown(Duration::from_secs(60)).await;
        }
    }

    pub(crate) fn config(&self) -> ProducerConfig {
        ProducerConfig::at(&format!("127.0.0.1:{}", self.port))
    }

    pub(crate) fn tcp(&self) -> Cluster {
        self.cluster(Arc::new(TcpDial::default()))
    }

    pub(crate) fn memory(&self) -> Cluster {
        self.cluster(Arc::new(self.running.as_ref().unwrap().dial()))
    }

    fn cluster(&self, dial: Arc<dyn Dial>) -> Cluster {
        Cluster::new(self.config().cluster, dial, clock::system())
    }
}

pub(crate) async fn start_at(folder: &TempDir, port: u16, more: &[(&str, &str)]) -> Broker {
    let listeners = format!("PLAINTEXT://127.0.0.1:{port}");
    let dirs = folder.path().display().to_string();
    let mut properties: millrace_config::Properties =
        [("listeners", listeners), ("log.dirs", dirs)]
            .map(|(key, value)| (key.to_owned(), value))
            .into();
    properties.extend(
        more.iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
    );
    let config = BrokerConfig::from_properties(&properties).unwrap();
    Broker::start(config, clock::system()).await.unwrap()
}

/// Notes what became of every ticket.
#[derive(Default)]
pub(crate) struct Acks {
    pub(crate) delivered: Mutex<Vec<(Range<u64>, Ack)>>,
    pub(crate) failed: Mutex<Vec<(Range<u64>, String)>>,
}

impl Acks {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Tickets that were delivered, in order.
    pub(crate) fn tickets(&self) -> Vec<u64> {
        let delivered = self.delivered.lock().unwrap();
        let mut all: Vec<u64> = delivered
            .iter()
            .flat_map(|(range, _)| range.clone())
            .collect();
        all.sort_unstable();
        all
    }

    /// The offset of each delivered ticket of a partition, in the order of tickets.
    pub(crate) fn offsets(&self, partition: i32) -> Vec<(u64, i64)> {
        let delivered = self.delivered.lock().unwrap();
        let of_partition = delivered
            .iter()
            .filter(|(_, ack)| ack.partition == partition);
        let mut all: Vec<(u64, i64)> = of_partition
            .flat_map(|(range, ack)| {
                range
                    .clone()
                    .enumerate()
                    .map(|(at, ticket)| (ticket, ack.base_offset + at as i64))
            })
            .collect();
        all.sort_unstable();
        all
    }
}

impl AckSink for Acks {
    fn acknowledged(&self, tickets: Range<u64>, result: Result<Ack, &ProduceError>) {
        match result {
            Ok(ack) => self.delivered.lock().unwrap().push((tickets, ack)),
            Err(error) => self
                .failed
                .lock()
                .unwrap()
                .push((tickets, error.to_string())),
        }
    }
}
