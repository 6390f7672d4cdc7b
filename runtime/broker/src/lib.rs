//! The included Kafka-compatible broker.
//!
//! A single node that keeps its logs in Kafka's own files and speaks Kafka's protocol over TCP and over an
//! in-memory link. A request's way is `listener` → `connection` → [`Broker::call`] → `api/<request>` → `partition`
//! or a coordinator, each knowing only the next; the table of APIs is in `apis`.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods))]

mod api;
mod apis;
mod broker_configs;
mod call;
mod config;
mod connection;
mod coordinator;
mod core;
mod durable_file;
mod fetch_session;
mod listener;
mod memory;
mod metrics;
mod partition;
mod producer_ids;
mod refusals;
mod start;
mod topics;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::core::Core;
pub use call::{Answer, Connection};
/// The records of `__consumer_offsets`, for tools that read the topic.
pub mod offsets_topic {
    pub use crate::coordinator::record::{
        Change, GroupValue, MemberValue, OffsetValue, RecordError,
    };
}
pub use config::{BrokerConfig, Endpoint, ListenerConfig};
pub use memory::MemoryDial;
pub use start::StartError;

/// A running broker; clones are handles to the same one.
#[derive(Debug, Clone)]
pub struct Broker {
    core: Arc<Core>,
    running: Arc<Running>,
}

/// What there is to stop.
#[derive(Debug)]
struct Running {
    data_dir: Arc<millrace_storage::DataDir>,
    tasks: TaskTracker,
    listeners: Vec<Listening>,
}

/// Where a broker listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// The listener's name.
    pub name: String,
    /// The address it is bound to.
    pub local: SocketAddr,
    /// What clients are told to connect to.
    pub advertised: Endpoint,
}

impl Broker {
    /// Opens in-memory links to this broker.
    pub fn dial(&self) -> MemoryDial {
        MemoryDial::new(self.clone())
    }

    /// Where the broker listens.
    pub fn listeners(&self) -> &[Listening] {
        &self.running.listeners
    }

    /// The cluster's id.
    pub fn cluster_id(&self) -> &str {
        &self.core.cluster_id
    }

    /// The configuration it was started with.
    pub fn config(&self) -> &BrokerConfig {
        &self.core.config
    }

    /// Stops: no more connections are accepted, requests under way are finished, parked ones are answered, and the
    /// data directory is closed cleanly. Connections that have not ended at `deadline` are cut off.
    ///
    /// Returns whether all ended in time.
    pub async fn shutdown(&self, deadline: Duration) -> bool {
        self.core.stopping.cancel();
        self.running.tasks.close();
        let in_time = tokio::time::timeout(deadline, self.running.tasks.wait())
            .await
            .is_ok();
        let data_dir = Arc::clone(&self.running.data_dir);
        let closed = tokio::task::spawn_blocking(move || data_dir.close()).await;
        match closed {
            Ok(Ok(())) => in_time,
            Ok(Err(error)) => {
                log::error!("cannot close the data directory cleanly: {error}");
                false
            }
            Err(error) => {
                log::error!("closing the data directory failed: {error}");
                false
            }
        }
    }

    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.core.stopping
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.core.stopping.is_cancelled()
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.running.tasks.spawn(task);
    }

    /// What the broker knows of callers in its own process.
    pub(crate) fn memory_connection(&self) -> Connection {
        let advertised = match self.running.listeners.first() {
            Some(listening) => listening.advertised.clone(),
            None => Endpoint {
                host: "localhost".to_owned(),
                port: 0,
            },
        };
        Connection {
            advertised,
            client_host: call::IN_PROCESS.to_owned(),
        }
    }
}
