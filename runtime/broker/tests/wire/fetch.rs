//! Fetch on the wire: sizes, waiting, sessions, errors.

use std::time::{Duration, Instant};

use crate::support::{
    Client, TestBroker, batch as one_batch, bytes_of, fetch_request, produce_request,
};
use millrace_wire::batch;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::link::{Dial, Reply};
use millrace_wire::messages::{
    DeleteTopicsRequest, FetchRequest, FetchTopic, MetadataRequest, MetadataRequestTopic,
    decode_response, encode_request,
};
use millrace_wire::uuid::Uuid;

async fn topic_id(client: &mut Client, name: &str) -> Uuid {
    let topic = MetadataRequestTopic {
        name: Some(name.to_owned()),
        ..Default::default()
    };
    client
        .call(
            12,
            &MetadataRequest {
                topics: Some(vec![topic]),
                ..Default::default()
            },
        )
        .await
        .topics[0]
        .topic_id
}

#[tokio::test]
async fn a_fetch_gives_whole_batches_and_at_least_one() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    let large = "x".repeat(10_000);
    client
        .produce(9, -1, "t", one_batch(&["a", "b", "c"]))
        .await;
    client
        .produce(9, -1, "t", one_batch(&[large.as_str()]))
        .await;
    let middle = bytes_of(&client.fetch(11, "t", 1, 0).await);
    assert_eq!(middle[..8], 0_i64.to_be_bytes());
    assert_eq!(batch::batches(&middle).count(), 2);
    let mut request = fetch_request("t", 3, 0);
    request.max_bytes = 1;
    let response = client.call(11, &request).await;
    let fetched = bytes_of(&response.responses[0].partitions[0]);
    assert!(fetched.len() > 10_000);
    assert_eq!(batch::batches(&fetched).count(), 1);
}

#[tokio::test]
async fn the_size_of_an_answer_is_bounded_over_partitions() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 2, &[]).await;
    let text = "x".repeat(1000);
    for partition in [0, 1] {
        for _ in 0..3 {
            client
                .call(
                    9,
                    &produce_request(-1, "t", partition, Some(one_batch(&[text.as_str()]))),
                )
                .await;
        }
    }
    let mut request = fetch_request("t", 0, 0);
    let second = request.topics[0].partitions[0].clone();
    request.topics[0].partitions.push(second);
    request.topics[0].partitions[1].partition = 1;
    let lengths = |response: &millrace_wire::messages::FetchResponse| -> Vec<usize> {
        response.responses[0]
            .partitions
            .iter()
            .map(|partition| bytes_of(partition).len())
            .collect()
    };
    let all = lengths(&client.call(11, &request).await);
    assert_eq!(all[0], all[1]);
    request.max_bytes = (all[0] + all[0] / 3) as i32;
    assert_eq!(
        lengths(&client.call(11, &request).await),
        [all[0], all[0] / 3]
    );
    request.max_bytes = all[0] as i32 / 2;
    assert_eq!(lengths(&client.call(11, &request).await), [all[0] / 3, 0]);
}

#[tokio::test]
async fn a_fetch_at_the_end_waits_for_time_or_data() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    let start = Instant::now();
    let empty = client.fetch(11, "t", 0, 300).await;
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_eq!(
        (empty.error_code, bytes_of(&empty).len()),
        (ErrorCode::NONE, 0)
    );

    let parked = client.send(11, &fetch_request("t", 0, 300_000)).await;
    let start = Instant::now();
    broker
        .client()
        .await
        .produce(9, -1, "t", one_batch(&["x"]))
        .await;
    let response = client.receive::<FetchRequest>(11, parked).await;
    assert!(start.elapsed() < Duration::from_secs(200));
    assert!(!bytes_of(&response.responses[0].partitions[0]).is_empty());
    assert_eq!(response.responses[0].partitions[0].high_watermark, 1);
}

#[tokio::test]
async fn a_parked_fetch_hears_of_its_topics_end() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    let parked = client.send(11, &fetch_request("t", 0, 300_000)).await;
    let request = DeleteTopicsRequest {
        topic_names: vec!["t".into()],
        timeout_ms: 1000,
        ..Default::default()
    };
    assert!(
        broker.client().await.call(4, &request).await.responses[0]
            .error_code
            .is_ok()
    );
    let response = client.receive::<FetchRequest>(11, parked).await;
    assert_eq!(
        response.responses[0].partitions[0].error_code,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    );
}

#[tokio::test]
async fn offsets_and_epochs_are_checked() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    client.produce(9, -1, "t", one_batch(&["x"])).await;
    for offset in [-1, 2] {
        let failed = client.fetch(11, "t", offset, 1000).await;
        assert_eq!(failed.error_code, ErrorCode::OFFSET_OUT_OF_RANGE);
        assert_eq!(
            (
                failed.high_watermark,
                failed.last_stable_offset,
                failed.log_start_offset
            ),
            (-1, -1, -1)
        );
    }
    let metadata = MetadataRequest {
        topics: None,
        ..Default::default()
    };
    let epoch = client.call(12, &metadata).await.topics[0].partitions[0].leader_epoch;
    for (known, expected) in [
        (epoch - 1, ErrorCode::FENCED_LEADER_EPOCH),
        (epoch, ErrorCode::NONE),
        (epoch + 1, ErrorCode::UNKNOWN_LEADER_EPOCH),
    ] {
        let mut request = fetch_request("t", 0, 0);
        request.topics[0].partitions[0].current_leader_epoch = known;
        if known < 0 {
            continue;
        }
        assert_eq!(
            client.call(11, &request).await.responses[0].partitions[0].error_code,
            expected
        );
    }
    let mut request = fetch_request("t", 0, 0);
    request.topics[0].partitions[0].last_fetched_epoch = epoch;
    request.topics[0].partitions[0].fetch_offset = 5;
    let diverged = &client.call(12, &request).await.responses[0].partitions[0];
    assert_eq!(
        (diverged.error_code, diverged.diverging_epoch.end_offset),
        (ErrorCode::NONE, 1)
    );
}

#[tokio::test]
async fn a_deleted_topics_id_is_unknown() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    let old = topic_id(&mut client, "t").await;
    let by_id = |id| {
        let mut request = fetch_request("", 0, 0);
        request.topics[0].topic_id = id;
        request
    };
    for version in 13..=18 {
        let response = client.call(version, &by_id(old)).await;
        assert_eq!(response.responses[0].topic_id, old);
        assert_eq!(
            response.responses[0].partitions[0].error_code,
            ErrorCode::NONE
        );
    }
    let request = DeleteTopicsRequest {
        topic_names: vec!["t".into()],
        timeout_ms: 1000,
        ..Default::default()
    };
    client.call(4, &request).await;
    client.create_topic("t", 1, &[]).await;
    assert_ne!(topic_id(&mut client, "t").await, old);
    let response = client.call(13, &by_id(old)).await;
    assert_eq!(
        response.responses[0].partitions[0].error_code,
        ErrorCode::UNKNOWN_TOPIC_ID
    );
}

#[tokio::test]
async fn a_session_tells_only_what_is_new() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    let mut open = fetch_request("t", 0, 0);
    open.session_epoch = 0;
    let opened = client.call(11, &open).await;
    let session_id = opened.session_id;
    assert_ne!(session_id, 0);
    assert_eq!(opened.responses.len(), 1);
    let next = |session_epoch| FetchRequest {
        session_id,
        session_epoch,
        min_bytes: 1,
        ..Default::default()
    };
    assert_eq!(client.call(11, &next(1)).await.responses, []);
    // Another connection may carry on.
    let mut other = broker.client().await;
    other.produce(9, -1, "t", one_batch(&["x"])).await;
    assert_eq!(
        other.call(11, &next(2)).await.responses[0].partitions[0].high_watermark,
        1
    );

    assert_eq!(
        client.call(11, &next(9)).await.error_code,
        ErrorCode::INVALID_FETCH_SESSION_EPOCH
    );
    let unknown = FetchRequest {
        session_id: session_id ^ 1,
        session_epoch: 1,
        ..Default::default()
    };
    assert_eq!(
        client.call(11, &unknown).await.error_code,
        ErrorCode::FETCH_SESSION_ID_NOT_FOUND
    );
    let closing = FetchRequest {
        session_id,
        session_epoch: -1,
        topics: vec![FetchTopic::default()],
        ..Default::default()
    };
    assert_eq!(client.call(11, &closing).await.session_id, 0);
    assert_eq!(
        client.call(11, &next(3)).await.error_code,
        ErrorCode::FETCH_SESSION_ID_NOT_FOUND
    );
}

#[tokio::test]
async fn large_answers_pass_a_slow_reader_whole() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    let text = "y".repeat(900_000);
    let sent: Vec<_> = (0..12).map(|_| one_batch(&[text.as_str()])).collect();
    for batch in &sent {
        assert!(
            client
                .produce(9, 1, "t", batch.clone())
                .await
                .error_code
                .is_ok()
        );
    }
    client.produce(9, -1, "t", one_batch(&["end"])).await;
    let mut request = fetch_request("t", 0, 0);
    request.topics[0].partitions[0].partition_max_bytes = i32::MAX;
    let correlation_id = client.send(11, &request).await;
    // The answer fills the socket's buffers long before it is read.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let response = client.receive::<FetchRequest>(11, correlation_id).await;
    let fetched = bytes_of(&response.responses[0].partitions[0]);
    let batches: Vec<_> = batch::batches(&fetched).collect();
    assert_eq!(batches.len(), sent.len() + 1);
    for batch in batches {
        batch.unwrap().check_crc().unwrap();
    }
}

#[tokio::test]
async fn the_memory_link_serves_the_same() {
    let broker = TestBroker::start(&[]).await;
    broker.client().await.create_topic("t", 1, &[]).await;
    let link = broker.broker.dial().dial("anywhere", 1).await.unwrap();
    let produce = produce_request(-1, "t", 0, Some(one_batch(&["through memory"])));
    let frame = encode_request(1, Some("m"), 9, &produce).unwrap();
    let answer = link.call(frame, Reply::Expected).await.unwrap().unwrap();
    let (_, response) =
        decode_response::<millrace_wire::messages::ProduceRequest>(9, answer).unwrap();
    assert!(
        response.responses[0].partition_responses[0]
            .error_code
            .is_ok()
    );
    let frame = encode_request(2, None, 11, &fetch_request("t", 0, 1000)).unwrap();
    let answer = link.call(frame, Reply::Expected).await.unwrap().unwrap();
    let (_, response) = decode_response::<FetchRequest>(11, answer).unwrap();
    assert!(!bytes_of(&response.responses[0].partitions[0]).is_empty());

    let silent = encode_request(
        3,
        None,
        9,
        &produce_request(0, "t", 0, Some(one_batch(&["x"]))),
    )
    .unwrap();
    assert_eq!(link.call(silent, Reply::None).await.unwrap(), None);
    let refused = encode_request(4, None, 9, &produce_request(0, "missing", 0, None)).unwrap();
    assert!(link.call(refused, Reply::None).await.is_err());
    assert!(link.is_closed());
}

#[tokio::test]
async fn a_call_through_memory_that_waits_holds_little_of_it() {
    let broker = TestBroker::start(&[]).await;
    let link = broker.broker.dial().dial("anywhere", 1).await.unwrap();
    let frame = encode_request(1, None, 11, &fetch_request("t", 0, 1000)).unwrap();
    let size = size_of_val(&*link.call(frame, Reply::Expected));
    assert!(size <= 4 << 10, "{size} bytes");
}
