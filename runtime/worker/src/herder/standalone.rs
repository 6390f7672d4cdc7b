//! The herder of a single worker: connectors, target states and statuses live in its memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use millrace_api::Properties;
use millrace_config::NullableProperties;
use millrace_wire::clock::Clock;

use super::config_file::{ConfigFile, Kept};
use super::error::{HerderError, Kind};
use super::host::Hosts;
use super::offsets::OffsetAccess;
use super::running::{Connector, Live, Shared, Wanted};
use super::statuses::Statuses;
use super::tasks::{GroupOffsets, TaskRunner};
use super::views::{ConnectorInfo, CreateRequest};
use crate::actor::Threads;
use crate::config::WorkerConfig;
use crate::providers::ConfigProviders;
use crate::registry::Registry;
use crate::store::OffsetStore;
use crate::task::{State, TargetState};

/// What the sinks have at least to stop, unless the whole stop has less.
const SINKS_STOP_WITHIN: Duration = Duration::from_secs(2);
/// What the stop of a connector may take beyond that of its tasks.
const BEYOND_TASKS: Duration = Duration::from_millis(500);

/// What a standalone herder is made of.
#[derive(Debug)]
pub struct Parts {
    /// The worker's configuration.
    pub config: WorkerConfig,
    /// The properties it was parsed from.
    pub properties: Properties,
    /// The plugins.
    pub registry: Arc<Registry>,
    /// The config providers.
    pub providers: ConfigProviders,
    /// Starts tasks.
    pub runner: Arc<dyn TaskRunner>,
    /// Offsets of sources.
    pub offsets: Arc<dyn OffsetStore>,
    /// Offsets of sinks.
    pub groups: Arc<dyn GroupOffsets>,
    /// Runs connectors' code.
    pub data: tokio::runtime::Handle,
    /// Counts the threads that were left behind in connectors' code.
    pub(crate) threads: Threads,
    /// The worker as `host:port`.
    pub worker_id: String,
    /// The cluster it works on.
    pub cluster_id: Option<String>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The herder of a standalone worker.
pub struct StandaloneHerder {
    pub(super) shared: Arc<Shared>,
    pub(super) offsets: OffsetAccess,
    connectors: Mutex<BTreeMap<String, Arc<Connector>>>,
    file: Option<ConfigFile>,
    cluster_id: Option<String>,
    ready: AtomicBool,
    stopping: AtomicBool,
}

impl fmt::Debug for StandaloneHerder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StandaloneHerder")
            .field("connectors", &self.names())
            .finish_non_exhaustive()
    }
}

impl StandaloneHerder {
    /// A herder without connectors.
    pub fn new(parts: Parts) -> Arc<Self> {
        let file = parts.config.config_file.as_deref().map(ConfigFile::new);
        let shared = Shared {
            hosts: Hosts::new(parts.data.clone(), parts.threads, Arc::clone(&parts.clock)),
            statuses: Statuses::new(parts.worker_id),
            config: parts.config,
            properties: parts.properties,
            registry: parts.registry,
            providers: parts.providers,
            runner: parts.runner,
            data: parts.data,
            clock: parts.clock,
            publish: None,
        };
        Arc::new(Self {
            shared: Arc::new(shared),
            offsets: OffsetAccess {
                offsets: parts.offsets,
                groups: parts.groups,
            },
            connectors: Mutex::default(),
            file,
            cluster_id: parts.cluster_id,
            ready: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Connector>>> {
        self.connectors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A connector, or that there is none.
    pub(super) fn find(&self, name: &str) -> Result<Arc<Connector>, HerderError> {
        self.lock()
            .get(name)
            .cloned()
            .ok_or_else(|| HerderError::no_connector(name))
    }

    /// A connector, or that there is none, as pause, resume and stop say it.
    pub(super) fn find_known(&self, name: &str) -> Result<Arc<Connector>, HerderError> {
        self.find(name)
            .map_err(|_| HerderError::not_found(format!("Unknown connector {name}")))
    }

    /// The names of all connectors.
    pub(super) fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// The id of the cluster, if it is known.
    pub(super) fn cluster_id(&self) -> Option<&str> {
        self.cluster_id.as_deref()
    }

    /// Whether everything the worker was told to start has been started.
    pub(super) fn has_started(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Whether the worker is on its way down.
    pub(super) fn is_going_down(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Says that everything the worker was told to start has been started.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// Starts the connectors of the file of REST-made connectors. One that does not start is FAILED.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn restore(&self) -> Result<(), HerderError> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        for kept in file
            .read()
            .await
            .map_err(|error| HerderError::internal(error.to_string()))?
        {
            let wanted = Wanted::new(kept.config, kept.target, true);
            let connector = self.insert(&kept.name, wanted)?;
            if let Err(error) = self.launch(&connector).await {
                log::error!(
                    "connector {} of {} does not start: {error}",
                    kept.name,
                    file.path().display()
                );
            }
        }
        Ok(())
    }

    /// Creates a connector that the command line named: it is not kept in the file of REST-made connectors.
    ///
    /// # Errors
    /// As [`Herder::create`].
    pub async fn create_unkept(
        &self,
        request: CreateRequest,
    ) -> Result<ConnectorInfo, HerderError> {
        let name = request.name.clone();
        let outcome = self.create_connector(request, false).await;
        match (outcome, &self.shared.config.config_file) {
            (Err(error), Some(file)) if error.kind == Kind::Conflict => {
                Err(HerderError::conflict(format!(
                    "{error}: it was made by REST, and {file} keeps it. Leave one of the two out: start without the \
                     file of the command line, or start without it once and DELETE /connectors/{name}"
                )))
            }
            (outcome, _) => outcome,
        }
    }

    fn insert(&self, name: &str, wanted: Wanted) -> Result<Arc<Connector>, HerderError> {
        if self.is_going_down() {
            return Err(HerderError::internal("Worker is shutting down."));
        }
        let mut connectors = self.lock();
        if connectors.contains_key(name) {
            return Err(HerderError::conflict(format!(
                "Connector {name} already exists"
            )));
        }
        let connector = Connector::new(name, wanted, Arc::clone(&self.shared));
        connectors.insert(name.to_owned(), Arc::clone(&connector));
        drop(connectors);
        connector.follow();
        Ok(connector)
    }

    async fn launch(&self, connector: &Arc<Connector>) -> Result<(), HerderError> {
        let mut live = connector.lock().await?;
        connector.launch(&mut live).await
    }

    /// Creates a connector; `kept` says whether the file of REST-made connectors has it.
    pub(super) async fn create_connector(
        &self,
        request: CreateRequest,
        kept: bool,
    ) -> Result<ConnectorInfo, HerderError> {
        let CreateRequest {
            name,
            config,
            target,
        } = request;
        let config = self.shared.checked(&name, config).await?;
        self.add(&name, Wanted::new(config, target, kept)).await
    }

    /// Adds a connector and starts it.
    pub(super) async fn add(
        &self,
        name: &str,
        wanted: Wanted,
    ) -> Result<ConnectorInfo, HerderError> {
        let connector = self.insert(name, wanted)?;
        self.keep().await?;
        self.launch(&connector).await?;
        Ok(connector.info())
    }

    /// Stops a connector and forgets it.
    pub(super) async fn remove(&self, name: &str) -> Result<(), HerderError> {
        let connector = self.find(name)?;
        let mut live = connector.lock().await?;
        connector.wanted(|wanted| wanted.deleted = true);
        connector
            .shut_down(&mut live, self.shared.config.shutdown_timeout())
            .await;
        self.lock().remove(name);
        self.shared.statuses.forget(name);
        self.keep().await
    }

    /// Gives a locked connector a new configuration and restarts what it changes.
    pub(super) async fn reconfigure(
        &self,
        connector: &Connector,
        live: &mut Live,
        config: NullableProperties,
    ) -> Result<ConnectorInfo, HerderError> {
        connector.wanted(|wanted| wanted.config = config);
        self.keep().await?;
        connector.launch(live).await?;
        Ok(connector.info())
    }

    /// Writes the file of REST-made connectors, if there is one.
    pub(super) async fn keep(&self) -> Result<(), HerderError> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let connectors: Vec<Arc<Connector>> = self.lock().values().cloned().collect();
        let kept = connectors.iter().filter_map(|connector| {
            let wanted = connector.wanted(|wanted| wanted.clone());
            wanted.kept.then(|| Kept {
                name: connector.name.to_string(),
                config: wanted.config,
                target: wanted.target,
            })
        });
        file.write(kept.collect())
            .await
            .map_err(|error| HerderError::internal(error.to_string()))
    }

    /// Writes down what is wanted of a connector and brings it there behind the caller's back.
    pub(super) async fn retarget(
        &self,
        connector: Arc<Connector>,
        target: TargetState,
    ) -> Result<(), HerderError> {
        connector.wanted(|wanted| wanted.target = target);
        self.keep().await?;
        tokio::spawn(async move {
            let Ok(mut live) = connector.lock().await else {
                return;
            };
            if let Err(error) = connector.apply_target(&mut live).await {
                log::error!("connector {}: {error}", connector.name);
            }
        });
        Ok(())
    }

    /// Stops everything: sources first, so that what they brought in still reaches the sinks. Says which tasks and
    /// connectors did not stop in time.
    pub async fn shut_down(&self, deadline: Duration) -> Vec<String> {
        self.stopping.store(true, Ordering::Release);
        let end = tokio::time::Instant::now() + deadline;
        let connectors: Vec<Arc<Connector>> = self.lock().values().cloned().collect();
        let (sources, others): (Vec<_>, Vec<_>) = connectors
            .into_iter()
            .partition(|known| known.kind() == "source");
        let mut abandoned = stop_all(sources, deadline).await;
        // Sources that took all the time leave the sinks enough to commit what was delivered.
        let left = end.saturating_duration_since(tokio::time::Instant::now());
        abandoned.extend(stop_all(others, left.max(SINKS_STOP_WITHIN.min(deadline))).await);
        abandoned
    }
}

async fn stop_all(connectors: Vec<Arc<Connector>>, deadline: Duration) -> Vec<String> {
    let stops = connectors
        .into_iter()
        .map(|connector| shut_down_one(connector, deadline));
    join_all(stops).await.into_iter().flatten().collect()
}

/// Stops one connector; says what of it did not stop in time.
async fn shut_down_one(connector: Arc<Connector>, deadline: Duration) -> Vec<String> {
    let stop = async {
        let Ok(mut live) = connector.lock().await else {
            return Vec::new();
        };
        let tasks = connector.shut_down(&mut live, deadline).await;
        connector.set_state(State::Unassigned, None);
        tasks
            .into_iter()
            .map(|task| format!("task {}-{task}", connector.name))
            .collect()
    };
    match tokio::time::timeout(deadline + BEYOND_TASKS, stop).await {
        Ok(abandoned) => abandoned,
        Err(_elapsed) => vec![format!("connector {}", connector.name)],
    }
}
