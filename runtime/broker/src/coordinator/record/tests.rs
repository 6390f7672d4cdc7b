use bytes::Bytes;
use proptest::prelude::*;

use super::{Change, GroupValue, MemberValue, OffsetValue, RecordError};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn offset_value() -> OffsetValue {
    OffsetValue {
        offset: 42,
        leader_epoch: 7,
        metadata: "abc".into(),
        commit_ms: 1_000,
        expire_ms: None,
    }
}

fn offset_change(value: Option<OffsetValue>) -> Change {
    Change::Offset {
        group: "g".into(),
        topic: "t".into(),
        partition: 3,
        value,
    }
}

fn group_value() -> GroupValue {
    GroupValue {
        protocol_type: "consumer".into(),
        generation: 2,
        protocol: Some("range".into()),
        leader: Some("m1".into()),
        state_ms: 5,
        members: vec![MemberValue {
            member_id: "m1".into(),
            instance_id: Some("i1".into()),
            client_id: "c".into(),
            client_host: "/127.0.0.1".into(),
            rebalance_timeout_ms: 300_000,
            session_timeout_ms: 10_000,
            subscription: Bytes::from_static(b"sub"),
            assignment: Bytes::from_static(b"assigned"),
        }],
    }
}

#[test]
fn an_offset_is_written_as_kafka_writes_it() {
    let (key, value) = offset_change(Some(offset_value())).encode();
    assert_eq!(key, hex("0001 0001 67 0001 74 00000003"));
    assert_eq!(
        value.unwrap(),
        hex("0003 000000000000002a 00000007 0003 616263 00000000000003e8")
    );
}

#[test]
fn an_offset_with_an_expiry_takes_version_1() {
    let value = OffsetValue {
        expire_ms: Some(2_000),
        leader_epoch: -1,
        ..offset_value()
    };
    let (key, bytes) = offset_change(Some(value.clone())).encode();
    assert_eq!(
        bytes.as_deref(),
        Some(&hex("0001 000000000000002a 0003 616263 00000000000003e8 00000000000007d0")[..])
    );
    assert_eq!(
        Change::decode(&key, bytes.as_deref()).unwrap(),
        Some(offset_change(Some(value)))
    );
}

#[test]
fn old_and_new_offset_versions_are_read() {
    let without_epoch = OffsetValue {
        leader_epoch: -1,
        ..offset_value()
    };
    for (bytes, expected) in [
        (
            "0000 000000000000002a 0003 616263 00000000000003e8",
            &without_epoch,
        ),
        (
            "0002 000000000000002a 0003 616263 00000000000003e8",
            &without_epoch,
        ),
        (
            "0001 000000000000002a 0003 616263 00000000000003e8 ffffffffffffffff",
            &without_epoch,
        ),
        (
            "0004 000000000000002a 00000007 04 616263 00000000000003e8 01 00 10 00112233445566778899aabbccddeeff",
            &offset_value(),
        ),
    ] {
        assert_eq!(
            &OffsetValue::decode(&hex(bytes)).unwrap(),
            expected,
            "{bytes}"
        );
    }
}

#[test]
fn a_group_is_written_as_kafka_writes_it() {
    let change = Change::Group {
        group: "g".into(),
        value: Some(group_value()),
    };
    let (key, value) = change.encode();
    let value = value.unwrap();
    assert_eq!(key, hex("0002 0001 67"));
    assert_eq!(
        value,
        hex("0003 0008 636f6e73756d6572 00000002 0005 72616e6765 0002 6d31 0000000000000005 00000001
             0002 6d31 0002 6931 0001 63 000a 2f3132372e302e302e31 000493e0 00002710
             00000003 737562 00000008 61737369676e6564")
    );
    assert_eq!(Change::decode(&key, Some(&value)).unwrap(), Some(change));
}

#[test]
fn a_member_without_a_rebalance_timeout_takes_its_session_timeout() {
    let bytes = hex("0000 0001 63 00000001 ffff ffff 00000001
                     0001 6d 0001 63 0001 68 00002710 00000000 00000000");
    let value = GroupValue::decode(&bytes).unwrap();
    assert_eq!(value.members[0].rebalance_timeout_ms, 10_000);
    assert_eq!(
        (value.state_ms, value.protocol, value.leader),
        (-1, None, None)
    );
}

#[test]
fn tombstones_and_foreign_records_are_told_apart() {
    let (key, _) = offset_change(None).encode();
    assert_eq!(
        Change::decode(&key, None).unwrap(),
        Some(offset_change(None))
    );
    assert_eq!(
        Change::decode(&hex("0005 0001 67 0001 6d"), None).unwrap(),
        None
    );
    assert!(matches!(
        Change::decode(&hex("ffff"), None),
        Err(RecordError::UnknownVersion {
            part: "key",
            version: -1
        })
    ));
}

#[test]
fn a_claimed_number_of_members_makes_no_room() {
    let bytes = hex("0003 0001 63 00000001 ffff ffff 0000000000000005 7fffffff");
    assert!(matches!(
        GroupValue::decode(&bytes),
        Err(RecordError::Truncated { .. })
    ));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(key in proptest::collection::vec(any::<u8>(), 0..64),
                                     value in proptest::collection::vec(any::<u8>(), 0..256),
                                     version in 0_i16..5) {
        Change::decode(&key, Some(&value)).ok();
        let versioned = [&version.to_be_bytes()[..], &value].concat();
        GroupValue::decode(&versioned).ok();
        OffsetValue::decode(&versioned).ok();
    }

    #[test]
    fn offsets_come_back_as_written(offset in any::<i64>(), leader_epoch in -1_i32.., metadata in ".{0,40}",
                                    commit_ms in 0_i64.., group in ".{0,20}", partition in 0_i32..) {
        let change = Change::Offset {
            group, topic: "t".into(), partition,
            value: Some(OffsetValue { offset, leader_epoch, metadata, commit_ms, expire_ms: None }),
        };
        let (key, value) = change.encode();
        prop_assert_eq!(Change::decode(&key, value.as_deref()).unwrap(), Some(change));
    }
}
