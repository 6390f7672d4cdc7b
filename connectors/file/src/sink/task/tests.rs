use millrace_api::{Datum, Value};

use super::*;

#[test]
fn text_forms_of_values() {
    let map = Datum::schemaless(Value::Map(vec![(
        Value::String("a".into()),
        Value::Int64(1),
    )]));
    let cases = [
        (Cell::Text("é".as_bytes()), "é\n"),
        (Cell::Null, "null\n"),
        (Cell::Value(&map), "{a=1}\n"),
        (
            Cell::Value(&Datum {
                schema: None,
                value: Value::Null,
            }),
            "null\n",
        ),
    ];
    for (cell, expected) in cases {
        let mut lines = Vec::new();
        append_line(&mut lines, cell).unwrap();
        assert_eq!(lines, expected.as_bytes(), "{cell:?}");
    }
}
