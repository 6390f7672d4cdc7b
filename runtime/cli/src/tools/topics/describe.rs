//! What topics are made of: partitions, where they are, and what is set on the topic.

use std::collections::BTreeMap;

use clap::Args;
use millrace_client::{
    admin::{Admin, ConfigEntry, ConfigResource, ConfigSource, DescribeConfigs},
    cluster::{Partition, Topic},
};
use serde_json::{Value, json};

use super::select::Selected;
use crate::tools::stdout::{print, print_json};

type Configs = BTreeMap<String, ConfigEntry>;

/// Which partitions are shown.
#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Show partitions with replicas that lag only
    #[arg(long, requires = "describe")]
    under_replicated_partitions: bool,
    /// Show partitions without a leader only
    #[arg(long, requires = "describe")]
    unavailable_partitions: bool,
    /// Show partitions with fewer replicas in sync than min.insync.replicas only
    #[arg(long, requires = "describe")]
    under_min_isr_partitions: bool,
    /// Show partitions with just min.insync.replicas replicas in sync only
    #[arg(long, requires = "describe")]
    at_min_isr_partitions: bool,
    /// Show topics with a configuration of their own only, without partitions
    #[arg(long, requires = "describe")]
    topics_with_overrides: bool,
}

impl Filter {
    fn partitions_only(&self) -> bool {
        self.under_replicated_partitions
            || self.unavailable_partitions
            || self.under_min_isr_partitions
            || self.at_min_isr_partitions
    }

    fn shows(&self, partition: &Partition, min_in_sync: usize) -> bool {
        let in_sync = partition.isr.len();
        !self.partitions_only()
            || self.under_replicated_partitions && in_sync < partition.replicas.len()
            || self.unavailable_partitions && partition.leader.is_none()
            || self.under_min_isr_partitions
                && (partition.leader.is_none() || in_sync < min_in_sync)
            || self.at_min_isr_partitions && in_sync == min_in_sync
    }
}

pub(super) async fn describe(
    admin: &Admin,
    topics: &Selected,
    filter: &Filter,
    as_json: bool,
) -> anyhow::Result<()> {
    let mut text = String::new();
    let mut documents = Vec::new();
    for topic in topics {
        let resource = ConfigResource::Topic(topic.name.to_string());
        let configs = admin
            .describe_configs(&resource, &DescribeConfigs::default())
            .await?;
        let own = own(&configs);
        if filter.topics_with_overrides && own.is_empty() {
            continue;
        }
        let min_in_sync = min_in_sync(&configs);
        let shown = |partition: &&Partition| {
            !filter.topics_with_overrides && filter.shows(partition, min_in_sync)
        };
        let partitions: Vec<&Partition> = topic.partitions.iter().filter(shown).collect();
        if as_json {
            documents.push(document(topic, &own, &partitions));
            continue;
        }
        if !filter.partitions_only() {
            text.push_str(&heading(topic, &own));
        }
        text.extend(partitions.iter().map(|partition| line(topic, partition)));
    }
    if as_json {
        return Ok(print_json(&Value::Array(documents))?);
    }
    Ok(print(text)?)
}

/// What is set on the topic itself or on its brokers: all that is not a default.
fn own(configs: &Configs) -> Vec<(&str, &str)> {
    configs
        .values()
        .filter(|entry| entry.source != ConfigSource::Default)
        .map(|entry| (entry.name.as_str(), entry.value.as_deref().unwrap_or("")))
        .collect()
}

fn min_in_sync(configs: &Configs) -> usize {
    configs
        .get("min.insync.replicas")
        .and_then(|entry| entry.value.as_deref()?.parse().ok())
        .unwrap_or(1)
}

fn replication_factor(topic: &Topic) -> usize {
    topic
        .partitions
        .first()
        .map_or(0, |partition| partition.replicas.len())
}

fn heading(topic: &Topic, own: &[(&str, &str)]) -> String {
    let id = if topic.id.is_zero() {
        String::new()
    } else {
        format!("\tTopicId: {}", topic.id)
    };
    let configs: Vec<String> = own
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    format!(
        "Topic: {}{id}\tPartitionCount: {}\tReplicationFactor: {}\tConfigs: {}\n",
        topic.name,
        topic.partitions.len(),
        replication_factor(topic),
        configs.join(",")
    )
}

fn line(topic: &Topic, partition: &Partition) -> String {
    let leader = partition
        .leader
        .map_or_else(|| "none".to_owned(), |leader| leader.to_string());
    format!(
        "\tTopic: {}\tPartition: {}\tLeader: {leader}\tReplicas: {}\tIsr: {}\tElr: N/A\tLastKnownElr: N/A\n",
        topic.name,
        partition.index,
        nodes(&partition.replicas),
        nodes(&partition.isr),
    )
}

fn nodes(ids: &[i32]) -> String {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    ids.join(",")
}

fn document(topic: &Topic, own: &[(&str, &str)], partitions: &[&Partition]) -> Value {
    let partition = |partition: &&Partition| {
        json!({
            "partition": partition.index,
            "leader": partition.leader,
            "replicas": partition.replicas,
            "isr": partition.isr,
        })
    };
    json!({
        "topic": &*topic.name,
        "id": (!topic.id.is_zero()).then(|| topic.id.to_string()),
        "internal": topic.is_internal,
        "partitionCount": topic.partitions.len(),
        "replicationFactor": replication_factor(topic),
        "configs": own.iter().copied().collect::<BTreeMap<_, _>>(),
        "partitions": partitions.iter().map(partition).collect::<Vec<_>>(),
    })
}
