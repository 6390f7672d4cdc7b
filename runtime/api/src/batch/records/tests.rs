//! Chains' records over all kinds of columns.

use super::*;
use crate::{OffsetMap, Row, SinkBatch, SinkRun, SourceBatch, SourceRecord, SourceRun};

fn source() -> SourcePartition {
    let map: OffsetMap = [("filename".to_owned(), "f".into())].into_iter().collect();
    SourcePartition::new(map, |mark| {
        [("position".to_owned(), mark.into())].into_iter().collect()
    })
}

/// Three lines of text at marks 4, 8 and 12.
fn lines() -> Records {
    let mut batch = SourceBatch::new();
    let block = batch.push_block(Bytes::from_static(b"one\ntwo\nsix\n"));
    batch.begin_run(SourceRun {
        end: 0,
        topic: "t".into(),
        partition: None,
        source: source(),
        key: Column::Null,
        value: Column::Text(None),
        headers: None,
    });
    batch.extend((0..3).map(|line| Row {
        key: Span::NULL,
        value: Span {
            block,
            start: line * 4,
            len: 3,
        },
        headers: Span::EMPTY,
        timestamp: 7,
        mark: i64::from(line) * 4 + 4,
    }));
    batch.into()
}

fn texts(records: &Records) -> Vec<String> {
    let text = |view: RecordView<'_>| {
        let value = match view.value() {
            Cell::Text(text) => crate::utf8_lossy(text),
            Cell::Value(datum) => datum.value.to_string(),
            other => format!("{other:?}"),
        };
        format!("{}:{value}", view.topic())
    };
    records.views().map(text).collect()
}

#[test]
fn a_change_of_topics_leaves_ranges_alone() {
    let mut records = lines();
    records.reroute_topics(|topic| Some(format!("{topic}2").into()));
    assert_eq!(texts(&records), ["t2:one", "t2:two", "t2:six"]);
    assert!(matches!(records.runs[0].value, Column::Text(None)));
}

#[test]
fn runs_are_cut_where_topics_differ() {
    for own in [false, true] {
        let mut records = lines();
        if own {
            records.each(Needs::only(Side::Value), |_| Ok(()));
        }
        records.choose(vec![false, true, false]);
        records.reroute_topics(|_| Some("u".into()));
        assert_eq!(texts(&records), ["t:one", "u:two", "t:six"]);
        records.choose(Vec::new());
        records.reroute(|view| match view.row() {
            0 => Err(ConnectError::data("no")),
            _ => Ok(Some("v".into())),
        });
        assert_eq!(texts(&records), ["v:two", "v:six"]);
        assert_eq!(records.take_failed()[0].row, 0);
        let (batch, left_out) = records.into_source();
        assert_eq!((batch.len(), left_out), (3, vec![0]));
    }
}

#[test]
fn changes_reach_the_chosen_records_only() {
    let mut records = lines();
    records.choose(vec![true, false, true]);
    records.each(Needs::only(Side::Value), |record| {
        if record.value.value == Value::String("six".into()) {
            return Err(ConnectError::data("too many"));
        }
        record.value.value = Value::Int32(1);
        Ok(())
    });
    assert_eq!(texts(&records), ["t:1", "t:two"]);
    assert_eq!(records.take_failed().len(), 1);
    assert!(records.take_failed().is_empty());
}

#[test]
fn multiplied_records_move_the_offset_on_at_the_last() {
    #[derive(Debug, Default)]
    struct Heard(std::sync::Mutex<Vec<(std::ops::Range<usize>, bool)>>);
    impl BatchAcks for Heard {
        fn acknowledged(&self, rows: std::ops::Range<usize>, stored: bool) {
            self.0.lock().unwrap().push((rows, stored));
        }
    }
    let heard = Arc::new(Heard::default());
    let mut records = lines();
    records.acks = Some(Arc::clone(&heard) as _);
    records.multiply(Side::Value, |datum| {
        let Value::String(text) = &datum.value else {
            return Ok(None);
        };
        Ok(match text.as_str() {
            "one" => Some(vec![datum.clone(), datum.clone()]),
            "two" => Some(Vec::new()),
            _ => None,
        })
    });
    assert_eq!(texts(&records), ["t:one", "t:one", "t:six"]);
    let (batch, left_out) = records.into_source();
    let marks: Vec<i64> = batch.rows().iter().map(|row| row.mark).collect();
    assert_eq!(marks, [Row::NO_MARK, 4, 8, 12]);
    assert_eq!(left_out, [2]);
    let acks = batch.acks().unwrap();
    acks.acknowledged(0..1, true);
    assert!(heard.0.lock().unwrap().is_empty());
    acks.acknowledged(1..3, true);
    assert_eq!(*heard.0.lock().unwrap(), [(0..1, true), (1..2, true)]);
}

#[test]
fn a_sink_gets_what_is_left_with_its_origin() {
    let mut batch = SinkBatch::new();
    for (topic, offset) in [("a", 1), ("b", 5)] {
        batch.begin_run(SinkRun {
            end: 0,
            topic: topic.into(),
            original_topic: None,
            partition: 3,
            log_append_time: false,
            key: Column::Null,
            value: Column::Owned(vec![Datum::default(); 2]),
            headers: None,
        });
        batch.extend((0..2).map(|n| Row {
            key: Span::NULL,
            value: Span::NULL,
            headers: Span::EMPTY,
            timestamp: -1,
            mark: offset + n,
        }));
    }
    let mut records = Records::from(batch);
    records.reroute_topics(|topic| (topic == "b").then(|| "c".into()));
    records.leave_out_where(|view| Ok(view.mark() <= 2 || view.mark() == 6));
    let batch = records.into_sink();
    assert_eq!(batch.len(), 1);
    let row = batch.rows().next().unwrap();
    assert_eq!((&**row.topic(), &**row.original_topic()), ("c", "b"));
    assert_eq!((row.offset(), row.partition()), (5, 3));
}

#[test]
fn encoded_headers_are_read_without_conversion() {
    let header = |name: &str| crate::Header {
        name: name.into(),
        schema: None,
        value: Value::Null,
    };
    let mut records = Records::from(SourceBatch::from_records([SourceRecord {
        topic: "t".into(),
        partition: None,
        key: Datum::default(),
        value: Datum::default(),
        timestamp: None,
        headers: vec![header("a")],
        source: source(),
        mark: 1,
    }]));
    records.each(Needs::HEADERS, |record| {
        record.headers.push(header("b"));
        Ok(())
    });
    let view = records.view(0).unwrap();
    assert!(view.has_header("a") && view.has_header("b") && !view.has_header("c"));
    assert!(lines().view(0).unwrap().headers().unwrap().is_empty());
}
