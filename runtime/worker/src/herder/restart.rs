//! Restarts: of a connector, of one task, or of a plan of what has failed.

use std::sync::Arc;

use millrace_api::{ConnectError, TaskId};

use super::Restart;
use super::error::HerderError;
use super::running::{Connector, Live, Shared};
use super::standalone::StandaloneHerder;
use super::views::{ConnectorStatus, RestartRequest};
use crate::task::State;

impl StandaloneHerder {
    /// Restarts one task.
    pub(super) async fn restart_one_task(&self, id: &TaskId) -> Result<(), HerderError> {
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

    /// Restarts a connector, and its tasks if asked to.
    pub(super) async fn restart_connector(
        &self,
        name: &str,
        request: RestartRequest,
    ) -> Result<Restart, HerderError> {
        let connector = self
            .find(name)
            .map_err(|_| HerderError::not_found(format!("Unknown connector: {name}")))?;
        if request == RestartRequest::default() {
            let mut live = connector.lock().await?;
            connector.launch(&mut live).await?;
            return Ok(Restart::Done);
        }
        let plan = planned(&self.shared, name, connector.kind(), request)?;
        carry_out(connector, &plan);
        Ok(Restart::Planned(plan))
    }
}

/// Restarts what a plan says, as far as it runs here.
pub(super) fn carry_out(connector: Arc<Connector>, plan: &ConnectorStatus) {
    let is_due = |state| state == State::Restarting;
    let tasks: Vec<u32> = plan
        .tasks
        .iter()
        .filter(|task| is_due(task.status.state) && connector.owns_task(task.id))
        .map(|task| task.id)
        .collect();
    for task in &tasks {
        let id = TaskId {
            connector: Arc::clone(&connector.name),
            task: *task,
        };
        connector
            .shared
            .statuses
            .set_task(&id, State::Restarting, None);
    }
    let with_connector = is_due(plan.connector.state) && connector.owns_instance();
    if with_connector {
        connector.set_state(State::Restarting, None);
    }
    tokio::spawn(restart_planned(connector, with_connector, tasks));
}

/// The status of a connector as it will be while what is due restarts.
pub(super) fn planned(
    shared: &Shared,
    name: &str,
    kind: &'static str,
    request: RestartRequest,
) -> Result<ConnectorStatus, HerderError> {
    let status = shared.statuses.connector(name, kind);
    let mut plan = status
        .ok_or_else(|| HerderError::not_found(format!("Status for connector {name} not found")))?;
    let is_due = |state: State| !request.only_failed || state == State::Failed;
    let all = std::iter::once(&mut plan.connector).chain(
        plan.tasks
            .iter_mut()
            .filter(|_| request.include_tasks)
            .map(|task| &mut task.status),
    );
    for status in all.filter(|status| is_due(status.state)) {
        status.state = State::Restarting;
    }
    Ok(plan)
}

/// Restarts tasks of a locked connector; the first error, if any.
pub(super) async fn restart_tasks(
    connector: &Connector,
    live: &mut Live,
    tasks: &[u32],
) -> Result<(), ConnectError> {
    let Some(host) = &live.host else {
        return Err(ConnectError::connect("the connector has no instance"));
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
