//! A cluster as its clients share it: metadata and connections.
//!
//! Metadata is a snapshot that anyone may hold on to; a refresh publishes a new one. Whoever meets
//! an error that says that the snapshot is old asks for a refresh of the topics it needs.

mod lane;
mod metadata;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use millrace_wire::clock::{self, Clock};
use millrace_wire::error_code::ErrorCode;
use millrace_wire::link::{Dial, TcpDial, TcpOptions};
use millrace_wire::messages::{MetadataRequest, MetadataRequestTopic};
use tokio::sync::watch;

use crate::backoff::{Backoff, random_u64};
use crate::config::{ClusterConfig, MetadataRecovery, millis};
use crate::connection::{Connection, ConnectionSettings};
use crate::error::ClientError;
use crate::security::Protection;

pub use lane::Lane;
pub use metadata::{Metadata, Node, Partition, Topic};

/// A topic that was just made may be unknown for a moment; after so many answers in a row it is worth a word.
const FAILURES_UNTOLD: u32 = 3;
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
    /// When metadata last came, on the monotonic clock in milliseconds.
    refreshed_ms: AtomicU64,
}

impl Cluster {
    /// A cluster of which only the bootstrap servers are known; nothing is opened yet.
    #[must_use]
    pub fn new(config: ClusterConfig, dial: Arc<dyn Dial>, clock: Arc<dyn Clock>) -> Self {
        let settings = ConnectionSettings {
            client_id: config.client_id.as_str().into(),
            request_timeout: config.request_timeout(),
            max_idle: config.max_idle(),
            clock: Arc::clone(&clock),
            protection: Arc::new(Protection::new(config.security.clone())),
        };
        let shared = Shared {
            config,
            settings,
            dial,
            clock,
            metadata: watch::Sender::new(Arc::default()),
            control: tokio::sync::Mutex::new(None),
            refreshed_ms: AtomicU64::new(0),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// A cluster that is reached over TCP, with the system's clock.
    #[must_use]
    pub fn tcp(config: ClusterConfig) -> Self {
        let options = TcpOptions {
            connect_timeout: config.connect_timeout(),
            ..TcpOptions::default()
        };
        Self::new(config, Arc::new(TcpDial::new(options)), clock::system())
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

    /// Waits until a topic is known with its partitions, asking again with growing waits while it is not there and the
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
            if let Some(topic) = usable(&self.metadata(), name) {
                return Ok(topic);
            }
            let asked = self.ask(Some(std::slice::from_ref(name)), create).await;
            let error = match asked {
                Ok(metadata) => match usable(&metadata, name) {
                    Some(topic) => return Ok(topic),
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
            if backoff.failures() == FAILURES_UNTOLD {
                log::warn!("{}: trying again: {error}", self.config().client_id);
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Opens a connection that nobody else uses.
    pub(crate) async fn open(&self, host: &str, port: u16) -> Result<Arc<Connection>, ClientError> {
        let shared = &self.shared;
        Connection::open(&*shared.dial, host, port, shared.settings.clone()).await
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
        *control = None;
        match self.ask_any(self.candidates(), topics, create).await {
            Ok((connection, metadata)) => {
                *control = Some(connection);
                Ok(metadata)
            }
            Err(error) if self.begins_anew(&error) => {
                log::warn!("beginning anew with the bootstrap servers: {error}");
                let asked = self.ask_any(self.config().bootstrap(), topics, create);
                let (connection, metadata) = asked.await?;
                *control = Some(connection);
                Ok(metadata)
            }
            Err(error) => Err(error),
        }
    }

    /// Asks one after the other until one answers.
    async fn ask_any(
        &self,
        candidates: Vec<(String, u16)>,
        topics: Option<&[Arc<str>]>,
        create: bool,
    ) -> Result<(Arc<Connection>, Arc<Metadata>), ClientError> {
        let mut last = None;
        for (host, port) in candidates {
            let asked = async {
                let connection = self.open(&host, port).await?;
                let metadata = self.ask_on(&connection, topics, create).await?;
                Ok((connection, metadata))
            };
            match asked.await {
                Ok(answered) => return Ok(answered),
                Err(error) => last = Some(error),
            }
        }
        let bootstrap = self.config().bootstrap_servers.join(",");
        Err(match last {
            Some(last) => ClientError::NoBroker {
                bootstrap,
                last: Box::new(last),
            },
            None => ClientError::UnknownNode(-1),
        })
    }

    /// Whether a broker says that its cluster is no longer the one to be asked (KIP-1102).
    fn begins_anew(&self, error: &ClientError) -> bool {
        let said = match error {
            ClientError::NoBroker { last, .. } => last.code(),
            other => other.code(),
        };
        said == Some(ErrorCode::REBOOTSTRAP_REQUIRED) && self.may_begin_anew()
    }

    fn may_begin_anew(&self) -> bool {
        self.config().metadata_recovery_strategy == MetadataRecovery::Rebootstrap
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
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        self.shared.refreshed_ms.store(now_ms, Ordering::Relaxed);
        let mut merged = None;
        self.shared.metadata.send_modify(|metadata| {
            *metadata = Arc::new(metadata.merge(answer, topics.is_none(), now));
            merged = Some(Arc::clone(metadata));
        });
        Ok(merged.unwrap_or_default())
    }

    /// Where metadata may be had: known nodes from a random one on, then the bootstrap servers; those
    /// first where the nodes have not answered for long.
    fn candidates(&self) -> Vec<(String, u16)> {
        let metadata = self.metadata();
        let mut nodes: Vec<_> = metadata
            .nodes
            .values()
            .map(|node| (node.host.to_string(), node.port))
            .collect();
        if nodes.is_empty() {
            return self.config().bootstrap();
        }
        let first = random_u64() as usize % nodes.len();
        nodes.rotate_left(first);
        if !self.may_begin_anew() {
            return nodes;
        }
        let mut bootstrap = self.config().bootstrap();
        if self.is_out_of_touch() {
            std::mem::swap(&mut bootstrap, &mut nodes);
        }
        let mut seen = BTreeSet::new();
        nodes.extend(bootstrap);
        nodes.retain(|address| seen.insert(address.clone()));
        nodes
    }

    fn is_out_of_touch(&self) -> bool {
        let refreshed = Duration::from_millis(self.shared.refreshed_ms.load(Ordering::Relaxed));
        let patience = millis(self.config().metadata_recovery_rebootstrap_trigger_ms);
        self.clock().monotonic().saturating_sub(refreshed) > patience
    }
}

/// A topic that has partitions. One that is just being made may be told of without.
fn usable(metadata: &Metadata, name: &str) -> Option<Arc<Topic>> {
    let topic = metadata.topic(name)?;
    (!topic.partitions.is_empty()).then(|| Arc::clone(topic))
}
