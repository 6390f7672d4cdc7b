//! A cluster as its clients share it: metadata and connections.
//!
//! Metadata is a snapshot that anyone may hold on to; a refresh publishes a new one. Whoever meets
//! an error that says that the snapshot is old asks for a refresh of the topics it needs.

mod lane;
mod metadata;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use millrace_wire::clock::Clock;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::link::Dial;
use millrace_wire::messages::{MetadataRequest, MetadataRequestTopic};
use tokio::sync::watch;

use crate::backoff::{Backoff, random_u64};
use crate::config::{ClusterConfig, millis};
use crate::connection::{Connection, ConnectionSettings};
use crate::error::ClientError;

pub use lane::Lane;
pub use metadata::{Metadata, Node, Partition, Topic};

/// From this version on the request says whether topics may be created.
const CREATION_FLAG_FROM: i16 = 4;

/// A handle to a cluster; clones share everything.
#[derive(Debug, Clone)]
pub struct Cluster {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: ClusterConfig,
    settings: ConnectionSettings,
    dial: Arc<dyn Dial>,
    clock: Arc<dyn Clock>,
    metadata: watch::Sender<Arc<Metadata>>,
    /// The connection that metadata is asked for on; opened through the bootstrap servers or the
    /// nodes known since.
    control: tokio::sync::Mutex<Option<Arc<Connection>>>,
}

impl Cluster {
    /// A cluster of which only the bootstrap servers are known; nothing is opened yet.
    #[must_use]
    pub fn new(config: ClusterConfig, dial: Arc<dyn Dial>, clock: Arc<dyn Clock>) -> Self {
        let settings = ConnectionSettings {
            client_id: config.client_id.as_str().into(),
            request_timeout: config.request_timeout(),
        };
        let shared = Shared {
            config,
            settings,
            dial,
            clock,
            metadata: watch::Sender::new(Arc::default()),
            control: tokio::sync::Mutex::new(None),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The configuration it was made with.
    #[must_use]
    pub fn config(&self) -> &ClusterConfig {
        &self.shared.config
    }

    /// The clock it was made with.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// What is known at this moment.
    #[must_use]
    pub fn metadata(&self) -> Arc<Metadata> {
        Arc::clone(&self.shared.metadata.borrow())
    }

    /// Tells of every new snapshot.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<Metadata>> {
        self.shared.metadata.subscribe()
    }

    /// Connections of one's own to the cluster's nodes.
    #[must_use]
    pub fn lane(&self) -> Lane {
        Lane::new(self.clone())
    }

    /// A wait that grows by the configured retry backoff.
    #[must_use]
    pub fn retry_backoff(&self) -> Backoff {
        let config = self.config();
        Backoff::new(
            millis(config.retry_backoff_ms),
            millis(config.retry_backoff_max_ms),
        )
    }

    /// Asks for these topics anew; topics that do not exist are not created. With none, nodes and
    /// controller only.
    ///
    /// # Errors
    ///
    /// Where no broker answers. That a topic does not exist is no error here: the snapshot says so.
    pub async fn refresh(&self, topics: &[Arc<str>]) -> Result<Arc<Metadata>, ClientError> {
        self.ask(Some(topics), false).await
    }

    /// Asks for these topics and lets the broker create what is missing, if it is set up to.
    ///
    /// # Errors
    ///
    /// As [`Cluster::refresh`].
    pub async fn refresh_or_create(
        &self,
        topics: &[Arc<str>],
    ) -> Result<Arc<Metadata>, ClientError> {
        self.ask(Some(topics), true).await
    }

    /// Asks for all topics.
    ///
    /// # Errors
    ///
    /// As [`Cluster::refresh`].
    pub async fn refresh_all(&self) -> Result<Arc<Metadata>, ClientError> {
        self.ask(None, false).await
    }

    /// Waits until a topic is known, asking again with growing waits while it is not there and the
    /// error may pass.
    ///
    /// # Errors
    ///
    /// The last error when `wait` is over, or one that will not pass.
    pub async fn topic(
        &self,
        name: &Arc<str>,
        create: bool,
        wait: Duration,
    ) -> Result<Arc<Topic>, ClientError> {
        let deadline = self.clock().monotonic() + wait;
        let mut backoff = self.retry_backoff();
        loop {
            if let Some(topic) = self.metadata().topic(name) {
                return Ok(Arc::clone(topic));
            }
            let asked = self.ask(Some(std::slice::from_ref(name)), create).await;
            let error = match asked {
                Ok(metadata) => match metadata.topic(name) {
                    Some(topic) => return Ok(Arc::clone(topic)),
                    None => {
                        let code = metadata
                            .topic_error(name)
                            .unwrap_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
                        ClientError::refused(format!("cannot find topic {name}"), code, None)
                    }
                },
                Err(error) => error,
            };
            let pause = backoff.fail();
            if !error.is_retriable() || self.clock().monotonic() + pause >= deadline {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Opens a connection that nobody else uses.
    pub(crate) async fn open(&self, host: &str, port: u16) -> Result<Arc<Connection>, ClientError> {
        let shared = &self.shared;
        let connection =
            Connection::open(&*shared.dial, host, port, shared.settings.clone()).await?;
        Ok(Arc::new(connection))
    }

    /// Learns of a node outside a metadata answer.
    pub(crate) fn add_node(&self, node: Node) {
        self.shared.metadata.send_if_modified(|metadata| {
            if metadata.nodes.get(&node.id) == Some(&node) || metadata.nodes.contains_key(&node.id)
            {
                return false;
            }
            Arc::make_mut(metadata).nodes.insert(node.id, node);
            true
        });
    }

    async fn ask(
        &self,
        topics: Option<&[Arc<str>]>,
        create: bool,
    ) -> Result<Arc<Metadata>, ClientError> {
        let mut control = self.shared.control.lock().await;
        if let Some(open) = control
            .as_ref()
            .filter(|connection| !connection.is_closed())
            && let Ok(metadata) = self.ask_on(open, topics, create).await
        {
            return Ok(metadata);
        }
        let mut last = None;
        for (host, port) in self.candidates() {
            let connection = match self.open(&host, port).await {
                Ok(connection) => connection,
                Err(error) => {
                    last = Some(error);
                    continue;
                }
            };
            match self.ask_on(&connection, topics, create).await {
                Ok(metadata) => {
                    *control = Some(connection);
                    return Ok(metadata);
                }
                Err(error) => last = Some(error),
            }
        }
        *control = None;
        let bootstrap = self.config().bootstrap_servers.join(",");
        match last {
            Some(last) => Err(ClientError::NoBroker {
                bootstrap,
                last: Box::new(last),
            }),
            None => Err(ClientError::UnknownNode(-1)),
        }
    }

    async fn ask_on(
        &self,
        connection: &Connection,
        topics: Option<&[Arc<str>]>,
        create: bool,
    ) -> Result<Arc<Metadata>, ClientError> {
        let version = connection.version::<MetadataRequest>()?;
        let named = |name: &Arc<str>| MetadataRequestTopic {
            name: Some(name.to_string()),
            ..MetadataRequestTopic::default()
        };
        let request = MetadataRequest {
            topics: topics.map(|topics| topics.iter().map(named).collect()),
            allow_auto_topic_creation: create || version < CREATION_FLAG_FROM,
            ..MetadataRequest::default()
        };
        let answer = connection
            .call_at(version, &request, self.config().request_timeout())
            .await?;
        answer.error_code.ok().map_err(|code| {
            ClientError::refused("cannot read the cluster's metadata", code, None)
        })?;
        let now = self.clock().monotonic();
        let mut merged = None;
        self.shared.metadata.send_modify(|metadata| {
            *metadata = Arc::new(metadata.merge(answer, topics.is_none(), now));
            merged = Some(Arc::clone(metadata));
        });
        Ok(merged.unwrap_or_default())
    }

    /// Where metadata may be had: known nodes from a random one on, then the bootstrap servers.
    fn candidates(&self) -> Vec<(String, u16)> {
        let metadata = self.metadata();
        let mut nodes: Vec<_> = metadata
            .nodes
            .values()
            .map(|node| (node.host.to_string(), node.port))
            .collect();
        if !nodes.is_empty() {
            let first = random_u64() as usize % nodes.len();
            nodes.rotate_left(first);
        }
        let mut seen = BTreeSet::new();
        nodes.extend(self.config().bootstrap());
        nodes.retain(|address| seen.insert(address.clone()));
        nodes
    }
}
