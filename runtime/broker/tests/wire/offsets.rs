//! Committed offsets over the wire, on a real broker.

use std::time::Duration;

use crate::support::{Client, TestBroker};
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    DeleteGroupsRequest, DeleteTopicsRequest, OffsetCommitRequest, OffsetCommitRequestPartition,
    OffsetCommitRequestTopic, OffsetDeleteRequest, OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic, OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic,
    OffsetFetchRequestTopics, Request,
};

const GROUP: &str = "simple";
const TOPIC: &str = "orders";

fn commit(partitions: &[(i32, i64)]) -> OffsetCommitRequest {
    OffsetCommitRequest {
        group_id: GROUP.to_owned(),
        topics: vec![OffsetCommitRequestTopic {
            name: TOPIC.to_owned(),
            partitions: partitions
                .iter()
                .map(
                    |&(partition_index, committed_offset)| OffsetCommitRequestPartition {
                        partition_index,
                        committed_offset,
                        committed_metadata: Some("abc".to_owned()),
                        ..Default::default()
                    },
                )
                .collect(),
        }],
        ..Default::default()
    }
}

/// Partitions with offset, metadata and error, in any version; `None` asks for all.
async fn fetch(
    client: &mut Client,
    version: i16,
    partitions: Option<&[i32]>,
) -> Vec<(i32, i64, String, ErrorCode)> {
    let request = OffsetFetchRequest {
        group_id: GROUP.to_owned(),
        topics: partitions.map(|partitions| {
            vec![OffsetFetchRequestTopic {
                name: TOPIC.to_owned(),
                partition_indexes: partitions.to_vec(),
            }]
        }),
        groups: vec![OffsetFetchRequestGroup {
            group_id: GROUP.to_owned(),
            topics: partitions.map(|partitions| {
                vec![OffsetFetchRequestTopics {
                    name: TOPIC.to_owned(),
                    partition_indexes: partitions.to_vec(),
                }]
            }),
            ..Default::default()
        }],
        ..Default::default()
    };
    let response = client.call(version, &request).await;
    let mut found = Vec::new();
    for partition in response
        .topics
        .into_iter()
        .flat_map(|topic| topic.partitions)
    {
        let metadata = partition.metadata.unwrap();
        found.push((
            partition.partition_index,
            partition.committed_offset,
            metadata,
            partition.error_code,
        ));
    }
    let groups = response.groups.into_iter().flat_map(|group| group.topics);
    for partition in groups.flat_map(|topic| topic.partitions) {
        let metadata = partition.metadata.unwrap();
        found.push((
            partition.partition_index,
            partition.committed_offset,
            metadata,
            partition.error_code,
        ));
    }
    found
}

async fn errors(
    client: &mut Client,
    version: i16,
    request: &OffsetCommitRequest,
) -> Vec<ErrorCode> {
    let response = client.call(version, request).await;
    let partitions = response
        .topics
        .into_iter()
        .flat_map(|topic| topic.partitions);
    partitions.map(|partition| partition.error_code).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_is_fetched_in_every_version_and_after_a_restart() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic(TOPIC, 2, &[]).await;
    for (index, version) in OffsetCommitRequest::VERSIONS.enumerate() {
        let request = commit(&[(0, index as i64), (7, 1)]);
        let expected = [ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION];
        assert_eq!(
            errors(&mut client, version, &request).await,
            expected,
            "{version}"
        );
    }
    let last = OffsetCommitRequest::VERSIONS.count() as i64 - 1;
    let broker = broker.restart().await;
    let mut client = broker.client().await;
    let kept = (0, last, "abc".to_owned(), ErrorCode::NONE);
    for version in OffsetFetchRequest::VERSIONS {
        assert_eq!(
            fetch(&mut client, version, Some(&[0, 1])).await,
            [kept.clone(), (1, -1, String::new(), ErrorCode::NONE)],
            "{version}"
        );
        if version >= 2 {
            assert_eq!(
                fetch(&mut client, version, None).await,
                std::slice::from_ref(&kept),
                "{version}"
            );
        }
    }
    broker.broker.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_not_allowed_changes_nothing() {
    let broker = TestBroker::start(&[("offset.metadata.max.bytes", "10")]).await;
    let mut client = broker.client().await;
    client.create_topic(TOPIC, 1, &[]).await;
    let mut large = commit(&[(0, 1)]);
    large.topics[0].partitions[0].committed_metadata = Some("x".repeat(11));
    let stranger = OffsetCommitRequest {
        generation_id_or_member_epoch: 3,
        member_id: "m".to_owned(),
        ..commit(&[(0, 1)])
    };
    for (version, request, error) in [
        (8, &large, ErrorCode::OFFSET_METADATA_TOO_LARGE),
        (8, &stranger, ErrorCode::ILLEGAL_GENERATION),
        (9, &stranger, ErrorCode::GROUP_ID_NOT_FOUND),
    ] {
        assert_eq!(errors(&mut client, version, request).await, [error]);
    }
    assert_eq!(fetch(&mut client, 9, None).await, []);
    broker.broker.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_go_with_their_group_their_topic_or_alone() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic(TOPIC, 3, &[]).await;
    errors(&mut client, 8, &commit(&[(0, 1), (1, 2), (2, 3)])).await;

    let request = OffsetDeleteRequest {
        group_id: GROUP.to_owned(),
        topics: vec![OffsetDeleteRequestTopic {
            name: TOPIC.to_owned(),
            partitions: [0, 9]
                .map(|partition_index| OffsetDeleteRequestPartition { partition_index })
                .to_vec(),
        }],
    };
    let response = client.call(0, &request).await;
    let outcomes: Vec<ErrorCode> = response.topics[0]
        .partitions
        .iter()
        .map(|partition| partition.error_code)
        .collect();
    assert_eq!(
        outcomes,
        [ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION]
    );
    assert_eq!(fetch(&mut client, 8, None).await.len(), 2);

    let request = DeleteTopicsRequest {
        topic_names: vec![TOPIC.to_owned()],
        ..Default::default()
    };
    client.call(5, &request).await;
    assert_eq!(fetch(&mut client, 8, None).await, [], "the topic is gone");

    client.create_topic(TOPIC, 1, &[]).await;
    errors(&mut client, 8, &commit(&[(0, 1)])).await;
    for version in DeleteGroupsRequest::VERSIONS {
        let request = DeleteGroupsRequest {
            groups_names: vec![GROUP.to_owned()],
        };
        let response = client.call(version, &request).await;
        let expected = if version == 0 {
            ErrorCode::NONE
        } else {
            ErrorCode::GROUP_ID_NOT_FOUND
        };
        assert_eq!(response.results[0].error_code, expected);
    }
    let broker = broker.restart().await;
    let mut client = broker.client().await;
    assert_eq!(fetch(&mut client, 8, None).await, []);
    broker.broker.shutdown(Duration::from_secs(10)).await;
}
