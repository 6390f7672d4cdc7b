//! The tasks of one connector.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use millrace_api::{ConnectError, Properties, TaskId};

use super::converters::make_converters;
use super::host::Host;
use super::running::{Connector, flatten};
use super::share::Origin;
use super::tasks::RunningTask;
use crate::providers::Resolved;
use crate::registry::Registered;
use crate::task::{Converters, State, Stopped, TargetState, TaskSpec, explained};
use crate::validation::unavailable;

/// Running tasks, and what they were made from.
#[derive(Debug, Default)]
pub(super) struct TaskSet {
    pub(super) running: BTreeMap<u32, Box<dyn RunningTask>>,
    /// What each task was made from, in a group of workers.
    pub(super) origins: BTreeMap<u32, Origin>,
    /// The connector's and the tasks' configurations that the tasks run with, with values in the place of references.
    applied: Option<(Properties, Vec<Properties>)>,
}

impl TaskSet {
    /// Runs tasks of these configurations; those that run already go on if nothing has changed.
    pub(super) async fn replace(
        &mut self,
        connector: &Connector,
        host: &Host,
        config: Resolved,
        tasks: Vec<Properties>,
    ) {
        let shown: Vec<Properties> = tasks
            .iter()
            .map(|task| config.restore(task.clone()))
            .collect();
        let wanted = (config.properties, tasks);
        if self.applied.as_ref() == Some(&wanted) {
            return;
        }
        self.stop_all(connector).await;
        connector.wanted(|known| known.tasks.clone_from(&shown));
        for (index, task) in shown.iter().enumerate() {
            // A failure to start is the task's own: it shows as FAILED.
            drop(self.begin(connector, host, index as u32, task).await);
        }
        self.applied = Some(wanted);
    }

    /// Starts one task.
    ///
    /// # Errors
    /// When it could not be made; it is then FAILED.
    pub(super) async fn begin(
        &mut self,
        connector: &Connector,
        host: &Host,
        task: u32,
        config: &Properties,
    ) -> Result<(), ConnectError> {
        let id = TaskId {
            connector: Arc::clone(&connector.name),
            task,
        };
        connector.supervisor_begins(task);
        match make(connector, host, &id, config).await {
            Ok(spec) => {
                let version = connector.plugin().map_or("", Registered::version);
                let statuses = connector.shared.statuses.begin_run(&id, version);
                let statuses = connector.supervised(statuses);
                let statuses = connector.discreet(statuses);
                self.running
                    .insert(task, connector.shared.runner.start(spec, statuses));
                Ok(())
            }
            Err(error) => {
                let text = connector.redact(error.to_string());
                log::error!(target: &format!("connector.{}.task.{task}", id.connector), "task {id} failed to start: {text}");
                // The instance that was to make it does not return: that is the connector's failure, too.
                if host.is_gone() {
                    connector.fail(&error);
                }
                let error = explained(&id, "start", error);
                connector.shared.statuses.set_task(
                    &id,
                    State::Failed,
                    Some(connector.redact(error.trace())),
                );
                let trace = connector.redact(error.trace());
                connector.plan_restart(task, &trace, &tokio::runtime::Handle::current());
                Err(error)
            }
        }
    }

    /// Stops one task if it runs and starts it again.
    ///
    /// # Errors
    /// When it could not be made; it is then FAILED.
    pub(super) async fn restart(
        &mut self,
        connector: &Connector,
        host: &Host,
        task: u32,
    ) -> Result<(), ConnectError> {
        let config = connector.wanted(|wanted| wanted.tasks.get(task as usize).cloned());
        let config =
            config.ok_or_else(|| ConnectError::connect("the task has no configuration"))?;
        if let Some(running) = self.running.remove(&task) {
            running
                .stop(connector.shared.config.shutdown_timeout())
                .await;
        }
        self.begin(connector, host, task, &config).await
    }

    pub(super) fn pause(&self) {
        self.running.values().for_each(|task| task.pause());
    }

    pub(super) fn resume(&self) {
        self.running.values().for_each(|task| task.resume());
    }

    /// Stops all tasks and forgets their states.
    pub(super) async fn stop_all(&mut self, connector: &Connector) {
        self.shut_down(connector.shared.config.shutdown_timeout())
            .await;
        connector.shared.statuses.forget_tasks(&connector.name);
    }

    /// Stops all tasks, together within `deadline`; says which were abandoned.
    pub(super) async fn shut_down(&mut self, deadline: Duration) -> Vec<String> {
        self.applied = None;
        self.origins.clear();
        let running = std::mem::take(&mut self.running);
        let stops = running
            .into_iter()
            .map(|(task, running)| async move { (task, running.stop(deadline).await) });
        let outcomes = join_all(stops).await;
        let abandoned = outcomes
            .into_iter()
            .filter(|(_, stopped)| *stopped == Stopped::Abandoned);
        abandoned.map(|(task, _)| task.to_string()).collect()
    }
}

/// Makes a task's code and its converters.
async fn make(
    connector: &Connector,
    host: &Host,
    id: &TaskId,
    task: &Properties,
) -> Result<TaskSpec, ConnectError> {
    let config = connector.resolved().await?.properties;
    let task = connector.resolve(task).await?.properties;
    let plugin = connector
        .plugin()
        .ok_or_else(|| ConnectError::connect("the connector's class is not built in"))?;
    if let Some(why) = unavailable(plugin.kind, &config) {
        return Err(ConnectError::config(why));
    }
    let limit = connector.shared.config.connector_call_timeout();
    let call = host.call("make a task", limit, |instance| {
        Box::pin(async move { instance.task() })
    });
    let code = flatten(call.await)?;
    let converters = converters(connector, &config, id).await?;
    let is_paused = connector.wanted(|wanted| wanted.target) == TargetState::Paused;
    Ok(TaskSpec {
        id: id.clone(),
        connector: config,
        task,
        code,
        execution: plugin.execution(),
        converters,
        target: if is_paused {
            TargetState::Paused
        } else {
            TargetState::Started
        },
    })
}

/// Makes the converters of a connector, its own or else the worker's, and its transforms. Their code runs on the data
/// runtime.
async fn converters(
    connector: &Connector,
    config: &Properties,
    id: &TaskId,
) -> Result<Converters, ConnectError> {
    let shared = Arc::clone(&connector.shared);
    let id = id.clone();
    let config = config.clone();
    let made = shared.data.clone().spawn(async move {
        make_converters(
            &shared.registry,
            &shared.properties,
            &shared.config,
            &config,
            id,
        )
    });
    made.await.unwrap_or_else(|error| {
        Err(ConnectError::connect("cannot make the converters").caused_by(error))
    })
}
