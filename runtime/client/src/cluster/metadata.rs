//! What a client knows of the cluster: nodes, topics, partitions and their leaders.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{MetadataResponse, MetadataResponsePartition, MetadataResponseTopic};
use millrace_wire::uuid::Uuid;

/// A broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its id in the cluster.
    pub id: i32,
    /// The host name or address that it advertises.
    pub host: Arc<str>,
    /// Its port.
    pub port: u16,
    /// Its rack, if it has one.
    pub rack: Option<String>,
}

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its number in the topic.
    pub index: i32,
    /// The node that leads it, where one does.
    pub leader: Option<i32>,
    /// The leader's epoch, -1 where unknown.
    pub leader_epoch: i32,
    /// The nodes that hold it.
    pub replicas: Vec<i32>,
    /// Those of them that have all of it.
    pub isr: Vec<i32>,
}

/// A topic that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id; zero from a broker that has none.
    pub id: Uuid,
    /// Whether the brokers keep their own state in it.
    pub is_internal: bool,
    /// Its partitions, in the order of their numbers.
    pub partitions: Vec<Partition>,
    /// When this was learnt, on the cluster's monotonic clock.
    pub updated: Duration,
}

impl Topic {
    /// The partition of a number.
    #[must_use]
    pub fn partition(&self, index: i32) -> Option<&Partition> {
        let position = self
            .partitions
            .binary_search_by_key(&index, |partition| partition.index)
            .ok()?;
        self.partitions.get(position)
    }
}

/// A snapshot; it never changes, a refresh makes a new one.
#[derive(Debug, Clone, Default)]
pub struct Metadata {
    /// The cluster's id.
    pub cluster_id: Option<Arc<str>>,
    /// The node that takes administrative requests, where known.
    pub controller: Option<i32>,
    /// The nodes, by id.
    pub nodes: BTreeMap<i32, Node>,
    topics: HashMap<Arc<str>, Arc<Topic>>,
    names: HashMap<Uuid, Arc<str>>,
    errors: HashMap<Arc<str>, ErrorCode>,
}

impl Metadata {
    /// A topic, where it is known to exist.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topics.get(name)
    }

    /// All known topics, in no order.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.topics.values()
    }

    /// The name of a topic id.
    #[must_use]
    pub fn topic_name(&self, id: Uuid) -> Option<&Arc<str>> {
        self.names.get(&id)
    }

    /// What the brokers said when they were last asked about a topic that has no entry.
    #[must_use]
    pub fn topic_error(&self, name: &str) -> Option<ErrorCode> {
        self.errors.get(name).copied()
    }

    /// A partition, where it is known to exist.
    #[must_use]
    pub fn partition(&self, topic: &str, partition: i32) -> Option<&Partition> {
        self.topic(topic)?.partition(partition)
    }

    /// The node that leads a partition, where one does.
    #[must_use]
    pub fn leader(&self, topic: &str, partition: i32) -> Option<i32> {
        self.partition(topic, partition)?.leader
    }

    /// This snapshot with an answer worked in. `whole` says that all topics were asked for, so that
    /// one that is missing is gone.
    pub(super) fn merge(&self, answer: MetadataResponse, whole: bool, now: Duration) -> Self {
        let mut next = if whole { Self::default() } else { self.clone() };
        next.cluster_id = answer.cluster_id.map(Arc::from);
        next.controller = (answer.controller_id >= 0).then_some(answer.controller_id);
        next.nodes = answer
            .brokers
            .into_iter()
            .filter_map(node)
            .map(|node| (node.id, node))
            .collect();
        for topic in answer.topics {
            next.merge_topic(topic, self, now);
        }
        next
    }

    fn merge_topic(&mut self, answer: MetadataResponseTopic, before: &Self, now: Duration) {
        let Some(name) = answer.name.clone().map(Arc::<str>::from) else {
            return;
        };
        // A leader that is being elected leaves the partitions in place; other errors come without.
        if !answer.error_code.is_ok() && answer.partitions.is_empty() {
            self.forget(&name);
            self.errors.insert(name, answer.error_code);
            return;
        }
        let known = before
            .topic(&name)
            .filter(|known| known.id == answer.topic_id);
        let topic = topic(Arc::clone(&name), answer, known.map(Arc::as_ref), now);
        self.forget(&name);
        if !topic.id.is_zero() {
            self.names.insert(topic.id, Arc::clone(&name));
        }
        self.topics.insert(name, Arc::new(topic));
    }

    fn forget(&mut self, name: &str) {
        self.errors.remove(name);
        if let Some(topic) = self.topics.remove(name) {
            self.names.remove(&topic.id);
        }
    }
}

fn node(answer: millrace_wire::messages::MetadataResponseBroker) -> Option<Node> {
    let port = u16::try_from(answer.port).ok()?;
    Some(Node {
        id: answer.node_id,
        host: answer.host.into(),
        port,
        rack: answer.rack,
    })
}

fn topic(
    name: Arc<str>,
    answer: MetadataResponseTopic,
    known: Option<&Topic>,
    now: Duration,
) -> Topic {
    let mut partitions: Vec<Partition> = answer
        .partitions
        .into_iter()
        .map(|answer| {
            let known = known.and_then(|topic| topic.partition(answer.partition_index));
            newer(partition(answer), known)
        })
        .collect();
    partitions.sort_by_key(|partition| partition.index);
    Topic {
        name,
        id: answer.topic_id,
        is_internal: answer.is_internal,
        partitions,
        updated: now,
    }
}

fn partition(answer: MetadataResponsePartition) -> Partition {
    Partition {
        index: answer.partition_index,
        leader: (answer.leader_id >= 0).then_some(answer.leader_id),
        leader_epoch: answer.leader_epoch,
        replicas: answer.replica_nodes,
        isr: answer.isr_nodes,
    }
}

/// A node that lags behind names a leader of an older epoch; what was known stays then.
fn newer(answer: Partition, known: Option<&Partition>) -> Partition {
    match known {
        Some(known) if answer.leader_epoch >= 0 && known.leader_epoch > answer.leader_epoch => {
            known.clone()
        }
        _ => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(topics: Vec<MetadataResponseTopic>) -> MetadataResponse {
        MetadataResponse {
            topics,
            ..MetadataResponse::default()
        }
    }

    fn orders(id: u8, leader: i32, epoch: i32) -> MetadataResponseTopic {
        let partition = MetadataResponsePartition {
            leader_id: leader,
            leader_epoch: epoch,
            ..MetadataResponsePartition::default()
        };
        MetadataResponseTopic {
            name: Some("orders".to_owned()),
            topic_id: Uuid([id; 16]),
            partitions: vec![partition],
            ..MetadataResponseTopic::default()
        }
    }

    fn merged(answers: Vec<Vec<MetadataResponseTopic>>) -> Metadata {
        let start = Metadata::default();
        answers.into_iter().fold(start, |known, topics| {
            known.merge(answer(topics), false, Duration::ZERO)
        })
    }

    #[test]
    fn an_older_epoch_does_not_replace_the_leader_but_a_new_topic_does() {
        assert_eq!(
            merged(vec![vec![orders(1, 5, 7)], vec![orders(1, 4, 6)]]).leader("orders", 0),
            Some(5)
        );
        assert_eq!(
            merged(vec![vec![orders(1, 5, 7)], vec![orders(1, 4, 8)]]).leader("orders", 0),
            Some(4)
        );
        assert_eq!(
            merged(vec![vec![orders(1, 5, 7)], vec![orders(2, 4, 0)]]).leader("orders", 0),
            Some(4)
        );
        assert_eq!(
            merged(vec![vec![orders(1, 5, 7)], vec![orders(1, -1, 8)]]).leader("orders", 0),
            None
        );
    }

    #[test]
    fn a_topic_that_is_gone_leaves_its_error() {
        let gone = MetadataResponseTopic {
            name: Some("orders".to_owned()),
            error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            ..MetadataResponseTopic::default()
        };
        let known = merged(vec![vec![orders(1, 5, 7)], vec![gone]]);
        assert!(known.topic("orders").is_none() && known.topic_name(Uuid([1; 16])).is_none());
        assert_eq!(
            known.topic_error("orders"),
            Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
        );
    }
}
