use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use millrace_wire::batch::{ProducerIdentity, TimestampType};
use millrace_wire::compression::Compression;
use millrace_wire::error_code::ErrorCode;

use super::*;
use crate::testing::{batch, batch_from, value_batch};
use crate::{AppendError, Durability, LogListener, StorageError, TimestampPolicy};

#[test]
fn the_stored_batch_is_the_sent_one_but_for_offset_and_epoch() {
    let (_temp, _bench, log) = fresh(LogConfig::default());
    let sent = value_batch(NOW, &[b"a", b"b", b"c"]);
    let copy = sent.to_vec();
    log.append(&sent, 5, NOW).unwrap();
    let appended = log.append(&sent, 5, NOW).unwrap();
    assert_eq!(
        (
            appended.base_offset,
            appended.last_offset,
            appended.log_append_time
        ),
        (3, 5, -1)
    );
    assert_eq!(sent, copy, "a request's bytes are not written into");
    log.flush().unwrap();
    let stored = bytes_of(
        &log.read(3, 1 << 20, true, Isolation::ReadUncommitted)
            .unwrap(),
    );
    let mut patched = BytesMut::from(&sent[..]);
    patched[..8].copy_from_slice(&3i64.to_be_bytes());
    patched[12..16].copy_from_slice(&5i32.to_be_bytes());
    assert_eq!(stored, patched);
    assert_eq!(log.end_of_epoch(5), Some((5, 6)));
}

#[test]
fn what_is_no_batch_of_a_producer_is_refused_by_kafkas_code() {
    let (_temp, _bench, log) = fresh(LogConfig {
        max_message_bytes: 5000,
        ..LogConfig::default()
    });
    let good = value_batch(NOW, &[b"a", b"b"]);
    let with = |at: usize, bytes: &[u8], renew: bool| {
        let mut changed = good.to_vec();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        if renew {
            let crc = millrace_wire::crc::crc32c(&changed[21..]);
            changed[17..21].copy_from_slice(&crc.to_be_bytes());
        }
        Bytes::from(changed)
    };
    let twice = [&good[..], &good[..]].concat();
    let idempotent = ProducerIdentity {
        producer_id: 3,
        epoch: 0,
        base_sequence: -1,
        transactional: false,
    };
    for (what, bytes, code) in [
        ("nothing", Bytes::new(), ErrorCode::INVALID_RECORD),
        (
            "half a batch",
            good.slice(..good.len() - 1),
            ErrorCode::INVALID_RECORD,
        ),
        ("two batches", Bytes::from(twice), ErrorCode::INVALID_RECORD),
        ("magic 1", with(16, &[1], false), ErrorCode::INVALID_RECORD),
        ("magic 3", with(16, &[3], false), ErrorCode::CORRUPT_MESSAGE),
        (
            "a length of 48",
            with(8, &48i32.to_be_bytes(), false),
            ErrorCode::CORRUPT_MESSAGE,
        ),
        (
            "a flipped byte",
            with(good.len() - 2, &[0xff], false),
            ErrorCode::CORRUPT_MESSAGE,
        ),
        (
            "base offset 1",
            with(7, &[1], false),
            ErrorCode::INVALID_RECORD,
        ),
        (
            "a control batch",
            with(22, &[0x20], true),
            ErrorCode::INVALID_RECORD,
        ),
        (
            "count 0",
            with(57, &0i32.to_be_bytes(), true),
            ErrorCode::INVALID_RECORD,
        ),
        (
            "count 3 of 2",
            with(57, &3i32.to_be_bytes(), true),
            ErrorCode::INVALID_RECORD,
        ),
        (
            "codec 7",
            with(22, &[7], true),
            ErrorCode::UNKNOWN_SERVER_ERROR,
        ),
        (
            "5001 bytes",
            value_batch(NOW, &[&[0; 5000]]),
            ErrorCode::MESSAGE_TOO_LARGE,
        ),
        (
            "no sequence",
            batch_from(idempotent, &[(NOW, None, None)], Compression::None),
            ErrorCode::INVALID_RECORD,
        ),
    ] {
        let error = log.append(&bytes, 0, NOW).expect_err(what);
        assert_eq!(error.code(), code, "{what}: {error}");
    }
    assert_eq!(log.log_end_offset(), 0);
    let mut tail = good.to_vec();
    tail.extend(&good[..30]);
    assert_eq!(
        log.append(&Bytes::from(tail), 0, NOW).unwrap().last_offset,
        1,
        "a cut-off second batch is dropped"
    );
}

#[test]
fn a_compacted_topic_wants_keys_and_names_the_records_without() {
    let (_temp, _bench, log) = fresh(LogConfig {
        compact: true,
        ..LogConfig::default()
    });
    let records = [
        (NOW, Some(&b"k"[..]), None),
        (NOW, None, Some(&b"v"[..])),
        (NOW, None, None),
    ];
    for codec in Compression::ALL {
        let error = log.append(&batch(&records, codec), 0, NOW).unwrap_err();
        assert_eq!(error.code(), ErrorCode::INVALID_RECORD);
        assert_eq!(
            error
                .record_errors()
                .iter()
                .map(|error| error.batch_index)
                .collect::<Vec<_>>(),
            [1, 2]
        );
        log.append(&batch(&records[..1], codec), 0, NOW).unwrap();
    }
    assert_eq!(log.log_end_offset(), 5);
}

#[test]
fn times_too_far_ahead_are_refused() {
    let config = LogConfig {
        timestamp_after_max_ms: 1_000,
        timestamp_before_max_ms: 5_000,
        ..LogConfig::default()
    };
    let (_temp, _bench, log) = fresh(config);
    let at = |times: &[i64]| {
        let records: Vec<_> = times
            .iter()
            .map(|&time| (time, None, Some(&b"v"[..])))
            .collect();
        log.append(&batch(&records, Compression::Lz4), 0, NOW)
    };
    at(&[NOW - 5_000, NOW + 1_000, -1]).unwrap();
    let error = at(&[NOW, NOW + 1_001, NOW - 5_001]).unwrap_err();
    assert_eq!(error.code(), ErrorCode::INVALID_TIMESTAMP);
    assert_eq!(
        error
            .record_errors()
            .iter()
            .map(|error| error.batch_index)
            .collect::<Vec<_>>(),
        [1, 2]
    );
}

#[test]
fn the_brokers_clock_is_written_over_the_producers() {
    let config = LogConfig {
        timestamp_policy: TimestampPolicy::LogAppendTime,
        ..LogConfig::default()
    };
    let (_temp, _bench, log) = fresh(config);
    let appended = log.append(&value_batch(5, &[b"a", b"b"]), 0, NOW).unwrap();
    assert_eq!(appended.log_append_time, NOW);
    log.flush().unwrap();
    let stored = batches_of(
        &log.read(0, 1 << 20, true, Isolation::ReadUncommitted)
            .unwrap(),
    )
    .remove(0);
    stored.check_crc().unwrap();
    assert_eq!(
        stored.header().attributes.timestamp_type(),
        TimestampType::LogAppend
    );
    let decoded = stored
        .decode(1 << 20, millrace_wire::pool::Pool::global())
        .unwrap();
    assert!(decoded.rows.iter().all(|row| row.timestamp == NOW));
}

#[test]
fn a_repeated_batch_is_answered_with_its_first_offset() {
    let (_temp, _bench, log) = fresh(LogConfig::default());
    let idempotent = |base_sequence| {
        let identity = ProducerIdentity {
            producer_id: 7,
            epoch: 0,
            base_sequence,
            transactional: false,
        };
        batch_from(
            identity,
            &[(NOW + 1, None, Some(b"a")), (NOW + 2, None, Some(b"b"))],
            Compression::None,
        )
    };
    log.append(&value_batch(NOW, &[b"other"]), 0, NOW).unwrap();
    let first = log.append(&idempotent(0), 0, NOW).unwrap();
    let again = log.append(&idempotent(0), 0, NOW).unwrap();
    assert_eq!((first.base_offset, first.duplicate), (1, false));
    assert_eq!(
        (
            again.base_offset,
            again.last_offset,
            again.duplicate,
            again.log_append_time
        ),
        (1, 2, true, NOW + 2)
    );
    assert_eq!(log.log_end_offset(), 3);
    let gap = log.append(&idempotent(4), 0, NOW).unwrap_err();
    assert_eq!(gap.code(), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
}

#[derive(Default)]
struct Counter(AtomicUsize);

impl LogListener for Counter {
    fn log_changed(&self, _log: &Log) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A callback that notes its outcome under a label.
fn noting(outcomes: &Arc<Mutex<Vec<String>>>, label: &'static str) -> crate::OnDurable {
    let outcomes = Arc::clone(outcomes);
    Box::new(move |outcome: Result<(), StorageError>| {
        let outcome = outcome.map_or_else(|error| error.to_string(), |()| "durable".into());
        outcomes.lock().unwrap().push(format!("{label} {outcome}"));
    })
}

#[test]
fn the_high_watermark_follows_the_sync() {
    let (_temp, _bench, log) = fresh(LogConfig::default());
    let (changes, outcomes) = (
        Arc::new(Counter::default()),
        Arc::new(Mutex::new(Vec::new())),
    );
    log.subscribe(Arc::clone(&changes) as Arc<dyn LogListener>);
    fill(&log, 2);
    log.on_durable(2, noting(&outcomes, "both"));
    log.on_durable(1, noting(&outcomes, "first"));
    log.on_durable(3, noting(&outcomes, "third"));
    assert_eq!((log.high_watermark(), log.log_end_offset()), (0, 2));
    assert!(
        log.read(0, 1000, true, Isolation::ReadUncommitted)
            .unwrap()
            .is_empty()
    );
    log.flush().unwrap();
    assert_eq!((log.high_watermark(), log.durable_offset()), (2, 2));
    assert_eq!(*outcomes.lock().unwrap(), ["both durable", "first durable"]);
    assert_eq!(changes.0.load(Ordering::SeqCst), 1);
    log.on_durable(2, noting(&outcomes, "late"));
    assert_eq!(outcomes.lock().unwrap().last().unwrap(), "late durable");
    log.truncate_to(1).unwrap();
    assert_eq!(
        outcomes.lock().unwrap().last().unwrap(),
        "third log shop-0 has been truncated below the offset waited for"
    );
}

#[test]
fn page_cache_durability_waits_for_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let config = DataDirConfig {
        durability: Durability::PageCache,
        ..DataDirConfig::default()
    };
    let (bench, _) = Bench::open(temp.path(), config);
    let log = bench.log(LogConfig::default());
    let outcomes = Arc::new(Mutex::new(Vec::new()));
    log.on_durable(1, noting(&outcomes, "early"));
    fill(&log, 1);
    log.on_durable(1, noting(&outcomes, "late"));
    assert_eq!(*outcomes.lock().unwrap(), ["early durable", "late durable"]);
    assert_eq!((log.high_watermark(), log.durable_offset()), (1, 0));
    assert_eq!(values_from(&log, 0, 1000), expected(0..1));
}

#[test]
fn a_deleted_log_tells_who_waits() {
    let (temp, bench, log) = fresh(LogConfig::default());
    let outcomes = Arc::new(Mutex::new(Vec::new()));
    fill(&log, 1);
    log.on_durable(1, noting(&outcomes, "first"));
    bench.dir.delete_log("shop", 0).unwrap();
    assert_eq!(
        *outcomes.lock().unwrap(),
        ["first log shop-0 has been deleted"]
    );
    let error = log.append(&value_batch(NOW, &[b"a"]), 0, NOW).unwrap_err();
    assert!(matches!(
        &error,
        AppendError::Storage(StorageError::Deleted(_))
    ));
    assert_eq!(error.code(), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let again = bench.log(LogConfig::default());
    assert_eq!(again.log_end_offset(), 0);
    let deleting = || {
        let names = std::fs::read_dir(temp.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with("-delete")).count()
    };
    bench.dir.remove_deleted();
    assert_eq!(deleting(), 1);
    bench
        .clock
        .advance(std::time::Duration::from_millis(60_000));
    bench.dir.remove_deleted();
    assert_eq!(deleting(), 0);
}

#[test]
fn a_full_disk_refuses_the_batch_and_nothing_else() {
    let temp = tempfile::tempdir().unwrap();
    let (dir, files) = simulated(temp.path());
    let log = dir
        .create_log("shop", 0, Uuid::ONE, LogConfig::default())
        .unwrap();
    fill(&log, 2);
    files.fail_next_write();
    let error = log
        .append(&value_batch(NOW, &[&[1; 500]]), 0, NOW)
        .unwrap_err();
    assert_eq!(
        (error.code(), error.is_retriable()),
        (ErrorCode::KAFKA_STORAGE_ERROR, true)
    );
    fill(&log, 2);
    dir.flush_queued();
    assert_eq!(values_from(&log, 0, 500), expected(0..4));
}

/// The first sync under an epoch writes a small file of its own.
#[test]
fn a_disk_that_is_full_when_epochs_are_written_is_waited_for() {
    let temp = tempfile::tempdir().unwrap();
    let (dir, files) = simulated(temp.path());
    let log = dir
        .create_log("shop", 0, Uuid::ONE, LogConfig::default())
        .unwrap();
    dir.flush_queued();
    let outcomes = Arc::new(Mutex::new(Vec::new()));
    fill(&log, 1);
    log.on_durable(1, noting(&outcomes, "batch"));
    files.fail_next_write();
    dir.flush_queued();
    assert!(outcomes.lock().unwrap().is_empty());
    assert_eq!((log.high_watermark(), log.log_end_offset()), (0, 1));
    fill(&log, 1);
    dir.flush_queued();
    assert_eq!(*outcomes.lock().unwrap(), ["batch durable"]);
    assert_eq!(log.high_watermark(), 2);
    let epochs = std::fs::read_to_string(log.dir().join("leader-epoch-checkpoint")).unwrap();
    assert_eq!(epochs, "0\n1\n0 0\n");
}

#[test]
fn a_failed_sync_takes_the_directory_offline_for_good() {
    let temp = tempfile::tempdir().unwrap();
    let (dir, files) = simulated(temp.path());
    let logs = [0, 1].map(|partition| {
        dir.create_log("shop", partition, Uuid::ONE, LogConfig::default())
            .unwrap()
    });
    dir.flush_queued();
    let outcomes = Arc::new(Mutex::new(Vec::new()));
    for log in &logs {
        fill(log, 1);
        log.on_durable(1, noting(&outcomes, "batch"));
    }
    files.crash_after(0);
    dir.flush_queued();
    files.crash_after(usize::MAX);
    assert_eq!(outcomes.lock().unwrap().len(), 2);
    for outcome in outcomes.lock().unwrap().iter() {
        assert!(outcome.contains("is offline: cannot sync"), "{outcome}");
    }
    for log in &logs {
        let appended = log.append(&value_batch(NOW, &[b"a"]), 0, NOW).unwrap_err();
        assert_eq!(appended.code(), ErrorCode::KAFKA_STORAGE_ERROR);
        let read = log
            .read(0, 500, true, Isolation::ReadUncommitted)
            .unwrap_err();
        assert_eq!(read.code(), ErrorCode::KAFKA_STORAGE_ERROR);
        assert_eq!(log.high_watermark(), 0);
    }
    assert!(dir.close().is_err());
}

/// A directory over the file layer that fails on request.
fn simulated(root: &Path) -> (DataDir, crate::testing::SimFiles) {
    let root = root.join("data");
    let files = crate::testing::SimFiles::new(&root, 1);
    let clock = Arc::new(ManualClock::new(NOW));
    let opened = DataDir::open_with(
        &root,
        DataDirConfig::default(),
        clock,
        Arc::new(files.clone()),
    );
    (opened.unwrap().0, files)
}
