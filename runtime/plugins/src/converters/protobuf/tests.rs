//! Schemas and values both ways.

use bigdecimal::BigDecimal;
use bytes::Bytes;
use millrace_api::{Field, SchemaType, Struct};
use proptest::prelude::*;

use super::*;

fn format(settings: &[(&str, &str)]) -> Protobuf {
    let mut all: Properties = [(
        "schema.registry.url".to_owned(),
        "http://127.0.0.1:1".to_owned(),
    )]
    .into();
    for (key, value) in settings {
        all.insert((*key).to_owned(), (*value).to_owned());
    }
    let mut format = Protobuf::default();
    format.configure(&all).unwrap();
    format
}

fn field(name: &str, schema: Schema) -> Field {
    Field {
        name: name.to_owned(),
        schema: Arc::new(schema),
    }
}

fn alone(text: &str) -> Resolved {
    Resolved {
        text: text.to_owned(),
        references: Vec::new(),
    }
}

fn written(format: &Protobuf, schema: &Schema, target: &str, value: &Value) -> Vec<u8> {
    let writer = format.writer(Some(schema), &alone(target), true).unwrap();
    let mut out = Vec::new();
    format.write(&writer, value, &mut out).unwrap();
    out
}

fn read(format: &Protobuf, text: &str, payload: &[u8]) -> Datum {
    let reader = format.reader(&alone(text), None).unwrap();
    format.read(&reader, payload).unwrap()
}

fn of(schema: &Arc<Schema>, values: Vec<Value>) -> Value {
    Value::Struct(Struct::from_values(Arc::clone(schema), values))
}

#[test]
fn texts_are_as_confluent_has_them() {
    let format = format(&[]);
    let inner = Schema::structure(vec![field("x", Schema::new(SchemaType::Float32))])
        .unwrap()
        .named("a.Inner");
    let map = SchemaType::Map(
        Some(Schema::string()),
        Some(Arc::new(Schema::new(SchemaType::Int64))),
    );
    let schema = Schema::structure(vec![
        field("id", Schema::new(SchemaType::Int32)),
        field("i8", Schema::new(SchemaType::Int8).optional()),
        field(
            "list",
            Schema::new(SchemaType::Array(Some(Schema::string()))),
        ),
        field("map", Schema::new(map)),
        field("inner", inner),
        field("at", Schema::timestamp()),
        field("price", Schema::decimal(2)),
    ])
    .unwrap()
    .named("a.b.Order");
    let (text, name) = from_connect::proto_text(format.config().unwrap(), &schema).unwrap();
    assert_eq!(name, "a.b.Order");
    assert_eq!(
        text,
        r#"syntax = "proto3";
package a.b;

import "confluent/meta.proto";
import "confluent/type/decimal.proto";
import "google/protobuf/timestamp.proto";

message Order {
  int32 id = 1;
  int32 i8 = 2 [(confluent.field_meta) = { params: [{ key: "connect.type", value: "int8" }] }];
  repeated string list = 3;
  map<string, int64> map = 4;
  Inner inner = 5;
  google.protobuf.Timestamp at = 6;
  confluent.type.Decimal price = 7 [(confluent.field_meta) = { params: [{ key: "scale", value: "2" }] }];

  message Inner {
    float x = 1;
  }
}
"#
    );
}

#[test]
fn every_type_survives_the_way_there_and_back() {
    let format = format(&[]);
    let inner = Schema::structure(vec![field("x", Schema::new(SchemaType::Float32))])
        .unwrap()
        .named("Inner");
    let map = SchemaType::Map(Some(Schema::string()), Some(Arc::new(inner.clone())));
    let schema = Arc::new(
        Schema::structure(vec![
            field("i8", Schema::new(SchemaType::Int8)),
            field("i16", Schema::new(SchemaType::Int16)),
            field("i32", Schema::new(SchemaType::Int32)),
            field("i64", Schema::new(SchemaType::Int64)),
            field("f64", Schema::new(SchemaType::Float64)),
            field("yes", Schema::new(SchemaType::Boolean)),
            field("text", Schema::new(SchemaType::String)),
            field("raw", Schema::new(SchemaType::Bytes)),
            field("price", Schema::decimal(2)),
            field("day", Schema::date()),
            field("time", Schema::time()),
            field("at", Schema::timestamp()),
            field(
                "list",
                Schema::new(SchemaType::Array(Some(Arc::new(Schema::new(
                    SchemaType::Int32,
                ))))),
            ),
            field("map", Schema::new(map)),
            field("inner", inner.clone()),
            field("absent", inner.optional()),
        ])
        .unwrap()
        .named("Order"),
    );
    let part = Arc::clone(&schema.field("inner").unwrap().1.schema);
    let values = vec![
        Value::Int8(-1),
        Value::Int16(300),
        Value::Int32(0),
        Value::Int64(i64::MIN),
        Value::Float64(-0.5),
        Value::Boolean(true),
        Value::String("ä".into()),
        Value::Bytes(Bytes::from_static(&[0, 255])),
        Value::Decimal(BigDecimal::new((-105).into(), 2)),
        Value::Date(20_000),
        Value::Time(1),
        Value::Timestamp(-1),
        Value::Array(vec![Value::Int32(1), Value::Int32(-2)]),
        Value::Map(vec![(
            Value::String("k".into()),
            of(&part, vec![Value::Float32(1.5)]),
        )]),
        of(&part, vec![Value::Float32(2.5)]),
        Value::Null,
    ];
    let (text, _) = from_connect::proto_text(format.config().unwrap(), &schema).unwrap();
    let bytes = written(&format, &schema, &text, &of(&schema, values));
    let back = read(&format, &text, &bytes);
    let read_schema = back.schema.clone().unwrap();
    // What was read is written as the same bytes, by the schema that it has now.
    let (again, _) = from_connect::proto_text(format.config().unwrap(), &read_schema).unwrap();
    assert_eq!(again, text);
    assert_eq!(written(&format, &read_schema, &text, &back.value), bytes);
    let Value::Struct(record) = &back.value else {
        panic!("no struct")
    };
    assert_eq!(*record.get("i32").unwrap(), Value::Int32(0));
    assert_eq!(*record.get("absent").unwrap(), Value::Null);
    assert_eq!(*record.get("i8").unwrap(), Value::Int8(-1));
    assert_eq!(record.schema(), &read_schema);
    let Value::Struct(inner) = record.get("inner").unwrap() else {
        panic!("no struct")
    };
    assert_eq!(
        inner.schema(),
        &read_schema.field("inner").unwrap().1.schema
    );
}

const KINDS: &str = r#"syntax = "proto3";
    message First { }
    message M {
      oneof kind { string text = 1; int32 number = 2; }
      optional int32 maybe = 3;
      Color color = 4;
      uint32 u = 5; sint64 s = 6; fixed32 f = 7;
      repeated Color colors = 8;
      enum Color { RED = 0; BLUE = 5; }
    }"#;

#[test]
fn oneofs_enums_and_presence() {
    let format = format(&[]);
    // M is the second message; number = 0 is set, color = 5, u = 2^32-1, s = -1, colors packed.
    let payload = [
        &[2, 2][..],
        &[
            0x10, 0, 0x20, 5, 0x28, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x30, 1, 0x3d, 1, 0, 0, 0, 0x42,
            2, 0, 5,
        ],
    ]
    .concat();
    let datum = read(&format, KINDS, &payload);
    let Value::Struct(record) = &datum.value else {
        panic!("no struct")
    };
    let Value::Struct(kind) = record.get("kind_0").unwrap() else {
        panic!("no union")
    };
    assert_eq!(kind.values(), [Value::Null, Value::Int32(0)]);
    assert_eq!(*record.get("maybe").unwrap(), Value::Null);
    assert_eq!(*record.get("color").unwrap(), Value::String("BLUE".into()));
    assert_eq!(*record.get("u").unwrap(), Value::Int64(u32::MAX.into()));
    assert_eq!(*record.get("s").unwrap(), Value::Int64(-1));
    let colors = ["RED", "BLUE"].map(|color| Value::String(color.into()));
    assert_eq!(
        *record.get("colors").unwrap(),
        Value::Array(colors.to_vec())
    );
    let schema = datum.schema.as_ref().unwrap();
    assert_eq!(written(&format, schema, KINDS, &datum.value), payload);
    let empty = read(&format, KINDS, &[2, 2]);
    let Value::Struct(record) = &empty.value else {
        panic!("no struct")
    };
    assert_eq!(*record.get("kind_0").unwrap(), Value::Null);
    assert_eq!(*record.get("color").unwrap(), Value::String("RED".into()));
}

#[test]
fn simple_values_are_messages_of_their_own() {
    let format = format(&[]);
    for (schema, value, expected) in [
        (
            Schema::string(),
            Value::String("a".into()),
            &[2, 14, 0x0a, 1, b'a'][..],
        ),
        (
            Arc::new(Schema::new(SchemaType::Int64)),
            Value::Int64(1),
            &[2, 4, 8, 1],
        ),
        (
            Arc::new(Schema::new(SchemaType::Boolean)),
            Value::Boolean(false),
            &[2, 12],
        ),
    ] {
        let text = format.derive(Some(&schema)).unwrap().0.text;
        let bytes = written(&format, &schema, &text, &value);
        assert_eq!(bytes, expected);
        assert_eq!(read(&format, &text, &bytes), Datum::new(schema, value));
    }
}

#[test]
fn wrappers_are_optional_values_where_asked_for() {
    let format = format(&[("wrapper.for.nullables", "true")]);
    let schema = Arc::new(
        Schema::structure(vec![
            field("a", Schema::new(SchemaType::String).optional()),
            field("b", Schema::new(SchemaType::Int32)),
        ])
        .unwrap()
        .named("W"),
    );
    let text = format.derive(Some(&schema)).unwrap().0.text;
    assert!(
        text.contains("google.protobuf.StringValue a = 1;") && text.contains("int32 b = 2;"),
        "{text}"
    );
    for (value, payload) in [
        (Value::Null, &[0][..]),
        (Value::String(String::new()), &[0, 0x0a, 0]),
        (Value::String("x".into()), &[0, 0x0a, 3, 0x0a, 1, b'x']),
    ] {
        let record = of(&schema, vec![value.clone(), Value::Int32(0)]);
        let bytes = written(&format, &schema, &text, &record);
        assert_eq!(bytes, payload);
        let back = read(&format, &text, &bytes);
        let Value::Struct(record) = &back.value else {
            panic!("no struct")
        };
        assert_eq!(*record.get("a").unwrap(), value);
        let of_a = &back.schema.as_ref().unwrap().field("a").unwrap().1.schema;
        assert_eq!((&of_a.ty, of_a.optional), (&SchemaType::String, true));
    }
}

#[test]
fn optional_fields_say_so_where_asked_for() {
    let format = format(&[("optional.for.nullables", "true")]);
    let schema = Schema::structure(vec![
        field("a", Schema::new(SchemaType::Int32).optional()),
        field("b", Schema::new(SchemaType::Int32)),
    ])
    .unwrap();
    let text = format.derive(Some(&schema)).unwrap().0.text;
    assert!(
        text.contains("optional int32 a = 1;") && text.contains("message ConnectDefault1"),
        "{text}"
    );
    let schema = Arc::new(schema);
    let bytes = written(
        &format,
        &schema,
        &text,
        &of(&schema, vec![Value::Int32(0), Value::Int32(0)]),
    );
    assert_eq!(bytes, [0, 8, 0]);
    let back = read(&format, &text, &bytes).schema.unwrap();
    assert!(
        back.field("a").unwrap().1.schema.optional && !back.field("b").unwrap().1.schema.optional
    );
}

#[test]
fn what_has_no_protobuf_form_is_refused_and_named() {
    let format = format(&[]);
    let nested = Schema::new(SchemaType::Array(Some(Arc::new(Schema::new(
        SchemaType::Array(Some(Schema::string())),
    )))));
    let schema = Schema::structure(vec![field("n", nested.clone())]).unwrap();
    for (schema, expected) in [
        (Some(&schema), "field n: Array cannot be nested"),
        (Some(&nested), "HoistField"),
        (None, "without a schema"),
    ] {
        let error = format.derive(schema).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let recursive = alone("syntax = \"proto3\"; message A { A next = 1; }");
    let reader = format.reader(&recursive, None).unwrap();
    let error = format.read(&reader, &[0]).unwrap_err().to_string();
    assert!(error.contains("A holds itself"), "{error}");
    assert!(format.read(&reader, &[4]).is_err() && format.read(&reader, &[1]).is_err());
}

#[test]
fn the_latest_version_takes_what_it_has() {
    let format = format(&[]);
    let schema = Arc::new(
        Schema::structure(vec![
            field("a", Schema::new(SchemaType::Int32)),
            field("gone", Schema::new(SchemaType::Int32)),
        ])
        .unwrap()
        .named("M"),
    );
    let latest =
        alone("syntax = \"proto3\"; message Other {} message M { int32 a = 9; string new = 2; }");
    let error = format
        .writer(Some(&schema), &latest, true)
        .unwrap_err()
        .to_string();
    assert!(error.contains("gone"), "{error}");
    let writer = format.writer(Some(&schema), &latest, false).unwrap();
    let mut out = Vec::new();
    format
        .write(
            &writer,
            &of(&schema, vec![Value::Int32(1), Value::Int32(2)]),
            &mut out,
        )
        .unwrap();
    assert_eq!(out, [2, 2, 0x48, 1]);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let format = format(&[]);
        let reader = format.reader(&alone(KINDS), None).unwrap();
        format.read(&reader, &bytes).ok();
        let behind = [&[2, 2][..], &bytes].concat();
        format.read(&reader, &behind).ok();
    }
}
