//! What members of a consumer group tell each other, in this crate's terms.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use millrace_wire::codec::{DecodeError, EncodeError};
use millrace_wire::messages::consumer_protocol::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, TopicPartition as Wire, VERSION_MAX,
};

use super::assignor::Consumer;
use super::topic_partition::TopicPartition;
use crate::group::Member;

/// What this member subscribes to and holds, as the other members read it.
///
/// # Errors
/// A topic name that is too long to be said.
pub(super) fn encode_subscription(
    topics: Vec<String>,
    owned: &[TopicPartition],
    generation: i32,
    rack: Option<String>,
    user_data: Option<Bytes>,
) -> Result<Bytes, EncodeError> {
    let subscription = ConsumerProtocolSubscription {
        topics,
        user_data,
        owned_partitions: by_topic(owned),
        generation_id: generation,
        rack_id: rack,
    };
    subscription.to_bytes(VERSION_MAX)
}

/// A member of the group as an assignor sees it.
///
/// # Errors
/// Bytes that are not a subscription.
pub(super) fn decode_member(member: Member) -> Result<Consumer, DecodeError> {
    let (_, subscription) = ConsumerProtocolSubscription::from_bytes(member.metadata)?;
    Ok(Consumer {
        member_id: member.id,
        instance_id: member.instance_id,
        topics: subscription.topics,
        owned: flat(subscription.owned_partitions),
        generation: subscription.generation_id,
        user_data: subscription.user_data,
    })
}

/// The bytes that assign `partitions` to a member.
///
/// # Errors
/// A topic name that is too long to be said.
pub(super) fn encode_assignment(partitions: &[TopicPartition]) -> Result<Bytes, EncodeError> {
    let assignment = ConsumerProtocolAssignment {
        assigned_partitions: by_topic(partitions),
        user_data: None,
    };
    assignment.to_bytes(VERSION_MAX)
}

/// Reads an assignment; no bytes at all assign nothing.
///
/// # Errors
/// Bytes that are not an assignment.
pub(super) fn decode_assignment(bytes: Bytes) -> Result<Vec<TopicPartition>, DecodeError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let (_, assignment) = ConsumerProtocolAssignment::from_bytes(bytes)?;
    Ok(flat(assignment.assigned_partitions))
}

fn by_topic(partitions: &[TopicPartition]) -> Vec<Wire> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics
            .entry(&partition.topic)
            .or_default()
            .push(partition.partition);
    }
    topics
        .into_iter()
        .map(|(topic, partitions)| Wire {
            topic: topic.to_owned(),
            partitions,
        })
        .collect()
}

fn flat(topics: Vec<Wire>) -> Vec<TopicPartition> {
    let mut partitions = Vec::new();
    for topic in topics {
        let name: Arc<str> = topic.topic.into();
        partitions.extend(
            topic
                .partitions
                .into_iter()
                .map(|number| TopicPartition::new(Arc::clone(&name), number)),
        );
    }
    partitions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_comes_back_as_a_member() {
        let owned = vec![
            TopicPartition::new("logs", 0),
            TopicPartition::new("orders", 2),
        ];
        let topics = vec!["orders".into(), "logs".into()];
        let data = Bytes::from_static(b"data");
        let metadata = encode_subscription(topics, &owned, 7, None, Some(data.clone())).unwrap();
        let member = Member {
            id: "m".into(),
            instance_id: Some("i".into()),
            metadata,
        };
        let expected = Consumer {
            member_id: "m".into(),
            instance_id: Some("i".into()),
            topics: vec!["orders".into(), "logs".into()],
            owned,
            generation: 7,
            user_data: Some(data),
        };
        assert_eq!(decode_member(member).unwrap(), expected);
    }

    #[test]
    fn an_assignment_comes_back_as_it_went() {
        let partitions = vec![
            TopicPartition::new("a", 3),
            TopicPartition::new("b", 0),
            TopicPartition::new("b", 4),
        ];
        assert_eq!(
            decode_assignment(encode_assignment(&partitions).unwrap()).unwrap(),
            partitions
        );
        assert_eq!(decode_assignment(Bytes::new()).unwrap(), Vec::new());
    }
}
