//! What compaction must leave of producers and their transactions.

use millrace_wire::batch::{BatchHeader, HEADER_LEN, ProducerIdentity};
use millrace_wire::crc::crc32c;
use std::time::Duration;

use super::*;
use crate::AppendError;
use crate::testing::batch_from;

fn identity(producer_id: i64, base_sequence: i32, transactional: bool) -> ProducerIdentity {
    ProducerIdentity {
        producer_id,
        epoch: 0,
        base_sequence,
        transactional,
    }
}

fn send(
    log: &Arc<Log>,
    identity: ProducerIdentity,
    key: &str,
    value: &str,
) -> Result<crate::Appended, AppendError> {
    let records = [(NOW, Some(key.as_bytes()), Some(value.as_bytes()))];
    log.append(&batch_from(identity, &records, Compression::None), 0, NOW)
}

/// The marker that ends a producer's transaction.
fn end(log: &Arc<Log>, producer_id: i64, commit: bool) {
    let key = [0, 0, 0, u8::from(commit)];
    let records = [(NOW, Some(&key[..]), Some(&[0, 0, 0, 0, 0, 0][..]))];
    let mut bytes =
        batch_from(identity(producer_id, -1, true), &records, Compression::None).to_vec();
    let mut header = BatchHeader::parse(&bytes).unwrap();
    header.attributes = header.attributes.with_control(true);
    let mut head = [0; HEADER_LEN];
    header.write(&mut head);
    bytes[..HEADER_LEN].copy_from_slice(&head);
    let crc = crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    log.append_as_leader(&Bytes::from(bytes), 0, NOW).unwrap();
}

#[test]
fn the_last_batch_of_a_producer_keeps_its_sequence() {
    let temp = tempfile::tempdir().unwrap();
    let (bench, log) = Bench::fresh(temp.path(), small());
    for sequence in 0..3 {
        send(&log, identity(7, sequence, false), "a", "older").unwrap();
    }
    put(&log, NOW, "a", Some("newest"), Compression::None);
    push_out(&log);
    bench.compact(&log);
    assert_eq!(kept(&log), [pair("a", Some("newest"))]);
    let emptied = &batches_from(&log, 0)[0];
    assert_eq!(
        (emptied.header().base_offset, emptied.header().record_count),
        (2, 0)
    );

    // Without any snapshot the sequence is in the log alone.
    drop((log, bench));
    for entry in std::fs::read_dir(temp.path().join("shop-0")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "snapshot")
        {
            std::fs::remove_file(path).unwrap();
        }
    }
    let bench = Bench::open(temp.path(), DataDirConfig::default());
    let log = bench.dir.find("shop", 0).unwrap();
    assert!(
        send(&log, identity(7, 2, false), "a", "older")
            .unwrap()
            .duplicate
    );
    assert!(send(&log, identity(7, 4, false), "a", "gap").is_err());
    assert!(
        !send(&log, identity(7, 3, false), "a", "next")
            .unwrap()
            .duplicate
    );
}

#[test]
fn aborted_records_neither_stay_nor_replace_others() {
    let temp = tempfile::tempdir().unwrap();
    let (bench, log) = Bench::fresh(
        temp.path(),
        LogConfig {
            delete_retention_ms: 1_000,
            ..small()
        },
    );
    put(&log, NOW, "a", Some("before"), Compression::None);
    put(&log, NOW, "b", Some("before"), Compression::None);
    send(&log, identity(7, 0, true), "a", "aborted").unwrap();
    send(&log, identity(8, 0, true), "b", "committed").unwrap();
    push_out(&log);
    bench.compact(&log);
    assert_eq!(kept(&log).len(), 4, "open transactions are left alone");
    end(&log, 7, false);
    end(&log, 8, true);
    push_out(&log);
    bench.compact(&log);
    assert_eq!(
        kept(&log),
        [pair("a", Some("before")), pair("b", Some("committed"))]
    );
    let markers = |log: &Log| {
        let batches = batches_from(log, 0);
        batches
            .iter()
            .filter(|batch| {
                batch.header().attributes.is_control() && batch.header().record_count > 0
            })
            .map(|batch| batch.header().producer_id)
            .collect::<Vec<_>>()
    };
    assert_eq!(markers(&log), [7, 8]);

    // The aborted producer's emptied last batch is still met, so its marker stays until that is gone.
    bench.dir.apply_retention();
    log.expire_producers(NOW + 2, 1);
    for _ in 0..4 {
        bench.clock.advance(Duration::from_secs(2));
        push_out(&log);
        bench.compact(&log);
    }
    assert_eq!(markers(&log), [8], "the committed one still has a record");
}
