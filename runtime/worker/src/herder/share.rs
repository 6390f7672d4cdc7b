//! A connector of which only a share runs here: its instance or not, some of its tasks.
//!
//! Where its instance runs, the configurations of its tasks are made; they are published, and whoever is to run a task
//! finds its configuration there.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use millrace_api::{ConnectError, Properties, TaskId};
use millrace_config::NullableProperties;

use super::error::HerderError;
use super::host::Host;
use super::running::{Connector, Live, Wanted};
use super::task_set::TaskSet;
use crate::group::work::Share;
use crate::store::topic::config_state::Known;
use crate::task::{State, Stopped, TargetState};

/// The pause after the first failure to publish, and the longest.
const PUBLISH_AGAIN: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(60));

/// Makes the configurations of a connector's tasks known to the group.
#[async_trait]
pub(super) trait PublishTasks: Send + Sync + fmt::Debug {
    /// Writes them unless they are what is known already.
    ///
    /// # Errors
    /// When they cannot be written now.
    async fn publish(&self, name: &str, tasks: Vec<Properties>) -> Result<(), HerderError>;
}

/// What a task is made from: the connector's configuration when its tasks were divided, and its own.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Origin {
    pub(super) applied: NullableProperties,
    pub(super) task: Properties,
}

impl Wanted {
    /// What is wanted of a connector of the group.
    pub(super) fn of_group(known: &Known, target: TargetState, share: Share) -> Self {
        let mut wanted = Self::new(known.config.clone(), target, false);
        wanted.tasks.clone_from(&known.tasks);
        wanted.applied.clone_from(&known.applied);
        wanted.version = known.version;
        wanted.share = Some(share);
        wanted
    }

    /// The tasks that are to run here, with what they are made from.
    fn origins(&self) -> BTreeMap<u32, Origin> {
        let Some(share) = &self.share else {
            return BTreeMap::new();
        };
        if self.deleted || self.target == TargetState::Stopped {
            return BTreeMap::new();
        }
        let origin = |task: &u32| {
            let config = self.tasks.get(*task as usize)?;
            let origin = Origin {
                applied: self.applied.clone(),
                task: config.clone(),
            };
            Some((*task, origin))
        };
        share.tasks.iter().filter_map(origin).collect()
    }
}

impl TaskSet {
    /// Stops the tasks that are not wanted as they are, together within `deadline`; says which were abandoned.
    async fn stop_others(
        &mut self,
        wanted: &BTreeMap<u32, Origin>,
        deadline: Duration,
    ) -> Vec<u32> {
        self.origins
            .retain(|task, origin| wanted.get(task) == Some(origin));
        let stale: Vec<u32> = self
            .running
            .keys()
            .filter(|task| !self.origins.contains_key(*task))
            .copied()
            .collect();
        let stops: Vec<_> = stale
            .into_iter()
            .filter_map(|task| Some((task, self.running.remove(&task)?)))
            .map(|(task, running)| async move { (task, running.stop(deadline).await) })
            .collect();
        let stopped = join_all(stops).await.into_iter();
        stopped
            .filter(|(_, stopped)| *stopped == Stopped::Abandoned)
            .map(|(task, _)| task)
            .collect()
    }

    /// Starts the tasks that are wanted and were not begun. One that cannot be made is FAILED.
    async fn begin_missing(
        &mut self,
        connector: &Connector,
        host: &Host,
        wanted: BTreeMap<u32, Origin>,
    ) {
        for (task, origin) in wanted {
            if self.origins.contains_key(&task) {
                continue;
            }
            drop(self.begin(connector, host, task, &origin.task).await);
            self.origins.insert(task, origin);
        }
    }
}

impl Drop for Connector {
    fn drop(&mut self) {
        // Whoever waits for its requests finds that it is gone.
        self.reconfigure.notify_one();
    }
}

impl Connector {
    /// Stops what is not to run here any more, or not as it does. Says what did not stop in time.
    pub(super) async fn give_up(&self, live: &mut Live, deadline: Duration) -> Vec<String> {
        let (wanted, count) = self.wanted(|wanted| (wanted.clone(), wanted.tasks.len()));
        let origins = wanted.origins();
        for task in live
            .tasks
            .running
            .keys()
            .filter(|task| **task as usize >= count)
        {
            self.shared.statuses.forget_task(&self.name, *task);
        }
        if wanted.deleted {
            self.shared.statuses.forget(&self.name);
        }
        let abandoned = live.tasks.stop_others(&origins, deadline).await;
        let is_owner = !wanted.deleted && self.owns_instance();
        if !is_owner && live.version.take().is_some() {
            self.shut_instance(live).await;
            if !wanted.deleted {
                self.set_state(State::Unassigned, None);
            }
        }
        if wanted.deleted {
            self.shut_instance(live).await;
        }
        abandoned
            .into_iter()
            .map(|task| format!("task {}-{task}", self.name))
            .collect()
    }

    /// Starts what is to run here and does not run yet.
    pub(super) async fn take_up(&self, live: &mut Live) {
        let wanted = self.wanted(|wanted| wanted.clone());
        if wanted.deleted {
            return;
        }
        if self.owns_instance() && live.version != Some(wanted.version) {
            live.version = Some(wanted.version);
            if let Err(error) = self.launch(live).await {
                log::error!("connector {} does not start: {error}", self.name);
            }
        }
        // Its launch may have taken a while.
        let origins = self.wanted(|wanted| wanted.origins());
        if origins.is_empty() {
            return;
        }
        if live.host.is_none() {
            match self.plugin().map(|plugin| self.new_host(plugin)) {
                Some(Ok(host)) => live.host = Some(host),
                Some(Err(error)) => return self.fail_tasks(&origins, &error.to_string()),
                None => return self.fail_tasks(&origins, "the connector's class is not built in"),
            }
        }
        if let Some(host) = &live.host {
            live.tasks.begin_missing(self, host, origins).await;
        }
    }

    fn fail_tasks(&self, tasks: &BTreeMap<u32, Origin>, why: &str) {
        let trace = ConnectError::connect(why).trace();
        for task in tasks.keys() {
            let id = TaskId {
                connector: Arc::clone(&self.name),
                task: *task,
            };
            self.shared
                .statuses
                .set_task(&id, State::Failed, Some(trace.clone()));
        }
    }

    /// Publishes the configurations of the tasks; what fails is tried again after a growing pause.
    pub(super) async fn publish(&self, publish: &dyn PublishTasks, tasks: Vec<Properties>) {
        let Err(error) = publish.publish(&self.name, tasks).await else {
            self.unpublished.store(0, Ordering::Relaxed);
            return;
        };
        let failures = self.unpublished.fetch_add(1, Ordering::Relaxed);
        let (first, longest) = PUBLISH_AGAIN;
        let pause = first.saturating_mul(1 << failures.min(16)).min(longest);
        log::warn!(
            "connector {}: the configurations of its tasks could not be written, trying again in {} ms: {error}",
            self.name,
            pause.as_millis()
        );
        let again = Arc::clone(&self.reconfigure);
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            again.notify_one();
        });
    }
}
