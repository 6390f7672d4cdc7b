//! The included broker, and what lies in its topics.
#![allow(dead_code, reason = "each test file uses a part")]

use std::time::{Duration, Instant};

use millrace_broker::{Broker, BrokerConfig};
use millrace_client::consumer::{Consumer, ConsumerConfig, TopicPartition};
use millrace_client::{Cluster, ClusterConfig};
use millrace_config::{Config, Properties};
use millrace_wire::batch::Headers;
use millrace_wire::clock;
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A record, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) key: Option<String>,
    pub(crate) value: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Read {
    pub(crate) fn header(&self, key: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str())
    }
}

/// A broker that can go away and come back at the same place.
pub(crate) struct TestBroker {
    runtime: Runtime,
    broker: Option<Broker>,
    folder: TempDir,
    pub(crate) port: u16,
}

impl TestBroker {
    pub(crate) fn start() -> Self {
        let mut broker = Self::away();
        broker.come();
        broker
    }

    /// One that is not there yet, but has a port.
    pub(crate) fn away() -> Self {
        Self {
            runtime: Runtime::new().unwrap(),
            broker: None,
            folder: TempDir::new().unwrap(),
            port: millrace_testkit::free_port(),
        }
    }

    pub(crate) fn come(&mut self) {
        let properties = Properties::from(
            [
                ("listeners", format!("PLAINTEXT://127.0.0.1:{}", self.port)),
                ("log.dirs", self.folder.path().display().to_string()),
            ]
            .map(|(key, value)| (key.to_owned(), value)),
        );
        let config = BrokerConfig::from_properties(&properties).unwrap();
        let started = self
            .runtime
            .block_on(Broker::start(config, clock::system()));
        self.broker = Some(started.unwrap());
    }

    pub(crate) fn go(&mut self) {
        if let Some(broker) = self.broker.take() {
            self.runtime
                .block_on(broker.shutdown(Duration::from_secs(60)));
        }
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Settings for an appender, with these beside where the broker is.
    pub(crate) fn settings(&self, pairs: &[(&str, &str)]) -> Properties {
        let mut settings = Properties::from([
            ("bootstrap.servers".to_owned(), self.address()),
            ("topic".to_owned(), "logs".to_owned()),
        ]);
        settings.extend(
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
        );
        settings
    }

    /// Reads a topic's partition 0 from its beginning until `enough`.
    pub(crate) fn read(&self, topic: &str, enough: impl Fn(&[Read]) -> bool) -> Vec<Read> {
        self.runtime.block_on(async {
            let settings = Properties::from(
                [
                    ("auto.offset.reset", "earliest"),
                    ("enable.auto.commit", "false"),
                ]
                .map(|(key, value)| (key.to_owned(), value.to_owned())),
            );
            let cluster = Cluster::tcp(ClusterConfig::at(&self.address()));
            let mut consumer = Consumer::new(ConsumerConfig::parse(&settings).unwrap(), cluster);
            consumer.assign(&[TopicPartition::new(topic, 0)]);
            let (mut all, end) = (Vec::new(), Instant::now() + LIMIT);
            while !enough(&all) {
                assert!(Instant::now() < end, "only {} records have come", all.len());
                let Ok(Some(fetched)) = consumer.poll(Duration::from_millis(50)).await else {
                    continue;
                };
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                all.extend(fetched.rows.iter().map(|row| {
                    Read {
                        key: row.key.of(&fetched.data).map(text),
                        value: text(row.value.of(&fetched.data).unwrap()),
                        headers: Headers::parse(row.headers.of(&fetched.data).unwrap_or_default())
                            .unwrap()
                            .iter()
                            .map(|header| (text(header.key), text(header.value.unwrap())))
                            .collect(),
                    }
                }));
            }
            all
        })
    }

    pub(crate) fn read_count(&self, topic: &str, count: usize) -> Vec<Read> {
        self.read(topic, |all| all.len() >= count)
    }
}

impl Drop for TestBroker {
    fn drop(&mut self) {
        self.go();
    }
}

/// Waits for something that has to come to pass.
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !done() {
        assert!(Instant::now() < end, "{what} does not come to pass");
        std::thread::sleep(Duration::from_millis(5));
    }
}
