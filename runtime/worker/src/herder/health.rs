//! How the tasks that run here are doing, beside the states that Kafka Connect has words for.

use std::time::Duration;

use millrace_api::{Properties, TaskId};

use super::running::Connector;
use super::views::TaskStatus;
use crate::metrics::Limits;
use crate::task::State;
use crate::validation::own_keys::{SILENCE_MAX, number};

impl Connector {
    /// Adds to the status of a task of this worker what flows through it, and its restarts.
    pub(super) fn add_health(&self, task: &mut TaskStatus) {
        task.restart = self.supervisor.shown(task.id);
        if !matches!(task.status.state, State::Running | State::Paused) {
            return;
        }
        let id = TaskId {
            connector: self.name.clone(),
            task: task.id,
        };
        let metrics = self.shared.runner.metrics();
        let Some(metrics) = metrics.and_then(|metrics| metrics.task(&id)) else {
            return;
        };
        task.flow = Some(metrics.flow(Limits {
            stage: self.shared.config.stalled_after(),
            silence: silence(&self.config()),
        }));
    }
}

fn silence(connector: &Properties) -> Option<Duration> {
    number(connector, SILENCE_MAX).map(Duration::from_millis)
}
