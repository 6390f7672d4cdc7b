use std::sync::Arc;

use bytes::Bytes;
use millrace_api::{
    Column, Datum, EncodedHeaders, Header, HeaderConverter, Row, SinkRun, Span, Value,
    encode_header,
};
use millrace_testkit::properties;

use super::*;

/// Header values as text.
#[derive(Debug)]
struct TextHeaders;

impl HeaderConverter for TextHeaders {
    fn configure(&mut self, _settings: &Properties) -> Result<(), ConnectError> {
        Ok(())
    }

    fn encode(&self, _topic: &str, _header: &Header) -> Result<Option<Vec<u8>>, ConnectError> {
        Ok(None)
    }

    fn decode(
        &self,
        _topic: &str,
        _name: &str,
        bytes: Option<&[u8]>,
    ) -> Result<Datum, ConnectError> {
        let text = bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
        Ok(Datum::schemaless(text.map_or(Value::Null, Value::String)))
    }
}

/// Two records: one with everything, one with nothing.
fn batch() -> SinkBatch {
    let mut headers = Vec::new();
    EncodedHeaders::begin(&mut headers, 2);
    encode_header(&mut headers, b"h", Some(b"1"));
    encode_header(&mut headers, b"h", None);
    let mut batch = SinkBatch::new();
    batch.convert_headers_with(Arc::new(TextHeaders));
    let text = batch.push_block(Bytes::from_static(b"keya \"value\""));
    let section = batch.push_block(headers.clone().into());
    batch.begin_run(SinkRun {
        end: 0,
        topic: "shop".into(),
        original_topic: None,
        partition: 3,
        log_append_time: false,
        key: Column::Text(None),
        value: Column::Text(None),
        headers: None,
    });
    batch.push(Row {
        key: Span {
            block: text,
            start: 0,
            len: 3,
        },
        value: Span {
            block: text,
            start: 3,
            len: 9,
        },
        headers: Span {
            block: section,
            start: 0,
            len: headers.len() as u32,
        },
        timestamp: 1_700_000_000_123,
        mark: 41,
    });
    batch.push(Row {
        key: Span::NULL,
        value: Span::NULL,
        headers: Span::EMPTY,
        timestamp: -1,
        mark: 42,
    });
    batch
}

fn lines(settings: &[(&str, &str)]) -> String {
    let settings = properties(settings);
    let lines = Lines::new(parse(&settings).unwrap(), false);
    let mut out = Vec::new();
    for row in batch().rows() {
        lines.append(&row, &mut out).unwrap();
    }
    String::from_utf8(out).unwrap()
}

const EVERYTHING: [(&str, &str); 6] = [
    ("print.topic", "true"),
    ("print.timestamp", "true"),
    ("print.partition", "true"),
    ("print.offset", "true"),
    ("print.headers", "true"),
    ("print.key", "true"),
];

#[test]
fn text() {
    assert_eq!(lines(&[]), "a \"value\"\nnull\n");
    assert_eq!(
        lines(&[
            ("print.key", "true"),
            ("print.value", "false"),
            ("null.literal", "-")
        ]),
        "key\n-\n"
    );
    assert_eq!(
        lines(&EVERYTHING),
        "shop\tCreateTime:1700000000123\tPartition:3\tOffset:41\th:1,h:null\tkey\ta \"value\"\n\
         shop\tNO_TIMESTAMP\tPartition:3\tOffset:42\tNO_HEADERS\tnull\tnull\n"
    );
}

#[test]
fn columns_and_separators_of_the_console_consumer() {
    let settings = [
        ("print.delivery", "true"),
        ("print.epoch", "true"),
        ("print.partition", "true"),
        ("print.offset", "true"),
        ("key.separator", "|"),
        ("line.separator", ";\\n"),
    ];
    assert_eq!(
        lines(&settings),
        "Partition:3|Offset:41|Delivery:NOT_PRESENT|Epoch:NOT_PRESENT|a \"value\";\n\
         Partition:3|Offset:42|Delivery:NOT_PRESENT|Epoch:NOT_PRESENT|null;\n"
    );
    assert_eq!(lines(&[("print.value", "false")]), "");
    let headers = [
        ("print.headers", "true"),
        ("headers.separator", "\\s&\\s"),
        ("null.literal", "-"),
    ];
    assert_eq!(lines(&headers), "h:1 & h:-\ta \"value\"\nNO_HEADERS\t-\n");
}

#[test]
fn colours() {
    let settings = [
        ("color", "always"),
        ("print.key", "true"),
        ("print.offset", "true"),
    ];
    assert_eq!(
        lines(&settings),
        "\x1b[2mOffset:41\x1b[0m\t\x1b[36mkey\x1b[0m\ta \"value\"\n\
         \x1b[2mOffset:42\x1b[0m\t\x1b[36mnull\x1b[0m\tnull\n"
    );
}

#[test]
fn flume() {
    assert_eq!(
        lines(&[("format", "flume"), ("max.bytes.to.log", "3")]),
        format!(
            "Event: {{ headers:{{h=1, h=null}} body: 61 20 22 {}a \" }}\n\
             Event: {{ headers:{{}} body:null }}\n",
            " ".repeat(39)
        )
    );
}

#[test]
fn json() {
    assert_eq!(
        lines(&[("format", "json")]),
        "{\"value\":\"a \\\"value\\\"\"}\n{\"value\":null}\n"
    );
    let everything = [&EVERYTHING[..], &[("format", "JSON")]].concat();
    let expected = [
        r#"{"topic":"shop","partition":3,"offset":41,"timestamp":1700000000123,"headers":[{"key":"h","value":"1"},{"key":"h","value":null}],"key":"key","value":"a \"value\""}"#,
        r#"{"topic":"shop","partition":3,"offset":42,"timestamp":null,"headers":[],"key":null,"value":null}"#,
    ];
    assert_eq!(lines(&everything).lines().collect::<Vec<_>>(), expected);
}
