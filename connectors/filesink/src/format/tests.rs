use millrace_api::{
    Column, Datum, Header, Headers, Row, Schema, SinkBatch, SinkRun, Span, Value, encode_header,
};

use super::*;

fn batch(key: &str, value: Value, headers: Headers) -> SinkBatch {
    let mut batch = SinkBatch::new();
    batch.begin_run(SinkRun {
        end: 0,
        topic: "t".into(),
        original_topic: None,
        partition: 3,
        log_append_time: false,
        key: Column::Owned(vec![Datum::schemaless(Value::String(key.into()))]),
        value: Column::Owned(vec![Datum::schemaless(value)]),
        headers: Some(vec![headers]),
    });
    batch.push(Row {
        key: Span::NULL,
        value: Span::NULL,
        headers: Span::EMPTY,
        timestamp: 1_700_000_000_000,
        mark: 42,
    });
    batch
}

fn line(format: Format, columns: &str, json_text: JsonText, batch: &SinkBatch) -> String {
    let columns: Vec<String> = columns.split(',').map(str::to_owned).collect();
    let shape = Shape::new(format, &columns, json_text, true, b',').unwrap();
    let mut out = Vec::new();
    shape
        .append(batch.rows().next().unwrap(), &mut out)
        .unwrap();
    String::from_utf8(out).unwrap()
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn map(entries: &[(&str, Value)]) -> Value {
    let entries = entries
        .iter()
        .map(|(name, value)| (text(name), value.clone()));
    Value::Map(entries.collect())
}

#[test]
fn lines_of_text() {
    let value = map(&[("a", Value::Int32(1))]);
    let batch = batch("k", value, Headers::new());
    for (columns, expected) in [
        ("value", "{a=1}\n"),
        ("value.a", "1\n"),
        (
            "topic,partition,offset,timestamp,key,value.b",
            "t\t3\t42\t1700000000000\tk\tnull\n",
        ),
    ] {
        assert_eq!(
            line(Format::Text, columns, JsonText::String, &batch),
            expected
        );
    }
}

#[test]
fn lines_of_json() {
    let header = Header {
        name: "h".into(),
        schema: None,
        value: Value::Boolean(true),
    };
    let nested = map(&[
        ("n", Value::Null),
        ("s", text("{}")),
        ("list", Value::Array(vec![Value::Float64(0.5), text("x")])),
    ]);
    let batch = batch("k\"", nested, vec![header]);
    for (columns, expected) in [
        ("value", "{\"n\":null,\"s\":\"{}\",\"list\":[0.5,\"x\"]}\n"),
        (
            "offset,key,headers",
            "{\"offset\":42,\"key\":\"k\\\"\",\"headers\":[{\"key\":\"h\",\"value\":true}]}\n",
        ),
        (
            "header.h,header.x",
            "{\"header.h\":true,\"header.x\":null}\n",
        ),
    ] {
        assert_eq!(
            line(Format::Json, columns, JsonText::String, &batch),
            expected
        );
    }
}

#[test]
fn text_that_is_a_document_may_stay_one() {
    for (value, mode, expected) in [
        ("{\"a\":\n1}", JsonText::Document, "{\"a\": 1}\n"),
        ("{\"a\":1}", JsonText::String, "\"{\\\"a\\\":1}\"\n"),
        ("{\"a\":", JsonText::Document, "\"{\\\"a\\\":\"\n"),
        ("1 2", JsonText::Document, "\"1 2\"\n"),
    ] {
        let batch = batch("k", text(value), Headers::new());
        assert_eq!(line(Format::Json, "value", mode, &batch), expected);
    }
}

#[test]
fn fields_of_csv_are_quoted_where_they_must_be() {
    let batch = batch(
        "k",
        map(&[
            ("plain", text("a b")),
            ("comma", text("a,b")),
            ("quote", text("say \"hi\"\r\n")),
            ("empty", text("")),
            ("null", Value::Null),
            ("number", Value::Int64(-7)),
        ]),
        Headers::new(),
    );
    let columns = "value.plain,value.comma,value.quote,value.empty,value.null,value.number";
    assert_eq!(
        line(Format::Csv, columns, JsonText::String, &batch),
        "a b,\"a,b\",\"say \"\"hi\"\"\r\n\",\"\",,-7\r\n"
    );
}

#[test]
fn csv_names_its_columns() {
    let columns = ["key".to_owned(), "header.a,b".to_owned()];
    let shape = Shape::new(Format::Csv, &columns, JsonText::String, true, b',').unwrap();
    assert_eq!(shape.head(), b"key,\"header.a,b\"\r\n");
    let shape = Shape::new(Format::Csv, &columns, JsonText::String, false, b';').unwrap();
    assert_eq!(shape.head(), b"");
}

#[test]
fn fields_of_text_that_is_json() {
    let mut section = Vec::new();
    millrace_api::EncodedHeaders::begin(&mut section, 1);
    encode_header(&mut section, b"h", Some(b"x"));
    let mut batch = SinkBatch::new();
    let block = batch.push_block(bytes::Bytes::from_static(
        b"{\"a\":{\"b\":[1]},\"c\":\"d\"}",
    ));
    batch.begin_run(SinkRun {
        end: 0,
        topic: "t".into(),
        original_topic: None,
        partition: 0,
        log_append_time: false,
        key: Column::Null,
        value: Column::Text(Some(Schema::string())),
        headers: None,
    });
    batch.push(Row {
        key: Span::NULL,
        value: Span {
            block,
            start: 0,
            len: 23,
        },
        headers: Span::EMPTY,
        timestamp: -1,
        mark: 0,
    });
    assert_eq!(
        line(
            Format::Text,
            "value.a.b,value.c,value.x,timestamp,key",
            JsonText::String,
            &batch
        ),
        "[1]\td\tnull\tnull\tnull\n"
    );
}

#[test]
fn separators() {
    assert_eq!(separator("\\t"), Ok(b'\t'));
    assert_eq!(separator(";"), Ok(b';'));
    for wrong in ["", "\"", "ab", "é", " "] {
        assert!(separator(wrong).is_err(), "{wrong:?}");
    }
}
