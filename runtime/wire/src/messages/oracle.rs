//! Every message in every version against kafka-protocol, an independent codec made from Kafka's schemas.
//!
//! What is written here is read there, written there again and compared byte by byte, then read back here. The
//! names of fields are compared through the texts of `Debug`, so that two fields of one type cannot be swapped.

use std::collections::HashMap;
use std::fmt::Debug;

use bytes::BytesMut;
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable};

use super::consumer_protocol::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use super::sample::{Sample, Sampler};
use super::*;
use crate::uuid::Uuid;

const ROUNDS: u64 = 40;

macro_rules! oracle {
    ($($test:ident $request:ident $response:ident;)*) => {$(
        #[test]
        fn $test() {
            for version in <$request as Request>::VERSIONS {
                for seed in 0..ROUNDS {
                    compare::<$request, theirs::$request>(version, seed);
                    compare::<$response, theirs::$response>(version, seed);
                }
            }
        }
    )*};
}

oracle! {
    produce ProduceRequest ProduceResponse;
    fetch FetchRequest FetchResponse;
    list_offsets ListOffsetsRequest ListOffsetsResponse;
    metadata MetadataRequest MetadataResponse;
    offset_commit OffsetCommitRequest OffsetCommitResponse;
    offset_fetch OffsetFetchRequest OffsetFetchResponse;
    find_coordinator FindCoordinatorRequest FindCoordinatorResponse;
    join_group JoinGroupRequest JoinGroupResponse;
    heartbeat HeartbeatRequest HeartbeatResponse;
    leave_group LeaveGroupRequest LeaveGroupResponse;
    sync_group SyncGroupRequest SyncGroupResponse;
    describe_groups DescribeGroupsRequest DescribeGroupsResponse;
    list_groups ListGroupsRequest ListGroupsResponse;
    api_versions ApiVersionsRequest ApiVersionsResponse;
    create_topics CreateTopicsRequest CreateTopicsResponse;
    delete_topics DeleteTopicsRequest DeleteTopicsResponse;
    init_producer_id InitProducerIdRequest InitProducerIdResponse;
    delete_groups DeleteGroupsRequest DeleteGroupsResponse;
    offset_delete OffsetDeleteRequest OffsetDeleteResponse;
    delete_records DeleteRecordsRequest DeleteRecordsResponse;
    offset_for_leader_epoch OffsetForLeaderEpochRequest OffsetForLeaderEpochResponse;
    describe_configs DescribeConfigsRequest DescribeConfigsResponse;
    alter_configs AlterConfigsRequest AlterConfigsResponse;
    incremental_alter_configs IncrementalAlterConfigsRequest IncrementalAlterConfigsResponse;
    describe_log_dirs DescribeLogDirsRequest DescribeLogDirsResponse;
    create_partitions CreatePartitionsRequest CreatePartitionsResponse;
    describe_cluster DescribeClusterRequest DescribeClusterResponse;
    describe_producers DescribeProducersRequest DescribeProducersResponse;
    list_config_resources ListConfigResourcesRequest ListConfigResourcesResponse;
    elect_leaders ElectLeadersRequest ElectLeadersResponse;
    alter_partition_reassignments AlterPartitionReassignmentsRequest AlterPartitionReassignmentsResponse;
    list_partition_reassignments ListPartitionReassignmentsRequest ListPartitionReassignmentsResponse;
    describe_topic_partitions DescribeTopicPartitionsRequest DescribeTopicPartitionsResponse;
    sasl_handshake SaslHandshakeRequest SaslHandshakeResponse;
    sasl_authenticate SaslAuthenticateRequest SaslAuthenticateResponse;
}

#[test]
fn consumer_protocol() {
    for version in 0..=consumer_protocol::VERSION_MAX {
        for seed in 0..ROUNDS {
            let mut sampler = Sampler::new(seed);
            let subscription = ConsumerProtocolSubscription::sample(&mut sampler, version, true);
            let blob = subscription.to_bytes(version).unwrap();
            let there =
                agrees::<theirs::ConsumerProtocolSubscription>(version, &blob[2..], &subscription);
            assert_eq!(there, blob[2..]);
            assert_eq!(
                ConsumerProtocolSubscription::from_bytes(blob).unwrap(),
                (version, subscription)
            );

            let assignment = ConsumerProtocolAssignment::sample(&mut sampler, version, true);
            let blob = assignment.to_bytes(version).unwrap();
            let there =
                agrees::<theirs::ConsumerProtocolAssignment>(version, &blob[2..], &assignment);
            assert_eq!(there, blob[2..]);
            assert_eq!(
                ConsumerProtocolAssignment::from_bytes(blob).unwrap(),
                (version, assignment)
            );
        }
    }
}

#[test]
fn a_blob_of_a_later_version_is_read_as_the_latest_known() {
    let subscription = ConsumerProtocolSubscription {
        topics: vec!["t".to_owned()],
        ..Default::default()
    };
    let mut blob = BytesMut::from(
        &subscription
            .to_bytes(consumer_protocol::VERSION_MAX)
            .unwrap()[..],
    );
    blob[1] = 9;
    blob.extend_from_slice(b"what later versions add");
    assert_eq!(
        ConsumerProtocolSubscription::from_bytes(blob.freeze()).unwrap(),
        (9, subscription)
    );
}

#[test]
fn fields_of_both_texts_are_the_same() {
    let here = "A { id: AAAAAAAAAAAAAAAAAAAAAQ, error_code: NONE(0), to: [B { name: \"x \\\" y\", at: Some(-5) }] }";
    let there = "A { id: 00000000-0000-0000-0000-000000000001, error_code: 0, \
                 to: [B { name: N(\"x \\\" y\"), at: Some(T(-5)) }] }";
    assert_eq!(fields(here), fields(there));
    assert_eq!(fields(here)[&("at".to_owned(), "-5".to_owned())], 1);
    assert_ne!(fields(here), fields(&there.replace("at", "on")));
}

#[test]
fn request_headers_agree() {
    use kafka_protocol::messages::ApiKey as TheirKey;
    for key in ApiKey::ALL {
        let their_key = TheirKey::try_from(*key as i16).unwrap();
        for version in key.versions() {
            let header_version = their_key.request_header_version(version);
            assert_eq!(
                header_version >= 2,
                key.is_flexible(version),
                "{key:?} {version}"
            );
            let header = theirs::RequestHeader::default()
                .with_request_api_key(*key as i16)
                .with_request_api_version(version)
                .with_correlation_id(77)
                .with_client_id(Some("me".to_owned().into()));
            let mut bytes = BytesMut::new();
            header.encode(&mut bytes, header_version).unwrap();
            let mut decoder = Decoder::new(bytes.freeze());
            let read = decode_request_header(&mut decoder).unwrap();
            let expected = RequestHeader {
                api_key: *key as i16,
                api_version: version,
                correlation_id: 77,
                client_id: Some("me".to_owned()),
            };
            assert_eq!((read, decoder.remaining()), (expected, 0));
        }
    }
}

#[test]
fn response_headers_agree() {
    use kafka_protocol::messages::ApiKey as TheirKey;
    for key in ApiKey::ALL {
        let their_key = TheirKey::try_from(*key as i16).unwrap();
        for version in key.versions() {
            let response = HeartbeatResponse::default();
            let frame = encode_response(*key, version, 5, &response)
                .unwrap()
                .into_memory();
            let has_tags = their_key.response_header_version(version) == 1;
            let body_len = {
                let mut encoder = Encoder::new();
                response.encode(&mut encoder, version).unwrap();
                encoder.len()
            };
            assert_eq!(
                frame.len(),
                4 + usize::from(has_tags) + body_len,
                "{key:?} {version}"
            );
        }
    }
}

fn compare<O: Message + Sample, T: Encodable + Decodable + Debug>(version: i16, seed: u64) {
    let ours = O::sample(
        &mut Sampler::new(seed ^ (u64::from(version.unsigned_abs()) << 20)),
        version,
        true,
    );
    let mut encoder = Encoder::new();
    ours.encode(&mut encoder, version).unwrap();
    let bytes = encoder.finish().into_memory();
    let there = agrees::<T>(version, &bytes, &ours);
    assert_eq!(there, bytes, "{} {version} seed {seed}: {ours:?}", O::NAME);
    let mut decoder = Decoder::new(there.freeze());
    assert_eq!(
        O::decode(&mut decoder, version).unwrap(),
        ours,
        "{} {version} seed {seed}",
        O::NAME
    );
    assert_eq!(decoder.remaining(), 0);
}

/// Reads the bytes there, compares the fields, and writes them there.
fn agrees<T: Encodable + Decodable + Debug>(
    version: i16,
    bytes: &[u8],
    ours: &impl Debug,
) -> BytesMut {
    let mut rest = bytes::Bytes::copy_from_slice(bytes);
    let theirs = T::decode(&mut rest, version)
        .unwrap_or_else(|error| panic!("version {version} is not read there: {error}\n{ours:?}"));
    assert!(
        rest.is_empty(),
        "version {version}: bytes are left there\n{ours:?}\n{theirs:?}"
    );
    let known = fields(&format!("{theirs:?}"));
    for (field, count) in fields(&format!("{ours:?}")) {
        let there = known.get(&field).copied().unwrap_or(0);
        // Defaults of fields that the version does not have may differ.
        assert!(
            there >= count || is_default(&field.1),
            "version {version}: {field:?} {count} times here, {there} times there\n{ours:?}\n{theirs:?}"
        );
    }
    let mut written = BytesMut::new();
    theirs.encode(&mut written, version).unwrap();
    written
}

fn is_default(value: &str) -> bool {
    matches!(
        value,
        "0" | "-1"
            | "None"
            | "false"
            | "true"
            | "\"\""
            | "\"00000000-0000-0000-0000-000000000000\""
    ) || value == i32::MIN.to_string()
        || value == i32::MAX.to_string()
        || value == i64::MAX.to_string()
        || value == "60000"
}

type Fields = HashMap<(String, String), usize>;

/// The scalar fields of a `Debug` text, with wrappers like `Some(…)` and `TopicName(…)` taken off.
fn fields(text: &str) -> Fields {
    let mut found = Fields::new();
    let mut name = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let token_len = token_len(rest);
        let token = &rest[..token_len];
        rest = &rest[token_len..];
        let is_name = rest.starts_with(':') && (first.is_alphabetic() || first == '_');
        if is_name {
            name = token.to_owned();
        } else if is_scalar(token) && !rest.starts_with('(') && !rest.starts_with(" {") {
            *found.entry((name.clone(), normal(token))).or_default() += 1;
        }
    }
    found
}

fn token_len(text: &str) -> usize {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    if text.starts_with('"') || text.starts_with("b\"") {
        let open = text.find('"').unwrap_or(0) + 1;
        let mut escaped = false;
        let close = text[open..].find(|c: char| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        return open + close.unwrap_or(0) + 1;
    }
    let word = text.find(|c: char| !is_word(c)).unwrap_or(text.len());
    word.max(text.chars().next().map_or(1, char::len_utf8))
}

/// Bytes are left out: they are compared with the whole.
fn is_scalar(token: &str) -> bool {
    if token.starts_with("b\"") {
        return false;
    }
    let first = token.chars().next().unwrap_or(' ');
    first.is_alphanumeric() || matches!(first, '-' | '_' | '"')
}

/// Ids are base64url here and hexadecimal there.
fn normal(token: &str) -> String {
    let hyphenated = token.len() == 36 && token.matches('-').count() == 4;
    match token.parse::<Uuid>() {
        Ok(id) if !token.starts_with('"') => format!("\"{}\"", id.to_hyphenated()),
        _ if hyphenated => format!("\"{token}\""),
        _ => token.to_owned(),
    }
}
