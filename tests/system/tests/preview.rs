//! Previews on the real binary: every step is shown, and nothing is written: no record, no offset, no topic, no group.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::time::Duration;

use millrace_system::{
    pipeline::{Pipeline, properties_file},
    sandbox::Sandbox,
    tool, wait,
};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

/// A source of JSON lines whose chain routes, parses, filters and casts.
fn source() -> Value {
    json!({
        "name": "source", "connector.class": "FileStreamSource", "file": "in.log", "topic": "raw",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "transforms": "route,json,keep,cast",
        "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
        "transforms.route.regex": "raw", "transforms.route.replacement": "cooked",
        "transforms.json.type": "millrace.transforms.ParseJson$Value",
        "transforms.keep.type": "millrace.transforms.FilterByCondition",
        "transforms.keep.condition": "value.keep == false", "transforms.keep.filter.type": "exclude",
        "transforms.cast.type": "org.apache.kafka.connect.transforms.Cast$Value",
        "transforms.cast.spec": "n:int32",
    })
}

/// A sink of JSON whose chain casts.
fn sink() -> Value {
    json!({
        "name": "sink", "connector.class": "FileStreamSink", "file": "out.log", "topics": "in",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "transforms": "cast",
        "transforms.cast.type": "org.apache.kafka.connect.transforms.Cast$Value",
        "transforms.cast.spec": "n:int32",
    })
}

/// What a worker and its broker have: topics, groups, and the offsets that are stored. Groups come first: the broker
/// makes its topic for them when it is first asked.
fn written(sandbox: &Sandbox, pipeline: &Pipeline) -> (String, String, Vec<u8>) {
    let server = &pipeline.broker;
    let groups = tool::run(
        sandbox,
        &format!("groups --list --bootstrap-server {server}"),
    )
    .ok();
    let topics = tool::run(
        sandbox,
        &format!("topics --list --bootstrap-server {server}"),
    )
    .ok();
    (topics, groups, sandbox.read("data/connect.offsets"))
}

fn preview(pipeline: &Pipeline, body: &Value) -> Value {
    let answer = pipeline.rest.post("/preview", body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

/// Each step of a record with its outcome.
fn outcomes(record: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let steps = record["steps"].as_array().unwrap().iter();
    let name = |step: &Value| match step["name"].as_str() {
        Some(name) => name.to_owned(),
        None => text(&step["step"]),
    };
    steps
        .map(|step| (name(step), text(&step["outcome"])))
        .collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(step, outcome)| ((*step).to_owned(), (*outcome).to_owned()))
        .collect()
}

#[test]
fn a_source_is_shown_step_by_step_and_nothing_is_written() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "in.log",
        "{\"n\":\"1\"}\n{\"n\":\"2\",\"keep\":false}\n{\"n\":\"x\"}\nno json\n",
    );
    let pipeline = Pipeline::start(&sandbox, &[]);
    let before = written(&sandbox, &pipeline);
    let body = json!({"config": source(), "records": 4, "timeout_ms": 60_000});
    let shown = preview(&pipeline, &body);
    assert_eq!(
        (&shown["kind"], &shown["ended"]),
        (&json!("source"), &json!("records"))
    );
    let records = shown["records"].as_array().unwrap();
    let ends: Vec<_> = records.iter().map(|record| &record["outcome"]).collect();
    assert_eq!(ends, ["sent", "dropped", "failed", "failed"]);
    assert_eq!(
        outcomes(&records[0]),
        pairs(&[
            ("read", "read"),
            ("route", "changed"),
            ("json", "changed"),
            ("keep", "unchanged"),
            ("cast", "changed"),
            ("convert", "changed"),
        ])
    );
    assert_eq!(
        records[0]["origin"]["source_offset"],
        json!({"position": 10})
    );
    let step = |record: &Value, index: usize| record["steps"][index].clone();
    let route = step(&records[0], 1);
    assert_eq!(
        route["class"],
        "org.apache.kafka.connect.transforms.RegexRouter"
    );
    assert_eq!(
        (&route["before"][0]["topic"], &route["after"][0]["topic"]),
        (&json!("raw"), &json!("cooked"))
    );
    let read = &step(&records[0], 0)["after"][0]["value"];
    assert_eq!(read, &json!({"schema": "string", "value": "{\"n\":\"1\"}"}));
    assert_eq!(
        step(&records[0], 4)["after"][0]["value"],
        json!({"schema": null, "value": {"n": 1}})
    );
    assert_eq!(
        step(&records[0], 5)["after"][0]["value"]["value"],
        "{\"n\":1}"
    );
    assert_eq!(outcomes(&records[1]).last().unwrap().1, "dropped");
    let failed = step(&records[2], 4);
    assert_eq!(
        (&failed["error"]["stage"], &failed["after"]),
        (&json!("TRANSFORMATION"), &json!([]))
    );
    assert_eq!(
        outcomes(&records[3]).last().unwrap(),
        &("json".to_owned(), "failed".to_owned())
    );
    assert_eq!(written(&sandbox, &pipeline), before);
    assert_eq!(pipeline.rest.get("/connectors").body, json!([]));
}

#[test]
fn a_preview_of_a_connector_begins_at_its_offsets_and_leaves_them() {
    let sandbox = Sandbox::new();
    sandbox.write("in.log", "one\n");
    let config = [
        ("name", "source"),
        ("connector.class", "FileStreamSource"),
        ("file", "in.log"),
        ("topic", "lines"),
    ];
    let file = properties_file(&sandbox, "source.properties", &config);
    let pipeline = Pipeline::start(&sandbox, &[file]);
    let offset = || {
        let offsets = pipeline.rest.get("/connectors/source/offsets").body;
        offsets["offsets"][0]["offset"]["position"].clone()
    };
    wait::until("the offset of the first line", PATIENCE, || offset() == 4);
    assert_eq!(
        pipeline
            .rest
            .put("/connectors/source/stop", &Value::Null)
            .status,
        204
    );
    wait::until("its task to be gone", PATIENCE, || {
        let status = pipeline.rest.get("/connectors/source/status").body;
        status["connector"]["state"] == "STOPPED" && status["tasks"] == json!([])
    });
    sandbox.append("in.log", "two\nthree\n");
    let before = written(&sandbox, &pipeline);
    for (from, expected) in [
        ("stored", vec!["two", "three"]),
        ("beginning", vec!["one", "two", "three"]),
    ] {
        let body = json!({
            "connector": "source", "from": from, "records": expected.len(), "timeout_ms": 60_000,
        });
        let shown = preview(&pipeline, &body);
        let records = shown["records"].as_array().unwrap();
        let values: Vec<_> = records
            .iter()
            .map(|record| {
                record["steps"][1]["after"][0]["value"]["value"]
                    .as_str()
                    .unwrap()
            })
            .collect();
        assert_eq!(values, expected, "{from}");
    }
    assert_eq!(written(&sandbox, &pipeline), before);
    assert_eq!(offset(), 4);
    // What was previewed is delivered all the same once the connector runs.
    assert_eq!(
        pipeline
            .rest
            .put("/connectors/source/resume", &Value::Null)
            .status,
        202
    );
    wait::until("all lines to be read", PATIENCE, || offset() == 14);
    let words = format!(
        "consume --topic lines --from-beginning --max-messages 3 --timeout-ms 60000 --bootstrap-server {}",
        pipeline.broker
    );
    assert_eq!(tool::run(&sandbox, &words).ok(), "one\ntwo\nthree\n");
}

#[test]
fn topics_are_shown_without_a_group_and_none_is_created() {
    let sandbox = Sandbox::new();
    let pipeline = Pipeline::start(&sandbox, &[]);
    let absent = pipeline.rest.post("/preview", &json!({"config": sink()}));
    let message = absent.body["message"].as_str().unwrap();
    assert_eq!(absent.status, 400, "{message}");
    assert!(
        message.contains("there is no topic to read: in"),
        "{message}"
    );
    let words = format!(
        "produce --topic in --bootstrap-server {} --property parse.key=true --property parse.headers=true",
        pipeline.broker
    );
    let records = "h:1\tk1\t{\"n\":\"1\"}\nh:2\tk2\t{oops\nh:3\tk3\t{\"n\":\"3\"}\n";
    tool::run_with(&sandbox, &words, records).ok();
    let before = written(&sandbox, &pipeline);
    let shown = preview(&pipeline, &json!({"config": sink(), "timeout_ms": 60_000}));
    assert_eq!(
        (&shown["kind"], &shown["ended"]),
        (&json!("sink"), &json!("end"))
    );
    let records = shown["records"].as_array().unwrap();
    let ends: Vec<_> = records.iter().map(|record| &record["outcome"]).collect();
    assert_eq!(ends, ["delivered", "failed", "delivered"]);
    assert_eq!(
        records[2]["origin"],
        json!({"topic": "in", "partition": 0, "offset": 2})
    );
    assert_eq!(
        outcomes(&records[0]),
        pairs(&[
            ("read", "read"),
            ("convert", "changed"),
            ("cast", "changed")
        ])
    );
    let cast = &records[0]["steps"][2];
    assert_eq!(
        (
            &cast["before"][0]["value"]["value"],
            &cast["after"][0]["value"]["value"]
        ),
        (&json!({"n": "1"}), &json!({"n": 1}))
    );
    assert_eq!(cast["after"][0]["headers"][0]["name"], "h");
    assert_eq!(records[1]["steps"][1]["error"]["stage"], "VALUE_CONVERTER");
    let last = preview(
        &pipeline,
        &json!({"config": sink(), "from": "end", "records": 1, "timeout_ms": 60_000}),
    );
    assert_eq!(last["records"][0]["origin"]["offset"], 2);
    assert_eq!(written(&sandbox, &pipeline), before);
    assert!(!sandbox.join("out.log").exists());
}

#[test]
fn the_command_shows_people_and_programs_the_same() {
    let sandbox = Sandbox::new();
    sandbox.write("in.log", "{\"n\":\"1\"}\n");
    let pipeline = Pipeline::start(&sandbox, &[]);
    sandbox.write("source.json", source().to_string());
    let words = format!(
        "preview source.json --records 1 --timeout-ms 60000 --worker http://{}",
        pipeline.rest.address()
    );
    let text = tool::run(&sandbox, &words).ok();
    for expected in [
        "record 1  {\"source_partition\":{\"filename\":\"in.log\"},\"source_offset\":{\"position\":10}}  sent\n",
        "  transform route (RegexRouter): changed\n    topic      cooked\n",
        "  transform keep (FilterByCondition): unchanged\n",
        "  convert: changed\n",
        "    value      \"{\\\"n\\\":1}\"\n",
        "1 records of source source: as many as asked for; nothing was written\n",
    ] {
        assert!(text.contains(expected), "{expected:?} in {text}");
    }
    let document = tool::run(&sandbox, &format!("{words} --json")).json();
    assert_eq!(document["records"][0]["outcome"], "sent");
    let nobody = tool::run(&sandbox, "preview source.json --worker http://127.0.0.1:1");
    assert_eq!(nobody.code(), Some(3), "{nobody:?}");
    let unknown = format!(
        "preview --name nobody --worker http://{}",
        pipeline.rest.address()
    );
    let unknown = tool::run(&sandbox, &unknown);
    assert_eq!(unknown.code(), Some(2), "{unknown:?}");
    assert!(
        unknown.stderr.contains("Connector nobody not found"),
        "{unknown:?}"
    );
}

#[test]
fn what_cannot_be_previewed_is_said() {
    let sandbox = Sandbox::new();
    sandbox.write("in.log", "");
    let pipeline = Pipeline::start(&sandbox, &[]);
    for (body, status, expected) in [
        (json!({}), 400, "neither \"connector\" nor \"config\""),
        (
            json!({"connector": "nobody"}),
            404,
            "Connector nobody not found",
        ),
        (
            json!({"config": {"connector.class": "x.Y"}}),
            400,
            "Failed to find any class",
        ),
        (json!({"config": {}}), 400, "contains no connector type"),
        (
            json!({"config": {"connector.class": "FileStreamSource", "topic": "t", "file": "in.log", "transforms": "a"}}),
            400,
            "transforms.a.type",
        ),
        (
            json!({"config": {}, "records": 5000}),
            400,
            "\"records\" is 5000, not one of 1 to 1000",
        ),
    ] {
        let answer = pipeline.rest.post("/preview", &body);
        let message = answer.body["message"].as_str().unwrap();
        assert_eq!(answer.status, status, "{body}: {message}");
        assert!(message.contains(expected), "{body}: {message}");
    }
    // A source that has nothing ends when its time is over.
    let quiet = json!({"config": source(), "timeout_ms": 300});
    let shown = preview(&pipeline, &quiet);
    assert_eq!(
        (&shown["ended"], &shown["records"]),
        (&json!("time"), &json!([]))
    );
}
