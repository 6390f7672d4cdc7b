//! What the broker counts while it works, and how it shows it.
//!
//! A request is timed as a whole and its error codes are counted; traffic is counted once a batch or a fetch, by
//! partition, so that the figures of a topic go with it. Sizes, offsets, groups and lag are looked up when somebody
//! scrapes. The names are those under which Prometheus' JMX exporter shows Apache Kafka's own metrics with its usual
//! rules (`kafka_server_…`, `kafka_network_…`, `kafka_log_…`), and those of kafka_exporter for groups
//! (`kafka_consumergroup_…`); what Kafka has no name for is called `millrace_…`.

mod collect;
mod connections;
mod families;
mod requests;
mod traffic;

use std::sync::Mutex;
use std::time::Duration;

use millrace_wire::metrics::Gauge;

use crate::partition::Partition;
use collect::Recent;
pub(crate) use connections::{ConnectionCounts, Connections, OpenConnection};
pub(crate) use requests::Requests;
pub(crate) use traffic::Traffic;

/// What a broker counts.
#[derive(Debug)]
pub(crate) struct BrokerMetrics {
    pub(crate) requests: Requests,
    pub(crate) connections: Connections,
    /// Of all topics, those that were deleted included.
    pub(crate) traffic: Traffic,
    /// Fetches that wait for records.
    pub(crate) parked_fetches: Gauge,
    /// Produce requests that wait for their sync.
    pub(crate) parked_produces: Gauge,
    /// What scrapes remember of each other.
    recent: Mutex<Recent>,
}

impl BrokerMetrics {
    /// Of a broker that starts now.
    pub(crate) fn new(now: Duration) -> Self {
        Self {
            requests: Requests::default(),
            connections: Connections::default(),
            traffic: Traffic::default(),
            parked_fetches: Gauge::default(),
            parked_produces: Gauge::default(),
            recent: Mutex::new(Recent::new(now)),
        }
    }

    /// Counts a batch that was appended to a partition, with its bytes and records, or that was refused.
    pub(crate) fn produced(&self, partition: &Partition, appended: Option<(usize, u64)>) {
        partition.traffic.produced(appended);
        self.traffic.produced(appended);
    }

    /// Counts what a fetch is answered with of a partition, bytes and offsets, or that it could not be read.
    pub(crate) fn fetched(&self, partition: &Partition, sent: Option<(usize, u64)>) {
        partition.traffic.fetched(sent);
        self.traffic.fetched(sent);
    }
}
