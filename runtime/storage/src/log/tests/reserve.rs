use std::os::unix::fs::MetadataExt;

use super::*;

/// Bytes that the file system holds for the first segment beyond its length.
fn beyond_the_end(log: &Log) -> u64 {
    let file = log.dir().join("00000000000000000000.log");
    let metadata = std::fs::metadata(file).unwrap();
    (metadata.blocks() * 512).saturating_sub(metadata.len())
}

/// A log of 7 MB, which has room set aside for more.
fn fill_seven_megabytes(log: &Arc<Log>) {
    for _ in 0..7 {
        let batch = crate::testing::value_batch(NOW, &[&vec![7; 1_000_000]]);
        log.append(&batch, 0, NOW).unwrap();
    }
    assert!(beyond_the_end(log) > 256 << 10, "{}", beyond_the_end(log));
}

const SLACK: u64 = 64 << 10;

#[test]
fn room_set_aside_is_given_back_at_a_roll() {
    let (_temp, _bench, log) = fresh(LogConfig {
        segment_ms: 1000,
        ..LogConfig::default()
    });
    fill_seven_megabytes(&log);
    let later = crate::testing::value_batch(NOW + 2000, &[b"later"]);
    log.append(&later, 0, NOW + 2000).unwrap();
    assert_eq!(log.segment_count(), 2);
    assert!(beyond_the_end(&log) < SLACK, "{}", beyond_the_end(&log));
}

#[test]
fn room_set_aside_is_given_back_at_an_orderly_stop_and_after_a_kill() {
    for is_orderly in [true, false] {
        let (temp, bench, log) = fresh(LogConfig::default());
        fill_seven_megabytes(&log);
        let bench = if is_orderly {
            bench.dir.close().unwrap();
            bench
        } else {
            drop(bench);
            Bench::open(temp.path(), DataDirConfig::default()).0
        };
        assert!(
            beyond_the_end(&log) < SLACK,
            "orderly {is_orderly}: {}",
            beyond_the_end(&log)
        );
        drop(bench);
    }
}
