//! Leader epochs over restarts: what clients are told of them, and what they are answered when they ask back.

use crate::support::{Client, TestBroker, batch};
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::list_offsets::{EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, MAX_TIMESTAMP};
use millrace_wire::messages::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic, MetadataRequest,
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};

/// The answer for an epoch: its error, the epoch found and its end.
async fn end_of(client: &mut Client, current: i32, asked: i32) -> (ErrorCode, i32, i64) {
    let request = OffsetForLeaderEpochRequest {
        topics: vec![OffsetForLeaderTopic {
            topic: "t".to_owned(),
            partitions: vec![OffsetForLeaderPartition {
                partition: 0,
                current_leader_epoch: current,
                leader_epoch: asked,
            }],
        }],
        ..Default::default()
    };
    let mut response = client.call(4, &request).await;
    let row = response.topics.remove(0).partitions.remove(0);
    (row.error_code, row.leader_epoch, row.end_offset)
}

/// The leader epoch that the metadata shows.
async fn current(client: &mut Client) -> i32 {
    let request = MetadataRequest {
        topics: None,
        ..Default::default()
    };
    let metadata = client.call(12, &request).await;
    let mut topics = metadata.topics.iter();
    let topic = topics.find(|topic| topic.name.as_deref() == Some("t"));
    topic.unwrap().partitions[0].leader_epoch
}

/// Offset and epoch of what stands at a time.
async fn at(client: &mut Client, timestamp: i64) -> (i64, i32) {
    let request = ListOffsetsRequest {
        replica_id: -1,
        topics: vec![ListOffsetsTopic {
            name: "t".to_owned(),
            partitions: vec![ListOffsetsPartition {
                partition_index: 0,
                timestamp,
                ..Default::default()
            }],
        }],
        ..Default::default()
    };
    let mut response = client.call(7, &request).await;
    let row = response.topics.remove(0).partitions.remove(0);
    assert_eq!(row.error_code, ErrorCode::NONE);
    (row.offset, row.leader_epoch)
}

#[tokio::test]
async fn epochs_end_where_the_next_one_began() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    client.produce(9, -1, "t", batch(&["a", "b"])).await;
    let epoch = client.fetch(12, "t", 0, 0).await;
    assert_eq!(epoch.error_code, ErrorCode::NONE);
    let (_, first, end) = end_of(&mut client, -1, i32::MAX - 1).await;
    assert_eq!((first, end), (-1, -1), "above all known");

    let broker = broker.restart().await;
    let mut client = broker.client().await;
    client.produce(9, -1, "t", batch(&["c"])).await;
    let now = current(&mut client).await;
    assert_eq!(
        end_of(&mut client, now, now).await,
        (ErrorCode::NONE, now, 3)
    );
    let before = end_of(&mut client, -1, now - 1).await;
    assert_eq!((before.0, before.2), (ErrorCode::NONE, 2));
    assert!(before.1 < now);
    let fenced = end_of(&mut client, now - 1, now).await;
    assert_eq!(fenced, (ErrorCode::FENCED_LEADER_EPOCH, -1, -1));
    let unknown = end_of(&mut client, now + 1, now).await;
    assert_eq!(unknown.0, ErrorCode::UNKNOWN_LEADER_EPOCH);
}

/// A consumer that waited at the end while nothing was written knows an epoch that wrote nothing. Were it told that the
/// epoch is unknown, it would take the log for cut and begin anew.
#[tokio::test]
async fn an_epoch_that_wrote_nothing_ended_where_the_next_one_begins() {
    let broker = TestBroker::start(&[]).await;
    broker.client().await.create_topic("t", 1, &[]).await;
    let (broker, empty) = restarted(broker).await;
    let (broker, writing) = restarted(broker).await;
    let mut client = broker.client().await;
    let ended = end_of(&mut client, -1, empty).await;
    assert_eq!(ended, (ErrorCode::NONE, empty, 0), "nothing was written");
    client.produce(9, -1, "t", batch(&["a", "b"])).await;
    let ended = end_of(&mut client, -1, empty).await;
    assert_eq!((ended.0, ended.2), (ErrorCode::NONE, 0));
    let (broker, idle) = restarted(broker).await;
    let (broker, _) = restarted(broker).await;
    let mut client = broker.client().await;
    for asked in [writing, idle] {
        let ended = end_of(&mut client, -1, asked).await;
        assert_eq!(ended, (ErrorCode::NONE, writing, 2), "asked for {asked}");
    }
}

/// The broker after a restart, and its epoch.
async fn restarted(broker: TestBroker) -> (TestBroker, i32) {
    let broker = broker.restart().await;
    let epoch = current(&mut broker.client().await).await;
    (broker, epoch)
}

#[tokio::test]
async fn offsets_come_with_the_epoch_of_their_records() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    client.produce(9, -1, "t", batch(&["a", "b"])).await;
    let first = current(&mut client).await;
    let broker = broker.restart().await;
    let mut client = broker.client().await;
    let now = current(&mut client).await;
    assert!(now > first);
    assert_eq!(at(&mut client, EARLIEST_TIMESTAMP).await, (0, first));
    assert_eq!(at(&mut client, 0).await, (0, first));
    assert_eq!(at(&mut client, MAX_TIMESTAMP).await.1, first);
    assert_eq!(at(&mut client, LATEST_TIMESTAMP).await, (2, now));
    client.produce(9, -1, "t", batch(&["c"])).await;
    assert_eq!(at(&mut client, EARLIEST_TIMESTAMP).await, (0, first));
    assert_eq!(at(&mut client, MAX_TIMESTAMP).await, (2, now));
}
