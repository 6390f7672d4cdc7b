//! What only the leader does: it alone writes connectors and tasks to the config topic.

use std::sync::Arc;

use millrace_config::NullableProperties;

use super::DistributedHerder;
use super::peers::{in_conflict, not_written};
use crate::group::work::{Item, Share};
use crate::herder::Put;
use crate::herder::error::HerderError;
use crate::herder::running::{Connector, Wanted};
use crate::herder::views::{ConnectorInfo, CreateRequest, PartitionOffset, TaskName};
use crate::store::topic::config_state::{
    Known, Written, commit_written, connector_written, target_written,
};
use crate::task::TargetState;

impl DistributedHerder {
    /// A connector as it is known.
    pub(super) fn known(&self, name: &str) -> Option<(Known, TargetState)> {
        self.configs.look(|state| {
            let known = state.connector(name).cloned();
            known.map(|known| (known, state.target(name)))
        })
    }

    /// A connector, or that there is none.
    pub(super) fn find(&self, name: &str) -> Result<(Known, TargetState), HerderError> {
        self.known(name)
            .ok_or_else(|| HerderError::no_connector(name))
    }

    /// The same, as pause, resume and stop say it.
    pub(super) fn find_known(&self, name: &str) -> Result<(Known, TargetState), HerderError> {
        self.known(name)
            .ok_or_else(|| HerderError::not_found(format!("Unknown connector {name}")))
    }

    pub(super) fn info_of(&self, name: &str, known: &Known) -> ConnectorInfo {
        let tasks = (0..known.tasks.len()).map(|task| TaskName {
            connector: name.to_owned(),
            task: task as u32,
        });
        ConnectorInfo {
            name: name.to_owned(),
            config: known.config.clone(),
            tasks: tasks.collect(),
            kind: self.kind(class(&known.config)),
        }
    }

    /// What is known of a connector after something was written about it.
    fn info_after(&self, name: &str, config: &NullableProperties) -> ConnectorInfo {
        let written = Known {
            config: config.clone(),
            ..Known::default()
        };
        let known = self.known(name).map_or(written, |(known, _)| known);
        self.info_of(name, &known)
    }

    async fn write(&self, records: &[Written]) -> Result<(), HerderError> {
        self.only_running()?;
        let written = self.configs.write(records).await;
        written.map_err(|error| not_written(&error))
    }

    pub(super) async fn create_connector(
        &self,
        request: CreateRequest,
    ) -> Result<ConnectorInfo, HerderError> {
        let CreateRequest {
            name,
            config,
            target,
        } = request;
        let config = self.shared.checked(&name, config).await?;
        self.peers.only_leader()?;
        let _writing = self.peers.writing.lock().await;
        if self.known(&name).is_some() {
            return Err(HerderError::conflict(format!(
                "Connector {name} already exists"
            )));
        }
        let mut records = Vec::new();
        if target != TargetState::Started {
            records.push(target_written(&name, Some(target)));
        }
        records.push(connector_written(&name, Some(&config)));
        self.write(&records).await?;
        Ok(self.info_after(&name, &config))
    }

    pub(super) async fn replace_config(
        &self,
        name: &str,
        config: NullableProperties,
    ) -> Result<Put, HerderError> {
        let config = self.shared.checked(name, config).await?;
        self.peers.only_leader()?;
        let _writing = self.peers.writing.lock().await;
        let created = self.known(name).is_none();
        self.write(&[connector_written(name, Some(&config))])
            .await?;
        Ok(Put {
            created,
            info: self.info_after(name, &config),
        })
    }

    pub(super) async fn change_config(
        &self,
        name: &str,
        changes: NullableProperties,
    ) -> Result<ConnectorInfo, HerderError> {
        self.peers.only_leader()?;
        // Held from before it is read, so that no patch of the same connector is lost.
        let _writing = self.peers.writing.lock().await;
        let mut config = self.find(name)?.0.config;
        for (key, value) in changes {
            match value {
                Some(value) => config.insert(key, Some(value)),
                None => config.remove(&key),
            };
        }
        let config = self.shared.judged(config).await?;
        self.write(&[connector_written(name, Some(&config))])
            .await?;
        Ok(self.info_after(name, &config))
    }

    pub(super) async fn delete_connector(&self, name: &str) -> Result<(), HerderError> {
        self.peers.only_leader()?;
        let _writing = self.peers.writing.lock().await;
        self.find(name)?;
        self.write(&[connector_written(name, None), target_written(name, None)])
            .await
    }

    pub(super) async fn stop_connector(&self, name: &str) -> Result<(), HerderError> {
        self.find_known(name)?;
        self.peers.only_leader()?;
        let _writing = self.peers.writing.lock().await;
        self.write(&[
            commit_written(name, 0),
            target_written(name, Some(TargetState::Stopped)),
        ])
        .await
    }

    /// Any worker writes what is wanted of a connector.
    pub(super) async fn retarget(
        &self,
        name: &str,
        target: TargetState,
    ) -> Result<(), HerderError> {
        self.find_known(name)?;
        self.write(&[target_written(name, Some(target))]).await
    }

    /// A connector of which nothing runs here, to look at its offsets.
    pub(super) fn transient(
        &self,
        name: &str,
        (known, target): (Known, TargetState),
    ) -> Arc<Connector> {
        let wanted = Wanted::of_group(&known, target, Share::default());
        Connector::new(name, wanted, Arc::clone(&self.shared))
    }

    pub(super) async fn change_offsets(
        &self,
        name: &str,
        changes: Option<Vec<PartitionOffset>>,
    ) -> Result<String, HerderError> {
        self.peers.only_leader()?;
        let _writing = self.peers.writing.lock().await;
        let caught_up = self.configs.read_to_end(self.group.sync_timeout()).await;
        caught_up.map_err(|error| HerderError::internal(crate::causes::chain(&error)))?;
        let connector = self.transient(name, self.find(name)?);
        if let Some(plugin) = connector.plugin() {
            let host = self.shared.hosts.host(plugin)?;
            connector.lock().await?.host = Some(host);
        }
        self.offsets.change(&connector, changes).await
    }

    /// That another worker has an item, or that nobody has it; nothing if it is here.
    pub(super) fn only_owner(&self, item: &Item) -> Result<(), HerderError> {
        if self.held().contains(item) {
            return Ok(());
        }
        self.peers.only_leader()?;
        let roster = self.protocol.roster();
        Err(match roster.owner(item) {
            Some(url) => HerderError::elsewhere(url),
            None => in_conflict(),
        })
    }
}

/// The class of a configuration.
pub(super) fn class(config: &NullableProperties) -> Option<&str> {
    config.get("connector.class")?.as_deref()
}
