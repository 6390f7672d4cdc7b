//! Tombstones: kept until a horizon, then gone.

use std::time::Duration;

use super::*;

fn with_delete_retention(delete_retention_ms: i64) -> LogConfig {
    LogConfig {
        delete_retention_ms,
        ..small()
    }
}

#[test]
fn a_tombstone_outlives_its_values_for_a_while() {
    let temp = tempfile::tempdir().unwrap();
    let (bench, log) = Bench::fresh(temp.path(), with_delete_retention(10_000));
    put(&log, NOW, "a", Some("1"), Compression::Lz4);
    put(&log, NOW + 7, "a", None, Compression::Lz4);
    push_out(&log);
    bench.compact(&log);
    assert_eq!(kept(&log), [pair("a", None)]);
    let tombstone = &batches_from(&log, 0)[0];
    assert!(tombstone.header().attributes.has_delete_horizon());
    assert_eq!(tombstone.header().base_timestamp, NOW + 10_000);
    let record = &records_of(tombstone)[0];
    assert_eq!((record.offset, record.timestamp), (1, NOW + 7));

    bench.clock.advance(Duration::from_secs(9));
    push_out(&log);
    bench.compact(&log);
    assert_eq!(
        kept(&log),
        [pair("a", None)],
        "the horizon has not come, and did not move"
    );
    bench.clock.advance(Duration::from_secs(1));
    push_out(&log);
    bench.compact(&log);
    assert_eq!(kept(&log), []);
    assert_eq!(log.log_start_offset(), 0);
}

#[test]
fn a_value_behind_the_tombstone_stays() {
    let temp = tempfile::tempdir().unwrap();
    let (bench, log) = Bench::fresh(temp.path(), with_delete_retention(0));
    put(&log, NOW, "a", None, Compression::None);
    put(&log, NOW, "a", Some("1"), Compression::None);
    push_out(&log);
    bench.compact(&log);
    push_out(&log);
    bench.compact(&log);
    assert_eq!(kept(&log), [pair("a", Some("1"))]);
}

#[test]
fn the_horizon_is_the_batchs() {
    let temp = tempfile::tempdir().unwrap();
    let (bench, log) = Bench::fresh(temp.path(), with_delete_retention(1_000));
    let records = [
        (NOW + 5, Some(&b"a"[..]), None),
        (NOW + 3, Some(&b"b"[..]), Some(&b"value"[..])),
    ];
    log.append(&batch(&records, Compression::Gzip), 0, NOW)
        .unwrap();
    push_out(&log);
    bench.compact(&log);
    bench.clock.advance(Duration::from_secs(2));
    push_out(&log);
    bench.compact(&log);
    assert_eq!(kept(&log), [pair("b", Some("value"))]);
    let left = &batches_from(&log, 0)[0];
    assert_eq!(
        (left.header().base_offset, left.header().last_offset()),
        (0, 1)
    );
    assert_eq!(
        (left.header().max_timestamp, records_of(left)[0].timestamp),
        (NOW + 3, NOW + 3)
    );
}
