use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use millrace_wire::clock;

use super::*;
use crate::testing::SetOnDrop;

const BATCHES: i64 = 600;
const PATIENCE: Duration = Duration::from_secs(120);

/// Appends with a few batches in flight, and checks that each is acknowledged once. Whoever syncs
/// answers, so that answers of two syncs may cross.
fn produce(log: &Arc<Log>) {
    let (sender, receiver) = mpsc::sync_channel(BATCHES as usize);
    for _ in 0..BATCHES {
        let value = format!("value {}", log.log_end_offset());
        let batch = crate::testing::value_batch(NOW, &[value.as_bytes()]);
        let end = log.append(&batch, 0, NOW).unwrap().last_offset + 1;
        let (sender, waiting) = (sender.clone(), Arc::clone(log));
        let tell = move |outcome: Result<(), crate::StorageError>| {
            outcome.unwrap();
            assert!(
                waiting.high_watermark() >= end,
                "an acknowledged record can be read"
            );
            sender.send(end).unwrap();
        };
        log.on_durable(end, Box::new(tell));
    }
    let mut ends: Vec<i64> = (0..BATCHES)
        .map(|_| receiver.recv_timeout(PATIENCE).unwrap())
        .collect();
    ends.sort_unstable();
    assert!(ends.into_iter().eq(1..=BATCHES));
}

/// Reads along until all is there, never past the high watermark.
fn consume(log: &Log) {
    let deadline = Instant::now() + PATIENCE;
    let mut next = 0;
    while next < BATCHES {
        assert!(
            Instant::now() < deadline,
            "{next} of {BATCHES} records were read"
        );
        let values = values_from(log, next, 300);
        let read = next..next + values.len() as i64;
        assert_eq!(values, expected(read.clone()));
        next = read.end;
        thread::yield_now();
    }
}

#[test]
fn producers_consumers_and_the_flusher_work_side_by_side() {
    let temp = tempfile::tempdir().unwrap();
    let (dir, _) = DataDir::open(temp.path(), DataDirConfig::default(), clock::system()).unwrap();
    let logs = [0, 1, 2].map(|partition| {
        dir.create_log("shop", partition, Uuid::ONE, small())
            .unwrap()
    });
    thread::scope(|scope| {
        for log in &logs {
            scope.spawn(|| produce(log));
            scope.spawn(|| consume(log));
        }
    });
    dir.close().unwrap();
    drop((dir, logs));
    let (bench, recovery) = Bench::open(temp.path(), DataDirConfig::default());
    assert!(recovery.clean);
    assert_eq!(
        values_from(&bench.dir.find("shop", 1).unwrap(), 0, 5000),
        expected(0..BATCHES)
    );
}

#[test]
fn retention_goes_on_beside_appends_and_reads() {
    let temp = tempfile::tempdir().unwrap();
    let (dir, _) = DataDir::open(temp.path(), DataDirConfig::default(), clock::system()).unwrap();
    let config = LogConfig {
        retention_bytes: 2000,
        retention_ms: -1,
        file_delete_delay_ms: 0,
        ..small()
    };
    let log = dir.create_log("shop", 0, Uuid::ONE, config).unwrap();
    let (done, reads) = (AtomicBool::new(false), AtomicI64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            let _done = SetOnDrop(&done);
            produce(&log);
        });
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                dir.apply_retention();
                dir.remove_deleted();
            }
        });
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                match log.read(
                    log.log_start_offset(),
                    500,
                    true,
                    Isolation::ReadUncommitted,
                ) {
                    Ok(range) => reads.fetch_add(batches_of(&range).len() as i64, Ordering::SeqCst),
                    // The start moved between the two looks.
                    Err(crate::ReadError::OutOfRange { .. }) => 0,
                    Err(error) => panic!("{error}"),
                };
            }
        });
    });
    dir.apply_retention();
    assert!(log.log_start_offset() > BATCHES / 2 && reads.into_inner() > 0);
    assert_eq!(
        values_from(&log, log.log_start_offset(), 500)
            .last()
            .unwrap()
            .0,
        BATCHES - 1
    );
}
