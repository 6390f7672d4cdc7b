//! The clients and their versions. Most are a [`program`] in their own language that answers to the same commands.

mod kcat;
pub(crate) mod languages;
mod program;
mod tools;

use std::{ops::Range, process::Command};

pub(crate) use self::program::Program;
use self::{kcat::Kcat, program::Language, tools::Tools};
use crate::{broker::Broker, member::Leave};

/// Scenarios of a program's own checks.
const SCENARIOS: [&str; 11] = [
    "idempotent",
    "large",
    "commit",
    "seek",
    "long poll",
    "topics",
    "partitions",
    "configs",
    "delete records",
    "groups",
    "cluster",
];

/// What a client's own checks found.
pub(crate) struct Report {
    /// The names of those that held.
    pub(crate) held: Vec<String>,
    /// All that was printed.
    pub(crate) said: String,
}

/// A client by others.
pub(crate) trait Client: Sync {
    fn name(&self) -> &'static str;

    /// Installs it and says which version it is.
    fn install(&self) -> anyhow::Result<String>;

    /// The names of its own checks.
    fn scenarios(&self) -> Vec<&'static str>;

    /// Runs its own checks.
    fn checks(&self, broker: &Broker) -> anyhow::Result<Report>;

    /// Writes the standard records to a topic a codec, `PREFIX-CODEC`. False if it cannot express them.
    fn produce(&self, server: &str, prefix: &str, codecs: &[&str]) -> anyhow::Result<bool>;

    /// Reads the standard records from each of these topics.
    fn consume(&self, server: &str, topics: &[&str]) -> anyhow::Result<()>;

    /// Writes these numbers to the four partitions of a topic, which is made for the number 0.
    fn fill(&self, server: &str, topic: &str, numbers: Range<usize>) -> anyhow::Result<()>;

    /// The command that runs a member of a group.
    fn member(&self, server: &str, group: &str, topic: &str) -> anyhow::Result<Command>;

    /// How that member is asked to leave.
    fn leave(&self) -> Leave {
        Leave::EndOfInput
    }

    /// Whether its assignor is `range` as others know it, so that a group may mix it with them.
    fn shares_groups(&self) -> bool {
        true
    }
}

/// All clients.
pub(crate) fn all() -> Vec<Box<dyn Client>> {
    let program = |name, language| -> Box<dyn Client> { Box::new(Program::new(name, language)) };
    vec![
        program("java-2.8", Language::Java("2.8.2")),
        program("java-3.9", Language::Java("3.9.1")),
        Box::new(newest_java()),
        Box::new(Tools),
        Box::new(Kcat),
        program(
            "confluent-kafka",
            Language::Python("confluent_kafka_client"),
        ),
        program("kafka-python", Language::Python("kafka_python_client")),
        program("aiokafka", Language::Python("aiokafka_client")),
        Box::new(franz_go()),
        program("sarama", Language::Go),
        program("kafkajs", Language::Node),
        program("rdkafka", Language::Rust),
    ]
}

/// The newest client for Java, whose program can do more than others'.
pub(crate) fn newest_java() -> Program {
    Program::new("java-4.1", Language::Java("4.1.0"))
}

/// The client in Go that has no code in common with Java's.
pub(crate) fn franz_go() -> Program {
    Program::new("franz-go", Language::Go)
}

/// Runs checks that are written here, and notes which hold.
fn report<C: Copy>(
    checks: &[(&'static str, C)],
    run: impl Fn(C) -> anyhow::Result<()>,
) -> anyhow::Result<Report> {
    let mut report = Report {
        held: vec![],
        said: String::new(),
    };
    for (name, check) in checks {
        match run(*check) {
            Ok(()) => report.held.push((*name).to_owned()),
            Err(error) => report.said.push_str(&format!("FAILED {name}: {error:#}\n")),
        }
    }
    Ok(report)
}
