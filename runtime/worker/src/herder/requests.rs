//! What REST asks of a standalone herder.

use std::collections::BTreeMap;

use async_trait::async_trait;
use millrace_api::TaskId;
use millrace_config::{KeyInfo, NullableProperties};

use super::error::{HerderError, Kind};
use super::running::Wanted;
use super::standalone::StandaloneHerder;
use super::views::{
    ActiveTopics, ConnectorInfo, ConnectorStatus, CreateRequest, PartitionOffset, PluginInfo,
    RestartRequest, TaskInfo, TaskName, TaskStatus, TopicList, WorkerInfo,
};
use super::{Herder, Put, Restart, Stage};
use crate::task::TargetState;
use crate::validation::Verdicts;

#[async_trait]
impl Herder for StandaloneHerder {
    fn worker(&self) -> WorkerInfo {
        WorkerInfo::on_cluster(self.cluster_id())
    }

    fn is_ready(&self) -> bool {
        self.has_started()
    }

    fn is_stopping(&self) -> bool {
        self.is_going_down()
    }

    fn stage(&self) -> Option<Stage> {
        self.shared.hosts.stage()
    }

    fn connectors(&self) -> Vec<String> {
        self.names()
    }

    fn info(&self, name: &str) -> Result<ConnectorInfo, HerderError> {
        Ok(self.find(name)?.info())
    }

    fn status(&self, name: &str) -> Result<ConnectorStatus, HerderError> {
        let status = self.find(name).ok().and_then(|known| {
            let mut status = self.shared.statuses.connector(name, known.kind())?;
            status
                .tasks
                .iter_mut()
                .for_each(|task| known.add_health(task));
            Some(status)
        });
        status
            .ok_or_else(|| HerderError::not_found(format!("No status found for connector {name}")))
    }

    async fn create(&self, request: CreateRequest) -> Result<ConnectorInfo, HerderError> {
        self.create_connector(request, true).await
    }

    async fn put_config(&self, name: &str, config: NullableProperties) -> Result<Put, HerderError> {
        let config = self.shared.checked(name, config).await?;
        // Others may make or delete the connector between looking for it and having it; then it is looked for anew.
        loop {
            let Ok(connector) = self.find(name) else {
                let wanted = Wanted::new(config.clone(), TargetState::Started, true);
                match self.add(name, wanted).await {
                    Err(error) if matches!(error.kind, Kind::Conflict | Kind::NotFound) => continue,
                    outcome => {
                        return Ok(Put {
                            created: true,
                            info: outcome?,
                        });
                    }
                }
            };
            let Ok(mut live) = connector.lock().await else {
                continue;
            };
            let info = self.reconfigure(&connector, &mut live, config).await?;
            return Ok(Put {
                created: false,
                info,
            });
        }
    }

    async fn patch_config(
        &self,
        name: &str,
        changes: NullableProperties,
    ) -> Result<ConnectorInfo, HerderError> {
        let connector = self.find(name)?;
        // Locked before it is read, so that no patch of the same connector is lost.
        let mut live = connector.lock().await?;
        let mut config = connector.wanted(|wanted| wanted.config.clone());
        for (key, value) in changes {
            match value {
                Some(value) => config.insert(key, Some(value)),
                None => config.remove(&key),
            };
        }
        let config = self.shared.judged(config).await?;
        self.reconfigure(&connector, &mut live, config).await
    }

    async fn delete(&self, name: &str) -> Result<(), HerderError> {
        self.remove(name).await
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
        let status = self.find(&id.connector).ok().and_then(|known| {
            let mut status = self.shared.statuses.task(&id.connector, id.task)?;
            known.add_health(&mut status);
            Some(status)
        });
        status.ok_or_else(|| HerderError::not_found(format!("No status found for task {id}")))
    }

    async fn restart_task(&self, id: &TaskId) -> Result<(), HerderError> {
        self.restart_one_task(id).await
    }

    async fn restart(&self, name: &str, request: RestartRequest) -> Result<Restart, HerderError> {
        self.restart_connector(name, request).await
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
        self.offsets.list(&*self.find(name)?).await
    }

    async fn alter_offsets(
        &self,
        name: &str,
        changes: Vec<PartitionOffset>,
    ) -> Result<String, HerderError> {
        self.offsets.change(&*self.find(name)?, Some(changes)).await
    }

    async fn reset_offsets(&self, name: &str) -> Result<String, HerderError> {
        self.offsets.change(&*self.find(name)?, None).await
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
}
