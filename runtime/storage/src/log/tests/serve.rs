use millrace_wire::compression::Compression;
use millrace_wire::error_code::ErrorCode;
use proptest::prelude::*;

use super::*;
use crate::OffsetAndTimestamp;
use crate::testing::{batch, value_batch};

#[test]
fn reads_go_over_many_segments_in_pieces_of_any_size() {
    let (_temp, _bench, log) = fresh(small());
    fill(&log, 100);
    log.flush().unwrap();
    assert!(log.segment_count() >= 8);
    for max_bytes in [1, 80, 200, 333, 100_000] {
        assert_eq!(
            values_from(&log, 0, max_bytes),
            expected(0..100),
            "{max_bytes} bytes"
        );
    }
    for start in 0..100 {
        let range = log
            .read(start, 1, true, Isolation::ReadUncommitted)
            .unwrap();
        assert_eq!((range.first_offset, range.next_offset), (start, start + 1));
    }
    let first = log
        .read(0, 1 << 20, true, Isolation::ReadUncommitted)
        .unwrap();
    assert!(first.ends_segment);
}

#[test]
fn a_read_gives_whole_batches_or_nothing() {
    let (_temp, _bench, log) = fresh(LogConfig::default());
    let sent = value_batch(NOW, &[&[7; 1000], &[8; 1000]]);
    for _ in 0..3 {
        log.append(&sent, 0, NOW).unwrap();
    }
    log.flush().unwrap();
    let len = sent.len();
    for (offset, max_bytes, min_one, expected) in [
        (0, 1, true, len),
        (0, 1, false, 0),
        (0, len, false, len),
        (0, 2 * len - 1, false, len),
        (0, 2 * len, false, 2 * len),
        (0, 10 * len, false, 3 * len),
        (1, len, true, len),
        (5, 10 * len, true, len),
        (6, 10 * len, true, 0),
    ] {
        let range = log
            .read(offset, max_bytes, min_one, Isolation::ReadUncommitted)
            .unwrap();
        assert_eq!(range.len(), expected, "offset {offset}, {max_bytes} bytes");
        if expected > 0 {
            assert_eq!(range.first_offset, offset / 2 * 2);
            let batches = (expected / len) as i64;
            assert_eq!(range.next_offset, range.first_offset + 2 * batches);
        }
    }
    for offset in [-1, 7] {
        let error = log
            .read(offset, len, true, Isolation::ReadUncommitted)
            .unwrap_err();
        assert_eq!(error.code(), ErrorCode::OFFSET_OUT_OF_RANGE);
    }
}

#[test]
fn reads_stop_before_an_open_transaction() {
    let (_temp, _bench, log) = fresh(LogConfig::default());
    fill(&log, 1);
    let identity = millrace_wire::batch::ProducerIdentity {
        producer_id: 4,
        epoch: 0,
        base_sequence: 0,
        transactional: true,
    };
    let open =
        crate::testing::batch_from(identity, &[(NOW, None, Some(b"open"))], Compression::None);
    log.append(&open, 0, NOW).unwrap();
    fill(&log, 1);
    log.flush().unwrap();
    assert_eq!((log.last_stable_offset(), log.high_watermark()), (1, 3));
    let committed = log
        .read(0, 1 << 20, true, Isolation::ReadCommitted)
        .unwrap();
    assert_eq!(batches_of(&committed).len(), 1);
    assert!(
        log.read(1, 1 << 20, true, Isolation::ReadCommitted)
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        batches_of(
            &log.read(0, 1 << 20, true, Isolation::ReadUncommitted)
                .unwrap()
        )
        .len(),
        3
    );
}

#[test]
fn times_are_found_to_the_record() {
    let (_temp, _bench, log) = fresh(small());
    for codec in [Compression::None, Compression::Gzip] {
        let records: Vec<_> = (0..3)
            .map(|n| {
                (
                    NOW + log.log_end_offset() * 10 + n * 10,
                    None,
                    Some(&b"v"[..]),
                )
            })
            .collect();
        log.append(&batch(&records, codec), 0, NOW).unwrap();
    }
    let at = |timestamp| {
        log.offset_for_timestamp(timestamp, Isolation::ReadUncommitted)
            .unwrap()
            .map(|found| found.offset)
    };
    assert_eq!(at(NOW), None, "nothing is visible before the sync");
    log.flush().unwrap();
    assert_eq!(
        (
            at(0),
            at(NOW + 11),
            at(NOW + 20),
            at(NOW + 31),
            at(NOW + 51)
        ),
        (Some(0), Some(2), Some(2), Some(4), None)
    );
    let largest = log
        .offset_of_max_timestamp(Isolation::ReadUncommitted)
        .unwrap();
    assert_eq!(
        largest,
        Some(OffsetAndTimestamp {
            offset: 5,
            timestamp: NOW + 50,
            leader_epoch: 0,
        })
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_time_finds_the_first_record_at_or_after_it(times in prop::collection::vec(prop::collection::vec(1i64..500, 1..4), 1..60), probe in 0i64..520) {
        let (_temp, bench, log) = fresh(LogConfig { timestamp_after_max_ms: i64::MAX, ..small() });
        let mut all = Vec::new();
        for times in &times {
            let records: Vec<_> = times.iter().map(|&time| (time, None, Some(&b"some value"[..]))).collect();
            log.append(&batch(&records, Compression::None), 0, NOW).unwrap();
            all.extend(times.iter().copied());
        }
        log.flush().unwrap();
        let expected = all.iter().position(|&time| time >= probe).map(|offset| offset as i64);
        let found = log.offset_for_timestamp(probe, Isolation::ReadUncommitted).unwrap();
        prop_assert_eq!(found.map(|found| found.offset), expected);
        let largest = all.iter().max().unwrap();
        let expected = all.iter().position(|time| time == largest).unwrap() as i64;
        let found = log.offset_of_max_timestamp(Isolation::ReadUncommitted).unwrap().unwrap();
        prop_assert_eq!((found.offset, found.timestamp), (expected, *largest));
        drop(bench);
    }
}

#[test]
fn readers_of_committed_records_are_told_what_was_aborted() {
    let (_temp, _bench, log) = fresh(small());
    fill(&log, 30);
    log.flush().unwrap();
    // As Apache Kafka leaves it: producer 7's records from 3 on were taken back by the marker at 9.
    let mut entry = vec![0, 0];
    for field in [7_i64, 3, 9, 10] {
        entry.extend(field.to_be_bytes());
    }
    std::fs::write(log.dir().join("00000000000000000000.txnindex"), entry).unwrap();
    let aborted = |offset, isolation| log.read(offset, 100, true, isolation).unwrap().aborted;
    let expected = [crate::AbortedTransaction {
        producer_id: 7,
        first_offset: 3,
        last_offset: 9,
    }];
    assert_eq!(aborted(3, Isolation::ReadCommitted), expected);
    assert_eq!(aborted(9, Isolation::ReadCommitted), expected);
    for outside in [0, 10, 29] {
        assert_eq!(aborted(outside, Isolation::ReadCommitted), [], "{outside}");
    }
    assert_eq!(aborted(3, Isolation::ReadUncommitted), []);
}
