use millrace_api::{Field, SchemaType, Struct};
use proptest::prelude::*;

use super::*;

fn converter(settings: &[(&str, &str)]) -> JsonConverter {
    let settings = settings
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let mut converter = JsonConverter::default();
    Converter::configure(&mut converter, &settings, ConverterKind::Value).unwrap();
    converter
}

fn bare() -> JsonConverter {
    converter(&[("schemas.enable", "false")])
}

fn encode(converter: &JsonConverter, datum: &Datum) -> Result<Option<String>, ConnectError> {
    let mut out = Vec::new();
    let written = Converter::encode(converter, "t", datum, &mut out)?;
    Ok(written.then(|| String::from_utf8(out).unwrap()))
}

fn decode(converter: &JsonConverter, text: &str) -> Result<Datum, ConnectError> {
    Converter::decode(converter, "t", Some(text.as_bytes()))
}

fn schema(ty: SchemaType) -> Arc<Schema> {
    Arc::new(Schema::new(ty))
}

fn text(value: &str) -> Value {
    Value::String(value.to_owned())
}

fn one_entry(key: Value, value: Value) -> Value {
    Value::Map(vec![(key, value)])
}

#[test]
fn what_is_written_with_envelope() {
    let decimal = Value::Decimal("1.50".parse().unwrap());
    let cases = [
        (
            Datum::new(Schema::optional_string(), Value::Null),
            r#"{"schema":{"type":"string","optional":true},"payload":null}"#,
        ),
        (
            Datum::schemaless(one_entry(text("a"), Value::Int64(1))),
            r#"{"schema":null,"payload":{"a":1}}"#,
        ),
        (
            Datum::schemaless(one_entry(Value::Int8(1), Value::Int8(2))),
            r#"{"schema":null,"payload":[[1,2]]}"#,
        ),
        (
            Datum::new(schema(SchemaType::Bytes), Value::Bytes(vec![1, 2].into())),
            r#"{"schema":{"type":"bytes","optional":false},"payload":"AQI="}"#,
        ),
        (
            Datum::new(schema(SchemaType::Float32), Value::Float32(1.1)),
            r#"{"schema":{"type":"float","optional":false},"payload":1.1}"#,
        ),
        (
            Datum::new(schema(SchemaType::Float64), Value::Float64(f64::NAN)),
            r#"{"schema":{"type":"double","optional":false},"payload":"NaN"}"#,
        ),
        (
            Datum::new(Arc::new(Schema::decimal(2)), decimal),
            r#"{"schema":{"type":"bytes","optional":false,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2"}},"payload":"AJY="}"#,
        ),
        (
            Datum::new(Schema::string(), text("q\"\\\n\u{1}\u{1f}é\u{7f}/")),
            "{\"schema\":{\"type\":\"string\",\"optional\":false},\"payload\":\"q\\\"\\\\\\n\\u0001\\u001Fé\u{7f}/\"}",
        ),
    ];
    let converter = JsonConverter::default();
    for (datum, expected) in cases {
        assert_eq!(
            encode(&converter, &datum).unwrap().as_deref(),
            Some(expected)
        );
    }
    assert_eq!(encode(&converter, &Datum::default()).unwrap(), None);
}

#[test]
fn what_is_written_bare() {
    let bare = bare();
    assert_eq!(
        encode(&bare, &Datum::new(Schema::optional_string(), Value::Null))
            .unwrap()
            .as_deref(),
        Some("null")
    );
    assert_eq!(encode(&bare, &Datum::default()).unwrap(), None);
    assert!(encode(&bare, &Datum::new(Schema::string(), Value::Null)).is_err());
    assert!(encode(&bare, &Datum::new(Schema::string(), Value::Int8(1))).is_err());
    assert!(encode(&bare, &Datum::schemaless(Value::Timestamp(1))).is_err());

    let numeric = converter(&[("schemas.enable", "false"), ("decimal.format", "numeric")]);
    let decimal = |text: &str, scale| {
        Datum::new(
            Arc::new(Schema::decimal(scale)),
            Value::Decimal(text.parse().unwrap()),
        )
    };
    assert_eq!(
        encode(&numeric, &decimal("1.50", 2)).unwrap().as_deref(),
        Some("1.50")
    );
    assert_eq!(
        encode(&numeric, &decimal("1E3", -3)).unwrap().as_deref(),
        Some("1E+3")
    );
    assert!(encode(&bare, &decimal("1.5", 2)).is_err());
}

#[test]
fn text_is_written_as_its_value_is() {
    for converter in [JsonConverter::default(), bare()] {
        for column in [Column::Text(Some(Schema::string())), Column::Text(None)] {
            let mut out = Vec::new();
            converter
                .encode_text("t", &column, "a \"b\"", &mut out)
                .unwrap();
            let datum = Datum {
                schema: column.schema().cloned(),
                value: text("a \"b\""),
            };
            assert_eq!(
                Some(String::from_utf8(out).unwrap()),
                encode(&converter, &datum).unwrap()
            );
        }
    }
}

fn record_schema() -> Arc<Schema> {
    let field = |name: &str, schema: Schema| Field {
        name: name.to_owned(),
        schema: Arc::new(schema),
    };
    let mut schema = Schema::structure(vec![
        field(
            "i",
            Schema::new(SchemaType::Int32).with_default(Value::Int32(5)),
        ),
        field("o", Schema::new(SchemaType::String).optional()),
    ])
    .unwrap()
    .optional()
    .named("r")
    .versioned(2)
    .with_parameter("p", "q");
    schema.doc = Some("d".to_owned());
    Arc::new(schema)
}

#[test]
fn struct_schemas_are_written_and_read() {
    let converter = JsonConverter::default();
    let mut record = Struct::new(record_schema());
    record.put("o", text("x")).unwrap();
    let written = encode(
        &converter,
        &Datum::new(record_schema(), Value::Struct(record.clone())),
    )
    .unwrap()
    .unwrap();
    let expected = r#"{"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"default":5,"field":"i"},{"type":"string","optional":true,"field":"o"}],"optional":true,"name":"r","version":2,"doc":"d","parameters":{"p":"q"}},"payload":{"i":5,"o":"x"}}"#;
    assert_eq!(written, expected);
    let read = decode(&converter, &written).unwrap();
    assert_eq!(read.schema, Some(record_schema()));
    record.put("i", Value::Int32(5)).unwrap();
    assert_eq!(read.value, Value::Struct(record));
}

#[test]
fn schemaless_reading() {
    let bare = bare();
    for (json, expected) in [
        ("1", Value::Int64(1)),
        ("007", Value::Int64(7)),
        (
            "123456789012345678901",
            Value::Int64(-5_670_419_503_621_182_411),
        ),
        ("1.5", Value::Float64(1.5)),
        ("1e2", Value::Float64(100.0)),
        (r#""a\u00e9\ud83d\ude00""#, text("aé😀")),
        ("true", Value::Boolean(true)),
        ("null", Value::Null),
        ("[1,null]", Value::Array(vec![Value::Int64(1), Value::Null])),
        (r#"{"a":1,"a":2}"#, one_entry(text("a"), Value::Int64(2))),
        (r#"{"a":1} trailing"#, one_entry(text("a"), Value::Int64(1))),
        ("", Value::Null),
    ] {
        assert_eq!(
            decode(&bare, json).unwrap(),
            Datum::schemaless(expected),
            "{json}"
        );
    }
    for malformed in [
        "{", "[1,]", "{\"a\"}", "nul", "\"a", "\"a\nb\"", "-", "1.", "'a'", "{a:1}",
    ] {
        assert!(decode(&bare, malformed).is_err(), "{malformed}");
    }
}

#[test]
fn reading_under_a_schema() {
    let converter = JsonConverter::default();
    let read = |schema: &str, payload: &str| {
        decode(
            &converter,
            &format!(r#"{{"schema":{schema},"payload":{payload}}}"#),
        )
        .map(|datum| datum.value)
    };
    for (schema, payload, expected) in [
        (r#"{"type":"int32"}"#, r#""12""#, Value::Int32(0)),
        (r#"{"type":"int8"}"#, "300", Value::Int8(44)),
        (r#"{"type":"string"}"#, "12", Value::Null),
        (r#"{"type":"boolean"}"#, "1", Value::Boolean(false)),
        (r#"{"type":"string","optional":true}"#, "null", Value::Null),
        (r#"{"type":"int32","default":7}"#, "null", Value::Int32(7)),
        (
            r#"{"type":"bytes"}"#,
            r#""AQI=""#,
            Value::Bytes(vec![1, 2].into()),
        ),
        (
            r#"{"type":"int32","name":"org.apache.kafka.connect.data.Date","version":1}"#,
            "3",
            Value::Date(3),
        ),
        (
            r#"{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2"}}"#,
            r#""AJY=""#,
            Value::Decimal("1.50".parse().unwrap()),
        ),
        (
            r#"{"type":"map","keys":{"type":"int32"},"values":{"type":"string"}}"#,
            r#"[[1,"a"]]"#,
            one_entry(Value::Int32(1), text("a")),
        ),
        (
            "null",
            r#"{"a":[]}"#,
            one_entry(text("a"), Value::Array(vec![])),
        ),
    ] {
        assert_eq!(
            read(schema, payload).unwrap(),
            expected,
            "{schema} {payload}"
        );
    }
    for (schema, payload) in [
        (r#"{"type":"int32"}"#, "null"),
        (r#"{"type":"what"}"#, "1"),
        (r#"{"optional":true}"#, "1"),
        (r#"{"type":"array"}"#, "[]"),
        (
            r#"{"type":"struct","fields":[{"type":"string","field":"a"}]}"#,
            r#"{"a":1}"#,
        ),
        (r#"{"type":"int32","parameters":{"a":1}}"#, "1"),
        (
            r#"{"type":"int32","name":"org.apache.kafka.connect.data.Time","version":1}"#,
            "86400001",
        ),
    ] {
        assert!(read(schema, payload).is_err(), "{schema} {payload}");
    }
}

#[test]
fn envelopes_have_two_members() {
    let converter = JsonConverter::default();
    for text in [
        "",
        "1",
        "{}",
        r#"{"schema":null}"#,
        r#"{"schema":null,"payload":1,"more":2}"#,
    ] {
        assert!(decode(&converter, text).is_err(), "{text}");
    }
    assert_eq!(
        Converter::decode(&converter, "t", None).unwrap(),
        Datum::default()
    );
}

#[test]
fn nesting_is_bounded() {
    assert!(decode(&bare(), &"[".repeat(1_000_000)).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        for converter in [JsonConverter::default(), bare()] {
            drop(Converter::decode(&converter, "t", Some(&bytes)));
        }
    }

    #[test]
    fn any_text_survives(original: String) {
        let bare = bare();
        let written = encode(&bare, &Datum::schemaless(text(&original))).unwrap().unwrap();
        prop_assert_eq!(decode(&bare, &written).unwrap().value, text(&original));
    }
}

#[test]
fn auto_reads_both_forms_and_says_what_else_it_saw() {
    let mut converter = JsonConverter::default();
    let settings = [("schemas.enable".to_owned(), "auto".to_owned())].into();
    Converter::configure(&mut converter, &settings, ConverterKind::Value).unwrap();
    let decode = |bytes: &[u8]| Converter::decode(&converter, "t", Some(bytes));
    let enveloped = decode(br#"{"schema":{"type":"int32"},"payload":1}"#).unwrap();
    assert_eq!(enveloped.value, Value::Int32(1));
    for (text, expected) in [
        (&b"1"[..], Value::Int64(1)),
        (br#"{"schema":null,"payload":true}"#, Value::Boolean(true)),
        (b"", Value::Null),
    ] {
        assert_eq!(decode(text).unwrap(), Datum::schemaless(expected));
    }
    // Two fields that are no envelope, though they are called so.
    let fields = decode(br#"{"schema":"a","payload":"b"}"#).unwrap();
    assert!(matches!(&fields.value, Value::Map(entries) if entries.len() == 2));
    for (bytes, expected) in [
        (&b"\0\0\0\0\x01x"[..], "the id of a schema"),
        (b"plain words", "plain text"),
        (b"\x01\x02", "no text"),
    ] {
        let error = decode(bytes).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let mut out = Vec::new();
    Converter::encode(
        &converter,
        "t",
        &Datum::schemaless(Value::Int32(1)),
        &mut out,
    )
    .unwrap();
    assert_eq!(out, b"1");
    out.clear();
    Converter::encode(&converter, "t", &enveloped, &mut out).unwrap();
    assert_eq!(
        out,
        br#"{"schema":{"type":"int32","optional":false},"payload":1}"#
    );
}
