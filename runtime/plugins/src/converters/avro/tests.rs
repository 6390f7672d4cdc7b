//! Schemas and values both ways, held against what Confluent's converter writes.

use std::sync::Arc;

use bigdecimal::BigDecimal;
use bytes::Bytes;
use millrace_api::{Field, SchemaType, Struct};
use proptest::prelude::*;

use super::*;

fn avro(settings: &[(&str, &str)]) -> Avro {
    let mut all: Properties = [(
        "schema.registry.url".to_owned(),
        "http://127.0.0.1:1".to_owned(),
    )]
    .into();
    for (key, value) in settings {
        all.insert((*key).to_owned(), (*value).to_owned());
    }
    let mut avro = Avro::default();
    avro.configure(&all).unwrap();
    avro
}

fn field(name: &str, schema: Schema) -> Field {
    Field {
        name: name.to_owned(),
        schema: Arc::new(schema),
    }
}

fn resolved(text: &str) -> Resolved {
    Resolved {
        text: text.to_owned(),
        references: Vec::new(),
    }
}

fn text_of(avro: &Avro, schema: Option<&Schema>) -> String {
    avro.derive(schema).unwrap().0.text
}

fn bytes_of(avro: &Avro, schema: Option<&Schema>, value: &Value) -> Vec<u8> {
    let text = text_of(avro, schema);
    let writer = avro.writer(schema, &resolved(&text), true).unwrap();
    let mut out = Vec::new();
    avro.write(&writer, value, &mut out).unwrap();
    out
}

/// Schema and value after the way through Avro and back.
fn there_and_back(avro: &Avro, datum: &Datum) -> Datum {
    let schema = datum.schema.as_deref();
    let bytes = bytes_of(avro, schema, &datum.value);
    let reader = avro
        .reader(&resolved(&text_of(avro, schema)), None)
        .unwrap();
    avro.read(&reader, &bytes).unwrap()
}

fn every_type() -> Schema {
    let string_map = SchemaType::Map(
        Some(Schema::string()),
        Some(Arc::new(Schema::new(SchemaType::Int32))),
    );
    let int_map = SchemaType::Map(
        Some(Arc::new(Schema::new(SchemaType::Int32))),
        Some(Schema::optional_string()),
    );
    let inner = Schema::structure(vec![field("x", Schema::new(SchemaType::Float32))])
        .unwrap()
        .named("shop.Inner");
    Schema::structure(vec![
        field("i8", Schema::new(SchemaType::Int8)),
        field("i16", Schema::new(SchemaType::Int16).optional()),
        field(
            "i32",
            Schema::new(SchemaType::Int32).with_default(Value::Int32(7)),
        ),
        field("i64", Schema::new(SchemaType::Int64).versioned(3)),
        field("f64", Schema::new(SchemaType::Float64).named("a.Double")),
        field(
            "yes",
            Schema::new(SchemaType::Boolean)
                .optional()
                .with_default(Value::Boolean(true)),
        ),
        field(
            "text",
            Schema {
                doc: Some("a doc".into()),
                ..Schema::new(SchemaType::String)
            },
        ),
        field(
            "raw",
            Schema::new(SchemaType::Bytes).with_parameter("k", "v"),
        ),
        field("price", Schema::decimal(2)),
        field("day", Schema::date()),
        field("time", Schema::time().optional()),
        field("at", Schema::timestamp()),
        field(
            "list",
            Schema::new(SchemaType::Array(Some(Schema::string()))).optional(),
        ),
        field("map", Schema::new(string_map)),
        field("pairs", Schema::new(int_map)),
        field("inner", inner.clone()),
        field("again", inner.optional()),
    ])
    .unwrap()
    .named("shop.Order")
    .versioned(2)
}

fn every_value(schema: &Arc<Schema>) -> Value {
    let inner = |name: &str| {
        let schema = Arc::clone(&schema.field(name).unwrap().1.schema);
        Value::Struct(Struct::from_values(schema, vec![Value::Float32(1.5)]))
    };
    let values = vec![
        Value::Int8(-1),
        Value::Null,
        Value::Int32(64),
        Value::Int64(i64::MIN),
        Value::Float64(0.5),
        Value::Boolean(false),
        Value::String("ä".into()),
        Value::Bytes(Bytes::from_static(&[0, 255])),
        Value::Decimal(BigDecimal::new((-1050).into(), 2)),
        Value::Date(-1),
        Value::Time(86_400_000),
        Value::Timestamp(1),
        Value::Array(vec![
            Value::String("a".into()),
            Value::String(String::new()),
        ]),
        Value::Map(vec![(Value::String("k".into()), Value::Int32(1))]),
        Value::Map(vec![(Value::Int32(1), Value::Null)]),
        inner("inner"),
        inner("again"),
    ];
    Value::Struct(Struct::from_values(Arc::clone(schema), values))
}

#[test]
fn schemas_are_written_as_confluent_writes_them() {
    let avro = avro(&[]);
    for (schema, expected) in [
        (Schema::new(SchemaType::String), r#""string""#),
        (
            Schema::new(SchemaType::Int8),
            r#"{"type":"int","connect.type":"int8"}"#,
        ),
        (
            Schema::new(SchemaType::Int32)
                .optional()
                .with_default(Value::Int32(1)),
            r#"[{"type":"int","connect.default":1},"null"]"#,
        ),
        (
            Schema::decimal(2),
            r#"{"type":"bytes","scale":2,"precision":64,"connect.version":1,"connect.parameters":{"scale":"2"},"connect.name":"org.apache.kafka.connect.data.Decimal","logicalType":"decimal"}"#,
        ),
        (
            Schema::timestamp(),
            r#"{"type":"long","connect.version":1,"connect.name":"org.apache.kafka.connect.data.Timestamp","logicalType":"timestamp-millis"}"#,
        ),
        (
            Schema::structure(vec![field("a", Schema::new(SchemaType::Int64).optional())]).unwrap(),
            r#"{"type":"record","name":"ConnectDefault","namespace":"io.confluent.connect.avro","fields":[{"name":"a","type":["null","long"],"default":null}]}"#,
        ),
        (
            Schema::structure(vec![field(
                "a",
                Schema::new(SchemaType::Int32).with_default(Value::Int32(7)),
            )])
            .unwrap()
            .named("a.b.C"),
            r#"{"type":"record","name":"C","namespace":"a.b","fields":[{"name":"a","type":{"type":"int","connect.default":7},"default":7}],"connect.name":"a.b.C"}"#,
        ),
    ] {
        assert_eq!(text_of(&avro, Some(&schema)), expected);
    }
    let plain = super::tests::avro(&[("connect.meta.data", "false")]);
    assert_eq!(
        text_of(&plain, Some(&Schema::new(SchemaType::Int8))),
        r#""int""#
    );
}

#[test]
fn every_type_survives_the_way_there_and_back() {
    let avro = avro(&[]);
    let schema = Arc::new(every_type());
    let datum = Datum::new(Arc::clone(&schema), every_value(&schema));
    let back = there_and_back(&avro, &datum);
    // Of a default it is remembered that the field had one.
    assert_eq!(
        text_of(&avro, back.schema.as_deref()),
        text_of(&avro, Some(&schema))
    );
    assert_eq!(back.schema.as_deref().unwrap(), schema.as_ref());
    assert_eq!(back.value, datum.value);
}

#[test]
fn java_writes_the_same_schema() {
    // Made by Java's AvroData, in the copy that Apicurio's converter library has.
    let java = include_str!("java_every_type.json").trim_end();
    let own = text_of(&avro(&[]), Some(&every_type()));
    assert_eq!(own, java);
}

#[test]
fn values_without_schema_are_written_as_anything() {
    let avro = avro(&[]);
    for value in [
        Value::Int64(1),
        Value::String("a".into()),
        Value::Array(vec![
            Value::Int32(1),
            Value::Null,
            Value::String("b".into()),
        ]),
        Value::Map(vec![(Value::String("k".into()), Value::Float64(1.0))]),
    ] {
        let datum = Datum::schemaless(value);
        assert_eq!(there_and_back(&avro, &datum), datum);
    }
    assert_eq!(text_of(&avro, None), ANYTHING_TEXT);
}

#[test]
fn unions_are_structs_of_their_members() {
    let avro = avro(&[]);
    let text = r#"{"type":"record","name":"R","fields":[{"name":"u","type":["null","int","string",{"type":"record","name":"I","fields":[]}]}]}"#;
    let reader = avro.reader(&resolved(text), Some(4)).unwrap();
    let schema = reader.schema.clone().unwrap();
    assert_eq!(schema.version, Some(4));
    let union = Arc::clone(&schema.field("u").unwrap().1.schema);
    let names: Vec<&str> = union
        .fields()
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    assert_eq!(names, ["int", "string", "I"]);
    assert!(union.optional);
    for (bytes, expected) in [
        (&[0][..], Value::Null),
        (&[2, 4], Value::Int32(2)),
        (&[4, 2, b'x'], Value::String("x".into())),
    ] {
        let datum = avro.read(&reader, bytes).unwrap();
        let Value::Struct(record) = &datum.value else {
            panic!("no struct")
        };
        match record.get("u").unwrap() {
            Value::Struct(union) => assert!(union.values().contains(&expected)),
            other => assert_eq!(*other, expected),
        }
        let writer = avro.writer(Some(&schema), &resolved(text), true).unwrap();
        let mut out = Vec::new();
        avro.write(&writer, &datum.value, &mut out).unwrap();
        assert_eq!(out, bytes);
    }
}

#[test]
fn enums_come_back_where_asked_for() {
    let avro = avro(&[("enhanced.avro.schema.support", "true")]);
    let text = r#"{"type":"enum","name":"Color","namespace":"a","symbols":["BLUE","RED"]}"#;
    let reader = avro.reader(&resolved(text), None).unwrap();
    let datum = avro.read(&reader, &[2]).unwrap();
    assert_eq!(datum.value, Value::String("RED".into()));
    let schema = datum.schema.unwrap();
    assert_eq!(schema.name.as_deref(), Some("a.Color"));
    let back: serde_json::Value = serde_json::from_str(&text_of(&avro, Some(&schema))).unwrap();
    assert_eq!(
        (&back["type"], &back["name"]),
        (&"enum".into(), &"Color".into())
    );
    assert_eq!(back["symbols"], serde_json::json!(["BLUE", "RED"]));
}

#[test]
fn the_latest_version_takes_what_it_has() {
    let avro = avro(&[]);
    let schema = Schema::structure(vec![
        field("b", Schema::new(SchemaType::Int32)),
        field("gone", Schema::new(SchemaType::Int32)),
    ])
    .unwrap();
    let latest = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"string","default":"x"},{"name":"b","type":["null","int"]},{"name":"c","type":["null","long"],"default":null}]}"#;
    let refused = avro
        .writer(Some(&schema), &resolved(latest), true)
        .unwrap_err();
    assert!(refused.to_string().contains("gone"), "{refused}");
    let writer = avro
        .writer(Some(&schema), &resolved(latest), false)
        .unwrap();
    let value = Value::Struct(Struct::from_values(
        Arc::new(schema),
        vec![Value::Int32(1), Value::Int32(2)],
    ));
    let mut out = Vec::new();
    avro.write(&writer, &value, &mut out).unwrap();
    assert_eq!(out, [2, b'x', 2, 2, 0]);
}

#[test]
fn what_does_not_fit_is_refused_and_named() {
    let avro = avro(&[]);
    let schema =
        Arc::new(Schema::structure(vec![field("n", Schema::new(SchemaType::Int32))]).unwrap());
    let text = text_of(&avro, Some(&schema));
    let writer = avro.writer(Some(&schema), &resolved(&text), true).unwrap();
    for value in [Value::Null, Value::String("x".into()), Value::Int64(1)] {
        let value = Value::Struct(Struct::from_values(Arc::clone(&schema), vec![value]));
        let error = avro.write(&writer, &value, &mut Vec::new()).unwrap_err();
        assert!(error.to_string().starts_with("field n: "), "{error}");
    }
    assert!(avro.writes_null(Some(&schema)).is_err());
    assert!(!avro.writes_null(None).unwrap());
}

#[test]
fn records_that_hold_themselves_are_refused() {
    let avro = avro(&[]);
    let text =
        r#"{"type":"record","name":"Node","fields":[{"name":"next","type":["null","Node"]}]}"#;
    let error = avro.reader(&resolved(text), None).unwrap_err();
    assert!(error.to_string().contains("Node holds itself"), "{error}");
}

#[test]
fn hostile_lengths_are_refused() {
    let avro = avro(&[]);
    for (text, bytes) in [
        (
            r#"{"type":"array","items":"null"}"#,
            &[0xfe, 0xff, 0xff, 0xff, 0x0f][..],
        ),
        (r#""bytes""#, &[0xfe, 0xff, 0xff, 0xff, 0x0f]),
        (r#""string""#, &[1]),
        (r#""long""#, &[0xff; 11]),
        (r#"["null","int"]"#, &[6]),
    ] {
        let reader = avro.reader(&resolved(text), None);
        if let Ok(reader) = reader {
            assert!(avro.read(&reader, bytes).is_err(), "{text}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let avro = avro(&[]);
        let text = text_of(&avro, Some(&every_type()));
        let reader = avro.reader(&resolved(&text), None).unwrap();
        avro.read(&reader, &bytes).ok();
        let anything = avro.reader(&resolved(ANYTHING_TEXT), None).unwrap();
        avro.read(&anything, &bytes).ok();
    }

    #[test]
    fn numbers_and_texts_survive(number: i64, text: String, float: f64) {
        let avro = avro(&[]);
        for datum in [
            Datum::new(Arc::new(Schema::new(SchemaType::Int64)), Value::Int64(number)),
            Datum::new(Schema::string(), Value::String(text)),
            Datum::new(Arc::new(Schema::new(SchemaType::Float64)), Value::Float64(float)),
        ] {
            prop_assert_eq!(there_and_back(&avro, &datum), datum);
        }
    }
}
