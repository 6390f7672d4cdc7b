//! Administration on the wire: partitions added, records deleted, and what is told of cluster, topics, directories,
//! epochs and producers.

use crate::support::{Client, TestBroker, batch, batch_of};
use millrace_wire::batch::ProducerIdentity;
use millrace_wire::codec::Nullable;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    AlterPartitionReassignmentsRequest, CreatePartitionsAssignment, CreatePartitionsRequest,
    CreatePartitionsTopic, DeleteRecordsPartition, DeleteRecordsPartitionResult,
    DeleteRecordsRequest, DeleteRecordsTopic, DeleteTopicsRequest, DescribableLogDirTopic,
    DescribeClusterRequest, DescribeLogDirsRequest, DescribeProducersRequest,
    DescribeProducersTopic, DescribeTopicPartitionsRequest, ElectLeadersRequest,
    ListPartitionReassignmentsRequest, MetadataRequest, MetadataRequestTopic,
    ReassignablePartition, ReassignableTopic, TopicPartitions, TopicPartitionsCursor, TopicRequest,
};

/// The nodes of each new partition.
type Assignments<'a> = Option<&'a [&'a [i32]]>;

async fn add(
    client: &mut Client,
    topic: &str,
    count: i32,
    assignments: Assignments<'_>,
    validate_only: bool,
) -> (ErrorCode, String) {
    let assignments = assignments.map(|assignments| {
        let of = |ids: &&[i32]| CreatePartitionsAssignment {
            broker_ids: ids.to_vec(),
        };
        assignments.iter().map(of).collect()
    });
    let request = CreatePartitionsRequest {
        topics: vec![CreatePartitionsTopic {
            name: topic.to_owned(),
            count,
            assignments,
        }],
        validate_only,
        ..Default::default()
    };
    let row = client.call(3, &request).await.results.remove(0);
    (row.error_code, row.error_message.unwrap_or_default())
}

async fn partition_count(client: &mut Client, topic: &str) -> usize {
    let request = MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            name: Some(topic.to_owned()),
            ..Default::default()
        }]),
        ..Default::default()
    };
    client.call(12, &request).await.topics[0].partitions.len()
}

#[tokio::test]
async fn partitions_are_added_and_stay() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 2, &[]).await;
    let table: &[(&str, i32, Assignments<'_>, ErrorCode, &str)] = &[
        (
            "t",
            2,
            None,
            ErrorCode::INVALID_PARTITIONS,
            "Topic already has 2 partition(s).",
        ),
        (
            "t",
            1,
            None,
            ErrorCode::INVALID_PARTITIONS,
            "The topic t currently has 2 partition(s); 1 would not be an increase.",
        ),
        (
            "missing",
            3,
            None,
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            "This server does not host this topic-partition.",
        ),
        (
            "t",
            4,
            Some(&[&[1]]),
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
            "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.",
        ),
        (
            "t",
            3,
            Some(&[&[9]]),
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
            "The manual partition assignment includes broker 9, but no such broker is registered.",
        ),
        (
            "t",
            3,
            Some(&[&[]]),
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
            "The manual partition assignment includes an empty replica list.",
        ),
        (
            "t",
            3,
            Some(&[&[1, 1]]),
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
            "The manual partition assignment includes the broker 1 more than once.",
        ),
    ];
    for (topic, count, assignments, code, text) in table {
        let outcome = add(&mut client, topic, *count, *assignments, false).await;
        assert_eq!(outcome, (*code, (*text).to_owned()));
    }
    let checked = add(&mut client, "t", 5, None, true).await;
    assert_eq!(checked.0, ErrorCode::NONE);
    assert_eq!(partition_count(&mut client, "t").await, 2);
    assert_eq!(
        add(&mut client, "t", 3, Some(&[&[1]]), false).await.0,
        ErrorCode::NONE
    );
    assert_eq!(
        add(&mut client, "t", 5, None, false).await.0,
        ErrorCode::NONE
    );
    assert_eq!(partition_count(&mut client, "t").await, 5);

    let broker = broker.restart().await;
    let mut client = broker.client().await;
    assert_eq!(partition_count(&mut client, "t").await, 5);
}

async fn delete_records(
    client: &mut Client,
    topic: &str,
    partition: i32,
    offset: i64,
) -> DeleteRecordsPartitionResult {
    let request = DeleteRecordsRequest {
        topics: vec![DeleteRecordsTopic {
            name: topic.to_owned(),
            partitions: vec![DeleteRecordsPartition {
                partition_index: partition,
                offset,
            }],
        }],
        timeout_ms: 1000,
    };
    let mut response = client.call(2, &request).await;
    response.topics.remove(0).partitions.remove(0)
}

#[tokio::test]
async fn records_are_deleted_up_to_an_offset() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    client
        .create_topic("compacted", 1, &[("cleanup.policy", "compact")])
        .await;
    client.produce(9, -1, "t", batch(&["a", "b", "c"])).await;
    let table = [
        ("t", 0, 2, Ok(2)),
        ("t", 0, 1, Ok(2)),
        ("t", 0, 4, Err(ErrorCode::OFFSET_OUT_OF_RANGE)),
        ("t", 0, -2, Err(ErrorCode::OFFSET_OUT_OF_RANGE)),
        ("t", 7, 0, Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)),
        ("missing", 0, 0, Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)),
        ("compacted", 0, 0, Err(ErrorCode::POLICY_VIOLATION)),
        ("t", 0, -1, Ok(3)),
    ];
    for (topic, partition, offset, expected) in table {
        let row = delete_records(&mut client, topic, partition, offset).await;
        let outcome = row.error_code.ok().map(|()| row.low_watermark);
        assert_eq!(outcome, expected, "{topic}-{partition} {offset}");
    }
    let gone = client.fetch(12, "t", 0, 0).await;
    assert_eq!(gone.error_code, ErrorCode::OFFSET_OUT_OF_RANGE);

    let broker = broker.restart().await;
    let mut client = broker.client().await;
    assert_eq!(
        delete_records(&mut client, "t", 0, 0).await.low_watermark,
        3
    );
}

#[tokio::test]
async fn the_cluster_is_one_node() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    for version in 0..=2 {
        let request = DescribeClusterRequest {
            include_cluster_authorized_operations: version > 0,
            ..Default::default()
        };
        let cluster = client.call(version, &request).await;
        assert_eq!(cluster.cluster_id, broker.broker.cluster_id());
        assert_eq!((cluster.controller_id, cluster.brokers.len()), (1, 1));
        assert_eq!(cluster.brokers[0].port, i32::from(broker.address().port()));
        assert_eq!(
            cluster.cluster_authorized_operations != i32::MIN,
            version > 0
        );
    }
    let controllers = DescribeClusterRequest {
        endpoint_type: 2,
        ..Default::default()
    };
    let refused = client.call(1, &controllers).await;
    assert_eq!(refused.error_code, ErrorCode::MISMATCHED_ENDPOINT_TYPE);
}

/// A page as text: `topic/partition topic/partition > next`.
async fn page(
    client: &mut Client,
    topics: &[&str],
    limit: i32,
    cursor: Option<(&str, i32)>,
) -> String {
    let request = DescribeTopicPartitionsRequest {
        topics: topics
            .iter()
            .map(|name| TopicRequest {
                name: (*name).to_owned(),
            })
            .collect(),
        response_partition_limit: limit,
        cursor: Nullable(
            cursor.map(|(topic, partition_index)| TopicPartitionsCursor {
                topic_name: topic.to_owned(),
                partition_index,
            }),
        ),
    };
    let response = client.call(0, &request).await;
    let mut rows = Vec::new();
    for topic in response.topics.iter().filter(|topic| !topic.is_internal) {
        let name = topic.name.as_deref().unwrap_or_default();
        if !topic.error_code.is_ok() {
            rows.push(format!("{name}!{}", topic.error_code.0));
        }
        let partitions = topic.partitions.iter();
        rows.extend(partitions.map(|partition| format!("{name}/{}", partition.partition_index)));
    }
    if let Some(next) = response.next_cursor.0 {
        rows.push(format!("> {}/{}", next.topic_name, next.partition_index));
    }
    rows.join(" ")
}

#[tokio::test]
async fn topics_are_described_page_by_page() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("b", 3, &[]).await;
    client.create_topic("a", 1, &[]).await;
    type Cursor<'a> = Option<(&'a str, i32)>;
    let table: &[(&[&str], i32, Cursor<'_>, &str)] = &[
        (&["b", "a"], 2000, None, "a/0 b/0 b/1 b/2"),
        (&["b", "a"], 1, None, "a/0 > b/0"),
        (&["b", "a"], 2, None, "a/0 b/0 > b/1"),
        (&["b", "a"], 2, Some(("b", 1)), "b/1 b/2"),
        (&["b"], 0, None, "b/0 > b/1"),
        (&["b", "missing"], 9, None, "b/0 b/1 b/2 missing!3"),
        (&["b", "bad name!"], 9, None, "b/0 b/1 b/2 bad name!!17"),
        (&["b"], 9, Some(("a", 0)), "b!42"),
        (&["b"], 9, Some(("b", -1)), "b!42"),
        (&[], 2, Some(("aa", 0)), "b/0 b/1 > b/2"),
    ];
    for (topics, limit, cursor, expected) in table {
        let shown = page(&mut client, topics, *limit, *cursor).await;
        assert_eq!(shown, *expected, "{topics:?} {limit} {cursor:?}");
    }
}

#[tokio::test]
async fn the_data_directory_tells_what_lies_in_it() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 2, &[]).await;
    client.produce(9, -1, "t", batch(&["a"])).await;
    for version in 1..=4 {
        let request = DescribeLogDirsRequest { topics: None };
        let mut response = client.call(version, &request).await;
        let dir = response.results.remove(0);
        assert!(dir.log_dir.starts_with('/'), "{}", dir.log_dir);
        assert_eq!(dir.total_bytes > dir.usable_bytes.max(0), version >= 4);
        let topic = dir.topics.iter().find(|topic| topic.name == "t").unwrap();
        assert!(topic.partitions[0].partition_size > 60);
        assert_eq!(topic.partitions[1].partition_size, 0);
    }
    let some = DescribableLogDirTopic {
        topic: "t".to_owned(),
        partitions: vec![1, 9, 1],
    };
    let none = DescribableLogDirTopic {
        topic: "missing".to_owned(),
        partitions: vec![0],
    };
    let request = DescribeLogDirsRequest {
        topics: Some(vec![some, none]),
    };
    let dir = client.call(4, &request).await.results.remove(0);
    assert_eq!((dir.topics.len(), dir.topics[0].partitions.len()), (1, 1));
}

#[tokio::test]
async fn producers_are_told_of() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    let identity = ProducerIdentity {
        producer_id: 4711,
        epoch: 2,
        base_sequence: 0,
        ..ProducerIdentity::NONE
    };
    let now = millrace_wire::clock::system().now_ms();
    client
        .produce(
            9,
            -1,
            "t",
            batch_of(identity, &[(now, None, "a"), (now, None, "b")]),
        )
        .await;
    let request = DescribeProducersRequest {
        topics: vec![DescribeProducersTopic {
            name: "t".to_owned(),
            partition_indexes: vec![0, 5],
        }],
    };
    let mut partitions = client.call(0, &request).await.topics.remove(0).partitions;
    assert_eq!(
        partitions[1].error_code,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    );
    let producer = partitions[0].active_producers.remove(0);
    assert_eq!(
        (
            producer.producer_id,
            producer.producer_epoch,
            producer.last_sequence
        ),
        (4711, 2, 1)
    );
    assert_eq!(
        (producer.last_timestamp, producer.current_txn_start_offset),
        (now, -1)
    );
}

#[tokio::test]
async fn a_topic_made_anew_has_another_id() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        client.create_topic("t", 1, &[]).await;
        let by_name = MetadataRequest {
            topics: Some(vec![MetadataRequestTopic {
                name: Some("t".to_owned()),
                ..Default::default()
            }]),
            ..Default::default()
        };
        ids.push(client.call(12, &by_name).await.topics[0].topic_id);
        let request = DeleteTopicsRequest {
            topic_names: vec!["t".to_owned()],
            ..Default::default()
        };
        let deleted = client.call(5, &request).await.responses.remove(0);
        assert_eq!(deleted.error_code, ErrorCode::NONE);
    }
    assert_ne!(ids[0], ids[1]);
    let by_old_id = MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            topic_id: ids[0],
            ..Default::default()
        }]),
        ..Default::default()
    };
    let answer = client.call(12, &by_old_id).await;
    assert_eq!(answer.topics[0].error_code, ErrorCode::UNKNOWN_TOPIC_ID);
}

#[tokio::test]
async fn one_node_leads_and_keeps_every_partition() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    for version in 0..=2 {
        let all = ElectLeadersRequest::default();
        let none = client.call(version, &all).await.replica_election_results;
        assert!(none.is_empty());
        let some = ElectLeadersRequest {
            topic_partitions: Some(vec![TopicPartitions {
                topic: "t".to_owned(),
                partitions: vec![0, 4],
            }]),
            ..Default::default()
        };
        let results = client.call(version, &some).await.replica_election_results;
        let codes: Vec<_> = results[0]
            .partition_result
            .iter()
            .map(|row| row.error_code)
            .collect();
        assert_eq!(
            codes,
            [
                ErrorCode::ELECTION_NOT_NEEDED,
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            ]
        );
    }
    for (replicas, expected) in [
        (Some(vec![1]), ErrorCode::NONE),
        (Some(vec![1, 2]), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
        (None, ErrorCode::NO_REASSIGNMENT_IN_PROGRESS),
    ] {
        let request = AlterPartitionReassignmentsRequest {
            topics: vec![ReassignableTopic {
                name: "t".to_owned(),
                partitions: vec![ReassignablePartition {
                    partition_index: 0,
                    replicas,
                }],
            }],
            ..Default::default()
        };
        let response = client.call(1, &request).await;
        assert_eq!(response.responses[0].partitions[0].error_code, expected);
    }
    let moving = client
        .call(0, &ListPartitionReassignmentsRequest::default())
        .await;
    assert!(moving.error_code.is_ok() && moving.topics.is_empty());
}
