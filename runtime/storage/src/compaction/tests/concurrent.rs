//! Readers beside a compaction, retention's file keeping and appends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;
use crate::testing::SetOnDrop;

const RECORDS: i64 = 1500;
const KEYS: i64 = 7;

fn value_of(offset: i64) -> String {
    format!("value of {offset}")
}

/// Reads the log from its start over and over: every record is one that was appended.
fn read_along(log: &Log, done: &AtomicBool) {
    while !done.load(Ordering::SeqCst) {
        for found in records_from(log, 0) {
            assert_eq!(found.value, Some(value_of(found.offset).into_bytes()));
        }
    }
}

#[test]
fn a_reader_never_fails() {
    let temp = tempfile::tempdir().unwrap();
    let (bench, log) = Bench::fresh(
        temp.path(),
        LogConfig {
            file_delete_delay_ms: 0,
            ..small()
        },
    );
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let _done = SetOnDrop(&done);
            for offset in 0..RECORDS {
                let key = format!("key {}", offset % KEYS);
                let value = value_of(offset);
                put(&log, NOW + offset, &key, Some(&value), Compression::None);
                if offset % 20 == 0 {
                    log.flush().unwrap();
                }
            }
            log.flush().unwrap();
        });
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                bench.dir.compact_due();
                bench.dir.remove_deleted();
                log.release_idle_files();
            }
        });
        scope.spawn(|| read_along(&log, &done));
        scope.spawn(|| read_along(&log, &done));
    });
    bench.compact(&log);
    let found = records_from(&log, 0);
    let last: Vec<_> = found.iter().rev().take(KEYS as usize).collect();
    assert!(last.iter().all(|found| found.offset >= RECORDS - KEYS));
    assert!(found.len() < 200, "{}", found.len());
}
