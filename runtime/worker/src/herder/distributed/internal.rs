//! What other workers of the group ask, signed.

use std::collections::BTreeMap;

use millrace_api::Properties;

use super::DistributedHerder;
use super::leader::class;
use super::peers::InternalRequest;
use crate::herder::error::HerderError;
use crate::task::TargetState;

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
        let (_, target) = self.find(name)?;
        if target == TargetState::Stopped && !tasks.is_empty() {
            return Err(HerderError::bad_request(format!(
                "Cannot submit non-empty set of task configs for stopped connector {name}"
            )));
        }
        let tasks: Vec<Properties> = tasks
            .into_iter()
            .map(|task| task.into_iter().collect())
            .collect();
        self.peers.write_tasks(name, &tasks).await
    }

    /// Fences earlier tasks of a source. Nothing here is delivered exactly once, so there is nothing to fence; who may
    /// ask is checked all the same.
    pub(super) fn fence_tasks(
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
        Err(HerderError::internal(
            "exactly-once delivery is not built in, so this worker fences no tasks; set exactly.once.source.support=disabled on all workers",
        ))
    }
}
