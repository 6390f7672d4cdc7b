use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::compression::Compression;
use crate::pool::Pool;

const LIMIT: usize = 64 << 20;

/// One record k to v, offset 0, time 1000, no producer.
const ONE_RECORD: &str = "0000000000000000 0000003a 00000000 02 716a6189 0000 00000000 00000000000003e8 \
    00000000000003e8 ffffffffffffffff ffff ffffffff 00000001 10000000026b027600";
/// A COMMIT marker at offset 1, time 2000, producer 7.
const COMMIT: &str = "0000000000000001 00000042 00000000 02 5845c765 0030 00000000 00000000000007d0 \
    00000000000007d0 0000000000000007 0000 ffffffff 00000001 2000000008000000010c00000000000000";

fn hex(text: &str) -> Bytes {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits
        .chunks(2)
        .map(|pair| (pair[0] * 16 + pair[1]) as u8)
        .collect::<Vec<_>>()
        .into()
}

fn whole(bytes: &Bytes) -> Batch {
    let batch = batches(bytes).next().unwrap().unwrap();
    batch.check_crc().unwrap();
    batch
}

#[derive(Debug, Clone, PartialEq)]
struct Owned {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Owned {
    fn section(&self) -> Vec<u8> {
        let mut buf = HeadersBuf::new();
        for (key, value) in &self.headers {
            buf.push(key, value.as_deref());
        }
        buf.into_section()
    }
}

fn build(records: &[Owned], identity: ProducerIdentity, codec: Compression) -> ClosedBatch {
    let mut builder = BatchBuilder::new(Pool::global(), LIMIT);
    for record in records {
        let section = record.section();
        let headers = Headers::parse(&section).unwrap();
        let outcome = builder.append(
            record.timestamp,
            record.key.as_deref(),
            record.value.as_deref(),
            headers,
        );
        assert_eq!(outcome, Append::Added);
    }
    builder.close(identity, codec, None).unwrap()
}

fn read(decoded: &Decoded) -> Vec<Owned> {
    let owned = |row: &RecordRow| Owned {
        timestamp: row.timestamp,
        key: row.key.of(&decoded.data).map(<[u8]>::to_vec),
        value: row.value.of(&decoded.data).map(<[u8]>::to_vec),
        headers: Headers::parse(row.headers.of(&decoded.data).unwrap())
            .unwrap()
            .iter()
            .map(|header| {
                (
                    String::from_utf8_lossy(header.key).into_owned(),
                    header.value.map(<[u8]>::to_vec),
                )
            })
            .collect(),
    };
    decoded.rows.iter().map(owned).collect()
}

#[test]
fn the_contracts_record_is_encoded_byte_for_byte() {
    let mut builder = BatchBuilder::new(Pool::global(), 1_000);
    builder.append(1_000, Some(b"k"), Some(b"v"), Headers::NONE);
    let closed = builder
        .close(ProducerIdentity::NONE, Compression::None, None)
        .unwrap();
    let mut bytes = closed.bytes().to_vec();
    // The vector is as stored: the broker has put its leader epoch 0 in.
    bytes[header::LEADER_EPOCH_AT..][..4].fill(0);
    assert_eq!(bytes, hex(ONE_RECORD));
}

#[test]
fn the_contracts_vectors_are_decoded() {
    let both = Bytes::from([hex(ONE_RECORD), hex(COMMIT)].concat());
    let list: Vec<Batch> = batches(&both).map(Result::unwrap).collect();
    let record = list[0].decode(LIMIT, Pool::global()).unwrap();
    assert_eq!(record.rows.len(), 1);
    let row = record.rows[0];
    assert_eq!((row.offset, row.timestamp), (0, 1_000));
    assert_eq!(
        (row.key.of(&record.data), row.value.of(&record.data)),
        (Some(&b"k"[..]), Some(&b"v"[..]))
    );
    assert_eq!(row.headers, Span::EMPTY);

    let marker = list[1].header();
    assert!(marker.attributes.is_control() && marker.attributes.is_transactional());
    assert_eq!(
        (marker.base_offset, marker.next_offset(), marker.producer_id),
        (1, 2, 7)
    );
    list[1].check_crc().unwrap();
    let marker = list[1].decode(LIMIT, Pool::global()).unwrap();
    assert_eq!(marker.rows[0].key.of(&marker.data), Some(&[0, 0, 0, 1][..]));
}

#[test]
fn a_flipped_bit_fails_the_checksum() {
    for at in [header::ATTRIBUTES_AT, header::RECORD_COUNT_AT, 69] {
        let mut bytes = hex(ONE_RECORD).to_vec();
        bytes[at] ^= 0x40;
        let error = Batch::parse(&Bytes::from(bytes)).unwrap().check_crc();
        assert!(
            matches!(error, Err(BatchError::Crc { base_offset: 0, .. })),
            "byte {at}"
        );
    }
}

#[test]
fn a_cut_tail_ends_the_walk_quietly_and_a_broken_header_loudly() {
    let two = [hex(ONE_RECORD), hex(COMMIT)].concat();
    for cut in 1..78 {
        let bytes = Bytes::copy_from_slice(&two[..two.len() - cut]);
        let mut walk = batches(&bytes);
        assert!(walk.next().unwrap().is_ok());
        assert!(walk.next().is_none(), "cut by {cut}");
        assert_eq!(walk.rest().len(), 78 - cut);
    }
    let mut broken = two;
    broken[70 + header::MAGIC_AT] = 1;
    let items: Vec<_> = batches(&Bytes::from(broken)).collect();
    assert!(matches!(items[..], [Ok(_), Err(BatchError::Magic(1))]));
}

#[test]
fn a_batch_is_full_at_its_limit_but_takes_one_record_of_any_size() {
    let mut builder = BatchBuilder::new(Pool::global(), 200);
    assert_eq!(
        builder.append(0, None, Some(&[1; 1_000]), Headers::NONE),
        Append::Added
    );
    assert_eq!(
        builder.append(0, None, Some(b""), Headers::NONE),
        Append::Full
    );

    let mut builder = BatchBuilder::new(Pool::global(), 200);
    while builder.append(0, None, Some(&[1; 20]), Headers::NONE) == Append::Added {}
    assert_eq!((builder.record_count(), builder.len()), (5, 61 + 5 * 27));
}

#[test]
fn a_restamped_batch_differs_in_its_identity_alone() {
    let records = [Owned {
        timestamp: 5,
        key: None,
        value: Some(b"v".to_vec()),
        headers: vec![],
    }];
    let first = ProducerIdentity {
        producer_id: 9,
        epoch: 0,
        base_sequence: 40,
        transactional: false,
    };
    let closed = build(&records, first, Compression::Lz4);
    let again = closed.restamp(ProducerIdentity {
        epoch: 1,
        base_sequence: 0,
        ..first
    });
    let batch = whole(again.bytes());
    assert_eq!(
        (batch.header().producer_epoch, batch.header().base_sequence),
        (1, 0)
    );
    assert_eq!(read(&batch.decode(LIMIT, Pool::global()).unwrap()), records);
    assert_eq!(whole(closed.bytes()).header().base_sequence, 40);
}

#[test]
fn append_time_overrides_the_records_own() {
    let mut bytes = hex(ONE_RECORD).to_vec();
    bytes[header::ATTRIBUTES_AT + 1] = 0x08;
    bytes[header::MAX_TIMESTAMP_AT..][..8].copy_from_slice(&7_777i64.to_be_bytes());
    let decoded = Batch::parse(&bytes.into())
        .unwrap()
        .decode(LIMIT, Pool::global())
        .unwrap();
    assert_eq!(decoded.rows[0].timestamp, 7_777);
}

#[test]
fn a_count_that_does_not_fit_is_refused_before_memory_is_taken() {
    for count in [2, 3, i32::MAX, -1] {
        let mut bytes = hex(ONE_RECORD).to_vec();
        bytes[header::RECORD_COUNT_AT..][..4].copy_from_slice(&count.to_be_bytes());
        let mut rows = Vec::new();
        let outcome =
            Batch::parse(&bytes.into())
                .unwrap()
                .decode_into(&mut rows, LIMIT, Pool::global());
        assert!(matches!(outcome, Err(BatchError::Record { .. })), "{count}");
        assert!(rows.capacity() <= 1);
    }
    let mut bytes = hex(ONE_RECORD).to_vec();
    bytes[header::RECORD_COUNT_AT..][..4].fill(0);
    let none = Batch::parse(&bytes.into())
        .unwrap()
        .decode(LIMIT, Pool::global());
    assert!(
        matches!(none, Err(BatchError::Record { .. })),
        "bytes left over"
    );
}

fn bytes_field() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop::option::of(prop::collection::vec(any::<u8>(), 0..300))
}

fn record() -> impl Strategy<Value = Owned> {
    let headers = prop::collection::vec(("[a-c]{0,3}", bytes_field()), 0..3);
    (any::<i64>(), bytes_field(), bytes_field(), headers).prop_map(
        |(timestamp, key, value, headers)| Owned {
            timestamp,
            key,
            value,
            headers,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn round_trips_through_every_codec(records in prop::collection::vec(record(), 1..80)) {
        for codec in Compression::ALL {
            let identity = ProducerIdentity { producer_id: 3, epoch: 1, base_sequence: i32::MAX, transactional: true };
            let closed = build(&records, identity, codec);
            let batch = whole(closed.bytes());
            prop_assert_eq!(batch.header(), closed.header());
            prop_assert_eq!(batch.header().max_timestamp, records.iter().map(|record| record.timestamp).max().unwrap());
            let decoded = batch.decode(LIMIT, Pool::global()).unwrap();
            prop_assert_eq!(read(&decoded), records.clone());
            let offsets: Vec<i64> = decoded.rows.iter().map(|row| row.offset).collect();
            prop_assert_eq!(offsets, (0..records.len() as i64).collect::<Vec<_>>());
        }
    }

    #[test]
    fn damaged_batches_never_panic(
        records in prop::collection::vec(record(), 1..10),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        for codec in Compression::ALL {
            let mut bytes = build(&records, ProducerIdentity::NONE, codec).bytes().to_vec();
            for (at, byte) in &damage {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            bytes.truncate(cut.index(bytes.len()) + 1);
            for batch in batches(&bytes.into()).flatten() {
                drop(batch.check_crc());
                drop(batch.decode(1 << 20, Pool::global()));
            }
        }
    }

    #[test]
    fn any_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 61..400), codec in 0u8..8) {
        let len = (bytes.len() - 12) as i32;
        bytes[8..12].copy_from_slice(&len.to_be_bytes());
        bytes[16] = 2;
        bytes[22] = codec;
        bytes[57..61].copy_from_slice(&[0, 0, 0, 3]);
        let batch = Batch::parse(&bytes.into()).unwrap();
        drop(batch.decode(1 << 20, Pool::global()));
    }
}
