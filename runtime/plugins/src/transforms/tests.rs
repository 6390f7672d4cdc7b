//! Records before and after, as Kafka 4.1's own classes were seen to change them.
//!
//! A line of the vectors is a class, its settings, the name of a value, what else is special about the record, and what
//! is different about the record that came out, or the refusal. Keys, values and headers stand there as the JSON
//! converter writes them, so that types and schemas are compared as well.
//!
//! Different on purpose: texts of refused settings and of null pointers; SetSchemaMetadata takes schemas that are no
//! structs; a float is written by its shortest text, as Java does from version 19 on.

mod own;

use std::sync::Arc;

use millrace_api::{
    Column, Converter, ConverterKind, Datum, Header, OffsetMap, Properties, Records, Row,
    SinkBatch, SinkRun, SourceBatch, SourcePartition, SourceRun, Span,
};
use serde_json::{Value as Json, json};

use crate::JsonConverter;

const VECTORS: &str = include_str!("tests/vectors.jsonl");
const VALUES: &str = include_str!("tests/values.json");

fn converter() -> JsonConverter {
    let mut converter = JsonConverter::default();
    let settings = [("replace.null.with.default", "false")];
    let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned()));
    Converter::configure(
        &mut converter,
        &Properties::from(settings),
        ConverterKind::Value,
    )
    .unwrap();
    converter
}

fn read(json: &Json) -> Datum {
    let text = json.to_string();
    Converter::decode(&converter(), "t", Some(text.as_bytes())).unwrap()
}

fn write(datum: &Datum) -> Result<Json, String> {
    let mut out = Vec::new();
    match Converter::encode(&converter(), "t", datum, &mut out) {
        Ok(true) => Ok(serde_json::from_slice(&out).unwrap()),
        Ok(false) => Ok(Json::Null),
        Err(error) => Err(error.to_string()),
    }
}

/// The record of a vector as one batch.
fn records(record: &Json) -> Records {
    let topic: Arc<str> = record["topic"].as_str().unwrap().into();
    let key = Column::Owned(vec![read(&record["key"])]);
    let value = Column::Owned(vec![read(&record["value"])]);
    let header = |header: &Json| {
        let datum = read(&header[1]);
        Header {
            name: header[0].as_str().unwrap().to_owned(),
            schema: datum.schema,
            value: datum.value,
        }
    };
    let headers = record["headers"].as_array().unwrap().iter().map(header);
    let headers = Some(vec![headers.collect()]);
    let partition = record["partition"]
        .as_i64()
        .map(|partition| partition as i32);
    let row = Row {
        key: Span::NULL,
        value: Span::NULL,
        headers: Span::EMPTY,
        timestamp: record["timestamp"].as_i64().unwrap_or(-1),
        mark: 42,
    };
    // Only a source's record can be without a partition.
    if record["kind"] == "source" || partition.is_none() {
        let mut batch = SourceBatch::new();
        batch.begin_run(SourceRun {
            end: 0,
            topic,
            partition,
            source: SourcePartition::new(OffsetMap::new(), |_| OffsetMap::new()),
            key,
            value,
            headers,
        });
        batch.push(row);
        return batch.into();
    }
    let mut batch = SinkBatch::new();
    batch.begin_run(SinkRun {
        end: 0,
        topic,
        original_topic: None,
        partition: partition.unwrap_or_default(),
        log_append_time: false,
        key,
        value,
        headers,
    });
    batch.push(row);
    batch.into()
}

fn shown(records: &Records) -> Result<Json, String> {
    let Some(view) = records.views().next() else {
        return Ok(Json::Null);
    };
    let datum = |cell| match cell {
        millrace_api::Cell::Value(datum) => write(datum),
        other => Err(format!("{other:?} is not owned")),
    };
    let mut headers = Vec::new();
    for header in view.headers().map_err(|error| error.to_string())? {
        let value = write(&Datum {
            schema: header.schema,
            value: header.value,
        })?;
        headers.push(json!([header.name, value]));
    }
    Ok(json!({
        "topic": &**view.topic(),
        "partition": view.partition(),
        "key": datum(view.key())?,
        "value": datum(view.value())?,
        "headers": headers,
    }))
}

/// The record that a vector begins with.
fn given(vector: &Json, values: &Json) -> Json {
    let string = json!({"type": "string", "optional": false});
    let mut record = json!({
        "kind": "sink",
        "topic": "topic-1",
        "partition": 3,
        "timestamp": 1_700_000_000_123_i64,
        "key": {"schema": string, "payload": "k"},
        "value": values[vector["value"].as_str().unwrap()],
        "headers": [
            ["h", {"schema": string, "payload": "1"}],
            ["g", {"schema": null, "payload": null}],
            ["h", {"schema": {"type": "int8", "optional": false}, "payload": 2}],
        ],
    });
    overlay(&mut record, &vector["record"]);
    record
}

fn overlay(record: &mut Json, special: &Json) {
    for (key, value) in special.as_object().into_iter().flatten() {
        record[key] = value.clone();
    }
}

/// The record that a vector's result stands for.
fn expected(vector: &Json, given: &Json) -> Json {
    let mut record = shown(&records(given)).unwrap();
    overlay(&mut record, &vector["result"]);
    record
}

/// What became of a vector's record: the record, null if it was dropped, or the stage and text of a refusal.
fn run(vector: &Json, given: &Json) -> Result<Json, (&'static str, String)> {
    let class = format!(
        "org.apache.kafka.connect.transforms.{}",
        vector["class"].as_str().unwrap()
    );
    let plugin = crate::transforms().iter();
    let plugin = plugin.clone().find(|plugin| plugin.class == class).unwrap();
    let settings = vector["config"].as_object().unwrap().iter();
    let settings: Properties = settings
        .map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned()))
        .collect();
    let mut transform = (plugin.create)();
    transform
        .configure(&settings)
        .map_err(|error| ("configure", error.to_string()))?;
    let mut records = records(given);
    transform.apply(&mut records);
    match records.take_failed().pop() {
        Some(failed) => Err(("apply", failed.error.to_string())),
        None => shown(&records).map_err(|error| ("encode", error)),
    }
}

fn agrees(vector: &Json, given: &Json, outcome: &Result<Json, (&'static str, String)>) -> bool {
    let error = &vector["error"];
    match outcome {
        Ok(Json::Null) => vector["dropped"] == true,
        Ok(_) if error["message"] == "Cannot list fields on non-struct type" => true,
        Ok(record) => error.is_null() && same(record, &expected(vector, given)),
        Err((at, text)) => {
            let is_javas_own = error["class"] == "NullPointerException"
                || error["message"]
                    .as_str()
                    .is_some_and(|text| text.contains("SinkRecord{"));
            error["at"] == *at
                && (*at != "apply" || is_javas_own || error["message"] == text.as_str())
        }
    }
}

/// Whether two documents are equal, numbers with a fraction as 32-bit floats.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (Json::Number(a), Json::Number(b)) if a.is_f64() && b.is_f64() => {
            a.as_f64().map(|a| a as f32) == b.as_f64().map(|b| b as f32)
        }
        (a, b) => a == b,
    }
}

#[test]
fn records_change_as_kafkas_own_classes_change_them() {
    let values: Json = serde_json::from_str(VALUES).unwrap();
    let mut differences = Vec::new();
    for line in VECTORS.lines() {
        let vector: Json = serde_json::from_str(line).unwrap();
        let given = given(&vector, &values);
        let outcome = run(&vector, &given);
        if !agrees(&vector, &given, &outcome) {
            differences.push(format!("{line}\n  ours {outcome:?}"));
        }
    }
    assert!(
        differences.is_empty(),
        "{} of {} differ\n{}",
        differences.len(),
        VECTORS.lines().count(),
        differences.join("\n")
    );
}
