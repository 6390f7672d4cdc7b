//! Record batches against kafka-protocol: what one side encodes the other decodes to the same
//! records.
#![allow(clippy::unwrap_used)]

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{
    Compression as OtherCompression, Record, RecordBatchDecoder, RecordBatchEncoder,
    RecordEncodeOptions, TimestampType,
};
use millrace_wire::batch::{Append, BatchBuilder, Headers, HeadersBuf, ProducerIdentity, batches};
use millrace_wire::compression::{Compression, decompress};
use millrace_wire::pool::Pool;
use proptest::prelude::*;

const LIMIT: usize = 16 << 20;

/// Everything of a record that both sides can say: kafka-protocol merges headers of equal keys.
#[derive(Debug, Clone, PartialEq)]
struct Plain {
    timestamp: i64,
    key: Option<Bytes>,
    value: Option<Bytes>,
    header: Option<(String, Option<Bytes>)>,
}

fn field() -> impl Strategy<Value = Option<Bytes>> {
    prop::option::of(prop::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from))
}

fn records() -> impl Strategy<Value = Vec<Plain>> {
    let header = prop::option::of(("[a-zé]{0,5}", field()));
    let record = (0..2_000_000_000_000i64, field(), field(), header).prop_map(
        |(timestamp, key, value, header)| Plain {
            timestamp,
            key,
            value,
            header,
        },
    );
    prop::collection::vec(record, 1..40)
}

fn ours(records: &[Plain], identity: ProducerIdentity, codec: Compression) -> Bytes {
    let mut builder = BatchBuilder::new(Pool::global(), LIMIT);
    for record in records {
        let mut headers = HeadersBuf::new();
        if let Some((key, value)) = &record.header {
            headers.push(key, value.as_deref());
        }
        let section = headers.into_section();
        let headers = Headers::parse(&section).unwrap();
        let outcome = builder.append(
            record.timestamp,
            record.key.as_deref(),
            record.value.as_deref(),
            headers,
        );
        assert_eq!(outcome, Append::Added);
    }
    builder
        .close(identity, codec, None)
        .unwrap()
        .bytes()
        .clone()
}

fn theirs(records: &[Plain], identity: ProducerIdentity) -> Bytes {
    let record = |(at, record): (usize, &Plain)| Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: identity.producer_id,
        producer_epoch: identity.epoch,
        timestamp_type: TimestampType::Creation,
        offset: at as i64,
        sequence: identity.base_sequence.wrapping_add(at as i32),
        timestamp: record.timestamp,
        key: record.key.clone(),
        value: record.value.clone(),
        headers: record
            .header
            .iter()
            .map(|(key, value)| (StrBytes::from_string(key.clone()), value.clone()))
            .collect(),
    };
    let list: Vec<Record> = records.iter().enumerate().map(record).collect();
    let mut buf = BytesMut::new();
    let options = RecordEncodeOptions {
        version: 2,
        compression: OtherCompression::None,
    };
    RecordBatchEncoder::encode(&mut buf, &list, &options).unwrap();
    buf.freeze()
}

fn read_ours(bytes: &Bytes) -> Vec<Plain> {
    let mut plain = Vec::new();
    for batch in batches(bytes) {
        let batch = batch.unwrap();
        batch.check_crc().unwrap();
        let decoded = batch.decode(LIMIT, Pool::global()).unwrap();
        for row in &decoded.rows {
            assert_eq!(row.offset, plain.len() as i64);
            let headers = Headers::parse(row.headers.of(&decoded.data).unwrap()).unwrap();
            let owned = |bytes: Option<&[u8]>| bytes.map(Bytes::copy_from_slice);
            plain.push(Plain {
                timestamp: row.timestamp,
                key: owned(row.key.of(&decoded.data)),
                value: owned(row.value.of(&decoded.data)),
                header: headers.iter().next().map(|header| {
                    (
                        String::from_utf8(header.key.to_vec()).unwrap(),
                        owned(header.value),
                    )
                }),
            });
        }
    }
    plain
}

fn read_theirs(bytes: &Bytes) -> Vec<Record> {
    let unpack = |bytes: &mut Bytes, codec: OtherCompression| {
        let codec = Compression::from_id(codec as i8).unwrap();
        let all = bytes.split_off(0);
        Ok(decompress(codec, &all, LIMIT, Pool::global()).unwrap())
    };
    let sets = RecordBatchDecoder::decode_with_custom_compression(&mut bytes.clone(), Some(unpack))
        .unwrap();
    sets.records
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn they_read_what_we_write(records in records(), base_sequence in 0..i32::MAX / 2) {
        let identity = ProducerIdentity { producer_id: 77, epoch: 3, base_sequence, transactional: false };
        for codec in Compression::ALL {
            let read = read_theirs(&ours(&records, identity, codec));
            prop_assert_eq!(read.len(), records.len());
            for (at, (read, record)) in read.iter().zip(&records).enumerate() {
                prop_assert_eq!(read.timestamp, record.timestamp);
                prop_assert_eq!(&read.key, &record.key);
                prop_assert_eq!(&read.value, &record.value);
                prop_assert_eq!((read.offset, read.producer_id, read.producer_epoch), (at as i64, 77, 3));
                prop_assert_eq!(read.sequence, base_sequence + at as i32);
                let header = read.headers.first().map(|(key, value)| (key.to_string(), value.clone()));
                prop_assert_eq!(&header, &record.header);
            }
        }
    }

    #[test]
    fn we_read_what_they_write(records in records()) {
        prop_assert_eq!(read_ours(&theirs(&records, ProducerIdentity::NONE)), records);
    }

    #[test]
    fn both_write_the_same_bytes(mut records in records()) {
        // The base is the first timestamp with us and the smallest with them; both are right.
        records.sort_by_key(|record| record.timestamp);
        let identity = ProducerIdentity { producer_id: 5, epoch: 0, base_sequence: 9, transactional: false };
        let (ours, theirs) = (ours(&records, identity, Compression::None), theirs(&records, identity));
        prop_assert_eq!(ours, theirs);
    }
}
