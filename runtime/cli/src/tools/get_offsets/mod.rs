//! `millrace get-offsets`: offsets of partitions, with the options and the lines of `kafka-get-offsets.sh`.

mod choose;

use std::{collections::BTreeMap, time::Duration};

use anyhow::bail;
use clap::Args;
use millrace_client::{
    ClientError,
    admin::{FoundOffset, OffsetSpec, Place},
};
use serde_json::{Value, json};

use self::choose::Choice;
use super::{
    run::{self, Usage},
    server::Server,
    stdout::{print, print_json},
};
use crate::failure::Failure;

/// How long one call may take with its repetitions.
const CALL_LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(crate) struct GetOffsets {
    /// The topic, or a regular expression; all without it
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// The partitions of the topics; all without it
    #[arg(
        long,
        value_name = "NUMBERS",
        value_delimiter = ',',
        conflicts_with = "topic_partitions"
    )]
    partitions: Vec<i32>,
    /// Topics with some of their partitions: t1:1,t2:0-3,t3,t4:5-,t5:-3, a range's end not included
    #[arg(long, value_name = "TOPICS", conflicts_with = "topic")]
    topic_partitions: Option<String>,
    /// Leave out the brokers' own topics
    #[arg(long)]
    exclude_internal_topics: bool,
    /// Which offset: latest, earliest, max-timestamp, earliest-local, latest-tiered, -1 to -5 for these, or that of
    /// the first record of a time in milliseconds or later
    #[arg(long, value_name = "TIME", default_value = "latest", allow_negative_numbers = true, value_parser = spec)]
    time: OffsetSpec,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

fn spec(text: &str) -> Result<OffsetSpec, String> {
    Ok(match text {
        "latest" | "-1" => OffsetSpec::Latest,
        "earliest" | "-2" => OffsetSpec::Earliest,
        "max-timestamp" | "-3" => OffsetSpec::MaxTimestamp,
        "earliest-local" | "-4" => OffsetSpec::EarliestLocal,
        "latest-tiered" | "-5" => OffsetSpec::LatestTiered,
        _ => match text.parse() {
            Ok(ms @ 0..) => OffsetSpec::AtTime(ms),
            _ => return Err("neither a time in milliseconds nor one of the names".to_owned()),
        },
    })
}

impl GetOffsets {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        run::to_end(self.act())
    }

    async fn act(&self) -> anyhow::Result<()> {
        let choice = self.choice()?;
        let (_, admin) = self.server.admin(CALL_LIMIT).await?;
        let mut places = BTreeMap::new();
        for topic in admin.list_topics().await? {
            if self.exclude_internal_topics && topic.is_internal {
                continue;
            }
            for partition in &topic.partitions {
                if choice.covers(&topic.name, partition.index) {
                    places.insert((topic.name.clone(), partition.index), self.time);
                }
            }
        }
        if places.is_empty() {
            bail!("no partition of a topic is what was asked for");
        }
        let found = admin.list_offsets_each(&places, false).await;
        self.print(&found)?;
        let failed = found
            .values()
            .filter_map(|outcome| outcome.as_ref().err())
            .map(ToString::to_string);
        let failed: Vec<String> = failed.collect();
        if failed.is_empty() {
            return Ok(());
        }
        bail!("{}", failed.join("\n  "))
    }

    fn choice(&self) -> Result<Choice, Usage> {
        match &self.topic_partitions {
            Some(rules) => Choice::of_rules(rules),
            None => Choice::of_topic(self.topic.as_deref(), &self.partitions),
        }
    }

    /// A line for each partition that has such an offset.
    fn print(
        &self,
        found: &BTreeMap<Place, Result<FoundOffset, ClientError>>,
    ) -> anyhow::Result<()> {
        let offset = |outcome: &Result<FoundOffset, ClientError>| outcome.as_ref().ok()?.offset;
        if self.json {
            let document = |((topic, partition), outcome): (&Place, &Result<FoundOffset, _>)| {
                let error = outcome.as_ref().err().map(ToString::to_string);
                json!({
                    "topic": &**topic,
                    "partition": partition,
                    "offset": offset(outcome),
                    "error": error,
                })
            };
            return Ok(print_json(&found.iter().map(document).collect::<Value>())?);
        }
        let lines = found.iter().filter_map(|((topic, partition), outcome)| {
            Some(format!("{topic}:{partition}:{}\n", offset(outcome)?))
        });
        Ok(print(lines.collect::<String>())?)
    }
}

#[cfg(test)]
mod tests {
    use super::{OffsetSpec, spec};

    #[test]
    fn times_have_names_and_numbers() {
        let cases = [
            ("latest", OffsetSpec::Latest),
            ("-2", OffsetSpec::Earliest),
            ("max-timestamp", OffsetSpec::MaxTimestamp),
            ("17", OffsetSpec::AtTime(17)),
        ];
        for (text, expected) in cases {
            assert_eq!(spec(text).unwrap(), expected, "{text}");
        }
        assert!(spec("-9").is_err() && spec("soon").is_err());
    }
}
