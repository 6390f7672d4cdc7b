//! Chains of real steps, behind real converters.

use std::sync::Arc;

use bytes::Bytes;
use millrace_api::{
    Cell, ConverterKind, EncodedHeaders, Properties, Row, SinkBatch, Span, TaskId, Value,
    encode_header,
};
use millrace_plugins::{JsonConverter, SimpleHeaderConverter, StringConverter};
use millrace_testkit::properties;

use super::super::{Attempt, Decoder, ErrorPolicy, Fetched, Subject};
use crate::registry::Registry;
use crate::task::Converters;

fn task() -> TaskId {
    TaskId {
        connector: "c".into(),
        task: 0,
    }
}

/// A decoder with the transforms of `settings`, which reads text keys and JSON values without schemas.
fn decoder(settings: &[(&str, &str)]) -> Decoder {
    let mut value = JsonConverter::default();
    let bare = properties(&[("schemas.enable", "false")]);
    millrace_api::Converter::configure(&mut value, &bare, ConverterKind::Value).unwrap();
    let chain = super::build(&Registry::stock(), &properties(settings), task()).unwrap();
    Decoder::new(Converters {
        key: Arc::new(StringConverter::default()),
        value: Arc::new(value),
        header: Arc::new(SimpleHeaderConverter),
        key_class: "StringConverter",
        value_class: "JsonConverter",
        header_class: "SimpleHeaderConverter",
        chain,
    })
}

/// Rows of keys and values in one block, offsets from 10 on; each has the header `h` of the text `1`.
fn fetched(records: &[(&[u8], &[u8])]) -> (Fetched, Vec<Row>) {
    let mut data = Vec::new();
    let mut put = |bytes: &[u8]| {
        data.extend_from_slice(bytes);
        Span {
            block: 0,
            start: (data.len() - bytes.len()) as u32,
            len: bytes.len() as u32,
        }
    };
    let mut section = Vec::new();
    EncodedHeaders::begin(&mut section, 1);
    encode_header(&mut section, b"h", Some(b"1"));
    let rows = records.iter().zip(10..).map(|((key, value), mark)| Row {
        key: put(key),
        value: put(value),
        headers: put(&section),
        timestamp: 1000,
        mark,
    });
    let rows = rows.collect();
    let fetched = Fetched {
        topic: "t".into(),
        original_topic: None,
        partition: 3,
        log_append_time: false,
        data: Bytes::from(data),
    };
    (fetched, rows)
}

fn run(
    decoder: &Decoder,
    records: &[(&[u8], &[u8])],
    attempt: &mut Attempt<'_>,
) -> Result<SinkBatch, millrace_api::ConnectError> {
    let (fetched, mut rows) = fetched(records);
    let mut batch = SinkBatch::new();
    decoder.decode(fetched, &mut rows, &mut batch, attempt)?;
    decoder.transform(batch, 2000, attempt)
}

/// Topic, offset and value of each record.
fn shown(batch: &SinkBatch) -> Vec<String> {
    let rows = batch.rows().map(|row| {
        let value = match row.value() {
            Cell::Value(datum) => datum.value.to_string(),
            other => format!("{other:?}"),
        };
        format!("{} {} {value}", row.topic(), row.offset())
    });
    rows.collect()
}

const ROUTE_AND_INSERT: [(&str, &str); 13] = [
    ("transforms", "route, stamp"),
    (
        "transforms.route.type",
        "org.apache.kafka.connect.transforms.RegexRouter",
    ),
    ("transforms.route.regex", "(.*)"),
    ("transforms.route.replacement", "x-$1"),
    ("transforms.route.predicate", "old"),
    ("transforms.route.negate", "true"),
    (
        "transforms.stamp.type",
        "org.apache.kafka.connect.transforms.InsertField$Value",
    ),
    ("transforms.stamp.topic.field", "topic"),
    ("predicates", "old"),
    (
        "predicates.old.type",
        "millrace.transforms.predicates.MeetsCondition",
    ),
    ("predicates.old.condition", "value.n < 2"),
    ("errors.tolerance", "all"),
    ("errors.log.enable", "true"),
];

#[test]
fn each_step_sees_what_the_one_before_has_made() {
    let decoder = decoder(&ROUTE_AND_INSERT);
    let policy = ErrorPolicy::new(task(), &properties(&ROUTE_AND_INSERT));
    let mut attempt = policy.attempt(false);
    let records: [(&[u8], &[u8]); 2] = [(b"a", br#"{"n":1}"#), (b"b", br#"{"n":2}"#)];
    let batch = run(&decoder, &records, &mut attempt).unwrap();
    assert_eq!(
        shown(&batch),
        ["t 10 {n=1, topic=t}", "x-t 11 {n=2, topic=x-t}"]
    );
    let routed = batch.rows().nth(1).unwrap();
    assert_eq!(&**routed.original_topic(), "t");
    assert!(attempt.into_reports().is_empty());
}

#[test]
fn a_record_that_fails_is_left_out_and_reported_once_as_it_was_consumed() {
    let decoder = decoder(&ROUTE_AND_INSERT);
    let policy = ErrorPolicy::new(task(), &properties(&ROUTE_AND_INSERT));
    let mut attempt = policy.attempt(false);
    let bad_text: &[u8] = b"k\xff";
    let records: [(&[u8], &[u8]); 4] = [
        (b"a", br#"{"n":1}"#),
        (bad_text, b"{no json"),
        (b"c", b"[2]"),
        (b"d", br#"{"n":4}"#),
    ];
    let batch = run(&decoder, &records, &mut attempt).unwrap();
    assert_eq!(
        shown(&batch),
        ["t 10 {n=1, topic=t}", "x-t 13 {n=4, topic=x-t}"]
    );
    let reports = attempt.into_reports();
    let of: Vec<_> = reports
        .iter()
        .map(|report| (report.stage.name(), report.class))
        .collect();
    assert_eq!(
        of,
        [
            ("VALUE_CONVERTER", "JsonConverter"),
            (
                "TRANSFORMATION",
                "org.apache.kafka.connect.transforms.InsertField$Value"
            ),
        ]
    );
    let places: Vec<_> = reports
        .iter()
        .map(|report| match &report.subject {
            Subject::Consumed(record) => (
                &*record.topic,
                record.partition,
                record.offset,
                record.key.clone(),
                record.value.clone(),
            ),
            other => panic!("{other:?}"),
        })
        .collect();
    let bytes = |bytes: &'static [u8]| Some(Bytes::from_static(bytes));
    assert_eq!(
        places,
        [
            ("t", 3, 11, bytes(b"k\xff"), bytes(b"{no json")),
            ("t", 3, 12, bytes(b"c"), bytes(b"[2]")),
        ]
    );
}

#[test]
fn malformed_text_is_read_with_replacements() {
    let decoder = decoder(&[]);
    let policy = ErrorPolicy::new(task(), &Properties::new());
    let mut attempt = policy.attempt(false);
    let records: [(&[u8], &[u8]); 2] = [(b"k\xff", b"1"), (b"b", b"2")];
    let batch = run(&decoder, &records, &mut attempt).unwrap();
    let keys: Vec<_> = batch
        .rows()
        .map(|row| match row.key() {
            Cell::Value(datum) => datum.value.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    let text = |text: &str| Value::String(text.to_owned());
    assert_eq!(keys, [text("k\u{fffd}"), text("b")]);
    let raw = batch.rows().next().unwrap().consumed();
    assert_eq!(raw.key.as_deref(), Some(&b"k\xff"[..]));
}

#[test]
fn without_tolerance_the_first_failure_ends_the_batch() {
    let decoder = decoder(&[]);
    let policy = ErrorPolicy::new(task(), &Properties::new());
    let mut attempt = policy.attempt(false);
    let records: [(&[u8], &[u8]); 2] = [(b"a", b"{"), (b"b", b"{")];
    let error = run(&decoder, &records, &mut attempt).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("Tolerance exceeded in error handler: ") && text.contains("offset=10"),
        "{text}"
    );
}

#[test]
fn steps_that_cannot_be_used_say_why() {
    for (settings, why) in [
        (
            &[("transforms", "a")][..],
            "Missing required configuration \"transforms.a.type\"",
        ),
        (
            &[("transforms", "a"), ("transforms.a.type", "NoSuch")],
            "Class NoSuch could not be found for transforms.a.type",
        ),
        (
            &[
                ("transforms", "a"),
                ("transforms.a.type", "millrace.transforms.ParseGrok$Value"),
                ("transforms.a.pattern", "%{X:x}"),
            ],
            "the transformation a of class millrace.transforms.ParseGrok$Value cannot be used: pattern cannot be used: there is no pattern X",
        ),
        (
            &[
                ("transforms", "a"),
                ("transforms.a.type", "Filter"),
                ("transforms.a.negate", "true"),
            ],
            "'transforms.a.negate' was provided but there is no config 'transforms.a.predicate'",
        ),
    ] {
        let built = super::build(&Registry::stock(), &properties(settings), task());
        let found = built.unwrap_err().to_string();
        assert!(found.contains(why), "{found}");
    }
}
