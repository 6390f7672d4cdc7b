use bigdecimal::BigDecimal;
use millrace_api::{Datum, Schema, SchemaType, Value};
use proptest::prelude::*;

use super::{parse, to_text};

fn text(value: &str) -> Value {
    Value::String(value.to_owned())
}

fn kind(datum: &Datum) -> Option<&SchemaType> {
    datum.schema.as_deref().map(|schema| &schema.ty)
}

#[test]
fn scalars() {
    let decimal: BigDecimal = "9223372036854775808".parse().unwrap();
    let cases = [
        ("127", Value::Int8(127)),
        ("128", Value::Int16(128)),
        ("70000", Value::Int32(70_000)),
        ("-9223372036854775808", Value::Int64(i64::MIN)),
        ("+5", Value::Int8(5)),
        ("3.0", Value::Int8(3)),
        ("1e3", Value::Int16(1000)),
        ("9223372036854775808", Value::Decimal(decimal)),
        ("1.5", Value::Float32(1.5)),
        (
            "12345678901234567890.5",
            Value::Float32(12_345_678_901_234_567_890.5),
        ),
        ("3.4028236e38", Value::Float64(3.4028236e38)),
        ("1e20", Value::Float32(1e20)),
        ("1.50", Value::Float32(1.5)),
        ("-.5", Value::Float32(-0.5)),
        ("5.", Value::Int8(5)),
        ("007", Value::Int8(7)),
        ("true", Value::Boolean(true)),
        (" false ", Value::Boolean(false)),
        (" null ", Value::Null),
        ("null", Value::Null),
        ("2019-13-45", Value::Date(18_306)),
        ("14:34:54.346Z", Value::Time(52_494_346)),
        (
            "2019-08-23T14:34:54.346Z",
            Value::Timestamp(1_566_570_894_346),
        ),
        ("1,2", Value::Int8(1)),
        ("12:30", Value::Int8(12)),
        ("14:34:54", Value::Int8(14)),
    ];
    for (input, expected) in cases {
        let read = parse(input);
        assert_eq!(read.value, expected, "{input}");
        assert_eq!(read.schema.is_none(), expected == Value::Null, "{input}");
    }
}

#[test]
fn strings() {
    for input in [
        "",
        "  ",
        "abc",
        "\"abc\"",
        "TRUE",
        "true}",
        "null x",
        "0x1F",
        "[1,,2]",
        "{a:1}",
        "[1",
        "10.0.0.1:8080",
        "5 apples",
        "123e4567-e89b-12d3-a456-426614174000",
        "-",
        "+",
        "1e99999999999",
        "1f",
        ".5",
        "1_000",
        "\"",
        "[\"abc",
    ] {
        let read = parse(input);
        assert_eq!(read.value, text(input), "{input}");
        assert_eq!(kind(&read), Some(&SchemaType::String), "{input}");
    }
}

#[test]
fn lists_and_maps() {
    let read = parse("[1, 2.5]");
    assert_eq!(
        read.value,
        Value::Array(vec![Value::Float32(1.0), Value::Float32(2.5)])
    );
    let Some(SchemaType::Array(Some(element))) = kind(&read) else {
        panic!("a list of floats")
    };
    assert_eq!(element.ty, SchemaType::Float32);

    let read = parse(r#"[1, "a", null]"#);
    assert_eq!(
        read.value,
        Value::Array(vec![Value::Int8(1), text("a"), Value::Null])
    );
    assert_eq!(kind(&read), Some(&SchemaType::Array(None)));

    let read = parse(r#"{"a":1 "b":2}"#);
    assert_eq!(
        read.value,
        Value::Map(vec![
            (text("a"), Value::Int8(1)),
            (text("b"), Value::Int8(2))
        ])
    );

    assert_eq!(kind(&parse("[]")), Some(&SchemaType::Array(None)));
    assert_eq!(kind(&parse("{}")), Some(&SchemaType::Map(None, None)));
    assert_eq!(
        parse("[1,2]xyz").value,
        Value::Array(vec![Value::Int8(1), Value::Int8(2)])
    );
    assert_eq!(
        parse(r#"["2019-08-23"]"#).value,
        Value::Array(vec![Value::Date(18_131)])
    );
    assert_eq!(kind(&parse("[null]")), Some(&SchemaType::Array(None)));
}

#[test]
fn nesting_is_bounded() {
    let deep = "[".repeat(200_000);
    assert_eq!(parse(&deep).value, text(&deep));
}

#[test]
fn values_to_text() {
    let list = Value::Array(vec![Value::Int8(1), text("a\"b"), Value::Null]);
    let map = Value::Map(vec![(text("k"), Value::Bytes(vec![1, 2].into()))]);
    for (value, expected) in [
        (list, r#"[1,"a\"b",null]"#),
        (map, r#"{"k":AQI=}"#),
        (text("plain \"text\""), "plain \"text\""),
        (Value::Float32(1e10), "1.0E10"),
        (
            Value::Timestamp(1_700_000_000_123),
            "2023-11-14T22:13:20.123Z",
        ),
        (Value::Timestamp(-5), "23:59:59.995Z"),
        (Value::Null, "null"),
    ] {
        assert_eq!(to_text(&value), expected);
    }
}

proptest! {
    #[test]
    fn any_text_is_read(input in "[-+0-9a-z:,{}\\[\\]\"\\\\ .TZ]{0,30}") {
        parse(&input);
    }

    #[test]
    fn integers_survive(number: i64) {
        let back = parse(&number.to_string());
        prop_assert_eq!(to_text(&back.value), number.to_string());
        prop_assert!(back.schema.is_some_and(|schema| *schema == Schema::new(schema.ty.clone())));
    }
}
