//! The configuration of the included broker: Kafka's keys, from a server file or from the `broker.*` keys of a
//! worker file, over the defaults of a first try on one machine.

use std::path::Path;

use millrace_broker::BrokerConfig;
use millrace_config::Properties;

use super::{DATA_FOLDER, Problems, resolved, text};
use crate::{
    args,
    failure::{Failure, Problem},
    older,
};

/// Loopback: nothing wider without being asked.
const LISTENERS: &str = "PLAINTEXT://127.0.0.1:9092";

/// What the included broker will be started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BrokerPlan {
    /// Where the keys come from, for messages.
    pub(crate) place: String,
    pub(crate) properties: Properties,
}

impl BrokerPlan {
    /// The plan of `millrace broker`.
    pub(crate) fn from_command_line(typed: &args::Broker) -> Result<Self, Failure> {
        let mut problems = Problems::default();
        let file = typed.server.as_deref();
        let mut properties = file
            .and_then(|path| problems.note(text::read_properties(path)))
            .unwrap_or_default();
        properties.extend(typed.overrides.iter().cloned());
        let place = file.map_or_else(
            || "command line".to_owned(),
            |path| path.display().to_string(),
        );
        problems.add_all(
            &place,
            older::properties(older::Place::Broker, &mut properties),
        );
        let properties = resolved(&properties).unwrap_or_else(|wrong| {
            problems.add_all(&place, wrong);
            properties
        });
        problems.into_result()?;
        Ok(Self::over_defaults(place, properties))
    }

    /// The typed configuration, or everything that is wrong with it.
    pub(crate) fn config(&self) -> Result<BrokerConfig, Vec<Problem>> {
        BrokerConfig::from_properties(&self.properties).map_err(|errors| {
            errors
                .iter()
                .map(|error| Problem::new(&self.place, &error.message))
                .collect()
        })
    }

    /// The plan of the broker inside a worker.
    pub(super) fn from_worker(place: &str, worker: &Properties, problems: &mut Problems) -> Self {
        let own = worker.iter().filter_map(|(key, value)| {
            Some((key.strip_prefix("broker.")?.to_owned(), value.clone()))
        });
        let place = format!("{place} (broker.*)");
        let mut own: Properties = own.collect();
        problems.add_all(&place, older::properties(older::Place::Broker, &mut own));
        Self::over_defaults(place, own)
    }

    fn over_defaults(place: String, mut properties: Properties) -> Self {
        let mut default = |names: &[&str], value: &str| {
            if !names.iter().any(|name| properties.contains_key(*name)) {
                properties.insert(names[0].to_owned(), value.to_owned());
            }
        };
        default(&["node.id", "broker.id"], "1");
        default(&["listeners"], LISTENERS);
        let folder = Path::new(DATA_FOLDER).join("broker");
        default(&["log.dirs", "log.dir"], &folder.display().to_string());
        Self { place, properties }
    }
}

#[cfg(test)]
mod tests {
    use millrace_testkit::properties;

    use super::{BrokerPlan, Problems};

    #[test]
    fn a_worker_file_hands_on_its_broker_keys_only() {
        let worker = properties(&[
            ("broker.log.dirs", "/d"),
            ("key.converter", "x"),
            ("broker.listeners", "PLAINTEXT://:1"),
        ]);
        let plan = BrokerPlan::from_worker("w.properties", &worker, &mut Problems::default());
        assert_eq!(
            plan.properties,
            properties(&[
                ("log.dirs", "/d"),
                ("listeners", "PLAINTEXT://:1"),
                ("node.id", "1")
            ])
        );
    }

    #[test]
    fn older_names_are_not_doubled_by_defaults() {
        let worker = properties(&[("broker.log.dir", "/d"), ("broker.broker.id", "7")]);
        let plan = BrokerPlan::from_worker("w", &worker, &mut Problems::default());
        assert!(!plan.properties.contains_key("log.dirs"));
        assert!(!plan.properties.contains_key("node.id"));
    }
}
