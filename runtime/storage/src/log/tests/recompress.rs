use millrace_wire::batch::{Decoded, ProducerIdentity, TimestampType};
use millrace_wire::compression::Compression;
use millrace_wire::error_code::ErrorCode;

use super::*;
use crate::testing::{batch, batch_from};
use crate::{StoredCompression, TimestampPolicy};

const IDENTITY: ProducerIdentity = ProducerIdentity {
    producer_id: 7,
    epoch: 2,
    base_sequence: 0,
    transactional: false,
};

fn stored_as(codec: Compression) -> LogConfig {
    LogConfig {
        compression: Some(StoredCompression { codec, level: None }),
        ..LogConfig::default()
    }
}

fn sent_as(codec: Compression) -> Bytes {
    let text = [b'x'; 300];
    let records = [
        (NOW, Some(&b"k"[..]), Some(&text[..])),
        (NOW + 5, None, None),
        (NOW + 2, Some(&[][..]), Some(&[][..])),
    ];
    batch_from(IDENTITY, &records, codec)
}

fn decoded(batch: &Batch) -> Decoded {
    batch.check_crc().unwrap();
    batch.decode(1 << 20, Pool::global()).unwrap()
}

fn only_stored(log: &Log) -> Batch {
    log.flush().unwrap();
    let range = log.read(0, 1 << 20, true, Isolation::ReadUncommitted);
    let mut stored = batches_of(&range.unwrap());
    assert_eq!(stored.len(), 1);
    stored.remove(0)
}

#[test]
fn every_codec_becomes_the_topics_and_the_records_stay() {
    for wanted in Compression::ALL {
        for came in Compression::ALL {
            let (_temp, _bench, log) = fresh(stored_as(wanted));
            let sent = sent_as(came);
            let appended = log.append(&sent, 3, NOW).unwrap();
            assert_eq!((appended.base_offset, appended.last_offset), (0, 2));
            let stored = only_stored(&log);
            let sent = Batch::parse(&sent).unwrap();
            let (before, after) = (decoded(&sent), decoded(&stored));
            assert_eq!(after.data, before.data, "{came} to {wanted}");
            assert_eq!(after.rows, before.rows);
            let (from, to) = (sent.header(), stored.header());
            assert_eq!(to.attributes, from.attributes.with_codec_id(wanted.id()));
            assert_eq!(to.max_timestamp, NOW + 5);
            assert_eq!(
                (to.producer_id, to.producer_epoch, to.base_sequence),
                (7, 2, 0)
            );
            if came == wanted {
                assert_eq!(stored.records(), sent.records());
            }
        }
    }
}

#[test]
fn a_batch_packed_anew_is_recognised_when_it_comes_again() {
    let (_temp, _bench, log) = fresh(stored_as(Compression::Zstd));
    let sent = sent_as(Compression::Gzip);
    assert!(!log.append(&sent, 0, NOW).unwrap().duplicate);
    let again = log.append(&sent, 0, NOW).unwrap();
    assert!(again.duplicate && again.base_offset == 0);
    assert_eq!(log.log_end_offset(), 3);
}

#[test]
fn the_brokers_clock_and_codec_go_together() {
    let (_temp, _bench, log) = fresh(LogConfig {
        timestamp_policy: TimestampPolicy::LogAppendTime,
        ..stored_as(Compression::Lz4)
    });
    let appended = log.append(&sent_as(Compression::None), 0, NOW + 9).unwrap();
    assert_eq!(appended.log_append_time, NOW + 9);
    let stored = only_stored(&log);
    let attributes = stored.header().attributes;
    assert_eq!(attributes.codec_id(), Compression::Lz4.id());
    assert_eq!(attributes.timestamp_type(), TimestampType::LogAppend);
    let rows = decoded(&stored).rows;
    assert!(rows.iter().all(|row| row.timestamp == NOW + 9));
}

#[test]
fn the_largest_batch_is_bounded_before_and_after() {
    let text = [b'x'; 3_000];
    let records = [(NOW, None, Some(&text[..]))];
    for (came, wanted) in [
        (Compression::Zstd, Compression::None),
        (Compression::None, Compression::Zstd),
    ] {
        let (_temp, _bench, log) = fresh(LogConfig {
            max_message_bytes: 1_000,
            ..stored_as(wanted)
        });
        let refused = log.append(&batch(&records, came), 0, NOW).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::MESSAGE_TOO_LARGE);
        assert_eq!(log.log_end_offset(), 0);
    }
}

#[test]
fn what_does_not_unpack_is_refused_where_it_must_be_packed_anew() {
    let (_temp, _bench, log) = fresh(stored_as(Compression::Zstd));
    let mut sent = sent_as(Compression::Gzip).to_vec();
    let middle = 61 + (sent.len() - 61) / 2;
    sent[middle] ^= 0xff;
    let crc = millrace_wire::crc::crc32c(&sent[21..]);
    sent[17..21].copy_from_slice(&crc.to_be_bytes());
    assert!(log.append(&Bytes::from(sent), 0, NOW).is_err());
    assert_eq!(log.log_end_offset(), 0);
}
