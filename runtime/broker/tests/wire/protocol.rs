//! The protocol's edges: versions, frames that are none, order of answers.

use std::time::Duration;

use crate::support::{Client, TestBroker, batch, produce_request};
use millrace_wire::codec::{Decoder, Encoder};
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, FindCoordinatorRequest, Message,
    MetadataRequest, MetadataRequestTopic, MetadataResponse, ProduceRequest, encode_request,
};
use millrace_wire::pool::Pool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn raw_header(key: i16, version: i16) -> Encoder {
    let mut encoder = Encoder::new();
    encoder.put_i16(key);
    encoder.put_i16(version);
    encoder.put_i32(1);
    encoder.put_short_string(Some("raw")).unwrap();
    encoder
}

fn frame_of(encoder: Encoder) -> bytes::Bytes {
    encoder.finish().into_contiguous(Pool::global()).unwrap()
}

fn named(name: &str) -> MetadataRequest {
    let topic = MetadataRequestTopic {
        name: Some(name.to_owned()),
        ..Default::default()
    };
    MetadataRequest {
        topics: Some(vec![topic]),
        ..Default::default()
    }
}

#[tokio::test]
async fn api_versions_answers_an_unknown_version_in_version_0() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    let mut encoder = raw_header(18, 99);
    encoder.put_uvarint(0);
    client.send_frame(&frame_of(encoder)).await;
    let mut decoder = Decoder::new(client.receive_frame().await.unwrap());
    assert_eq!(decoder.get_i32().unwrap(), 1);
    let response = ApiVersionsResponse::decode(&mut decoder, 0).unwrap();
    assert_eq!(response.error_code, ErrorCode::UNSUPPORTED_VERSION);
    let own = response
        .api_keys
        .iter()
        .find(|api| api.api_key == 18)
        .unwrap();
    assert_eq!((own.min_version, own.max_version), (0, 4));
}

#[tokio::test]
async fn api_versions_lists_the_table_with_produce_from_0() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    for version in 0..=4 {
        let request = ApiVersionsRequest {
            client_software_name: "test".to_owned(),
            client_software_version: "1.0".to_owned(),
        };
        let response = client.call(version, &request).await;
        assert_eq!(response.error_code, ErrorCode::NONE);
        let produce = response
            .api_keys
            .iter()
            .find(|api| api.api_key == 0)
            .unwrap();
        assert_eq!((produce.min_version, produce.max_version), (0, 13));
        assert_eq!(response.api_keys.len(), ApiKey::ALL.len());
    }
    let odd = ApiVersionsRequest {
        client_software_name: "-x".to_owned(),
        client_software_version: "1".to_owned(),
    };
    assert_eq!(
        client.call(3, &odd).await.error_code,
        ErrorCode::INVALID_REQUEST
    );
}

#[tokio::test]
async fn frames_that_are_none_close_the_connection_and_hurt_nobody() {
    let broker = TestBroker::start(&[("socket.request.max.bytes", "1000")]).await;
    let mut bystander = broker.client().await;
    let too_large = 1001_i32.to_be_bytes().to_vec();
    let huge = i32::MAX.to_be_bytes().to_vec();
    let negative = (-1_i32).to_be_bytes().to_vec();
    for bytes in [
        too_large,
        huge,
        negative,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
    ] {
        let mut client = broker.client().await;
        client.stream.write_all(&bytes).await.unwrap();
        client.assert_closed().await;
    }
    let produce_2 = raw_header(0, 2);
    let unknown_key = raw_header(999, 0);
    let unknown_version = raw_header(3, 14);
    // A Metadata request that claims 2^31 - 1 topics.
    let mut long_array = raw_header(3, 1);
    long_array.put_i32(i32::MAX);
    let mut short = Encoder::new();
    short.put_i8(0);
    for encoder in [produce_2, unknown_key, unknown_version, long_array, short] {
        let mut client = broker.client().await;
        client.send_frame(&frame_of(encoder)).await;
        client.assert_closed().await;
    }
    let metadata = bystander
        .call(
            12,
            &MetadataRequest {
                topics: Some(Vec::new()),
                ..Default::default()
            },
        )
        .await;
    assert_eq!(metadata.brokers.len(), 1);
}

#[tokio::test]
async fn a_request_may_arrive_byte_by_byte() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    let frame = encode_request(5, None, 12, &named("slow"))
        .unwrap()
        .into_contiguous(Pool::global())
        .unwrap();
    let size = (frame.len() as i32).to_be_bytes();
    for byte in size.iter().chain(frame.iter()) {
        client.stream.write_all(&[*byte]).await.unwrap();
        client.stream.flush().await.unwrap();
        tokio::task::yield_now().await;
    }
    let response = client.receive::<MetadataRequest>(12, 5).await;
    assert_eq!(response.topics[0].name.as_deref(), Some("slow"));
}

/// Topics other than the broker's own, which it makes on its own time. Version 0 does not mark those.
fn own_topics(response: &MetadataResponse) -> usize {
    let names = response
        .topics
        .iter()
        .filter_map(|topic| topic.name.as_deref());
    names.filter(|name| !name.starts_with("__")).count()
}

#[tokio::test]
async fn metadata_tells_all_none_or_named_topics() {
    let broker = TestBroker::start(&[("num.partitions", "3")]).await;
    let mut client = broker.client().await;
    client.create_topic("a", 1, &[]).await;
    let topics = |topics| MetadataRequest {
        topics,
        ..Default::default()
    };
    for version in 1..=13 {
        assert_eq!(
            client
                .call(version, &topics(Some(Vec::new())))
                .await
                .topics
                .len(),
            0
        );
        let all = client.call(version, &topics(None)).await;
        assert_eq!(own_topics(&all), 1);
        assert_eq!(all.brokers[0].port, i32::from(broker.address().port()));
        assert_eq!(all.controller_id, all.brokers[0].node_id);
    }
    let all = client.call(0, &topics(Some(Vec::new()))).await;
    assert_eq!(own_topics(&all), 1);

    let bad = client.call(12, &named("bad name!")).await;
    assert_eq!(bad.topics[0].error_code, ErrorCode::INVALID_TOPIC_EXCEPTION);
    let mut asking = named("missing");
    asking.allow_auto_topic_creation = false;
    assert_eq!(
        client.call(12, &asking).await.topics[0].error_code,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    );
    assert_eq!(own_topics(&client.call(12, &topics(None)).await), 1);

    let made = client.call(12, &named("made")).await;
    assert_eq!(made.topics[0].error_code, ErrorCode::NONE);
    assert_eq!(made.topics[0].partitions.len(), 3);
    let by_id = MetadataRequestTopic {
        topic_id: made.topics[0].topic_id,
        name: None,
    };
    let response = client.call(12, &topics(Some(vec![by_id]))).await;
    assert_eq!(response.topics[0].name.as_deref(), Some("made"));
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    let mut sent = Vec::new();
    for value in ["a", "b", "c"] {
        sent.push(
            client
                .send(9, &produce_request(-1, "t", 0, Some(batch(&[value]))))
                .await,
        );
    }
    let last = client.send(12, &named("t")).await;
    for (offset, correlation_id) in sent.into_iter().enumerate() {
        let response = client.receive::<ProduceRequest>(9, correlation_id).await;
        let partition = &response.responses[0].partition_responses[0];
        assert_eq!(
            (partition.error_code, partition.base_offset),
            (ErrorCode::NONE, offset as i64)
        );
    }
    client.receive::<MetadataRequest>(12, last).await;
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let broker = TestBroker::start(&[("connections.max.idle.ms", "150")]).await;
    let mut client = broker.client().await;
    client.assert_closed().await;
    // Half a request does not keep it open either.
    let mut client = broker.client().await;
    client.stream.write_all(&[0, 0]).await.unwrap();
    client.assert_closed().await;
}

#[tokio::test]
async fn connections_above_the_limit_wait_for_a_place() {
    let broker = TestBroker::start(&[("max.connections", "1")]).await;
    let mut first = broker.client().await;
    first.call(12, &named("t")).await;
    let mut second = broker.client().await;
    let correlation_id = second.send(12, &named("t")).await;
    let early = tokio::time::timeout(Duration::from_millis(100), second.stream.read_u8()).await;
    assert!(early.is_err());
    drop(first);
    second.receive::<MetadataRequest>(12, correlation_id).await;
}

#[tokio::test]
async fn connections_above_the_limit_of_an_address_are_closed() {
    let broker = TestBroker::start(&[("max.connections.per.ip", "1")]).await;
    let mut first = broker.client().await;
    first.call(12, &named("t")).await;
    broker.client().await.assert_closed().await;
    first.call(12, &named("t")).await;
}

#[tokio::test]
async fn a_stop_answers_what_is_parked() {
    let broker = TestBroker::start(&[]).await;
    let mut client = broker.client().await;
    client.create_topic("t", 1, &[]).await;
    let correlation_id = client
        .send(11, &crate::support::fetch_request("t", 0, 60_000))
        .await;
    let mut byte = [0];
    let sure_that_it_is_parked = client.stream.peek(&mut byte);
    assert!(
        tokio::time::timeout(Duration::from_millis(300), sure_that_it_is_parked)
            .await
            .is_err()
    );
    assert!(broker.broker.shutdown(Duration::from_secs(10)).await);
    client
        .receive::<millrace_wire::messages::FetchRequest>(11, correlation_id)
        .await;
    client.assert_closed().await;
}

#[tokio::test]
async fn each_listener_advertises_itself() {
    let broker = TestBroker::start(&[
        ("listeners", "IN://127.0.0.1:0,OUT://127.0.0.1:0"),
        (
            "listener.security.protocol.map",
            "IN:PLAINTEXT,OUT:PLAINTEXT",
        ),
        ("advertised.listeners", "OUT://kafka.example.org:19092"),
        ("max.connections", "2"),
    ])
    .await;
    let nobody = MetadataRequest {
        topics: Some(Vec::new()),
        ..Default::default()
    };
    let addresses: Vec<_> = broker
        .broker
        .listeners()
        .iter()
        .map(|listener| listener.local)
        .collect();
    let mut inner = Client::connect(addresses[0]).await;
    let mut outer = Client::connect(addresses[1]).await;
    let told = inner.call(12, &nobody).await.brokers.remove(0);
    assert_eq!(
        (told.host.as_str(), told.port),
        ("127.0.0.1", i32::from(addresses[0].port()))
    );
    let told = outer.call(12, &nobody).await.brokers.remove(0);
    assert_eq!(
        (told.host.as_str(), told.port),
        ("kafka.example.org", 19092)
    );
    let coordinator = FindCoordinatorRequest {
        key: "g".to_owned(),
        ..Default::default()
    };
    let told = outer.call(2, &coordinator).await;
    assert_eq!(
        (told.host.as_str(), told.port),
        ("kafka.example.org", 19092)
    );
}
