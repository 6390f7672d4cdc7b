use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use millrace_wire::batch::ProducerIdentity;
use millrace_wire::compression::Compression;
use millrace_wire::error_code::ErrorCode;

use super::*;
use crate::testing::batch_from;

fn segment_path(log: &Log, base_offset: i64) -> PathBuf {
    log.dir().join(format!("{base_offset:020}.log"))
}

fn reopen(temp: &tempfile::TempDir) -> (Bench, Arc<Log>, Recovery) {
    let config = DataDirConfig {
        log_defaults: small(),
        ..DataDirConfig::default()
    };
    let (bench, recovery) = Bench::open(temp.path(), config);
    let log = bench.dir.find("shop", 0).unwrap();
    (bench, log, recovery)
}

/// A log of 50 records, all of them synced and, with `checkpointed`, known to be.
fn stopped_uncleanly(checkpointed: bool) -> (tempfile::TempDir, PathBuf) {
    let (temp, bench, log) = fresh(small());
    fill(&log, 50);
    log.flush().unwrap();
    if checkpointed {
        bench.dir.write_checkpoints();
    }
    let dir = log.dir().to_owned();
    (temp, dir)
}

fn last_segment(dir: &Path) -> PathBuf {
    let mut logs: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    logs.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    logs.sort();
    logs.pop().unwrap()
}

#[test]
fn a_clean_stop_needs_no_recovery() {
    let (temp, bench, log) = fresh(small());
    fill(&log, 50);
    bench.dir.close().unwrap();
    let epoch = bench.dir.leader_epoch();
    drop((bench, log));
    let (bench, log, recovery) = reopen(&temp);
    assert_eq!((recovery.clean, recovery.scanned_bytes), (true, 0));
    assert_eq!(values_from(&log, 0, 500), expected(0..50));
    assert_eq!((log.topic_id(), log.leader_epoch()), (Uuid::ONE, epoch + 1));
    fill(&log, 10);
    log.flush().unwrap();
    assert_eq!(values_from(&log, 0, 500), expected(0..60));
    drop(bench);
}

#[test]
fn an_unclean_stop_loses_nothing_that_is_whole() {
    let (temp, _dir) = stopped_uncleanly(false);
    let (_bench, log, recovery) = reopen(&temp);
    assert!(!recovery.clean && recovery.logs.is_empty() && recovery.scanned_bytes > 0);
    assert_eq!(values_from(&log, 0, 500), expected(0..50));
    assert_eq!((log.high_watermark(), log.durable_offset()), (50, 50));
}

#[test]
fn a_torn_tail_is_cut_and_kept() {
    let (temp, dir) = stopped_uncleanly(true);
    let path = last_segment(&dir);
    let torn = crate::testing::value_batch(NOW, &[b"torn"]);
    OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap()
        .write_all(&torn[..40])
        .unwrap();
    let (_bench, log, recovery) = reopen(&temp);
    let cut = &recovery.logs[0].cuts[0];
    assert_eq!((cut.offset, cut.bytes, &cut.path), (50, 40, &path));
    assert_eq!(std::fs::read(&cut.saved).unwrap(), torn[..40]);
    assert!(cut.saved.ends_with("00000000000000000050.cut"));
    fill(&log, 5);
    log.flush().unwrap();
    assert_eq!(values_from(&log, 0, 500), expected(0..55));
}

#[test]
fn a_bad_batch_above_the_durable_point_takes_all_behind_it_along() {
    let (temp, bench, log) = fresh(small());
    fill(&log, 20);
    log.flush().unwrap();
    bench.dir.write_checkpoints();
    fill(&log, 40);
    log.flush().unwrap();
    let found = log.read(25, 1, true, Isolation::ReadUncommitted).unwrap();
    let path = segment_path(&log, log.segment_at(25).unwrap().base_offset);
    drop((bench, log));
    flip(&path, found.records.unwrap().offset + 65);
    let (_bench, log, recovery) = reopen(&temp);
    assert_eq!(
        (log.log_end_offset(), values_from(&log, 0, 500)),
        (25, expected(0..25))
    );
    assert!(
        recovery.logs[0].cuts.len() > 1,
        "whole segments behind the bad batch are set aside, too"
    );
    assert!(recovery.logs[0].damages.is_empty());
    fill(&log, 40);
    log.flush().unwrap();
    assert_eq!(values_from(&log, 0, 500), expected(0..65));
}

fn flip(path: &Path, position: u64) {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, position).unwrap();
    file.write_all_at(&[!byte[0]], position).unwrap();
}

#[test]
fn damage_below_the_durable_point_is_named_and_never_cut() {
    for (what, at) in [
        ("a payload", 65),
        ("a length", 9),
        ("a magic byte", 16),
        ("an offset", 0),
        ("an offset, upwards", 6),
    ] {
        let (temp, bench, log) = fresh(small());
        fill(&log, 50);
        log.flush().unwrap();
        bench.dir.write_checkpoints();
        let last = log.segment_at(49).unwrap().base_offset;
        let bad = last + 1;
        let range = log
            .read(bad, 1, true, Isolation::ReadUncommitted)
            .unwrap()
            .records
            .unwrap();
        let path = segment_path(&log, last);
        drop((bench, log));
        flip(&path, range.offset + at);
        let (_bench, log, recovery) = reopen(&temp);
        let damage = &recovery.logs[0].damages[0];
        assert_eq!(
            (
                &damage.path,
                damage.position,
                damage.offset,
                damage.end_offset
            ),
            (&path, range.offset, bad, bad + 1),
            "{what}"
        );
        assert!(recovery.logs[0].cuts.is_empty());
        let error = log
            .read(bad, 500, true, Isolation::ReadUncommitted)
            .unwrap_err();
        assert_eq!(error.code(), ErrorCode::CORRUPT_MESSAGE, "{what}");
        let before = log
            .read(last, 1 << 20, true, Isolation::ReadUncommitted)
            .unwrap();
        assert_eq!(
            batches_of(&before).len(),
            1,
            "{what}: the read ends before the damage"
        );
        assert_eq!(
            values_from(&log, bad + 1, 500),
            expected(bad + 1..50),
            "{what}"
        );
        fill(&log, 20);
        log.flush().unwrap();
        assert_eq!(
            values_from(&log, bad + 1, 500),
            expected(bad + 1..70),
            "{what}"
        );
    }
}

#[test]
fn damage_is_still_known_after_an_orderly_stop() {
    let (temp, dir) = stopped_uncleanly(true);
    flip(&last_segment(&dir), 65);
    let (bench, log, recovery) = reopen(&temp);
    let lost = recovery.logs[0].damages[0].offset;
    bench.dir.close().unwrap();
    drop((bench, log));
    let (_bench, log, recovery) = reopen(&temp);
    assert_eq!(recovery.logs[0].damages[0].offset, lost);
    let error = log
        .read(lost, 500, true, Isolation::ReadUncommitted)
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::CORRUPT_MESSAGE);
}

#[test]
fn a_lost_end_below_the_durable_point_is_named() {
    let (temp, dir) = stopped_uncleanly(true);
    let path = last_segment(&dir);
    let base_offset: i64 = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(0)
        .unwrap();
    let (_bench, log, recovery) = reopen(&temp);
    let damage = &recovery.logs[0].damages[0];
    assert_eq!((damage.offset, damage.end_offset), (base_offset, 50));
    let error = log
        .read(49, 500, true, Isolation::ReadUncommitted)
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::CORRUPT_MESSAGE);
    assert_eq!((log.log_end_offset(), log.high_watermark()), (50, 50));
    fill(&log, 3);
    log.flush().unwrap();
    assert_eq!(values_from(&log, 50, 500), expected(50..53));
}

#[test]
fn an_empty_segment_among_others_is_no_obstacle() {
    let (temp, bench, log) = fresh(small());
    fill(&log, 50);
    bench.dir.close().unwrap();
    let last = log.segment_at(49).unwrap().base_offset;
    File::create(segment_path(&log, last - 1)).unwrap();
    drop((bench, log));
    let (_bench, log, recovery) = reopen(&temp);
    assert!(recovery.clean);
    assert_eq!(values_from(&log, 0, 500), expected(0..50));
}

#[test]
fn missing_indexes_are_made_anew() {
    let (temp, bench, log) = fresh(small());
    fill(&log, 50);
    bench.dir.close().unwrap();
    let dir = log.dir().to_owned();
    drop((bench, log));
    let saved: Vec<_> = index_files(&dir)
        .into_iter()
        .map(|path| (std::fs::read(&path).unwrap(), path))
        .collect();
    saved
        .iter()
        .for_each(|(_, path)| std::fs::remove_file(path).unwrap());
    let (_bench, log, recovery) = reopen(&temp);
    assert!(recovery.clean);
    assert_eq!(values_from(&log, 0, 200), expected(0..50));
    for (contents, path) in saved {
        assert_eq!(
            std::fs::read(&path).unwrap(),
            contents,
            "{}",
            path.display()
        );
    }
}

fn index_files(dir: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "index" || extension == "timeindex")
        })
        .collect()
}

#[test]
fn producers_are_known_after_any_stop() {
    for clean in [true, false] {
        let (temp, bench, log) = fresh(small());
        let send = |log: &Arc<Log>, base_sequence| {
            let identity = ProducerIdentity {
                producer_id: 7,
                epoch: 1,
                base_sequence,
                transactional: false,
            };
            log.append(
                &batch_from(
                    identity,
                    &[(NOW, None, Some(b"some value"))],
                    Compression::None,
                ),
                0,
                NOW,
            )
        };
        for sequence in 0..30 {
            send(&log, sequence).unwrap();
        }
        if clean {
            bench.dir.close().unwrap();
        }
        drop((bench, log));
        let (_bench, log, recovery) = reopen(&temp);
        assert_eq!(recovery.clean, clean);
        let again = send(&log, 29).unwrap();
        assert_eq!((again.duplicate, again.base_offset), (true, 29));
        assert_eq!(
            send(&log, 31).unwrap_err().code(),
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
        );
        assert_eq!(send(&log, 30).unwrap().base_offset, 30);
    }
}

#[test]
fn a_second_broker_is_kept_out() {
    let (temp, bench, _log) = fresh(small());
    let clock = Arc::new(ManualClock::new(NOW));
    let error = DataDir::open(temp.path(), DataDirConfig::default(), clock.clone()).unwrap_err();
    assert!(error.to_string().contains("no other broker"), "{error}");
    drop(bench);
    let other = DataDirConfig {
        node_id: 2,
        ..DataDirConfig::default()
    };
    let error = DataDir::open(temp.path(), other, clock).unwrap_err();
    assert!(error.to_string().contains("node.id 1"), "{error}");
}

#[test]
fn the_mark_of_a_clean_stop_is_used_up() {
    let (temp, bench, _log) = fresh(small());
    bench.dir.close().unwrap();
    let mark = temp.path().join(".kafka_cleanshutdown");
    let mut text = String::new();
    File::open(&mark)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "{\"version\":0,\"brokerEpoch\":-1}");
    drop(bench);
    let _open = reopen(&temp);
    assert!(!mark.exists());
}
