//! Reading as a member of a group: who gets which partitions, and when what was read is committed.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use clap::{Args, ValueEnum};
use millrace_client::consumer::{
    ConsumeError, Consumer, Fetched, RebalanceListener, TopicPartition,
};
use millrace_config::Properties;

use crate::assignor::Alphabetical;

#[derive(Args)]
pub(crate) struct Options {
    /// The topic to read.
    #[arg(long, default_value = "orders", conflicts_with = "pattern")]
    topic: String,
    /// Read all topics whose names match, in place of one; also those that come later.
    #[arg(long)]
    pattern: Option<String>,
    /// How partitions are divided between the members.
    #[arg(long, value_enum, default_value = "cooperative-sticky")]
    assignor: AssignorName,
    /// When positions are committed.
    #[arg(long, value_enum, default_value = "auto")]
    commit: CommitMode,
    /// A name of its own for this member: restarted within the session, it keeps its partitions.
    #[arg(long)]
    instance: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AssignorName {
    Range,
    RoundRobin,
    Sticky,
    CooperativeSticky,
    /// This program's own.
    Own,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CommitMode {
    /// In the background, every five seconds and before a rebalance.
    Auto,
    /// After each batch, waiting for the coordinator.
    Sync,
    /// After each batch, without waiting.
    Async,
}

impl Options {
    pub(crate) fn add_to(&self, settings: &mut Properties) {
        let mut set = |key: &str, value: &str| settings.insert(key.to_owned(), value.to_owned());
        let auto = self.commit == CommitMode::Auto;
        set("enable.auto.commit", if auto { "true" } else { "false" });
        let assignor = match self.assignor {
            AssignorName::Range | AssignorName::Own => "range",
            AssignorName::RoundRobin => "roundrobin",
            AssignorName::Sticky => "sticky",
            AssignorName::CooperativeSticky => "cooperative-sticky",
        };
        set("partition.assignment.strategy", assignor);
        if let Some(instance) = &self.instance {
            set("group.instance.id", instance);
        }
    }
}

pub(crate) async fn run(mut consumer: Consumer, options: &Options, max_records: u64) -> Result<()> {
    if options.assignor == AssignorName::Own {
        consumer.set_assignors(vec![Arc::new(Alphabetical)]);
    }
    consumer.set_listener(Box::new(Announce));
    match &options.pattern {
        Some(pattern) => consumer.subscribe_pattern(pattern)?,
        None => consumer.subscribe(&[&options.topic])?,
    }
    let mut read = 0;
    while read < max_records {
        match consumer.poll(Duration::from_secs(1)).await {
            Ok(Some(batch)) => {
                print(&batch);
                read += batch.rows.len() as u64;
                commit(&mut consumer, options.commit).await?;
            }
            Ok(None) => {}
            Err(ConsumeError::WokenUp) => break,
            Err(error) => return Err(error.into()),
        }
    }
    // Commits once more if commits are automatic, and leaves the group at once.
    consumer.close(Duration::from_secs(5)).await?;
    Ok(())
}

async fn commit(consumer: &mut Consumer, mode: CommitMode) -> Result<()> {
    let positions = consumer.positions();
    match mode {
        CommitMode::Auto => {}
        CommitMode::Sync => consumer.commit(positions).await?,
        CommitMode::Async => consumer.commit_async(
            positions,
            Box::new(|outcome| {
                // The next commit says more than this one did: there is nothing to repeat.
                if let Err(error) = outcome {
                    println!("not committed: {error}");
                }
            }),
        ),
    }
    Ok(())
}

pub(crate) fn print(batch: &Fetched) {
    for row in &batch.rows {
        let value = row.value.of(&batch.data).unwrap_or_default();
        let value = String::from_utf8_lossy(value);
        println!(
            "{}-{} {}: {value}",
            batch.topic, batch.partition, row.offset
        );
    }
}

/// Says what a rebalance does.
struct Announce;

#[async_trait]
impl RebalanceListener for Announce {
    async fn assigned(&mut self, _: &mut Consumer, partitions: &[TopicPartition]) {
        println!("assigned {}", names(partitions));
    }

    async fn revoked(&mut self, _: &mut Consumer, partitions: &[TopicPartition]) {
        println!("revoked {}", names(partitions));
    }
}

pub(crate) fn names(partitions: &[TopicPartition]) -> String {
    let names: Vec<String> = partitions.iter().map(ToString::to_string).collect();
    names.join(" ")
}
