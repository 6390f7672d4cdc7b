//! The herder of a single worker: connectors, target states and statuses live in its memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use millrace_api::{Properties, TaskId};
use millrace_config::{KeyInfo, NullableProperties};

use super::config_file::ConfigFile;
use super::error::HerderError;
use super::host::Hosts;
use super::running::{Connector, Shared, Wanted};
use super::statuses::Statuses;
use super::tasks::{GroupOffsets, TaskRunner};
use super::views::{
    ActiveTopics, ConnectorInfo, ConnectorStatus, CreateRequest, PartitionOffset, PluginInfo,
    RestartRequest, TaskInfo, TaskName, TaskStatus, TopicList, WorkerInfo,
};
use super::{Herder, Put, Restart};
use crate::config::WorkerConfig;
use crate::registry::{PluginKind, Registry};
use crate::store::OffsetStore;
use crate::task::{State, TargetState};
use crate::validation::Verdicts;

/// The version of Kafka Connect whose behaviour this is; tools look at it to know what they may call.
const CONNECT_VERSION: &str = "4.1.0";

/// What a standalone herder is made of.
#[derive(Debug)]
pub struct Parts {
    /// The worker's configuration.
    pub config: WorkerConfig,
    /// The properties it was parsed from.
    pub properties: Properties,
    /// The plugins.
    pub registry: Arc<Registry>,
    /// Starts tasks.
    pub runner: Arc<dyn TaskRunner>,
    /// Offsets of sources.
    pub offsets: Arc<dyn OffsetStore>,
    /// Offsets of sinks.
    pub groups: Arc<dyn GroupOffsets>,
    /// Runs connectors' code.
    pub data: tokio::runtime::Handle,
    /// The worker as `host:port`.
    pub worker_id: String,
    /// The cluster it works on.
    pub cluster_id: Option<String>,
}

/// The herder of a standalone worker.
pub struct StandaloneHerder {
    pub(super) shared: Arc<Shared>,
    pub(super) offsets: Arc<dyn OffsetStore>,
    pub(super) groups: Arc<dyn GroupOffsets>,
    connectors: Mutex<BTreeMap<String, Arc<Connector>>>,
    file: Option<ConfigFile>,
    cluster_id: Option<String>,
    ready: AtomicBool,
}

impl fmt::Debug for StandaloneHerder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StandaloneHerder")
            .field("connectors", &self.connectors())
            .finish_non_exhaustive()
    }
}

impl StandaloneHerder {
    /// A herder without connectors.
    pub fn new(parts: Parts) -> Arc<Self> {
        let file = parts.config.config_file.as_deref().map(ConfigFile::new);
        let shared = Shared {
            hosts: Hosts::new(parts.data.clone()),
            statuses: Statuses::new(parts.worker_id),
            config: parts.config,
            properties: parts.properties,
            registry: parts.registry,
            runner: parts.runner,
            data: parts.data,
        };
        Arc::new(Self {
            shared: Arc::new(shared),
            offsets: parts.offsets,
            groups: parts.groups,
            connectors: Mutex::default(),
            file,
            cluster_id: parts.cluster_id,
            ready: AtomicBool::new(false),
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

    fn find_known(&self, name: &str) -> Result<Arc<Connector>, HerderError> {
        self.find(name)
            .map_err(|_| HerderError::not_found(format!("Unknown connector {name}")))
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
            let wanted = Wanted {
                config: kept.config,
                target: kept.target,
                tasks: Vec::new(),
                deleted: false,
                kept: true,
            };
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
        self.create_connector(request, false).await
    }

    fn insert(&self, name: &str, wanted: Wanted) -> Result<Arc<Connector>, HerderError> {
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

    async fn create_connector(
        &self,
        request: CreateRequest,
        kept: bool,
    ) -> Result<ConnectorInfo, HerderError> {
        let CreateRequest {
            name,
            config,
            target,
        } = request;
        let config = self.checked(&name, config).await?;
        let connector = self.insert(
            &name,
            Wanted {
                config,
                target,
                tasks: Vec::new(),
                deleted: false,
                kept,
            },
        )?;
        self.keep().await?;
        self.launch(&connector).await?;
        Ok(connector.info())
    }

    /// The configuration with its name, if nothing is wrong with it.
    async fn checked(
        &self,
        name: &str,
        mut config: NullableProperties,
    ) -> Result<NullableProperties, HerderError> {
        match config.get("name") {
            None => {
                config.insert("name".to_owned(), Some(name.to_owned()));
            }
            Some(given) if given.as_deref() == Some(name) => {}
            Some(given) => {
                return Err(HerderError::bad_request(format!(
                    "Connector name configuration ({}) doesn't match connector name in the URL ({name})",
                    given.as_deref().unwrap_or("null")
                )));
            }
        }
        self.judged(config).await
    }

    async fn judged(&self, config: NullableProperties) -> Result<NullableProperties, HerderError> {
        let verdicts = self.judge(&config).await.map_err(|error| error.plain())?;
        match verdicts.refusal() {
            Some(message) => Err(HerderError::bad_request(message)),
            None => Ok(config),
        }
    }

    /// Gives an existing connector a new configuration and restarts what it changes.
    async fn reconfigure(
        &self,
        connector: &Arc<Connector>,
        config: NullableProperties,
    ) -> Result<ConnectorInfo, HerderError> {
        let mut live = connector.lock().await?;
        connector.wanted(|wanted| wanted.config = config);
        self.keep().await?;
        connector.launch(&mut live).await?;
        Ok(connector.info())
    }

    /// Writes the file of REST-made connectors, if there is one.
    async fn keep(&self) -> Result<(), HerderError> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let connectors: Vec<Arc<Connector>> = self.lock().values().cloned().collect();
        let kept = connectors.iter().filter_map(|connector| {
            let wanted = connector.wanted(|wanted| wanted.clone());
            wanted.kept.then(|| super::config_file::Kept {
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
    async fn retarget(
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
        self.ready.store(false, Ordering::Release);
        let connectors: Vec<Arc<Connector>> = self.lock().values().cloned().collect();
        let (sources, others): (Vec<_>, Vec<_>) = connectors
            .into_iter()
            .partition(|known| known.kind() == "source");
        let mut abandoned = Vec::new();
        for group in [sources, others] {
            let stops = group
                .into_iter()
                .map(|connector| shut_down_one(connector, deadline));
            abandoned.extend(join_all(stops).await.into_iter().flatten());
        }
        abandoned
    }

    fn planned(
        &self,
        connector: &Connector,
        request: RestartRequest,
    ) -> Result<ConnectorStatus, HerderError> {
        let name = &connector.name;
        let status = self.shared.statuses.connector(name, connector.kind());
        let mut plan = status.ok_or_else(|| {
            HerderError::not_found(format!("Status for connector {name} not found"))
        })?;
        let is_due = |state: State| !request.only_failed || state == State::Failed;
        let all = std::iter::once(&mut plan.connector).chain(
            plan.tasks
                .iter_mut()
                .filter(|_| request.include_tasks)
                .map(|task| &mut task.status),
        );
        for status in all.filter(|status| is_due(status.state)) {
            status.state = State::Restarting;
            status.version = None;
        }
        Ok(plan)
    }
}

/// Stops one connector; says what of it did not stop in time.
async fn shut_down_one(connector: Arc<Connector>, deadline: Duration) -> Vec<String> {
    let Ok(locked) = tokio::time::timeout(deadline, connector.lock()).await else {
        return vec![format!("connector {}", connector.name)];
    };
    let Ok(mut live) = locked else {
        return Vec::new();
    };
    let tasks = connector.shut_down(&mut live, deadline).await;
    connector.set_state(State::Unassigned, None);
    tasks
        .into_iter()
        .map(|task| format!("task {}-{task}", connector.name))
        .collect()
}

#[async_trait]
impl Herder for StandaloneHerder {
    fn worker(&self) -> WorkerInfo {
        WorkerInfo {
            version: CONNECT_VERSION.to_owned(),
            commit: format!("millrace-{}", env!("CARGO_PKG_VERSION")),
            kafka_cluster_id: self.cluster_id.clone(),
        }
    }

    fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    fn connectors(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    fn info(&self, name: &str) -> Result<ConnectorInfo, HerderError> {
        Ok(self.find(name)?.info())
    }

    fn status(&self, name: &str) -> Result<ConnectorStatus, HerderError> {
        let status = self
            .find(name)
            .ok()
            .and_then(|known| self.shared.statuses.connector(name, known.kind()));
        status
            .ok_or_else(|| HerderError::not_found(format!("No status found for connector {name}")))
    }

    async fn create(&self, request: CreateRequest) -> Result<ConnectorInfo, HerderError> {
        self.create_connector(request, true).await
    }

    async fn put_config(&self, name: &str, config: NullableProperties) -> Result<Put, HerderError> {
        let config = self.checked(name, config).await?;
        if let Ok(connector) = self.find(name) {
            let info = self.reconfigure(&connector, config).await?;
            return Ok(Put {
                created: false,
                info,
            });
        }
        let wanted = Wanted {
            config,
            target: TargetState::Started,
            tasks: Vec::new(),
            deleted: false,
            kept: true,
        };
        let connector = self.insert(name, wanted)?;
        self.keep().await?;
        self.launch(&connector).await?;
        Ok(Put {
            created: true,
            info: connector.info(),
        })
    }

    async fn patch_config(
        &self,
        name: &str,
        changes: NullableProperties,
    ) -> Result<ConnectorInfo, HerderError> {
        let connector = self.find(name)?;
        let mut config = connector.wanted(|wanted| wanted.config.clone());
        for (key, value) in changes {
            match value {
                Some(value) => config.insert(key, Some(value)),
                None => config.remove(&key),
            };
        }
        let config = self.judged(config).await?;
        self.reconfigure(&connector, config).await
    }

    async fn delete(&self, name: &str) -> Result<(), HerderError> {
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

    fn tasks(&self, name: &str) -> Result<Vec<TaskInfo>, HerderError> {
        let configs = self.find(name)?.wanted(|wanted| wanted.tasks.clone());
        let info = |(task, config)| TaskInfo {
            id: TaskName {
                connector: name.to_owned(),
                task: task as u32,
            },
            config,
        };
        Ok(configs.into_iter().enumerate().map(info).collect())
    }

    fn task_status(&self, id: &TaskId) -> Result<TaskStatus, HerderError> {
        let status = self
            .find(&id.connector)
            .ok()
            .and_then(|_| self.shared.statuses.task(&id.connector, id.task));
        status.ok_or_else(|| HerderError::not_found(format!("No status found for task {id}")))
    }

    async fn restart_task(&self, id: &TaskId) -> Result<(), HerderError> {
        let connector = self
            .find(&id.connector)
            .map_err(|_| HerderError::not_found(format!("Unknown connector: {}", id.connector)))?;
        let mut live = connector.lock().await?;
        if connector.wanted(|wanted| wanted.tasks.get(id.task as usize).is_none()) {
            return Err(HerderError::not_found(format!("Task {id} not found")));
        }
        restart_tasks(&connector, &mut live, &[id.task])
            .await
            .map_err(|error| HerderError::internal(format!("Failed to start task: {id}: {error}")))
    }

    async fn restart(&self, name: &str, request: RestartRequest) -> Result<Restart, HerderError> {
        let connector = self
            .find(name)
            .map_err(|_| HerderError::not_found(format!("Unknown connector: {name}")))?;
        if request == RestartRequest::default() {
            let mut live = connector.lock().await?;
            connector.launch(&mut live).await?;
            return Ok(Restart::Done);
        }
        let plan = self.planned(&connector, request)?;
        let is_due = |state| state == State::Restarting;
        let tasks: Vec<u32> = plan
            .tasks
            .iter()
            .filter(|task| is_due(task.status.state))
            .map(|task| task.id)
            .collect();
        for task in &tasks {
            let id = TaskId {
                connector: Arc::clone(&connector.name),
                task: *task,
            };
            self.shared.statuses.set_task(&id, State::Restarting, None);
        }
        let with_connector = is_due(plan.connector.state);
        if with_connector {
            connector.set_state(State::Restarting, None);
        }
        tokio::spawn(restart_planned(connector, with_connector, tasks));
        Ok(Restart::Planned(plan))
    }

    async fn pause(&self, name: &str) -> Result<(), HerderError> {
        self.retarget(self.find_known(name)?, TargetState::Paused)
            .await
    }

    async fn resume(&self, name: &str) -> Result<(), HerderError> {
        self.retarget(self.find_known(name)?, TargetState::Started)
            .await
    }

    async fn stop(&self, name: &str) -> Result<(), HerderError> {
        let connector = self.find_known(name)?;
        connector.wanted(|wanted| wanted.target = TargetState::Stopped);
        let mut live = connector.lock().await?;
        connector.apply_target(&mut live).await?;
        self.keep().await
    }

    fn topics(&self, name: &str) -> Result<ActiveTopics, HerderError> {
        if !self.shared.config.topic_tracking_enable {
            return Err(HerderError::forbidden("Topic tracking is disabled."));
        }
        let topics = TopicList {
            topics: self.shared.statuses.topics(name),
        };
        Ok(BTreeMap::from([(name.to_owned(), topics)]))
    }

    fn reset_topics(&self, name: &str) -> Result<(), HerderError> {
        if !self.shared.config.topic_tracking_enable {
            return Err(HerderError::forbidden("Topic tracking is disabled."));
        }
        if !self.shared.config.topic_tracking_reset {
            return Err(HerderError::forbidden("Topic tracking reset is disabled."));
        }
        self.shared.statuses.reset_topics(name);
        Ok(())
    }

    async fn offsets(&self, name: &str) -> Result<Vec<PartitionOffset>, HerderError> {
        self.list_offsets(&*self.find(name)?).await
    }

    async fn alter_offsets(
        &self,
        name: &str,
        changes: Vec<PartitionOffset>,
    ) -> Result<String, HerderError> {
        self.change_offsets(name, Some(changes)).await
    }

    async fn reset_offsets(&self, name: &str) -> Result<String, HerderError> {
        self.change_offsets(name, None).await
    }

    fn plugins(&self, connectors_only: bool) -> Vec<PluginInfo> {
        let all = self.shared.registry.plugins().iter();
        let shown = all.filter(|plugin| !connectors_only || plugin.kind.is_connector());
        let info = |plugin: &crate::registry::Registered| PluginInfo {
            class: plugin.class().to_owned(),
            kind: plugin.kind,
            version: (!matches!(plugin.kind, PluginKind::Predicate)
                || !plugin.version().is_empty())
            .then(|| plugin.version().to_owned()),
        };
        shown.map(info).collect()
    }

    async fn plugin_config(
        &self,
        name: &str,
        version: Option<&str>,
    ) -> Result<Vec<KeyInfo>, HerderError> {
        self.describe_plugin(name, version).await
    }

    async fn validate(
        &self,
        plugin: &str,
        config: NullableProperties,
    ) -> Result<Verdicts, HerderError> {
        self.validate_for(plugin, config).await
    }
}

/// Restarts tasks of a locked connector; the first error, if any.
async fn restart_tasks(
    connector: &Connector,
    live: &mut super::running::Live,
    tasks: &[u32],
) -> Result<(), millrace_api::ConnectError> {
    let Some(host) = &live.host else {
        return Err(millrace_api::ConnectError::connect(
            "the connector has no instance",
        ));
    };
    let mut outcome = Ok(());
    for task in tasks {
        let restarted = live.tasks.restart(connector, host, *task).await;
        outcome = outcome.and(restarted);
    }
    outcome
}

/// Carries out what a restart has planned.
async fn restart_planned(connector: Arc<Connector>, with_connector: bool, tasks: Vec<u32>) {
    let Ok(mut live) = connector.lock().await else {
        return;
    };
    if with_connector && let Err(error) = connector.launch(&mut live).await {
        log::error!("connector {} does not restart: {error}", connector.name);
    }
    if let Err(error) = restart_tasks(&connector, &mut live, &tasks).await {
        log::error!(
            "a task of connector {} does not restart: {error}",
            connector.name
        );
    }
}
