//! Bytes that mean harm: random ones, and messages with some bytes changed, cut or repeated.
//! The same function is the fuzz target of `runtime/wire/fuzz`.
#![allow(clippy::unwrap_used, clippy::let_underscore_must_use)]

#[path = "../fuzz/decode_any.rs"]
mod decode_any;

use bytes::Bytes;
use decode_any::decode_any;
use millrace_wire::codec::Encoder;
use millrace_wire::messages::*;
use millrace_wire::pool::Pool;
use millrace_wire::records::Records;
use proptest::prelude::*;

/// Choices that `decode_any` takes for API `index` of the table.
fn choice_of(index: usize) -> u8 {
    (index * 4 + 3) as u8
}

fn produce() -> ProduceRequest {
    let partition = PartitionProduceData {
        index: 3,
        records: Some(Records::from(Bytes::from_static(&[7; 90]))),
    };
    let topic = TopicProduceData {
        name: "topic".to_owned(),
        partition_data: vec![partition; 3],
        ..Default::default()
    };
    ProduceRequest {
        transactional_id: Some("id".to_owned()),
        topic_data: vec![topic; 2],
        ..Default::default()
    }
}

fn metadata() -> MetadataResponse {
    let partition = MetadataResponsePartition {
        replica_nodes: vec![1, 2, 3],
        ..Default::default()
    };
    let topic = MetadataResponseTopic {
        name: Some("t".to_owned()),
        partitions: vec![partition; 4],
        ..Default::default()
    };
    MetadataResponse {
        cluster_id: Some("c".to_owned()),
        topics: vec![topic; 3],
        ..Default::default()
    }
}

fn encoded<M: Message>(key: ApiKey, version: i16, message: &M) -> Vec<u8> {
    let mut encoder = Encoder::new();
    message.encode(&mut encoder, version).unwrap();
    let index = ApiKey::ALL.iter().position(|known| *known == key).unwrap();
    let version_choice = (version - key.versions().start()) as u8;
    let mut data = vec![choice_of(index), version_choice];
    data.extend_from_slice(&encoder.finish().into_contiguous(Pool::global()).unwrap());
    data
}

/// Real messages to start from.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for version in ApiKey::Produce.versions() {
        seeds.push(encoded(ApiKey::Produce, version, &produce()));
    }
    for version in ApiKey::Metadata.versions() {
        seeds.push(encoded(ApiKey::Metadata, version, &metadata()));
    }
    seeds
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(data in proptest::collection::vec(any::<u8>(), 0..400)) {
        decode_any(&data);
    }

    #[test]
    fn every_api_and_version(index in 0..ApiKey::ALL.len(), version: u8, data in proptest::collection::vec(any::<u8>(), 0..120)) {
        decode_any(&[vec![choice_of(index), version], data].concat());
    }

    #[test]
    fn mutated_messages(
        seed in proptest::sample::select(seeds()),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut data = seed;
        for (at, byte) in changes {
            let at = 2 + at.index(data.len() - 2);
            data[at] = byte;
        }
        if let Some(cut) = cut {
            data.truncate(2 + cut.index(data.len() - 2));
        }
        decode_any(&data);
    }
}
