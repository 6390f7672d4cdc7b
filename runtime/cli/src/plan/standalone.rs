//! What `millrace standalone` will run: the worker, the included broker where no other is named, the connectors.

use std::path::{Path, PathBuf};

use millrace_config::Properties;

use super::{BrokerPlan, ConnectorFile, DATA_FOLDER, Problems, resolved, text};
use crate::{args, failure::Problem, older};

/// Keys that a worker file must have in Kafka Connect, and what they are without one.
const STRING_CONVERTER: &str = "org.apache.kafka.connect.storage.StringConverter";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StandalonePlan {
    /// The worker file, or where the defaults come from, for messages.
    pub(crate) place: String,
    /// The worker's keys, `broker.*` left out, with references to config providers as they were given.
    pub(crate) worker: Properties,
    /// The included broker; none where `bootstrap.servers` names another.
    pub(crate) broker: Option<BrokerPlan>,
    pub(crate) connectors: Vec<ConnectorFile>,
    /// The brokers that `bootstrap.servers` names; empty where it names none.
    pub(crate) servers: String,
}

impl StandalonePlan {
    /// Reads every file that was named. Problems are added to `problems`, and reading goes on.
    pub(crate) fn from_command_line(typed: &args::Standalone, problems: &mut Problems) -> Self {
        let file = typed.worker.as_deref();
        let place = file.map_or_else(|| "defaults".to_owned(), |path| path.display().to_string());
        let properties = match file {
            Some(path) => problems
                .note(text::read_properties(path))
                .unwrap_or_else(defaults),
            None => defaults(),
        };
        let connectors = read_connectors(&typed.connectors, problems);
        Self::new(place, properties, connectors, problems)
    }

    fn new(
        place: String,
        mut properties: Properties,
        connectors: Vec<ConnectorFile>,
        problems: &mut Problems,
    ) -> Self {
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
        worker
            .entry("offset.storage.file.filename".to_owned())
            .or_insert_with(offsets_file);
        Self {
            place,
            worker,
            broker,
            connectors,
            servers,
        }
    }
}

/// The worker's keys where no file is given.
fn defaults() -> Properties {
    ["key.converter", "value.converter"]
        .map(|key| (key.to_owned(), STRING_CONVERTER.to_owned()))
        .into()
}

fn offsets_file() -> String {
    Path::new(DATA_FOLDER)
        .join("connect.offsets")
        .display()
        .to_string()
}

fn read_connectors(paths: &[PathBuf], problems: &mut Problems) -> Vec<ConnectorFile> {
    let mut connectors: Vec<ConnectorFile> = Vec::with_capacity(paths.len());
    for path in paths {
        let Some(connector) = problems.note(ConnectorFile::read(path)) else {
            continue;
        };
        match connectors.iter().find(|other| other.name == connector.name) {
            None => connectors.push(connector),
            Some(other) => problems.add(Problem::new(
                path.display(),
                format_args!(
                    "a connector named {} is in {} already",
                    connector.name,
                    other.path.display()
                ),
            )),
        }
    }
    connectors
}

#[cfg(test)]
mod tests {
    use millrace_config::Properties;

    use super::{Problems, StandalonePlan, defaults};

    fn plan(place: &str, properties: Properties) -> StandalonePlan {
        StandalonePlan::new(
            place.to_owned(),
            properties,
            Vec::new(),
            &mut Problems::default(),
        )
    }

    #[test]
    fn without_bootstrap_servers_the_included_broker_runs() {
        let plan = plan("defaults", defaults());
        let broker = plan.broker.unwrap();
        assert_eq!(broker.properties["listeners"], "PLAINTEXT://127.0.0.1:9092");
        assert_eq!(broker.properties["log.dirs"], "./millrace-data/broker");
        assert_eq!(
            plan.worker["offset.storage.file.filename"],
            "./millrace-data/connect.offsets"
        );
    }

    #[test]
    fn bootstrap_servers_names_another() {
        let mut properties = defaults();
        properties.insert("bootstrap.servers".to_owned(), "kafka:9092".to_owned());
        properties.insert("broker.listeners".to_owned(), "PLAINTEXT://:1".to_owned());
        let plan = plan("w", properties);
        assert_eq!(plan.broker, None);
        assert!(!plan.worker.contains_key("broker.listeners"));
    }
}
