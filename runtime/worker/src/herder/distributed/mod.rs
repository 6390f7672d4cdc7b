//! The herder of a worker in a group.
//!
//! One task, [`rounds`], follows the group and the config topic and decides what is to run here; connectors are brought
//! there one by one, beside it, so that none waits for another. What REST asks is answered from what has been read, or
//! written to the config topic by the leader ([`leader`]); what another worker has to answer says so, and REST passes
//! it on.

mod internal;
mod keys;
mod leader;
pub(crate) mod peers;
mod requests;
mod rounds;
mod work;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use millrace_api::Properties;
use millrace_client::group::Membership;
use millrace_wire::clock::Clock;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::peers::Peers;
use super::error::HerderError;
use super::host::Hosts;
use super::offsets::OffsetAccess;
use super::running::{Connector, Shared};
use super::share::PublishTasks;
use super::statuses::Statuses;
use super::tasks::{GroupOffsets, TaskRunner};
use crate::actor::Threads;
use crate::config::{DistributedConfig, WorkerConfig};
use crate::group::member::ConnectProtocol;
use crate::group::work::Work;
use crate::logging::Loggers;
use crate::metrics::RebalanceMetrics;
use crate::providers::ConfigProviders;
use crate::registry::{PluginKind, Registry};
use crate::store::topic::configs::ConfigTopic;
use crate::store::topic::offsets::TopicOffsetStore;
use crate::store::topic::session_key::Algorithm;
use crate::store::topic::statuses::StatusTopic;

/// How long leaving the group may take.
const LEAVE_WITHIN: Duration = Duration::from_secs(2);

/// What a distributed herder is made of.
pub(crate) struct Parts {
    pub(crate) config: WorkerConfig,
    pub(crate) group: DistributedConfig,
    pub(crate) properties: Properties,
    pub(crate) registry: Arc<Registry>,
    pub(crate) providers: ConfigProviders,
    pub(crate) runner: Arc<dyn TaskRunner>,
    pub(crate) configs: Arc<ConfigTopic>,
    pub(crate) offsets: Arc<TopicOffsetStore>,
    pub(crate) statuses: Arc<Statuses>,
    pub(crate) status_topic: StatusTopic,
    pub(crate) groups: Arc<dyn GroupOffsets>,
    pub(crate) protocol: Arc<ConnectProtocol>,
    pub(crate) rebalances: Arc<RebalanceMetrics>,
    pub(crate) loggers: Arc<Loggers>,
    pub(crate) http: reqwest::Client,
    pub(crate) data: tokio::runtime::Handle,
    pub(crate) threads: Threads,
    pub(crate) worker_id: String,
    pub(crate) cluster_id: Option<String>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The herder of a worker in a group.
pub(crate) struct DistributedHerder {
    shared: Arc<Shared>,
    group: DistributedConfig,
    configs: Arc<ConfigTopic>,
    peers: Arc<Peers>,
    offsets: OffsetAccess,
    offset_topic: Arc<TopicOffsetStore>,
    status_topic: StatusTopic,
    protocol: Arc<ConnectProtocol>,
    rebalances: Arc<RebalanceMetrics>,
    loggers: Arc<Loggers>,
    worker_id: String,
    cluster_id: Option<String>,
    clock: Arc<dyn Clock>,
    /// Connectors of which something runs here, or did.
    local: Mutex<BTreeMap<Arc<str>, Arc<Connector>>>,
    /// What this worker has by its last assignment.
    held: Mutex<Work>,
    /// Whether the worker has been part of a generation.
    ready: watch::Sender<bool>,
    stopping: AtomicBool,
    stop: CancellationToken,
    rounds: tokio::sync::Mutex<Option<tokio::task::JoinHandle<Membership>>>,
}

impl fmt::Debug for DistributedHerder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DistributedHerder")
            .field("worker", &self.worker_id)
            .finish_non_exhaustive()
    }
}

impl DistributedHerder {
    /// A herder that takes part in its group from [`DistributedHerder::follow`] on.
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let algorithm = |name: &String| Algorithm::named(name);
        let peers = Arc::new(Peers::new(
            Arc::clone(&parts.configs),
            parts.http,
            algorithm(&parts.group.signature_algorithm).unwrap_or(Algorithm::Sha256),
            parts
                .group
                .verification_algorithms
                .iter()
                .filter_map(algorithm)
                .collect(),
        ));
        let shared = Shared {
            hosts: Hosts::new(parts.data.clone(), parts.threads, Arc::clone(&parts.clock)),
            statuses: parts.statuses,
            config: parts.config,
            properties: parts.properties,
            registry: parts.registry,
            providers: parts.providers,
            runner: parts.runner,
            data: parts.data,
            clock: Arc::clone(&parts.clock),
            publish: Some(Arc::clone(&peers) as Arc<dyn PublishTasks>),
        };
        Arc::new(Self {
            shared: Arc::new(shared),
            group: parts.group,
            configs: parts.configs,
            peers,
            offsets: OffsetAccess {
                offsets: Arc::clone(&parts.offsets) as Arc<dyn crate::store::OffsetStore>,
                groups: parts.groups,
            },
            offset_topic: parts.offsets,
            status_topic: parts.status_topic,
            protocol: parts.protocol,
            rebalances: parts.rebalances,
            loggers: parts.loggers,
            worker_id: parts.worker_id,
            cluster_id: parts.cluster_id,
            clock: parts.clock,
            local: Mutex::default(),
            held: Mutex::default(),
            ready: watch::Sender::new(false),
            stopping: AtomicBool::new(false),
            stop: CancellationToken::new(),
            rounds: tokio::sync::Mutex::default(),
        })
    }

    /// Joins the group and takes up what it is assigned, from now on.
    pub(crate) async fn follow(self: &Arc<Self>, membership: Membership) {
        let rounds = tokio::spawn(Arc::clone(self).run(membership));
        *self.rounds.lock().await = Some(rounds);
    }

    /// Waits until the worker is part of its group for the first time.
    pub(crate) async fn joined(&self) {
        let mut ready = self.ready.subscribe();
        // It ends only with the herder itself.
        drop(ready.wait_for(|ready| *ready).await);
    }

    /// `source`, `sink` or `unknown`: the kind of a connector by its class.
    fn kind(&self, class: Option<&str>) -> &'static str {
        let plugin = class.and_then(|class| self.shared.registry.connector(class));
        match plugin.map(|plugin| plugin.kind) {
            Some(PluginKind::Source) => "source",
            Some(PluginKind::Sink) => "sink",
            _ => "unknown",
        }
    }

    fn local(&self, name: &str) -> Option<Arc<Connector>> {
        self.local
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    fn all_local(&self) -> Vec<Arc<Connector>> {
        let local = self.local.lock().unwrap_or_else(PoisonError::into_inner);
        local.values().cloned().collect()
    }

    fn held(&self) -> Work {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set_held(&self, held: Work) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = held;
    }

    /// Stops what runs here, sources first, leaves the group, and writes what is still to be said. Names what did not
    /// stop in time.
    pub(crate) async fn shut_down(&self, deadline: Duration) -> Vec<String> {
        self.stopping.store(true, Ordering::Release);
        self.stop.cancel();
        let rounds = self.rounds.lock().await.take();
        let membership = match rounds {
            Some(rounds) => rounds.await.ok(),
            None => None,
        };
        let abandoned = self.stop_all(deadline).await;
        if let Some(membership) = membership {
            membership.close("the worker stops", LEAVE_WITHIN).await;
        }
        self.status_topic.close().await;
        self.offset_topic.close().await;
        self.configs.close().await;
        abandoned
    }

    /// Fails when the worker is on its way down.
    fn only_running(&self) -> Result<(), HerderError> {
        if self.stopping.load(Ordering::Acquire) {
            return Err(HerderError::internal("Worker is shutting down."));
        }
        Ok(())
    }
}
