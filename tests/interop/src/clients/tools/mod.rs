//! The command-line tools of Apache Kafka, each started as its script starts it.

mod checks;
mod dump;

use std::{ops::Range, process::Command};

use anyhow::ensure;

use super::{Client, Report};
use crate::{
    broker::Broker,
    kafka::java,
    member::Leave,
    output,
    standard::{self, COUNT},
};

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
const CONFIGS: &str = "kafka.admin.ConfigCommand";
const GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
const PRODUCER: &str = "org.apache.kafka.tools.ConsoleProducer";
const CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";

pub(crate) struct Tools;

impl Client for Tools {
    fn name(&self) -> &'static str {
        "kafka-tools"
    }

    fn install(&self) -> anyhow::Result<String> {
        let mut version = java()?;
        version.args([TOPICS, "--version"]);
        Ok(output::of(&mut version)?.trim().to_owned())
    }

    fn scenarios(&self) -> Vec<&'static str> {
        checks::ALL.map(|(name, _)| name).to_vec()
    }

    fn checks(&self, broker: &Broker) -> anyhow::Result<Report> {
        super::report(&checks::ALL, |check| check(broker))
    }

    fn produce(&self, server: &str, prefix: &str, codecs: &[&str]) -> anyhow::Result<bool> {
        let lines: String = (0..COUNT).map(line).collect();
        for codec in codecs {
            let topic = format!("{prefix}-{codec}");
            run(
                server,
                TOPICS,
                &["--create", "--topic", &topic, "--partitions", "1"],
            )?;
            let mut producer = tool(server, PRODUCER)?;
            producer.args(["--topic", &topic, "--compression-codec", codec]);
            for property in ["parse.key=true", "parse.headers=true", "null.marker=NULL"] {
                producer.args(["--property", property]);
            }
            output::with_input(&mut producer, lines.as_bytes())?;
        }
        Ok(true)
    }

    fn consume(&self, server: &str, topics: &[&str]) -> anyhow::Result<()> {
        let lines: String = (0..COUNT).map(line).collect();
        for topic in topics {
            let count = COUNT.to_string();
            let mut consumer = tool(server, CONSUMER)?;
            consumer.args([
                "--topic",
                topic,
                "--from-beginning",
                "--max-messages",
                &count,
            ]);
            for property in ["print.key=true", "print.headers=true", "null.literal=NULL"] {
                consumer.args(["--property", property]);
            }
            let read = output::of(&mut consumer)?.replace("NO_HEADERS\t", "NULL\t");
            ensure!(read == lines, "{topic}: other records came back\n{read}");
        }
        Ok(())
    }

    fn fill(&self, server: &str, topic: &str, numbers: Range<usize>) -> anyhow::Result<()> {
        create_for(server, topic, &numbers)?;
        let lines: String = numbers.map(|number| format!("{number}\n")).collect();
        let mut producer = tool(server, PRODUCER)?;
        output::with_input(producer.args(["--topic", topic]), lines.as_bytes()).map(drop)
    }

    /// The consumer of the console, which says in its log what it is given.
    fn member(&self, server: &str, group: &str, topic: &str) -> anyhow::Result<Command> {
        let mut consumer = Command::new("java");
        let arguments = java()?;
        consumer.arg("-Dorg.slf4j.simpleLogger.log.org.apache.kafka.clients.consumer=info");
        consumer.args(arguments.get_args()).arg(CONSUMER);
        consumer.args([
            "--bootstrap-server",
            server,
            "--topic",
            topic,
            "--group",
            group,
            "--from-beginning",
        ]);
        for setting in [
            "session.timeout.ms=6000",
            "heartbeat.interval.ms=500",
            "auto.commit.interval.ms=200",
        ] {
            consumer.args(["--consumer-property", setting]);
        }
        Ok(consumer)
    }

    fn leave(&self) -> Leave {
        Leave::Terminate
    }
}

/// Makes a topic with four partitions if these numbers are its first.
pub(crate) fn create_for(server: &str, topic: &str, numbers: &Range<usize>) -> anyhow::Result<()> {
    if numbers.start == 0 {
        run(
            server,
            TOPICS,
            &["--create", "--topic", topic, "--partitions", "4"],
        )?;
    }
    Ok(())
}

/// A standard record as the tools of the console spell it: headers, key, value.
fn line(number: usize) -> String {
    let headers: Vec<_> = standard::headers(number)
        .iter()
        .map(|(key, value)| format!("{key}:{value}"))
        .collect();
    let headers = if headers.is_empty() {
        "NULL".into()
    } else {
        headers.join(",")
    };
    let or_null = |text: Option<String>| text.unwrap_or_else(|| "NULL".into());
    format!(
        "{headers}\t{}\t{}\n",
        or_null(standard::key(number)),
        or_null(standard::value(number))
    )
}

/// A tool, told where the broker is.
fn tool(server: &str, class: &str) -> anyhow::Result<Command> {
    let mut tool = java()?;
    tool.args([class, "--bootstrap-server", server]);
    Ok(tool)
}

/// What a tool prints that ends well.
fn run(server: &str, class: &str, arguments: &[&str]) -> anyhow::Result<String> {
    output::of(tool(server, class)?.args(arguments))
}

/// Runs a tool and looks for these in what it prints.
fn expect(server: &str, class: &str, arguments: &[&str], texts: &[&str]) -> anyhow::Result<()> {
    let printed = run(server, class, arguments)?;
    for text in texts {
        ensure!(
            printed.contains(text),
            "{class} {arguments:?} did not print {text:?}\n{printed}"
        );
    }
    Ok(())
}
