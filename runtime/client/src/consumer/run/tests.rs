use std::time::Duration;

use super::*;
use crate::backoff::Backoff;
use crate::consumer::partitions::{Partitions, Stage};
use millrace_wire::batch::{BatchBuilder, Headers, ProducerIdentity};
use millrace_wire::compression::Compression;
use millrace_wire::crc::crc32c;

/// A batch of `values` at `base`, by that producer's transaction if there is one.
fn batch(base: i64, values: &[&str], producer: Option<i64>) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Pool::global(), 1 << 20);
    for value in values {
        builder.append(1000, None, Some(value.as_bytes()), Headers::NONE);
    }
    let identity = producer.map_or(ProducerIdentity::NONE, |producer_id| ProducerIdentity {
        producer_id,
        epoch: 0,
        base_sequence: 0,
        transactional: true,
    });
    let closed = builder.close(identity, Compression::None, None).unwrap();
    let mut bytes = closed.bytes().to_vec();
    bytes[..8].copy_from_slice(&base.to_be_bytes());
    bytes
}

/// The marker that ends a transaction of `producer`.
fn marker(base: i64, producer: i64, kind: u8) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Pool::global(), 1 << 10);
    builder.append(
        1000,
        Some(&[0, 0, 0, kind]),
        Some(&[0, 0, 0, 0, 0, 0]),
        Headers::NONE,
    );
    let identity = ProducerIdentity {
        producer_id: producer,
        epoch: 0,
        base_sequence: -1,
        transactional: true,
    };
    let mut bytes = builder
        .close(identity, Compression::None, None)
        .unwrap()
        .bytes()
        .to_vec();
    bytes[..8].copy_from_slice(&base.to_be_bytes());
    bytes[22] |= 0x20;
    let crc = crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes
}

struct Reader {
    partitions: Partitions,
    name: TopicPartition,
    run: Run,
    max_records: usize,
}

impl Reader {
    fn new(position: i64, data: Vec<u8>, aborted: Option<Vec<AbortedTransaction>>) -> Self {
        let name = TopicPartition::new("t", 0);
        let mut partitions = Partitions::new(Backoff::new(Duration::ZERO, Duration::ZERO));
        partitions.add([name.clone()], Stage::Committed);
        partitions.seek(&name, position);
        let run = Run::new(name.clone(), 0, data.into(), 99, aborted);
        Reader {
            partitions,
            name,
            run,
            max_records: usize::MAX,
        }
    }

    fn next(&mut self) -> Result<Option<Fetched>, ConsumeError> {
        let reading = Reading {
            check_crcs: true,
            max_records: self.max_records,
            rows: RowPool::default(),
            held: Held::default(),
        };
        self.run
            .next(self.partitions.get_mut(&self.name).unwrap(), &reading)
    }

    fn position(&self) -> i64 {
        self.partitions.get(&self.name).unwrap().position
    }

    /// The values of all records that are left.
    fn values(mut self) -> Vec<String> {
        let mut values = Vec::new();
        while let Some(fetched) = self.next().unwrap() {
            for row in &fetched.rows {
                values.push(
                    String::from_utf8(row.value.of(&fetched.data).unwrap().to_vec()).unwrap(),
                );
            }
        }
        values
    }
}

fn aborted(producer_id: i64, first_offset: i64) -> AbortedTransaction {
    AbortedTransaction {
        producer_id,
        first_offset,
    }
}

#[test]
fn records_below_the_position_are_left_out() {
    let data = [
        batch(0, &["a", "b"], None),
        batch(2, &["c", "d", "e"], None),
    ]
    .concat();
    assert_eq!(Reader::new(3, data, None).values(), ["d", "e"]);
}

#[test]
fn the_position_moves_over_gaps_and_markers() {
    let data = [batch(5, &["a"], None), marker(9, 1, 1)].concat();
    let mut reader = Reader::new(0, data, None);
    let fetched = reader.next().unwrap().unwrap();
    assert_eq!(
        (
            fetched.rows[0].offset,
            fetched.next_offset,
            fetched.high_watermark
        ),
        (5, 6, 99)
    );
    assert_eq!(reader.position(), 6);
    assert!(reader.next().unwrap().is_none());
    assert_eq!(reader.position(), 10);
}

#[test]
fn a_tail_that_is_cut_off_is_left_for_the_next_fetch() {
    let whole = batch(0, &["a", "b"], None);
    let cut = batch(2, &["c"], None);
    for keep in [1, 20, 61, cut.len() - 1] {
        let data = [&whole[..], &cut[..keep]].concat();
        assert_eq!(
            reach(&data),
            Some(Reach {
                next_offset: 2,
                leader_epoch: -1
            }),
            "{keep}"
        );
        assert_eq!(Reader::new(0, data, None).values(), ["a", "b"]);
    }
    assert_eq!(reach(&cut[..30]), None);
}

#[test]
fn a_damaged_batch_names_its_place_and_the_position_stays() {
    let mut data = [batch(0, &["a"], None), batch(1, &["b"], None)].concat();
    let last = data.len() - 2;
    data[last] ^= 1;
    let mut reader = Reader::new(0, data, None);
    assert!(reader.next().unwrap().is_some());
    let error = reader.next().unwrap_err().to_string();
    assert!(
        error.contains("offset 1 of t-0") && error.contains("checksum"),
        "{error}"
    );
    assert_eq!(reader.position(), 1);
}

#[test]
fn records_of_aborted_transactions_are_hidden_from_committed_reads() {
    let data = [
        batch(0, &["plain"], None),
        batch(1, &["aborted"], Some(7)),
        batch(2, &["other"], Some(8)),
        marker(3, 7, 0),
        batch(4, &["later"], Some(7)),
        marker(5, 8, 1),
        marker(6, 7, 1),
    ]
    .concat();
    let committed = Reader::new(0, data.clone(), Some(vec![aborted(7, 1)]));
    assert_eq!(committed.values(), ["plain", "other", "later"]);
    assert_eq!(
        Reader::new(0, data.clone(), None).values(),
        ["plain", "aborted", "other", "later"]
    );
    assert_eq!(
        Reader::new(4, data, Some(vec![aborted(7, 1)])).values(),
        ["later"]
    );
}

#[test]
fn a_large_batch_is_handed_out_in_parts() {
    let data = [
        batch(0, &["a", "b", "c", "d", "e"], None),
        batch(5, &["f"], None),
    ]
    .concat();
    let mut reader = Reader::new(1, data, None);
    reader.max_records = 2;
    for (offsets, next) in [(vec![1, 2], 3), (vec![3, 4], 5), (vec![5], 6)] {
        let part = reader.next().unwrap().unwrap();
        let read: Vec<i64> = part.rows.iter().map(|row| row.offset).collect();
        assert_eq!((read, part.next_offset), (offsets, next));
        let state = reader.partitions.get(&reader.name).unwrap();
        assert_eq!(state.position, next);
    }
    assert!(reader.next().unwrap().is_none());
}
