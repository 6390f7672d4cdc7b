//! What `millrace standalone` will run: the worker, the included broker where no other is named, the connectors.

use std::path::{Path, PathBuf};

use millrace_config::Properties;

use super::{ConnectorFile, DATA_FOLDER, Problems, WorkerPlan, text, worker::defaults};
use crate::{args, failure::Problem};

/// A worker and the connectors of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StandalonePlan {
    pub(crate) worker: WorkerPlan,
    pub(crate) connectors: Vec<ConnectorFile>,
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
        properties: Properties,
        connectors: Vec<ConnectorFile>,
        problems: &mut Problems,
    ) -> Self {
        let mut worker = WorkerPlan::new(place, properties, problems);
        worker
            .worker
            .entry("offset.storage.file.filename".to_owned())
            .or_insert_with(offsets_file);
        Self { worker, connectors }
    }
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

    use super::{Problems, StandalonePlan, WorkerPlan, defaults};

    fn plan(place: &str, properties: Properties) -> WorkerPlan {
        StandalonePlan::new(
            place.to_owned(),
            properties,
            Vec::new(),
            &mut Problems::default(),
        )
        .worker
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
