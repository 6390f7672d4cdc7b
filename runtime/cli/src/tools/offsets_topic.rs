//! Records of `__consumer_offsets` as JSON, in the shape of Kafka's own formatters: the type or version of the record,
//! and its fields as `data`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use millrace_broker::offsets_topic::{Change, GroupValue, MemberValue, OffsetValue};
use millrace_wire::messages::consumer_protocol::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, TopicPartition,
};
use serde_json::{Value, json};

/// Type of the key of a committed offset.
const OFFSET_TYPE: i16 = 1;
/// Type of the key of a group's members.
const GROUP_TYPE: i16 = 2;
/// Group type whose members' blobs are those of consumers.
const CONSUMER: &str = "consumer";

/// The key of a record.
pub(crate) fn key(change: &Change) -> Value {
    match change {
        Change::Offset {
            group,
            topic,
            partition,
            ..
        } => json!({
            "type": OFFSET_TYPE,
            "data": {"group": group, "topic": topic, "partition": partition},
        }),
        Change::Group { group, .. } => json!({"type": GROUP_TYPE, "data": {"group": group}}),
    }
}

/// The value of a record; null where it was deleted. `bytes` say the version.
pub(crate) fn value(change: &Change, bytes: Option<&[u8]>) -> Value {
    let data = match change {
        Change::Offset { value, .. } => value.as_ref().map(offset),
        Change::Group { value, .. } => value.as_ref().map(group),
    };
    let version = bytes
        .and_then(|bytes| bytes.first_chunk())
        .map(|bytes| i16::from_be_bytes(*bytes));
    data.map_or(
        Value::Null,
        |data| json!({"version": version, "data": data}),
    )
}

fn offset(value: &OffsetValue) -> Value {
    let mut data = json!({
        "offset": value.offset,
        "leaderEpoch": value.leader_epoch,
        "metadata": value.metadata,
        "commitTimestamp": value.commit_ms,
    });
    // Only one version of the record has it.
    if let Some(expire_ms) = value.expire_ms {
        data["expireTimestamp"] = json!(expire_ms);
    }
    data
}

fn group(value: &GroupValue) -> Value {
    json!({
        "protocolType": value.protocol_type,
        "generation": value.generation,
        "protocol": value.protocol,
        "leader": value.leader,
        "currentStateTimestamp": value.state_ms,
        "members": value
            .members
            .iter()
            .map(|member| self::member(member, &value.protocol_type))
            .collect::<Vec<_>>(),
    })
}

fn member(member: &MemberValue, protocol_type: &str) -> Value {
    let subscription = ConsumerProtocolSubscription::from_bytes(member.subscription.clone());
    let assignment = ConsumerProtocolAssignment::from_bytes(member.assignment.clone());
    // Other protocols keep blobs of their own.
    let subscription = match subscription {
        Ok((_, blob)) if protocol_type == CONSUMER => json!({
            "topics": blob.topics,
            "userData": blob.user_data.as_ref().map(|data| STANDARD.encode(data)),
            "ownedPartitions": partitions(&blob.owned_partitions),
            "generationId": blob.generation_id,
            "rackId": blob.rack_id,
        }),
        _ => json!(STANDARD.encode(&member.subscription)),
    };
    let assignment = match assignment {
        Ok((_, blob)) if protocol_type == CONSUMER => {
            json!({
                "assignedPartitions": partitions(&blob.assigned_partitions),
                "userData": blob.user_data.as_ref().map(|data| STANDARD.encode(data)),
            })
        }
        _ => json!(STANDARD.encode(&member.assignment)),
    };
    json!({
        "memberId": member.member_id,
        "groupInstanceId": member.instance_id,
        "clientId": member.client_id,
        "clientHost": member.client_host,
        "rebalanceTimeout": member.rebalance_timeout_ms,
        "sessionTimeout": member.session_timeout_ms,
        "subscription": subscription,
        "assignment": assignment,
    })
}

fn partitions(partitions: &[TopicPartition]) -> Vec<Value> {
    partitions
        .iter()
        .map(|topic| json!({"topic": topic.topic, "partitions": topic.partitions}))
        .collect()
}

#[cfg(test)]
mod tests {
    use millrace_broker::offsets_topic::{Change, OffsetValue};
    use serde_json::{Value, json};

    use super::{key, value};

    #[test]
    fn an_offset_reads_as_kafkas_formatter_prints_it() {
        let committed = |value| Change::Offset {
            group: "g".into(),
            topic: "t".into(),
            partition: 3,
            value,
        };
        let change = committed(Some(OffsetValue {
            offset: 7,
            leader_epoch: -1,
            metadata: String::new(),
            commit_ms: 5,
            expire_ms: None,
        }));
        assert_eq!(
            key(&change),
            json!({"type": 1, "data": {"group": "g", "topic": "t", "partition": 3}})
        );
        let value = |change, bytes: Option<&[u8]>| value(change, bytes);
        assert_eq!(value(&change, Some(&[0, 3]))["version"], 3);
        assert_eq!(value(&change, Some(&[0, 3]))["data"]["offset"], 7);
        assert_eq!(value(&committed(None), None), Value::Null);
    }
}
