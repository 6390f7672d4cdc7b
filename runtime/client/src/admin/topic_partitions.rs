//! Topics with their partitions in full, page by page (KIP-966): also which replicas may be elected.

use std::collections::BTreeMap;

use millrace_wire::codec::Nullable;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic, TopicPartitionsCursor, TopicRequest,
};
use millrace_wire::uuid::Uuid;

use super::Admin;
use crate::error::ClientError;

/// Partitions of a page, as Kafka's own clients ask for them.
const PAGE: i32 = 2_000;

/// A topic with all its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: Uuid,
    /// Whether the brokers keep their own state in it.
    pub is_internal: bool,
    /// Its partitions, in the order of their numbers.
    pub partitions: Vec<PartitionDescription>,
}

/// A partition and where its replicas stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionDescription {
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
    /// Those that may be elected although they are not in sync; none where brokers do not track them.
    pub eligible_leaders: Option<Vec<i32>>,
    /// Those last known to be eligible; none where brokers do not track them.
    pub last_known_eligible: Option<Vec<i32>>,
    /// Those that are offline.
    pub offline: Vec<i32>,
}

/// What is known of each topic asked about, by name.
pub type TopicDescriptions = BTreeMap<String, Result<TopicDescription, ClientError>>;

impl Admin {
    /// Describes topics, each with its own outcome; all that there are, where none is named.
    ///
    /// # Errors
    ///
    /// Where no broker answers, or none before Kafka 3.7 can: [`Admin::describe_topic`] asks those.
    pub async fn describe_topics(&self, names: &[&str]) -> Result<TopicDescriptions, ClientError> {
        let mut described = TopicDescriptions::new();
        let mut cursor: Option<TopicPartitionsCursor> = None;
        loop {
            let page = self.retried(|| self.page(names, cursor.clone())).await?;
            page.topics
                .into_iter()
                .for_each(|topic| add(&mut described, topic));
            match page.next {
                Some(next) if cursor.as_ref() != Some(&next) => cursor = Some(next),
                _ => return Ok(described),
            }
        }
    }

    async fn page(
        &self,
        names: &[&str],
        cursor: Option<TopicPartitionsCursor>,
    ) -> Result<Page, ClientError> {
        let topics = names.iter().map(|name| TopicRequest {
            name: (*name).to_owned(),
        });
        let request = DescribeTopicPartitionsRequest {
            topics: topics.collect(),
            response_partition_limit: PAGE,
            cursor: Nullable(cursor),
        };
        let answer = self.lane.any().await?.call(&request).await?;
        Ok(Page {
            topics: answer.topics,
            next: answer.next_cursor.0,
        })
    }
}

struct Page {
    topics: Vec<DescribeTopicPartitionsResponseTopic>,
    next: Option<TopicPartitionsCursor>,
}

/// Adds what a page says of a topic; large topics come in parts.
fn add(described: &mut TopicDescriptions, topic: DescribeTopicPartitionsResponseTopic) {
    let name = topic.name.unwrap_or_default();
    if topic.error_code != ErrorCode::NONE {
        let doing = format!("cannot describe topic {name}");
        let refused = ClientError::refused(doing, topic.error_code, None);
        described.insert(name, Err(refused));
        return;
    }
    let fresh = TopicDescription {
        name: name.clone(),
        id: topic.topic_id,
        is_internal: topic.is_internal,
        partitions: Vec::new(),
    };
    if let Ok(known) = described.entry(name).or_insert(Ok(fresh)) {
        known
            .partitions
            .extend(topic.partitions.into_iter().map(partition));
        known.partitions.sort_by_key(|partition| partition.index);
        known.partitions.dedup_by_key(|partition| partition.index);
    }
}

fn partition(answer: DescribeTopicPartitionsResponsePartition) -> PartitionDescription {
    PartitionDescription {
        index: answer.partition_index,
        leader: (answer.leader_id >= 0).then_some(answer.leader_id),
        leader_epoch: answer.leader_epoch,
        replicas: answer.replica_nodes,
        isr: answer.isr_nodes,
        eligible_leaders: answer.eligible_leader_replicas,
        last_known_eligible: answer.last_known_elr,
        offline: answer.offline_replicas,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, partitions: &[i32]) -> DescribeTopicPartitionsResponseTopic {
        let partition = |&partition_index: &i32| DescribeTopicPartitionsResponsePartition {
            partition_index,
            leader_id: -1,
            ..DescribeTopicPartitionsResponsePartition::default()
        };
        DescribeTopicPartitionsResponseTopic {
            name: Some(name.to_owned()),
            partitions: partitions.iter().map(partition).collect(),
            ..DescribeTopicPartitionsResponseTopic::default()
        }
    }

    #[test]
    fn the_parts_of_a_topic_come_together_and_errors_stay_their_own() {
        let mut described = TopicDescriptions::new();
        let absent = DescribeTopicPartitionsResponseTopic {
            error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            ..part("absent", &[])
        };
        for topic in [
            part("a", &[0, 1]),
            absent,
            part("a", &[1, 2]),
            part("b", &[0]),
        ] {
            add(&mut described, topic);
        }
        let numbers = |name: &str| -> Vec<i32> {
            let topic = described[name].as_ref().unwrap();
            topic
                .partitions
                .iter()
                .map(|partition| partition.index)
                .collect()
        };
        assert_eq!((numbers("a"), numbers("b")), (vec![0, 1, 2], vec![0]));
        let code = described["absent"].as_ref().unwrap_err().code();
        assert_eq!(code, Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
        assert_eq!(described["a"].as_ref().unwrap().partitions[0].leader, None);
    }
}
