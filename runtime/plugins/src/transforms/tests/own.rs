//! Millrace's own transforms, by tables of records before and after.
//!
//! A table is a text of cases. `case` names one, `type` and `set` configure the step (`\n` in a value is a line break),
//! `in` is a record, and what follows says what becomes of it: an `out` for each record that goes on, `dropped`, or
//! `error` with a part of the text; `refused` instead of a record is what the configuration is refused with. A record is
//! a JSON object of the parts that matter. A key, value or header is in an envelope as the JSON converter writes it, or
//! bare where it has no schema.

use millrace_api::{Cell, Stage, TaskId};
use serde_json::{Value as Json, json};

use super::{records, write};
use millrace_api::{Datum, Properties, RecordView, Records};

const TABLES: [(&str, &str); 7] = [
    ("explode", include_str!("own/explode.txt")),
    ("extract_topic", include_str!("own/extract_topic.txt")),
    (
        "filter_by_condition",
        include_str!("own/filter_by_condition.txt"),
    ),
    (
        "insert_trace_headers",
        include_str!("own/insert_trace_headers.txt"),
    ),
    (
        "message_timestamp_router",
        include_str!("own/message_timestamp_router.txt"),
    ),
    ("parse_json", include_str!("own/parse_json.txt")),
    ("parse_text", include_str!("own/parse_text.txt")),
];

/// The time at which the records come through.
const NOW_MS: i64 = 1_700_000_600_000;

#[derive(Default)]
struct Case {
    name: String,
    class: String,
    settings: Properties,
    record: Option<Json>,
    out: Vec<Json>,
    dropped: bool,
    error: Option<String>,
    refused: Option<String>,
}

fn cases(table: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if word == "case" {
            let name = rest.to_owned();
            cases.push(Case {
                name,
                ..Case::default()
            });
            continue;
        }
        let case = cases.last_mut().unwrap();
        let json = || serde_json::from_str(rest).unwrap_or_else(|error| panic!("{line}: {error}"));
        match word {
            "type" => case.class = format!("millrace.transforms.{rest}"),
            "set" => {
                let (key, value) = rest.split_once('=').unwrap();
                case.settings
                    .insert(key.to_owned(), value.replace("\\n", "\n"));
            }
            "in" => case.record = Some(json()),
            "out" => case.out.push(json()),
            "dropped" => case.dropped = true,
            "error" => case.error = Some(rest.to_owned()),
            "refused" => case.refused = Some(rest.to_owned()),
            other => panic!("unknown word {other}"),
        }
    }
    cases
}

fn enveloped(part: &Json) -> Json {
    match part {
        Json::Null => Json::Null,
        Json::Object(members) if members.len() == 2 && members.contains_key("payload") => {
            part.clone()
        }
        bare => json!({"schema": null, "payload": bare}),
    }
}

/// A part to be read, of which a bare null has no envelope of its own.
fn given(part: &Json) -> Json {
    match enveloped(part) {
        Json::Null => json!({"schema": null, "payload": null}),
        enveloped => enveloped,
    }
}

/// The record of a case with everything that the case does not say.
fn whole(record: &Json) -> Json {
    let mut whole = json!({
        "kind": record.get("kind").unwrap_or(&json!("sink")),
        "topic": record.get("topic").unwrap_or(&json!("t")),
        "partition": 3,
        "timestamp": record.get("timestamp").unwrap_or(&json!(1_700_000_000_000_i64)),
        "key": given(&record["key"]),
        "value": given(&record["value"]),
    });
    let headers = record["headers"].as_array().into_iter().flatten();
    whole["headers"] = headers
        .map(|header| json!([header[0], given(&header[1])]))
        .collect();
    whole
}

fn datum(cell: Cell<'_>) -> Json {
    match cell {
        Cell::Value(datum) => write(datum).unwrap(),
        other => panic!("{other:?} is not owned"),
    }
}

/// The parts of a record that `wanted` has.
fn shown(view: RecordView<'_>, wanted: &Json) -> Json {
    let parts = wanted.as_object().unwrap().keys().map(|part| {
        let json = match part.as_str() {
            "topic" => json!(&**view.topic()),
            "key" => datum(view.key()),
            "value" => datum(view.value()),
            "headers" => {
                let headers = view.headers().unwrap().into_iter();
                let headers = headers.map(|header| {
                    let value = Datum {
                        schema: header.schema,
                        value: header.value,
                    };
                    json!([header.name, write(&value).unwrap()])
                });
                headers.collect()
            }
            other => panic!("unknown part {other}"),
        };
        (part.clone(), json)
    });
    Json::Object(parts.collect())
}

fn expected(out: &Json) -> Json {
    let parts = out.as_object().unwrap().iter().map(|(part, json)| {
        let json = match part.as_str() {
            "key" | "value" => enveloped(json),
            "headers" => {
                let headers = json.as_array().unwrap().iter();
                headers
                    .map(|header| json!([header[0], enveloped(&header[1])]))
                    .collect()
            }
            _ => json.clone(),
        };
        (part.clone(), json)
    });
    Json::Object(parts.collect())
}

fn transformed(case: &Case) -> Result<Records, String> {
    let plugin = crate::transforms()
        .iter()
        .find(|plugin| plugin.class == case.class);
    let mut transform = (plugin.unwrap().create)();
    let settings = case.settings.clone();
    transform
        .configure(&settings)
        .map_err(|error| error.to_string())?;
    let Some(record) = &case.record else {
        return Ok(Records::default());
    };
    let mut records = records(&whole(record));
    records.set_stage(Stage {
        now_ms: NOW_MS,
        task: Some(TaskId {
            connector: "c".into(),
            task: 2,
        }),
    });
    transform.apply(&mut records);
    Ok(records)
}

fn check(case: &Case) -> Result<(), String> {
    let mut records = match (transformed(case), &case.refused) {
        (Err(why), Some(part)) if why.contains(part) => return Ok(()),
        (Err(why), _) => return Err(format!("refused: {why}")),
        (Ok(_), Some(_)) => return Err("not refused".to_owned()),
        (Ok(records), None) => records,
    };
    match (records.take_failed().pop(), &case.error) {
        (Some(failed), Some(part)) if failed.error.to_string().contains(part) => return Ok(()),
        (Some(failed), _) => return Err(format!("failed: {}", failed.error)),
        (None, Some(_)) => return Err("did not fail".to_owned()),
        (None, None) => {}
    }
    let views: Vec<_> = records.views().collect();
    if views.len() != case.out.len() || (case.dropped && !views.is_empty()) {
        return Err(format!("{} records came out", views.len()));
    }
    for (view, out) in views.into_iter().zip(&case.out) {
        let (shown, expected) = (shown(view, out), expected(out));
        if shown != expected {
            return Err(format!("\n  expected {expected}\n  found    {shown}"));
        }
    }
    Ok(())
}

#[test]
fn records_change_as_the_tables_say() {
    let mut wrong = Vec::new();
    for (name, table) in TABLES {
        for case in cases(table) {
            if let Err(why) = check(&case) {
                wrong.push(format!("{name}, {}: {why}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
