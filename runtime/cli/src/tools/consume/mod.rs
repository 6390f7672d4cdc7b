//! `millrace consume`: prints records, with the options of `kafka-console-consumer.sh`.

mod begin;
mod format;
mod json;
mod offsets;
mod reading;
mod text;

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use millrace_client::consumer::ConsumerConfig;
use millrace_config::{Config as _, Properties};
use tokio_util::sync::CancellationToken;

use self::{begin::Begin, format::Format, reading::Reading};
use super::{
    produce::raw_pair,
    run::{self, Usage},
    server::Server,
    topics::pattern,
};
use crate::{failure::Failure, older::Place, plan::read_properties};

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["topic", "include"])))]
pub(crate) struct Consume {
    /// The topic
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// A regular expression for topics
    #[arg(long, value_name = "PATTERN")]
    include: Option<String>,
    /// Read this partition only
    #[arg(long, value_name = "N", requires = "topic")]
    partition: Option<i32>,
    /// Begin at this offset of the partition: a number, earliest or latest
    #[arg(
        long,
        value_name = "OFFSET",
        requires = "partition",
        conflicts_with = "from_beginning",
        allow_negative_numbers = true
    )]
    offset: Option<String>,
    /// Begin at the first records there are, unless the group has committed offsets
    #[arg(long)]
    from_beginning: bool,
    /// Begin at a time: ISO 8601, milliseconds, or a duration back from now, as PT1H
    #[arg(long, value_name = "TIME", conflicts_with_all = ["from_beginning", "offset", "group"])]
    from_time: Option<String>,
    /// End after so many records; -1 for no end
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = -1)]
    max_messages: i64,
    /// End if no record comes for so long
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<u64>,
    /// Go on behind what cannot be read or is not of the deserializer's kind
    #[arg(long)]
    skip_message_on_error: bool,
    /// Read as a member of this group, and commit
    #[arg(long, value_name = "GROUP", conflicts_with = "partition")]
    group: Option<String>,
    /// read_committed leaves out what transactions have not committed
    #[arg(long, value_name = "LEVEL")]
    isolation_level: Option<Isolation>,
    /// How records are printed: default, json, offsets, group-metadata, none, or Kafka's class name
    #[arg(long, value_name = "NAME", default_value = "default")]
    formatter: String,
    /// print.key, print.headers, key.separator, ...; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = raw_pair, alias = "property")]
    formatter_property: Vec<(String, String)>,
    /// The same from a file
    #[arg(long, value_name = "FILE")]
    formatter_config: Option<PathBuf>,
    /// What keys are: string, bytes, long, integer, double, ..., or the name of Kafka's class
    #[arg(long, value_name = "NAME")]
    key_deserializer: Option<String>,
    /// What values are
    #[arg(long, value_name = "NAME")]
    value_deserializer: Option<String>,
    /// Print a JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Isolation {
    #[value(name = "read_uncommitted")]
    ReadUncommitted,
    #[value(name = "read_committed")]
    ReadCommitted,
}

impl Consume {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        run::until_stopped(|stop| self.print(stop))
    }

    async fn print(&self, stop: CancellationToken) -> anyhow::Result<()> {
        let format = self.format()?;
        let properties = self.properties()?;
        let config =
            ConsumerConfig::parse(&properties).map_err(|errors| Usage::new(errors.to_string()))?;
        let begin = Begin::from_options(
            self.partition,
            self.offset.as_deref(),
            self.from_time.as_deref(),
        )?;
        let reading = Reading {
            format,
            max_records: u64::try_from(self.max_messages).unwrap_or(u64::MAX),
            idle_limit: self.timeout_ms.map(std::time::Duration::from_millis),
            skip_damaged: self.skip_message_on_error,
        };
        if let Some(text) = &self.include {
            pattern(text)?;
        }
        let cluster = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            cluster = Server::cluster(&properties) => cluster?,
        };
        let topics = match (&self.topic, &self.include) {
            (Some(topic), _) => begin::Topics::Named(topic),
            (None, pattern) => begin::Topics::Matching(pattern.as_deref().unwrap_or_default()),
        };
        let mut consumer = millrace_client::consumer::Consumer::new(config, cluster.clone());
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            begun = begin.begin(&mut consumer, &cluster, &topics, self.from_beginning) => begun?,
        }
        reading.run(consumer, &stop).await
    }

    fn format(&self) -> Result<Box<dyn Format>, Usage> {
        let mut properties = Properties::new();
        if let Some(path) = &self.formatter_config {
            properties
                .extend(read_properties(path).map_err(|problem| Usage::new(problem.to_string()))?);
        }
        properties.extend(self.formatter_property.iter().cloned());
        let deserializers = [
            ("key.deserializer", &self.key_deserializer),
            ("value.deserializer", &self.value_deserializer),
        ];
        for (key, name) in deserializers {
            if let Some(name) = name {
                properties.insert(key.to_owned(), name.clone());
            }
        }
        let name = if self.json && self.formatter == "default" {
            "json"
        } else {
            &self.formatter
        };
        format::named(name, &properties)
    }

    fn properties(&self) -> anyhow::Result<Properties> {
        let reset = if self.from_beginning {
            "earliest"
        } else {
            "latest"
        };
        let mut defaults = vec![
            ("client.id", "console-consumer"),
            ("auto.offset.reset", reset),
        ];
        if self
            .include
            .as_deref()
            .is_some_and(|pattern| pattern.contains("__"))
        {
            defaults.push(("exclude.internal.topics", "false"));
        }
        let mut properties = self.server.properties(Place::Consumer, &defaults)?;
        if self.from_beginning && properties["auto.offset.reset"] != "earliest" {
            let text = "--from-beginning and auto.offset.reset ask for different things";
            return Err(Usage::new(text).into());
        }
        if let Some(group) = &self.group {
            let before = properties.insert("group.id".to_owned(), group.clone());
            if let Some(before) = before.filter(|before| before != group) {
                let text = format!("--group {group} and group.id={before} are different groups");
                return Err(Usage::new(text).into());
            }
        }
        if !properties.contains_key("group.id") {
            let nameless = format!("console-consumer-{}", std::process::id());
            properties.insert("group.id".to_owned(), nameless);
            // Nobody goes on where a nameless group ended.
            properties
                .entry("enable.auto.commit".to_owned())
                .or_insert_with(|| "false".to_owned());
        }
        if let Some(level) = self.isolation_level {
            let level = match level {
                Isolation::ReadUncommitted => "read_uncommitted",
                Isolation::ReadCommitted => "read_committed",
            };
            properties.insert("isolation.level".to_owned(), level.to_owned());
        }
        Ok(properties)
    }
}
