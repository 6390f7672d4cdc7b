use std::sync::Arc;

use millrace_api::{Cell, Column, Schema, SourceRun};
use proptest::prelude::*;

use super::super::offsets;
use super::*;

/// A line and the position behind it.
type Read = (String, i64);

fn begin() -> SourceBatch {
    let mut batch = SourceBatch::new();
    batch.begin_run(SourceRun {
        end: 0,
        topic: Arc::from("t"),
        partition: None,
        source: offsets::partition(Some("f")),
        key: Column::Null,
        value: Column::Text(Some(Schema::string())),
        headers: None,
    });
    batch
}

/// Feeds `chunks` and takes at most `limit` lines at a time.
fn split<'a>(
    chunks: impl IntoIterator<Item = &'a [u8]>,
    limit: usize,
) -> (Vec<Read>, LineSplitter) {
    let mut splitter = LineSplitter::new(0);
    let mut lines = Vec::new();
    for mut chunk in chunks {
        while !chunk.is_empty() {
            let room = splitter.room().unwrap();
            let count = room.len().min(chunk.len());
            room[..count].copy_from_slice(&chunk[..count]);
            splitter.advance(count);
            chunk = &chunk[count..];
            while splitter.complete.is_some() {
                let mut batch = begin();
                splitter.take(limit, -1, &mut batch);
                assert!(batch.len() <= limit);
                collect(&batch, &mut lines);
            }
        }
    }
    (lines, splitter)
}

fn collect(batch: &SourceBatch, lines: &mut Vec<Read>) {
    for (start, run) in batch.runs_with_start() {
        for (index, row) in batch.rows().iter().enumerate() {
            let Cell::Text(text) = batch.value(run, start, index) else {
                panic!("a text")
            };
            lines.push((str::from_utf8(text).unwrap().to_owned(), row.mark));
        }
    }
}

fn expect(input: &[u8], expected: &[(&str, i64)]) {
    let expected: Vec<Read> = expected
        .iter()
        .map(|(line, mark)| ((*line).to_owned(), *mark))
        .collect();
    for limit in [1, 2, 1000] {
        assert_eq!(
            split([input], limit).0,
            expected,
            "{input:?} at once, {limit} lines a batch"
        );
        assert_eq!(
            split(input.chunks(1), limit).0,
            expected,
            "{input:?} byte by byte, {limit} lines a batch"
        );
    }
}

#[test]
fn lines_and_positions() {
    expect(
        "é1\nab\r\n\nlast\rpart".as_bytes(),
        &[("é1", 4), ("ab", 8), ("", 9), ("last", 14)],
    );
    expect(b"", &[]);
    expect(b"no end", &[]);
    expect(b"\n\n", &[("", 1), ("", 2)]);
    expect(b"\r\r\n\r\n", &[("", 1), ("", 3), ("", 5)]);
    expect(b"a\rb\rc\n", &[("a", 2), ("b", 4), ("c", 6)]);
}

#[test]
fn a_carriage_return_at_the_end_waits() {
    expect(b"a\r", &[]);
    let (lines, splitter) = split([&b"a\r"[..], b"\nb\n"], 10);
    assert_eq!(lines, [("a".to_owned(), 3), ("b".to_owned(), 5)]);
    assert_eq!(splitter.read_position(), 5);
}

#[test]
fn malformed_text_is_replaced_and_positions_stay_those_of_the_file() {
    expect(
        b"ok\n\xFF\xFE!\n\xC3\xA9\n",
        &[("ok", 3), ("\u{FFFD}\u{FFFD}!", 7), ("é", 10)],
    );
}

#[test]
fn a_line_may_be_longer_than_a_block() {
    let long = "x".repeat(3 * BLOCK + 17);
    let input = format!("a\n{long}\nb\n");
    let (lines, _) = split([input.as_bytes()], 1000);
    let read: Vec<_> = lines.iter().map(|(line, _)| line.as_str()).collect();
    assert_eq!(read, ["a", &long, "b"]);
    assert_eq!(lines[2].1, input.len() as i64);
}

#[test]
fn a_line_without_end_is_refused_at_the_limit() {
    let mut splitter = LineSplitter::new(7);
    let refused = loop {
        match splitter.room() {
            Ok(room) => {
                let count = room.len();
                room.fill(b'x');
                splitter.advance(count);
            }
            Err(error) => break error,
        }
    };
    assert_eq!(splitter.begun_len(), LINE_MAX);
    assert!(refused.to_string().contains("line at byte 7"), "{refused}");
}

/// The same by the contract's words, one byte at a time.
fn model(input: &[u8]) -> Vec<Read> {
    let (mut lines, mut start, mut at) = (Vec::new(), 0, 0);
    while at < input.len() {
        let next = match (input[at], input.get(at + 1)) {
            (b'\n', _) => at + 1,
            (b'\r', Some(b'\n')) => at + 2,
            (b'\r', Some(_)) => at + 1,
            _ => {
                at += 1;
                continue;
            }
        };
        lines.push((
            String::from_utf8_lossy(&input[start..at]).into_owned(),
            next as i64,
        ));
        start = next;
        at = next;
    }
    lines
}

proptest! {
    #[test]
    fn any_input_in_any_pieces(
        input in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'a'), Just(0xFF)], 0..200),
        piece in 1usize..50,
        limit in 1usize..20,
    ) {
        let (lines, splitter) = split(input.chunks(piece), limit);
        prop_assert_eq!(splitter.read_position(), input.len() as u64);
        prop_assert_eq!(lines, model(&input));
    }
}
