use millrace_wire::batch::{Attributes, BatchHeader};
use proptest::prelude::*;

use super::*;

const ID: i64 = 9;

fn batch(epoch: i16, sequence: i32, records: i32, base_offset: i64) -> BatchHeader {
    BatchHeader {
        base_offset,
        batch_length: 49,
        partition_leader_epoch: 0,
        crc: 0,
        attributes: Attributes::default(),
        last_offset_delta: records - 1,
        base_timestamp: 1_000,
        max_timestamp: 1_000 + base_offset,
        producer_id: ID,
        producer_epoch: epoch,
        base_sequence: sequence,
        record_count: records,
    }
}

/// Producers that have taken `batches`, each of which must be new.
fn after(batches: &[BatchHeader]) -> Producers {
    let mut producers = Producers::default();
    for batch in batches {
        assert_eq!(producers.check(batch), Ok(Verdict::New), "{batch:?}");
        producers.record(batch);
    }
    producers
}

#[test]
fn sequences_carry_on() {
    let producers = after(&[batch(0, 7, 3, 0), batch(0, 10, 1, 3)]);
    assert_eq!(producers.check(&batch(0, 11, 1, 4)), Ok(Verdict::New));
    let gap = SequenceError::OutOfOrder {
        producer_id: ID,
        sequence: 12,
        expected: 11,
    };
    assert_eq!(producers.check(&batch(0, 12, 1, 4)), Err(gap));
}

#[test]
fn the_last_five_batches_are_recognised_and_the_sixth_is_not() {
    let batches: Vec<_> = (0..6).map(|n| batch(0, n, 1, i64::from(n))).collect();
    let producers = after(&batches);
    for old in &batches[1..] {
        let Ok(Verdict::Duplicate(mark)) = producers.check(old) else {
            panic!("{old:?} must be known")
        };
        assert_eq!(
            (mark.first_offset(), mark.timestamp),
            (old.base_offset, old.max_timestamp)
        );
    }
    assert!(matches!(
        producers.check(&batches[0]),
        Err(SequenceError::OutOfOrder { .. })
    ));
}

#[test]
fn sequences_wrap_inside_a_batch_and_behind_one() {
    let producers = after(&[batch(0, i32::MAX - 1, 4, 0)]);
    assert!(matches!(
        producers.check(&batch(0, i32::MAX - 1, 4, 0)),
        Ok(Verdict::Duplicate(_))
    ));
    assert_eq!(producers.check(&batch(0, 2, 1, 4)), Ok(Verdict::New));
    let producers = after(&[batch(0, i32::MAX, 1, 0)]);
    assert_eq!(producers.check(&batch(0, 0, 1, 1)), Ok(Verdict::New));
}

#[test]
fn a_new_epoch_starts_at_zero_and_ends_the_old_one() {
    let mut producers = after(&[batch(3, 0, 1, 0)]);
    assert!(matches!(
        producers.check(&batch(4, 1, 1, 1)),
        Err(SequenceError::OutOfOrder { expected: 0, .. })
    ));
    let next = batch(4, 0, 1, 1);
    assert_eq!(producers.check(&next), Ok(Verdict::New));
    producers.record(&next);
    let stale = SequenceError::StaleEpoch {
        producer_id: ID,
        epoch: 3,
        known: 4,
    };
    assert_eq!(producers.check(&batch(3, 1, 1, 2)), Err(stale));
}

#[test]
fn an_open_transaction_holds_until_its_marker() {
    let mut data = batch(0, 0, 2, 5);
    data.attributes = data.attributes.with_transactional(true);
    let mut producers = after(&[data]);
    assert_eq!(producers.first_open_transaction(), Some(5));
    producers.expire(i64::MAX, 1);
    assert!(
        producers.entries().len() > 0,
        "a producer with an open transaction stays"
    );
    let marker = BatchHeader {
        attributes: Attributes(0x30),
        base_sequence: -1,
        ..batch(0, 0, 1, 7)
    };
    producers.record(&marker);
    assert_eq!(producers.first_open_transaction(), None);
    producers.expire(1_007 + 50, 50);
    assert!(producers.entries().len() == 0);
}

#[test]
fn damaged_snapshots_are_refused() {
    let bytes = encode_snapshot(&after(&[batch(0, 0, 1, 0)]));
    assert!(decode_snapshot(&bytes[..bytes.len() - 1]).is_err());
    assert!(decode_snapshot(&[]).is_err());
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert!(decode_snapshot(&damaged).is_err(), "byte {at}");
    }
}

proptest! {
    #[test]
    fn snapshots_keep_the_last_batch(ids in prop::collection::btree_map(0i64..1000, (0i16..9, 0i32..i32::MAX, 1i32..50), 0..20)) {
        let mut producers = Producers::default();
        for (offset, (&producer_id, &(epoch, sequence, records))) in ids.iter().enumerate() {
            producers.record(&BatchHeader { producer_id, ..batch(epoch, sequence, records, offset as i64 * 100) });
        }
        let read = decode_snapshot(&encode_snapshot(&producers)).unwrap();
        prop_assert_eq!(read, producers);
    }
}
