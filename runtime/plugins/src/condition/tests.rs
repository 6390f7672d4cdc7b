//! Conditions and records that meet them.

use std::sync::Arc;

use millrace_api::{Column, Datum, Header, Records, Row, SinkBatch, SinkRun, Span, Stage, Value};

use super::Condition;
use crate::converters::parse_json;

/// A record of the topic `orders`, partition 3, a minute old.
fn records() -> Records {
    let value =
        r#"{"level":"WARN","n":7,"f":1.5,"s":"7","deep":{"a b":true,"list":["x","y"]},"no":null}"#;
    let header = |name: &str, value: Value| Header {
        name: name.to_owned(),
        schema: None,
        value,
    };
    let mut batch = SinkBatch::new();
    batch.begin_run(SinkRun {
        end: 0,
        topic: Arc::from("orders"),
        original_topic: None,
        partition: 3,
        log_append_time: false,
        key: Column::Owned(vec![Datum::schemaless(Value::String("k'1".to_owned()))]),
        value: Column::Owned(vec![Datum::schemaless(parse_json(value).unwrap())]),
        headers: Some(vec![vec![
            header("region", Value::String("us".to_owned())),
            header("region", Value::String("eu".to_owned())),
            header("a.b", Value::Int8(5)),
        ]]),
    });
    batch.push(Row {
        key: Span::NULL,
        value: Span::NULL,
        headers: Span::EMPTY,
        timestamp: 1_000_000,
        mark: 0,
    });
    let mut records = Records::from(batch);
    records.set_stage(Stage {
        now_ms: 1_060_000,
        task: None,
    });
    records
}

#[test]
fn records_meet_conditions() {
    let records = records();
    let view = records.views().next().unwrap();
    for (text, expected) in [
        ("value.level == 'WARN'", true),
        ("value.level == \"warn\"", false),
        ("value.level != 'INFO'", true),
        ("value.level in ('ERROR', 'WARN')", true),
        ("value.level matches 'W.*'", true),
        ("value.level matches 'A'", false),
        ("value.n > 6 and value.n <= 7", true),
        ("value.n == 7.0", true),
        ("value.s == 7", true),
        ("value.s < 10", true),
        ("value.f >= 1.5 and not value.f > 1.5", true),
        ("value.level > 5", false),
        ("value.level <= 5", false),
        ("value.deep.`a b`", true),
        ("value.deep.list.1 == 'y'", true),
        ("value.deep.list.9 == null", true),
        ("value.no == null and value.none == null", true),
        ("value.no != null", false),
        ("value.none < 5 or value.none > 5", false),
        ("value == null", false),
        ("key == 'k''1'", true),
        ("header.region == 'eu'", true),
        ("header.a.b == 5", true),
        ("header.`a.b` == 5", true),
        ("header.none == null", true),
        ("topic matches 'ord.*' and partition == 3", true),
        ("timestamp == 1000000", true),
        ("age == 1m", true),
        (
            "age > 0.5m and age < 1h and age >= 60s and age <= 60000ms",
            true,
        ),
        ("true or false and false", true),
        ("(true or false) and false", false),
        ("not not true", true),
        ("NOT (value.n == 8) AND true", true),
        ("value.n == -7", false),
        ("'ä' == 'ä'", true),
    ] {
        let condition = Condition::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        let now_ms = records.stage().now_ms;
        assert_eq!(condition.holds(view, now_ms), expected, "{text}");
    }
}

#[test]
fn conditions_that_cannot_be_read_say_where_and_why() {
    for (text, why) in [
        ("", "where the condition ends"),
        ("value.level ==", "where the condition ends"),
        ("value.level = 'a'", "unexpected \"=\" at 12"),
        ("value.level == ERROR", "unknown \"ERROR\" at 15"),
        ("'abc", "the text that begins at 0 has no closing quote"),
        ("(true", "expected \")\" at 5"),
        ("true true", "unexpected \"true\" at 5"),
        ("header == 1", "the name of a header"),
        ("value. == 1", "a dot is followed by the name of a field"),
        ("value.a matches '('", "invalid regex"),
        ("value.a matches b", "matches needs a text"),
        ("value.a in (topic)", "texts, numbers and durations only"),
        ("age > 5 y", "unexpected \"y\" at 8"),
        ("age > 5y", "the number at 6 cannot be read"),
        (
            "99999999999999999999d == 1",
            "the number at 0 cannot be read",
        ),
        (&"not ".repeat(100), "nested deeper than 64"),
        (&"(".repeat(100), "nested deeper than 64"),
    ] {
        let found = Condition::parse(text).unwrap_err();
        assert!(found.contains(why), "{text}: {found}");
    }
}
