//! Compaction against a model: of each key the last record stays, in order, at its offset.

mod concurrent;
mod crash;
mod horizons;
mod model;
mod producers;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use millrace_wire::batch::{Batch, batches};
use millrace_wire::clock::ManualClock;
use millrace_wire::compression::Compression;
use millrace_wire::pool::Pool;
use millrace_wire::uuid::Uuid;

use crate::files::OsFiles;
use crate::testing::batch;
use crate::{DataDir, DataDirConfig, Isolation, Log, LogConfig};

const NOW: i64 = 1_700_000_000_000;

/// A record as a reader finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    offset: i64,
    timestamp: i64,
    key: Vec<u8>,
    value: Option<Vec<u8>>,
}

/// A directory without threads, and one compacted log in it.
struct Bench {
    dir: DataDir,
    clock: Arc<ManualClock>,
}

impl Bench {
    fn open(path: &Path, config: DataDirConfig) -> Self {
        let clock = Arc::new(ManualClock::new(NOW));
        let shared = Arc::clone(&clock) as Arc<dyn millrace_wire::clock::Clock>;
        let (dir, recovery) = DataDir::open_with(path, config, shared, Arc::new(OsFiles)).unwrap();
        assert!(recovery.logs.is_empty(), "{recovery:?}");
        Self { dir, clock }
    }

    fn fresh(path: &Path, config: LogConfig) -> (Self, Arc<Log>) {
        let bench = Self::open(path, DataDirConfig::default());
        let log = bench.dir.create_log("shop", 0, Uuid::ONE, config).unwrap();
        (bench, log)
    }

    /// Syncs and compacts.
    fn compact(&self, log: &Log) {
        log.flush().unwrap();
        self.dir.compact_due();
    }
}

/// Settings under which logs roll after a few small batches and are compacted whenever they can be.
fn small() -> LogConfig {
    LogConfig {
        segment_bytes: 1000,
        index_interval_bytes: 150,
        segment_index_bytes: 2400,
        compact: true,
        delete: false,
        min_cleanable_dirty_ratio: 0.0,
        ..LogConfig::default()
    }
}

fn put(log: &Arc<Log>, timestamp: i64, key: &str, value: Option<&str>, codec: Compression) {
    let records = [(timestamp, Some(key.as_bytes()), value.map(str::as_bytes))];
    log.append(&batch(&records, codec), 0, NOW).unwrap();
}

/// Fills the active segment with one other key, so that what was put before can be compacted.
fn push_out(log: &Arc<Log>) {
    for _ in 0..12 {
        put(log, NOW, "filler", Some(&"x".repeat(80)), Compression::None);
    }
}

fn batches_from(log: &Log, start: i64) -> Vec<Batch> {
    let mut all: Vec<Batch> = Vec::new();
    let mut offset = start;
    loop {
        let range = log
            .read(offset, 700, true, Isolation::ReadUncommitted)
            .unwrap();
        let Some(file) = range.records else {
            return all;
        };
        let mut bytes = vec![0; file.len];
        file.read_into(&mut bytes).unwrap();
        for batch in batches(&Bytes::from(bytes)) {
            let batch = batch.unwrap();
            batch.check_crc().unwrap();
            assert!(batch.header().last_offset() >= offset);
            offset = batch.header().next_offset();
            all.push(batch);
        }
    }
}

fn records_of(batch: &Batch) -> Vec<Found> {
    let decoded = batch.decode(1 << 20, Pool::global()).unwrap();
    let found = |row: &millrace_wire::batch::RecordRow| Found {
        offset: row.offset,
        timestamp: row.timestamp,
        key: row.key.of(&decoded.data).unwrap_or_default().to_vec(),
        value: row.value.of(&decoded.data).map(<[u8]>::to_vec),
    };
    decoded.rows.iter().map(found).collect()
}

fn records_from(log: &Log, start: i64) -> Vec<Found> {
    batches_from(log, start)
        .iter()
        .filter(|batch| !batch.header().attributes.is_control())
        .flat_map(records_of)
        .collect()
}

/// Keys and values of all records but the fillers, in order.
fn kept(log: &Log) -> Vec<(String, Option<String>)> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    records_from(log, 0)
        .into_iter()
        .filter(|found| found.key != b"filler")
        .map(|found| (text(found.key), found.value.map(text)))
        .collect()
}

fn pair(key: &str, value: Option<&str>) -> (String, Option<String>) {
    (key.to_owned(), value.map(str::to_owned))
}

#[test]
fn the_last_value_of_each_key_stays() {
    let temp = tempfile::tempdir().unwrap();
    let (bench, log) = Bench::fresh(temp.path(), small());
    for codec in Compression::ALL {
        put(&log, NOW, "a", Some(&format!("first {codec}")), codec);
        put(&log, NOW + 1, codec.name(), Some("once"), codec);
    }
    push_out(&log);
    let (size, end) = (log.size(), log.log_end_offset());
    bench.compact(&log);
    let once = |codec: &Compression| pair(codec.name(), Some("once"));
    let mut expected: Vec<_> = Compression::ALL.iter().map(once).collect();
    expected.insert(4, pair("a", Some("first zstd")));
    assert_eq!(kept(&log), expected);
    assert!(log.size() < size);
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (0, end));

    put(&log, NOW, "a", Some("second"), Compression::None);
    bench.dir.close().unwrap();
    drop(bench);
    let bench = Bench::open(temp.path(), DataDirConfig::default());
    let log = bench.dir.find("shop", 0).unwrap();
    assert!(log.compacted_offset().is_some_and(|offset| offset > 10));
    assert_eq!(kept(&log).last(), Some(&pair("a", Some("second"))));
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (0, end + 1));
}

#[test]
fn a_segment_that_became_empty_still_says_where_the_log_starts() {
    let temp = tempfile::tempdir().unwrap();
    let (bench, log) = Bench::fresh(temp.path(), small());
    for _ in 0..60 {
        put(&log, NOW, "a", Some(&"x".repeat(80)), Compression::None);
    }
    bench.compact(&log);
    let newest = log.log_end_offset() - 1;
    let before = records_from(&log, 0);
    assert!(before[0].offset > 30, "{:?}", before[0].offset);
    assert_eq!(before.last().unwrap().offset, newest);
    for clean in [true, false] {
        if clean {
            bench.dir.close().unwrap();
        }
        let copy = tempfile::tempdir().unwrap();
        copy_dir(temp.path(), copy.path());
        let again = Bench::open(copy.path(), DataDirConfig::default());
        let log = again.dir.find("shop", 0).unwrap();
        assert_eq!(
            (log.log_start_offset(), log.log_end_offset()),
            (0, newest + 1)
        );
        assert_eq!(records_from(&log, 0), before);
    }
}

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn small_segments_become_one() {
    let temp = tempfile::tempdir().unwrap();
    let (bench, log) = Bench::fresh(temp.path(), small());
    for key in 0..200 {
        put(
            &log,
            NOW,
            &format!("key {}", key % 8),
            Some("value"),
            Compression::None,
        );
    }
    let segments = log.segment_count();
    bench.compact(&log);
    assert!(segments > 10, "{segments}");
    // Two runs of segments within `segment.bytes`, which the next compaction makes one, and the active.
    bench.compact(&log);
    push_out(&log);
    bench.compact(&log);
    assert!(log.segment_count() <= 4, "{}", log.segment_count());
    assert_eq!(kept(&log).len(), 8);
}

#[test]
fn a_small_map_takes_several_turns() {
    let temp = tempfile::tempdir().unwrap();
    let mut config = DataDirConfig::default();
    config.cleaner.dedupe_buffer_bytes = 24 * 6;
    let bench = Bench::open(temp.path(), config);
    let log = bench.dir.create_log("shop", 0, Uuid::ONE, small()).unwrap();
    for turn in 0..5 {
        for key in 0..20 {
            let value = format!("{turn}");
            put(
                &log,
                NOW,
                &format!("key {key:02}"),
                Some(&value),
                Compression::None,
            );
        }
    }
    push_out(&log);
    bench.compact(&log);
    let expected: Vec<_> = (0..20)
        .map(|key| pair(&format!("key {key:02}"), Some("4")))
        .collect();
    assert_eq!(kept(&log), expected);
}

#[test]
fn what_is_young_or_clean_enough_is_left_alone() {
    let temp = tempfile::tempdir().unwrap();
    let config = LogConfig {
        min_compaction_lag_ms: 60_000,
        ..small()
    };
    let (bench, log) = Bench::fresh(temp.path(), config.clone());
    for _ in 0..3 {
        put(&log, NOW, "a", Some("x"), Compression::None);
    }
    push_out(&log);
    bench.compact(&log);
    assert_eq!(kept(&log).len(), 3, "too young");
    bench.clock.advance(std::time::Duration::from_secs(61));
    log.set_config(LogConfig {
        min_cleanable_dirty_ratio: 1.0,
        ..log.config().as_ref().clone()
    });
    bench.compact(&log);
    assert_eq!(kept(&log).len(), 3, "not dirty enough");
    log.set_config(LogConfig {
        min_cleanable_dirty_ratio: 1.0,
        max_compaction_lag_ms: 60_500,
        ..config
    });
    bench.compact(&log);
    assert_eq!(kept(&log).len(), 1, "overdue");
}

#[test]
fn a_damaged_log_is_not_compacted() {
    let temp = tempfile::tempdir().unwrap();
    let (bench, log) = Bench::fresh(temp.path(), small());
    put(&log, NOW, "a", Some("1"), Compression::None);
    put(&log, NOW, "a", Some("2"), Compression::None);
    push_out(&log);
    log.flush().unwrap();
    let path = temp.path().join("shop-0/00000000000000000000.log");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[70] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    bench.compact(&log);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    let files = std::fs::read_dir(temp.path().join("shop-0")).unwrap();
    let left_over = files.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_str().unwrap().ends_with(".cleaned")
    });
    assert_eq!(left_over.count(), 0);
}

#[test]
fn a_reader_goes_on_in_the_files_it_had() {
    let temp = tempfile::tempdir().unwrap();
    let (bench, log) = Bench::fresh(temp.path(), small());
    for index in 0..5 {
        put(&log, NOW, "a", Some(&index.to_string()), Compression::None);
    }
    push_out(&log);
    log.flush().unwrap();
    let range = log
        .read(0, 1 << 20, true, Isolation::ReadUncommitted)
        .unwrap();
    bench.compact(&log);
    let file = range.records.unwrap();
    let mut bytes = vec![0; file.len];
    file.read_into(&mut bytes).unwrap();
    let seen: Vec<_> = batches(&Bytes::from(bytes))
        .flat_map(|batch| records_of(&batch.unwrap()))
        .filter(|found| found.key == b"a")
        .map(|found| found.offset)
        .collect();
    assert_eq!(seen, [0, 1, 2, 3, 4]);
    assert_eq!(kept(&log), [pair("a", Some("4"))]);
}
