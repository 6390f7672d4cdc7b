//! The states of the connectors and tasks of this worker, as the herder knows them.

use std::sync::Arc;

use millrace_wire::metrics::{Collect, Exposition, Family};

use super::families::{
    CONNECTOR_STATE, CONNECTORS, TASK_STATE, TASKS, TASKS_FAILED, TASKS_PAUSED, TASKS_RESTARTING,
    TASKS_RUNNING, TASKS_TOTAL, TASKS_UNASSIGNED,
};
use crate::herder::{ConnectorStatus, Herder, Status};
use crate::task::State;

const COUNTED: [(&Family, State); 5] = [
    (&TASKS_RUNNING, State::Running),
    (&TASKS_PAUSED, State::Paused),
    (&TASKS_FAILED, State::Failed),
    (&TASKS_UNASSIGNED, State::Unassigned),
    (&TASKS_RESTARTING, State::Restarting),
];

/// Asks a herder.
#[derive(Debug)]
pub(crate) struct StateCollector(pub(crate) Arc<dyn Herder>);

impl Collect for StateCollector {
    fn collect(&self, into: &mut Exposition) {
        let names = self.0.connectors();
        // One that was deleted meanwhile has no status.
        let known = names.iter().filter_map(|name| self.0.status(name).ok());
        let is_here = |status: &Status| self.0.runs_here(status);
        let connectors: Vec<ConnectorStatus> = known
            .map(|mut connector| {
                connector.tasks.retain(|task| is_here(&task.status));
                connector
            })
            .filter(|known| is_here(&known.connector) || !known.tasks.is_empty())
            .collect();
        let instances = connectors.iter().filter(|known| is_here(&known.connector));
        into.single(&CONNECTORS, instances.count());
        let tasks: usize = connectors
            .iter()
            .map(|connector| connector.tasks.len())
            .sum();
        into.single(&TASKS, tasks);
        let mut totals = into.family(&TASKS_TOTAL);
        for connector in &connectors {
            totals.add(&[&connector.name], connector.tasks.len());
        }
        for (family, state) in COUNTED {
            let mut counts = into.family(family);
            for connector in &connectors {
                let tasks = connector.tasks.iter();
                let count = tasks.filter(|task| task.status.state == state).count();
                counts.add(&[&connector.name], count);
            }
        }
        let mut states = into.family(&TASK_STATE);
        for connector in &connectors {
            for task in &connector.tasks {
                let (task, state) = (task.id.to_string(), text(task.status.state));
                states.add(&[&connector.name, &task, &state], 1_u64);
            }
        }
        let mut states = into.family(&CONNECTOR_STATE);
        for connector in connectors.iter().filter(|known| is_here(&known.connector)) {
            let state = text(connector.connector.state);
            states.add(&[&connector.name, connector.kind, &state], 1_u64);
        }
    }
}

/// A state as Kafka Connect's metrics spell it.
fn text(state: State) -> String {
    state.to_string().to_ascii_lowercase()
}
