//! Produce on the wire: what is taken, what is refused, and what is then in the log.

use crate::support::{Client, TestBroker, batch, batch_of, bytes_of, produce_request};
use bytes::Bytes;
use millrace_wire::batch::ProducerIdentity;
use millrace_wire::clock;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    ApiVersionsRequest, InitProducerIdRequest, ListOffsetsPartition, ListOffsetsRequest,
    ListOffsetsTopic,
};

async fn log_end(client: &mut Client, topic: &str) -> i64 {
    list_offset(client, topic, -1).await.1
}

/// Error and offset of a look-up by time.
async fn list_offset(client: &mut Client, topic: &str, timestamp: i64) -> (ErrorCode, i64, i64) {
    let partition = ListOffsetsPartition {
        timestamp,
        current_leader_epoch: -1,
        ..Default::default()
    };
    let topic = ListOffsetsTopic {
        name: topic.to_owned(),
        partitions: vec![partition],
    };
    let request = ListOffsetsRequest {
        topics: vec![topic],
        ..Default::default()
    };
    let found = client.call(9, &request).await.topics[0].partitions[0].clone();
    (found.error_code, found.offset, found.timestamp)
}

#[tokio::test]
async fn what_was_produced_is_fetched_as_it_was_sent() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    for version in 3..=12 {
        let sent = batch(&["one", "two"]);
        let offset = i64::from(version - 3) * 2;
        let answer = client.produce(version, -1, "t", sent.clone()).await;
        assert_eq!(
            (answer.error_code, answer.base_offset),
            (ErrorCode::NONE, offset)
        );
        assert_eq!(answer.log_append_time_ms, -1);
        let fetched = bytes_of(&client.fetch(11, "t", offset, 0).await);
        assert_eq!(fetched[..8], offset.to_be_bytes());
        assert_eq!(fetched[8..12], sent[8..12]);
        assert_eq!(fetched[16..], sent[16..]);
    }
}

#[tokio::test]
async fn acks_0_is_not_answered_and_an_error_closes() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    client
        .send(9, &produce_request(0, "t", 0, Some(batch(&["x"]))))
        .await;
    let request = ApiVersionsRequest {
        client_software_name: "t".into(),
        client_software_version: "1".into(),
    };
    client.call(3, &request).await;
    client
        .send(9, &produce_request(0, "missing", 0, Some(batch(&["x"]))))
        .await;
    client.assert_closed().await;
}

#[tokio::test]
async fn refused_batches_leave_the_log_as_it_was() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client
        .create_topic("t", 1, &[("max.message.bytes", "1000")])
        .await;
    let good = batch(&["payload"]);
    let mut flipped = good.to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    let two = [good.clone(), good.clone()].concat();
    let mut control = good.to_vec();
    control[22] |= 0x20;
    let large = batch(&["x".repeat(1000).as_str()]);
    let mut old_magic = good.to_vec();
    old_magic[16] = 1;
    let cut = good.slice(..good.len() - 1);
    let table: Vec<(&str, Bytes, ErrorCode)> = vec![
        (
            "one byte flipped",
            flipped.into(),
            ErrorCode::CORRUPT_MESSAGE,
        ),
        ("two batches", two.into(), ErrorCode::INVALID_RECORD),
        ("no batch", Bytes::new(), ErrorCode::INVALID_RECORD),
        ("cut", cut, ErrorCode::INVALID_RECORD),
        ("old magic", old_magic.into(), ErrorCode::INVALID_RECORD),
        ("too large", large, ErrorCode::MESSAGE_TOO_LARGE),
    ];
    for (name, records, expected) in table {
        let answer = client.produce(9, -1, "t", records).await;
        assert_eq!(
            (answer.error_code, answer.base_offset),
            (expected, -1),
            "{name}"
        );
        assert!(answer.error_message.is_some(), "{name}");
    }
    // The checksum covers the attributes, so the bit alone is found as damage.
    assert!(
        !client
            .produce(9, -1, "t", control.into())
            .await
            .error_code
            .is_ok()
    );
    assert_eq!(log_end(&mut client, "t").await, 0);

    let response = client
        .call(9, &produce_request(2, "t", 0, Some(good.clone())))
        .await;
    assert_eq!(
        response.responses[0].partition_responses[0].error_code,
        ErrorCode::INVALID_REQUIRED_ACKS
    );
    let response = client.call(9, &produce_request(-1, "t", 0, None)).await;
    assert_eq!(
        response.responses[0].partition_responses[0].error_code,
        ErrorCode::INVALID_RECORD
    );
    let response = client
        .call(9, &produce_request(-1, "t", 1, Some(good.clone())))
        .await;
    assert_eq!(
        response.responses[0].partition_responses[0].error_code,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    );
    let response = client
        .call(13, &produce_request(-1, "", 0, Some(good)))
        .await;
    assert_eq!(
        response.responses[0].partition_responses[0].error_code,
        ErrorCode::UNKNOWN_TOPIC_ID
    );
    assert_eq!(log_end(&mut client, "t").await, 0);
}

#[tokio::test]
async fn internal_topics_are_not_written_by_clients() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    let request = millrace_wire::messages::FindCoordinatorRequest {
        key: "g".into(),
        ..Default::default()
    };
    assert!(client.call(2, &request).await.error_code.is_ok());
    let answer = client
        .produce(9, -1, "__consumer_offsets", batch(&["x"]))
        .await;
    assert_eq!(answer.error_code, ErrorCode::INVALID_TOPIC_EXCEPTION);
}

#[tokio::test]
async fn a_compacted_topic_wants_keys() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client
        .create_topic("t", 1, &[("cleanup.policy", "compact")])
        .await;
    let now = clock::system().now_ms();
    let records = batch_of(
        ProducerIdentity::NONE,
        &[(now, Some("k"), "v"), (now, None, "v")],
    );
    let answer = client.produce(9, -1, "t", records).await;
    assert_eq!(answer.error_code, ErrorCode::INVALID_RECORD);
    assert_eq!(answer.record_errors[0].batch_index, 1);
    assert_eq!(log_end(&mut client, "t").await, 0);
}

#[tokio::test]
async fn log_append_time_is_the_brokers() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client
        .create_topic("t", 1, &[("message.timestamp.type", "LogAppendTime")])
        .await;
    let sent = batch_of(ProducerIdentity::NONE, &[(1000, None, "v")]);
    let answer = client.produce(9, -1, "t", sent).await;
    assert!(answer.log_append_time_ms > 1_000_000);
    let fetched = bytes_of(&client.fetch(11, "t", 0, 0).await);
    let batch = millrace_wire::batch::Batch::parse(&fetched).unwrap();
    batch.check_crc().unwrap();
    assert_eq!(batch.header().max_timestamp, answer.log_append_time_ms);
}

#[tokio::test]
async fn idempotent_batches_are_stored_once_over_restarts() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    let producer = client
        .call(
            4,
            &InitProducerIdRequest {
                transaction_timeout_ms: 1,
                ..Default::default()
            },
        )
        .await;
    let now = clock::system().now_ms();
    let sequenced = |epoch, base_sequence| {
        let identity = ProducerIdentity {
            producer_id: producer.producer_id,
            epoch,
            base_sequence,
            transactional: false,
        };
        batch_of(identity, &[(now, None, "a"), (now, None, "b")])
    };
    let mut table = vec![
        (0, 0, ErrorCode::NONE, 0),
        (0, 0, ErrorCode::NONE, 0),
        (0, 2, ErrorCode::NONE, 2),
    ];
    table.push((0, 9, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1));
    for (epoch, sequence, error, offset) in table {
        let answer = client.produce(9, -1, "t", sequenced(epoch, sequence)).await;
        assert_eq!(
            (answer.error_code, answer.base_offset),
            (error, offset),
            "sequence {sequence}"
        );
    }
    assert_eq!(log_end(&mut client, "t").await, 4);

    let broker = broker.restart().await;
    let mut client = broker.client().await;
    let again = client.produce(9, -1, "t", sequenced(0, 2)).await;
    assert_eq!((again.error_code, again.base_offset), (ErrorCode::NONE, 2));
    assert_eq!(log_end(&mut client, "t").await, 4);
    let gap = client.produce(9, -1, "t", sequenced(1, 1)).await;
    assert_eq!(gap.error_code, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(
        client.produce(9, -1, "t", sequenced(1, 0)).await.error_code,
        ErrorCode::NONE
    );
    assert_eq!(
        client.produce(9, -1, "t", sequenced(0, 4)).await.error_code,
        ErrorCode::INVALID_PRODUCER_EPOCH
    );
    let other = client
        .call(
            4,
            &InitProducerIdRequest {
                transaction_timeout_ms: 1,
                ..Default::default()
            },
        )
        .await;
    assert_ne!(other.producer_id, producer.producer_id);
}

#[tokio::test]
async fn offsets_are_found_by_time() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    let records = [(1000, None, "a"), (3000, None, "b"), (2000, None, "c")];
    client
        .produce(9, -1, "t", batch_of(ProducerIdentity::NONE, &records))
        .await;
    let table = [
        (-1, 3, -1),
        (-2, 0, -1),
        (-3, 1, 3000),
        (0, 0, 1000),
        (1500, 1, 3000),
        (2000, 1, 3000),
        (3001, -1, -1),
    ];
    for (timestamp, offset, found) in table {
        assert_eq!(
            list_offset(&mut client, "t", timestamp).await,
            (ErrorCode::NONE, offset, found),
            "{timestamp}"
        );
    }
    assert_eq!(
        list_offset(&mut client, "t", -7).await.0,
        ErrorCode::UNSUPPORTED_VERSION
    );
    assert_eq!(
        list_offset(&mut client, "none", -1).await.0,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    );
}
