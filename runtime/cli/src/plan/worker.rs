//! What a worker file says, in either mode: the worker's own keys, and the included broker's.

use millrace_config::Properties;

use super::{BrokerPlan, Problems, resolved};
use crate::older;

/// Keys that a worker file must have in Kafka Connect, and what they are without a file.
const STRING_CONVERTER: &str = "org.apache.kafka.connect.storage.StringConverter";

/// A worker, and the included broker where its file names no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkerPlan {
    /// The worker file, or where the defaults come from, for messages.
    pub(crate) place: String,
    /// The worker's keys, `broker.*` left out, with references to config providers as they were given.
    pub(crate) worker: Properties,
    /// The included broker; none where `bootstrap.servers` names another.
    pub(crate) broker: Option<BrokerPlan>,
    /// The brokers that `bootstrap.servers` names; empty where it names none.
    pub(crate) servers: String,
}

impl WorkerPlan {
    /// Divides the keys of a worker file.
    pub(super) fn new(place: String, mut properties: Properties, problems: &mut Problems) -> Self {
        problems.add_all(
            &place,
            older::properties(older::Place::Worker, &mut properties),
        );
        // What is wrong with the providers is said by the worker's own check.
        let values = resolved(&properties).unwrap_or_else(|_| properties.clone());
        let servers = values.get("bootstrap.servers").cloned().unwrap_or_default();
        let named = !servers.trim().is_empty();
        let broker = (!named).then(|| BrokerPlan::from_worker(&place, &values, problems));
        let mut worker = properties;
        let before = worker.len();
        worker.retain(|key, _| !key.starts_with("broker."));
        if named && worker.len() < before {
            log::warn!(
                "{place}: bootstrap.servers names a broker, so the included one is not started and broker.* keys have no effect"
            );
        }
        Self {
            place,
            worker,
            broker,
            servers,
        }
    }
}

/// The worker's keys where no file is given.
pub(super) fn defaults() -> Properties {
    ["key.converter", "value.converter"]
        .map(|key| (key.to_owned(), STRING_CONVERTER.to_owned()))
        .into()
}
