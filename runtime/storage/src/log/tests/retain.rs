use std::time::Duration;

use millrace_wire::error_code::ErrorCode;

use super::*;

fn files_with(log: &Log, suffix: &str) -> usize {
    let entries = std::fs::read_dir(log.dir()).unwrap();
    entries
        .filter(|entry| {
            entry
                .as_ref()
                .unwrap()
                .file_name()
                .to_str()
                .unwrap()
                .ends_with(suffix)
        })
        .count()
}

#[test]
fn the_oldest_segments_go_by_size() {
    let (_temp, bench, log) = fresh(LogConfig {
        retention_bytes: 3000,
        ..small()
    });
    fill(&log, 100);
    bench.dir.apply_retention();
    assert_eq!(
        log.log_start_offset(),
        0,
        "nothing above the high watermark goes"
    );
    log.flush().unwrap();
    bench.dir.apply_retention();
    assert!(
        (3000..4000).contains(&log.size()),
        "{} bytes are left",
        log.size()
    );
    let start = log.log_start_offset();
    assert_eq!(values_from(&log, start, 500), expected(start..100));
    let below = log
        .read(start - 1, 500, true, Isolation::ReadUncommitted)
        .unwrap_err();
    assert_eq!(below.code(), ErrorCode::OFFSET_OUT_OF_RANGE);
    assert!(files_with(&log, ".deleted") > 0);
    bench.clock.advance(Duration::from_secs(60));
    bench.dir.remove_deleted();
    assert_eq!(files_with(&log, ".deleted"), 0);
    assert_eq!(files_with(&log, ".log"), log.segment_count());
}

#[test]
fn old_segments_go_and_a_new_one_takes_the_place_of_the_last() {
    let (_temp, bench, log) = fresh(LogConfig {
        retention_ms: 10_000,
        ..small()
    });
    fill(&log, 30);
    log.flush().unwrap();
    bench.clock.advance(Duration::from_secs(9));
    bench.dir.apply_retention();
    assert_eq!(log.log_start_offset(), 0);
    bench.clock.advance(Duration::from_secs(2));
    bench.dir.apply_retention();
    assert_eq!(
        (
            log.log_start_offset(),
            log.log_end_offset(),
            log.segment_count(),
            log.size()
        ),
        (30, 30, 1, 0)
    );
    fill(&log, 3);
    log.flush().unwrap();
    assert_eq!(values_from(&log, 30, 500), expected(30..33));
}

#[test]
fn a_range_outlives_its_segment() {
    let (_temp, bench, log) = fresh(LogConfig {
        retention_bytes: 0,
        ..small()
    });
    fill(&log, 30);
    log.flush().unwrap();
    let range = log
        .read(0, 1 << 20, true, Isolation::ReadUncommitted)
        .unwrap();
    bench.dir.apply_retention();
    bench.clock.advance(Duration::from_secs(60));
    bench.dir.remove_deleted();
    assert_eq!(batches_of(&range)[0].header().base_offset, 0);
}

#[test]
fn deleted_records_stay_deleted() {
    let (temp, bench, log) = fresh(small());
    fill(&log, 50);
    log.flush().unwrap();
    assert_eq!(
        log.delete_records(51).unwrap_err().code(),
        ErrorCode::OFFSET_OUT_OF_RANGE
    );
    assert_eq!(log.delete_records(33).unwrap(), 33);
    assert_eq!(log.delete_records(20).unwrap(), 33);
    bench.dir.apply_retention();
    assert_eq!(values_from(&log, 33, 500), expected(33..50));
    bench.dir.close().unwrap();
    drop(bench);
    let (bench, recovery) = Bench::open(temp.path(), DataDirConfig::default());
    assert!(recovery.clean);
    let log = bench.dir.find("shop", 0).unwrap();
    assert_eq!(log.log_start_offset(), 33);
    assert_eq!(log.delete_records(-1).unwrap(), 50);
}

#[test]
fn a_cut_log_goes_on_where_it_was_cut() {
    let (_temp, _bench, log) = fresh(small());
    fill(&log, 60);
    log.flush().unwrap();
    for end in [55, 41, 40, 7] {
        assert_eq!(log.truncate_to(end).unwrap(), end);
        assert_eq!((log.log_end_offset(), log.high_watermark()), (end, end));
        assert_eq!(values_from(&log, 0, 500), expected(0..end));
    }
    fill(&log, 30);
    log.flush().unwrap();
    assert_eq!(values_from(&log, 0, 500), expected(0..37));
    assert_eq!(log.truncate_to(100).unwrap(), 37);
}
