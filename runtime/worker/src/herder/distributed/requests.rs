//! What REST asks of a worker in a group.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use millrace_api::TaskId;
use millrace_config::{KeyInfo, NullableProperties};

use super::DistributedHerder;
use super::leader::class;
use super::peers::{InternalRequest, not_written};
use crate::group::work::Item;
use crate::herder::error::HerderError;
use crate::herder::restart::{planned, restart_tasks};
use crate::herder::views::{
    ActiveTopics, ConnectorInfo, ConnectorStatus, CreateRequest, PartitionOffset, PluginInfo,
    RestartRequest, Status, TaskInfo, TaskName, TaskStatus, TopicList, WorkerInfo,
};
use crate::herder::{Herder, Put, Restart, Stage};
use crate::store::topic::config_state::{logger_written, restart_written};
use crate::task::TargetState;
use crate::validation::Verdicts;

#[async_trait]
impl Herder for DistributedHerder {
    fn worker(&self) -> WorkerInfo {
        WorkerInfo::on_cluster(self.cluster_id.as_deref())
    }

    fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    fn stage(&self) -> Option<Stage> {
        self.shared.hosts.stage()
    }

    fn connectors(&self) -> Vec<String> {
        let names = self.configs.look(|state| state.names());
        names.iter().map(ToString::to_string).collect()
    }

    fn info(&self, name: &str) -> Result<ConnectorInfo, HerderError> {
        let (known, _) = self.find(name)?;
        Ok(self.info_of(name, &known))
    }

    fn status(&self, name: &str) -> Result<ConnectorStatus, HerderError> {
        let status = self.known(name).and_then(|(known, _)| {
            let kind = self.kind(class(&known.config));
            let mut status = self.shared.statuses.connector(name, kind)?;
            status
                .tasks
                .retain(|task| (task.id as usize) < known.tasks.len());
            for task in &mut status.tasks {
                self.add_health(name, task);
            }
            Some(status)
        });
        status
            .ok_or_else(|| HerderError::not_found(format!("No status found for connector {name}")))
    }

    async fn create(&self, request: CreateRequest) -> Result<ConnectorInfo, HerderError> {
        self.create_connector(request).await
    }

    async fn put_config(&self, name: &str, config: NullableProperties) -> Result<Put, HerderError> {
        self.replace_config(name, config).await
    }

    async fn patch_config(
        &self,
        name: &str,
        changes: NullableProperties,
    ) -> Result<ConnectorInfo, HerderError> {
        self.change_config(name, changes).await
    }

    async fn delete(&self, name: &str) -> Result<(), HerderError> {
        self.delete_connector(name).await
    }

    fn tasks(&self, name: &str) -> Result<Vec<TaskInfo>, HerderError> {
        let info = |(task, config)| TaskInfo {
            id: TaskName {
                connector: name.to_owned(),
                task: task as u32,
            },
            config,
        };
        let (known, _) = self.find(name)?;
        Ok(known.tasks.into_iter().enumerate().map(info).collect())
    }

    fn task_status(&self, id: &TaskId) -> Result<TaskStatus, HerderError> {
        let status = self
            .known(&id.connector)
            .filter(|(known, _)| (id.task as usize) < known.tasks.len())
            .and_then(|_| {
                let mut status = self.shared.statuses.task(&id.connector, id.task)?;
                self.add_health(&id.connector, &mut status);
                Some(status)
            });
        status.ok_or_else(|| HerderError::not_found(format!("No status found for task {id}")))
    }

    async fn restart_task(&self, id: &TaskId) -> Result<(), HerderError> {
        let name = &id.connector;
        let (known, _) = self
            .known(name)
            .ok_or_else(|| HerderError::not_found(format!("Unknown connector: {name}")))?;
        if known.tasks.len() <= id.task as usize {
            return Err(HerderError::not_found(format!("Unknown task: {id}")));
        }
        self.only_owner(&Item::from(id))?;
        let connector = self.local(name).ok_or_else(super::peers::in_conflict)?;
        let mut live = connector.lock().await?;
        restart_tasks(&connector, &mut live, &[id.task])
            .await
            .map_err(|error| HerderError::internal(format!("Failed to start task: {id}: {error}")))
    }

    async fn restart(&self, name: &str, request: RestartRequest) -> Result<Restart, HerderError> {
        let (known, _) = self
            .known(name)
            .ok_or_else(|| HerderError::not_found(format!("Unknown connector: {name}")))?;
        if request == RestartRequest::default() {
            let item = Item::Connector(name.into());
            self.only_owner(&item)?;
            let connector = self.local(name).ok_or_else(super::peers::in_conflict)?;
            let mut live = connector.lock().await?;
            connector.launch(&mut live).await?;
            return Ok(Restart::Done);
        }
        self.peers.only_leader()?;
        let kind = self.kind(class(&known.config));
        let plan = planned(&self.shared, name, kind, request)?;
        let _writing = self.peers.writing.lock().await;
        let written = self.configs.write(&[restart_written(name, request)]).await;
        written.map_err(|error| not_written(&error))?;
        Ok(Restart::Planned(plan))
    }

    async fn pause(&self, name: &str) -> Result<(), HerderError> {
        self.retarget(name, TargetState::Paused).await
    }

    async fn resume(&self, name: &str) -> Result<(), HerderError> {
        self.retarget(name, TargetState::Started).await
    }

    async fn stop(&self, name: &str) -> Result<(), HerderError> {
        self.stop_connector(name).await
    }

    fn topics(&self, name: &str) -> Result<ActiveTopics, HerderError> {
        self.shared.only_with_topic_tracking()?;
        let topics = TopicList {
            topics: self.shared.statuses.topics(name),
        };
        Ok(BTreeMap::from([(name.to_owned(), topics)]))
    }

    fn reset_topics(&self, name: &str) -> Result<(), HerderError> {
        self.shared.only_with_topic_reset()?;
        self.shared.statuses.reset_topics(name);
        Ok(())
    }

    async fn offsets(&self, name: &str) -> Result<Vec<PartitionOffset>, HerderError> {
        let connector = self.transient(name, self.find(name)?);
        self.offsets.list(&connector).await
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
        self.shared.plugin_infos(connectors_only)
    }

    async fn plugin_config(
        &self,
        name: &str,
        version: Option<&str>,
    ) -> Result<Vec<KeyInfo>, HerderError> {
        self.shared.describe_plugin(name, version).await
    }

    async fn validate(
        &self,
        plugin: &str,
        config: NullableProperties,
    ) -> Result<Verdicts, HerderError> {
        self.shared.validate_for(plugin, config).await
    }

    fn runs_here(&self, status: &Status) -> bool {
        status.worker_id == self.worker_id
    }

    fn is_in_group(&self) -> bool {
        true
    }

    async fn put_tasks(&self, name: &str, request: InternalRequest) -> Result<(), HerderError> {
        self.take_tasks(name, &request).await
    }

    async fn fence(&self, name: &str, request: InternalRequest) -> Result<(), HerderError> {
        self.fence_tasks(name, &request).await
    }

    async fn set_cluster_level(
        &self,
        logger: &str,
        level: &str,
        lasting: Option<Duration>,
    ) -> Result<(), HerderError> {
        let record = logger_written(logger, level, lasting);
        let written = self.configs.write(&[record]).await;
        written.map_err(|error| not_written(&error))
    }
}

impl DistributedHerder {
    /// Adds how a task is doing, if it is here.
    fn add_health(&self, name: &str, task: &mut TaskStatus) {
        if let Some(connector) = self.local(name).filter(|_| self.runs_here(&task.status)) {
            connector.add_health(task);
        }
    }

    /// The same herder as REST sees it.
    pub(crate) fn as_herder(self: &Arc<Self>) -> Arc<dyn Herder> {
        Arc::clone(self) as Arc<dyn Herder>
    }
}
