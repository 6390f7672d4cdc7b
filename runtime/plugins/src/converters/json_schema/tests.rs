//! Schemas and values both ways.

use bigdecimal::BigDecimal;
use bytes::Bytes;
use millrace_api::{Field, SchemaType, Struct};
use serde_json::json;

use super::*;

fn format(settings: &[(&str, &str)]) -> JsonSchema {
    let mut all: Properties = [(
        "schema.registry.url".to_owned(),
        "http://127.0.0.1:1".to_owned(),
    )]
    .into();
    for (key, value) in settings {
        all.insert((*key).to_owned(), (*value).to_owned());
    }
    let mut format = JsonSchema::default();
    format.configure(&all).unwrap();
    format
}

fn field(name: &str, schema: Schema) -> Field {
    Field {
        name: name.to_owned(),
        schema: Arc::new(schema),
    }
}

fn alone(text: String) -> Resolved {
    Resolved {
        text,
        references: Vec::new(),
    }
}

fn written(format: &JsonSchema, schema: &Schema, value: &Value) -> String {
    let target = alone(format.derive(Some(schema)).unwrap().0.text);
    let writer = format.writer(Some(schema), &target, true).unwrap();
    let mut out = Vec::new();
    format.write(&writer, value, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn every_type_survives_the_way_there_and_back() {
    let format = format(&[]);
    let pairs = SchemaType::Map(
        Some(Arc::new(Schema::new(SchemaType::Int32))),
        Some(Schema::optional_string()),
    );
    let map = SchemaType::Map(
        Some(Schema::string()),
        Some(Arc::new(Schema::new(SchemaType::Boolean))),
    );
    let inner = Schema::structure(vec![field("x", Schema::new(SchemaType::Float32))])
        .unwrap()
        .named("Inner");
    let schema = Arc::new(
        Schema::structure(vec![
            field("z", Schema::new(SchemaType::Int8)),
            field("a", Schema::new(SchemaType::Int16).optional()),
            field(
                "i32",
                Schema::new(SchemaType::Int32).with_default(Value::Int32(7)),
            ),
            field("i64", Schema::new(SchemaType::Int64).versioned(3)),
            field("f64", Schema::new(SchemaType::Float64).named("a.Double")),
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
            field("at", Schema::timestamp().optional()),
            field(
                "list",
                Schema::new(SchemaType::Array(Some(Schema::string()))).optional(),
            ),
            field("map", Schema::new(map)),
            field("pairs", Schema::new(pairs)),
            field("inner", inner.optional()),
        ])
        .unwrap()
        .named("Order")
        .versioned(2),
    );
    let inner = Arc::clone(&schema.field("inner").unwrap().1.schema);
    let value = Value::Struct(Struct::from_values(
        Arc::clone(&schema),
        vec![
            Value::Int8(-1),
            Value::Null,
            Value::Int32(64),
            Value::Int64(i64::MIN),
            Value::Float64(0.5),
            Value::String("ä".into()),
            Value::Bytes(Bytes::from_static(&[0, 255])),
            Value::Decimal(BigDecimal::new(105.into(), 2)),
            Value::Date(-1),
            Value::Timestamp(1),
            Value::Array(vec![Value::String("a".into())]),
            Value::Map(vec![(Value::String("k".into()), Value::Boolean(true))]),
            Value::Map(vec![(Value::Int32(1), Value::Null)]),
            Value::Struct(Struct::from_values(inner, vec![Value::Float32(1.5)])),
        ],
    ));
    let text = written(&format, &schema, &value);
    let reader = format
        .reader(
            &alone(format.derive(Some(&schema)).unwrap().0.text),
            Some(9),
        )
        .unwrap();
    assert_eq!(*reader, *schema);
    assert_eq!(format.read(&reader, text.as_bytes()).unwrap().value, value);
}

#[test]
fn schemas_are_as_confluent_has_them() {
    let format = format(&[]);
    let schema = Schema::structure(vec![
        field("id", Schema::new(SchemaType::Int32)),
        field("name", Schema::optional_string().as_ref().clone()),
    ])
    .unwrap()
    .named("Order");
    let json: Json = serde_json::from_str(&format.derive(Some(&schema)).unwrap().0.text).unwrap();
    let expected = json!({
        "type": "object", "title": "Order",
        "properties": {
            "id": {"type": "integer", "connect.type": "int32", "connect.index": 0},
            "name": {"oneOf": [{"type": "null"}, {"type": "string"}], "connect.index": 1},
        },
    });
    assert_eq!(json, expected);
}

#[test]
fn schemas_by_others_are_understood() {
    let format = format(&[("use.optional.for.nonrequired", "true")]);
    let text = json!({
        "$defs": {"money": {"type": "object", "properties": {"cents": {"type": "integer"}}, "required": ["cents"]}},
        "type": "object", "required": ["id"],
        "properties": {
            "id": {"type": "integer"},
            "price": {"$ref": "#/$defs/money"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "state": {"type": "string", "enum": ["new", "paid"]},
            "note": {"type": ["string", "null"]},
            "any": {"oneOf": [{"type": "string"}, {"type": "number"}, {"$ref": "#/$defs/money"}]},
            "both": {"allOf": [{"$ref": "#/$defs/money"}, {"properties": {"currency": {"type": "string"}}}]},
            "out": {"$ref": "other.json#/part"},
        },
    });
    let target = Resolved {
        text: text.to_string(),
        references: vec![(
            "other.json".into(),
            json!({"part": {"type": "boolean"}}).to_string(),
        )],
    };
    let schema = format.reader(&target, None).unwrap();
    let of = |name: &str| Arc::clone(&schema.field(name).unwrap().1.schema);
    assert_eq!(*of("id"), Schema::new(SchemaType::Int64));
    assert!(of("price").optional && of("price").field("cents").is_some());
    assert_eq!(of("state").parameters.len(), 3);
    assert_eq!(*of("note"), Schema::new(SchemaType::String).optional());
    assert_eq!(of("both").fields().len(), 2);
    assert_eq!(of("out").ty, SchemaType::Boolean);
    let read = format
        .read(&schema, br#"{"id":1,"any":{"cents":5},"tags":["x"]}"#)
        .unwrap();
    let Value::Struct(record) = read.value else {
        panic!("no struct")
    };
    let Value::Struct(any) = record.get("any").unwrap() else {
        panic!("no union")
    };
    assert!(matches!(
        any.values(),
        [Value::Null, Value::Null, Value::Struct(_)]
    ));
    assert_eq!(
        written(&format, &of("any"), &Value::Struct(any.clone())),
        r#"{"cents":5}"#
    );
}

#[test]
fn what_has_no_connect_schema_is_refused() {
    let format = format(&[]);
    for (text, expected) in [
        ("{}", "names no type"),
        ("true", "allows every value"),
        (
            r##"{"type":"object","properties":{"a":{"$ref":"#"}}}"##,
            "holds itself",
        ),
        (r##"{"$ref":"#/$defs/x"}"##, "leads nowhere"),
        (r#"{"type":"array"}"#, "items type"),
        ("", "cannot be read"),
    ] {
        // A schema that refers to itself is met within itself only.
        let error = match format.reader(&alone(text.to_owned()), None) {
            Ok(schema) => panic!("{text}: {schema:?}"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(expected), "{text}: {error}");
    }
    assert!(format.derive(None).is_err());
}

#[test]
fn nulls_are_tombstones_only_where_nothing_else_is_said() {
    let format = format(&[]);
    let optional = Schema::optional_string();
    let default = Schema::new(SchemaType::String).with_default(Value::String("d".into()));
    assert!(!format.writes_null(None).unwrap());
    assert!(!format.writes_null(Some(&Schema::string())).unwrap());
    assert!(format.writes_null(Some(&optional)).unwrap());
    assert_eq!(written(&format, &optional, &Value::Null), "null");
    assert_eq!(written(&format, &default, &Value::Null), "\"d\"");
}

#[test]
fn closed_objects_take_only_what_they_name() {
    let format = format(&[]);
    let schema = Schema::structure(vec![field("b", Schema::new(SchemaType::Int32))]).unwrap();
    let closed =
        alone(r#"{"type":"object","properties":{"a":{}},"additionalProperties":false}"#.into());
    let error = format.writer(Some(&schema), &closed, true).unwrap_err();
    assert!(error.to_string().contains("no property b"), "{error}");
    assert!(format.writer(Some(&schema), &closed, false).is_ok());
}
