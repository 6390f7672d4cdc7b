//! A preview for people: a paragraph a record, a line a step, what has changed below it.

use std::fmt::Write as _;

use serde_json::Value;

/// The whole preview.
pub(super) fn text(preview: &Value) -> String {
    let records = preview["records"].as_array().map_or(&[][..], Vec::as_slice);
    let mut text = String::new();
    for (index, record) in records.iter().enumerate() {
        let _written = writeln!(
            text,
            "record {}  {}  {}",
            index + 1,
            compact(&record["origin"]),
            word(&record["outcome"])
        );
        for step in record["steps"].as_array().map_or(&[][..], Vec::as_slice) {
            write_step(&mut text, step);
        }
        text.push('\n');
    }
    let why = match word(&preview["ended"]) {
        "records" => "as many as asked for",
        "bytes" => "as many bytes as asked for",
        "time" => "no more came in time",
        _ => "there are no more",
    };
    let _written = writeln!(
        text,
        "{} records of {} {}: {why}; nothing was written",
        records.len(),
        word(&preview["kind"]),
        word(&preview["connector"])
    );
    text
}

fn write_step(text: &mut String, step: &Value) {
    let class = step["class"].as_str().unwrap_or_default();
    let class = class.rsplit('.').next().unwrap_or_default();
    let name = step["name"].as_str().unwrap_or_default();
    let of = match (name.is_empty(), class.is_empty()) {
        (true, true) => String::new(),
        (true, false) => format!(" {class}"),
        (false, _) => format!(" {name} ({class})"),
    };
    let outcome = word(&step["outcome"]);
    let _written = writeln!(text, "  {}{of}: {outcome}", word(&step["step"]));
    let error = &step["error"];
    if error.is_object() {
        let _written = writeln!(
            text,
            "    {} {}: {}",
            word(&error["stage"]),
            word(&error["class"]),
            word(&error["message"])
        );
    }
    if matches!(outcome, "changed" | "read") {
        for record in step["after"].as_array().map_or(&[][..], Vec::as_slice) {
            write_record(text, record);
        }
    }
    if let Some(more) = step["not_shown"].as_u64() {
        let _written = writeln!(text, "    and {more} more records");
    }
}

fn write_record(text: &mut String, record: &Value) {
    let partition = match &record["partition"] {
        Value::Null => String::new(),
        partition => format!("-{partition}"),
    };
    let _written = writeln!(text, "    topic      {}{partition}", word(&record["topic"]));
    if !record["timestamp"].is_null() {
        let _written = writeln!(text, "    timestamp  {}", record["timestamp"]);
    }
    for part in ["key", "value"] {
        let _written = writeln!(text, "    {part:<9}  {}", datum(&record[part]));
    }
    for header in record["headers"].as_array().map_or(&[][..], Vec::as_slice) {
        let _written = writeln!(
            text,
            "    header     {} = {}",
            word(&header["name"]),
            datum(header)
        );
    }
}

/// A value and its schema on one line.
fn datum(datum: &Value) -> String {
    let value = compact(&datum["value"]);
    match datum["schema"].as_str() {
        Some(schema) => format!("{value}  {schema}"),
        None => value,
    }
}

fn compact(value: &Value) -> String {
    value.to_string()
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::text;

    #[test]
    fn a_record_is_shown_with_its_steps() {
        let record = json!({
            "topic": "t", "partition": null, "timestamp": 5,
            "key": {"schema": null, "value": null},
            "value": {"schema": "string", "value": "x\ny"},
            "headers": [{"name": "h", "schema": null, "value": 1}],
        });
        let preview = json!({
            "connector": "c", "kind": "source", "ended": "end",
            "records": [{
                "origin": {"offset": 1}, "outcome": "failed",
                "steps": [
                    {"step": "read", "outcome": "read", "before": [], "after": [record]},
                    {"step": "transform", "name": "cast", "class": "a.b.Cast$Value", "outcome": "failed",
                     "error": {"stage": "TRANSFORMATION", "class": "E", "message": "no number"},
                     "before": [], "after": []},
                ],
            }],
        });
        let expected = "record 1  {\"offset\":1}  failed\n\
            \x20 read: read\n\
            \x20   topic      t\n\
            \x20   timestamp  5\n\
            \x20   key        null\n\
            \x20   value      \"x\\ny\"  string\n\
            \x20   header     h = 1\n\
            \x20 transform cast (Cast$Value): failed\n\
            \x20   TRANSFORMATION E: no number\n\
            \n\
            1 records of source c: there are no more; nothing was written\n";
        assert_eq!(text(&preview), expected);
    }
}
