//! What other workers of the group ask, signed.

use std::collections::BTreeMap;

use millrace_api::Properties;

use super::DistributedHerder;
use super::leader::class;
use super::peers::{InternalRequest, not_written};
use crate::herder::error::HerderError;
use crate::store::topic::config_state::{Fencing, fencing_written};

impl DistributedHerder {
    /// Writes the configurations of tasks that the owner of a connector has made.
    pub(super) async fn take_tasks(
        &self,
        name: &str,
        request: &InternalRequest,
    ) -> Result<(), HerderError> {
        self.peers.verify(request)?;
        let tasks: Vec<BTreeMap<String, String>> = serde_json::from_slice(&request.body)
            .map_err(|error| HerderError::internal(error.to_string()))?;
        self.peers.only_leader()?;
        self.find(name)?;
        let tasks: Vec<Properties> = tasks
            .into_iter()
            .map(|task| task.into_iter().collect())
            .collect();
        self.peers.write_tasks(name, &tasks).await
    }

    /// Notes for a worker that delivers exactly once how many tasks a source has from here on. Earlier ones that would
    /// have to be fenced first are refused: nothing here is delivered exactly once.
    pub(super) async fn fence_tasks(
        &self,
        name: &str,
        request: &InternalRequest,
    ) -> Result<(), HerderError> {
        self.peers.verify(request)?;
        self.peers.only_leader()?;
        let (known, _) = self.find(name)?;
        if self.kind(class(&known.config)) != "source" {
            return Err(HerderError::bad_request(format!(
                "Connector {name} is not a source connector"
            )));
        }
        let _writing = self.peers.writing.lock().await;
        let caught_up = self.configs.read_to_end(self.group.sync_timeout()).await;
        caught_up.map_err(|error| HerderError::internal(crate::causes::chain(&error)))?;
        match self.configs.look(|state| state.fencing(name)) {
            Fencing::Done => Ok(()),
            Fencing::Note(tasks) => {
                let record = fencing_written(name, tasks);
                let written = self.configs.write(&[record]).await;
                written.map_err(|error| not_written(&error))
            }
            Fencing::Fence(tasks) => Err(HerderError::internal(format!(
                "the producers of the {tasks} earlier tasks of connector {name} would have to be fenced, which this \
                 worker cannot: exactly-once delivery is not built in; set exactly.once.source.support=disabled on all \
                 workers"
            ))),
        }
    }
}
