mod append;
mod concurrent;
mod mangle;
mod recompress;
mod recover;
mod retain;
mod serve;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use millrace_wire::batch::{Batch, batches};
use millrace_wire::clock::ManualClock;
use millrace_wire::pool::Pool;
use millrace_wire::uuid::Uuid;

use crate::files::OsFiles;
use crate::{DataDir, DataDirConfig, Isolation, Log, LogConfig, ReadRange, Recovery};

const NOW: i64 = 1_700_000_000_000;

/// A directory without threads: syncs happen when a test says so.
struct Bench {
    dir: DataDir,
    clock: Arc<ManualClock>,
}

impl Bench {
    fn open(path: &Path, config: DataDirConfig) -> (Self, Recovery) {
        let clock = Arc::new(ManualClock::new(NOW));
        let shared_clock = Arc::clone(&clock) as Arc<dyn millrace_wire::clock::Clock>;
        let (dir, recovery) =
            DataDir::open_with(path, config, shared_clock, Arc::new(OsFiles)).unwrap();
        (Self { dir, clock }, recovery)
    }

    fn log(&self, config: LogConfig) -> Arc<Log> {
        self.dir.create_log("shop", 0, Uuid::ONE, config).unwrap()
    }
}

/// A fresh directory and one log in it.
fn fresh(config: LogConfig) -> (tempfile::TempDir, Bench, Arc<Log>) {
    let temp = tempfile::tempdir().unwrap();
    let (bench, recovery) = Bench::open(temp.path(), DataDirConfig::default());
    assert_eq!(recovery, Recovery::default());
    let log = bench.log(config);
    (temp, bench, log)
}

/// Settings under which logs roll after a few small batches.
fn small() -> LogConfig {
    LogConfig {
        segment_bytes: 1000,
        index_interval_bytes: 150,
        segment_index_bytes: 240,
        ..LogConfig::default()
    }
}

fn bytes_of(range: &ReadRange) -> Bytes {
    let Some(file) = &range.records else {
        return Bytes::new();
    };
    let mut bytes = vec![0; file.len];
    file.read_into(&mut bytes).unwrap();
    Bytes::from(bytes)
}

fn batches_of(range: &ReadRange) -> Vec<Batch> {
    batches(&bytes_of(range)).map(Result::unwrap).collect()
}

/// All values from `offset` on, with their offsets, read in pieces of `max_bytes`.
fn values_from(log: &Log, mut offset: i64, max_bytes: usize) -> Vec<(i64, Vec<u8>)> {
    let mut values = Vec::new();
    loop {
        let range = log
            .read(offset, max_bytes, true, Isolation::ReadUncommitted)
            .unwrap();
        let batches = batches_of(&range);
        let Some(last) = batches.last() else {
            return values;
        };
        offset = last.header().next_offset();
        for batch in batches {
            batch.check_crc().unwrap();
            let decoded = batch.decode(1 << 20, Pool::global()).unwrap();
            let value = |row: &millrace_wire::batch::RecordRow| {
                row.value.of(&decoded.data).unwrap().to_vec()
            };
            values.extend(decoded.rows.iter().map(|row| (row.offset, value(row))));
        }
    }
}

/// Appends `count` batches of one record each, whose value is its offset as text.
fn fill(log: &Arc<Log>, count: i64) {
    for _ in 0..count {
        let value = format!("value {}", log.log_end_offset());
        let batch = crate::testing::value_batch(NOW + log.log_end_offset(), &[value.as_bytes()]);
        log.append(&batch, 0, NOW).unwrap();
    }
}

fn expected(offsets: std::ops::Range<i64>) -> Vec<(i64, Vec<u8>)> {
    offsets
        .map(|offset| (offset, format!("value {offset}").into_bytes()))
        .collect()
}
