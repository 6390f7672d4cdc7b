//! Records that a sink cannot take, on the real binary: left out, logged, and sent to the dead letter queue.
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

/// A sink that reads JSON and makes numbers of the field `n`.
const SINK: [(&str, &str); 9] = [
    ("name", "sink"),
    ("connector.class", "FileStreamSink"),
    ("topics", "in"),
    ("file", "out.log"),
    (
        "value.converter",
        "org.apache.kafka.connect.json.JsonConverter",
    ),
    ("value.converter.schemas.enable", "false"),
    ("transforms", "cast"),
    (
        "transforms.cast.type",
        "org.apache.kafka.connect.transforms.Cast$Value",
    ),
    ("transforms.cast.spec", "n:int32"),
];

/// Headers, keys and values: the second cannot be cast, the third is no JSON, the fourth is no map.
const RECORDS: &str = "h:1,g:x\tk1\t{\"n\":\"1\"}\n\
    h:2,g:y\tk2\t{\"n\":\"x\"}\n\
    h:3\tk3\t{oops\n\
    h:4\tk4\t\"plain\"\n\
    h:5\tk5\t{\"n\":\"5\"}\n";

fn start(sandbox: &Sandbox, keys: &[(&str, &str)]) -> Pipeline {
    let keys: Vec<_> = SINK.iter().chain(keys).copied().collect();
    let sink = properties_file(sandbox, "sink.properties", &keys);
    Pipeline::start(sandbox, &[sink])
}

fn produce(sandbox: &Sandbox, pipeline: &Pipeline, records: &str) {
    let words = format!(
        "produce --topic in --bootstrap-server {} --property parse.key=true --property parse.headers=true",
        pipeline.broker
    );
    tool::run_with(sandbox, &words, records).ok();
}

/// The first records of a topic.
fn consume(sandbox: &Sandbox, pipeline: &Pipeline, topic: &str, count: usize) -> Vec<Value> {
    let words = format!(
        "consume --topic {topic} --from-beginning --max-messages {count} --timeout-ms 60000 --json --bootstrap-server {}",
        pipeline.broker
    );
    let text = tool::run(sandbox, &words).ok();
    let records: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(records.len(), count, "{text}");
    records
}

fn await_output(sandbox: &Sandbox, expected: &str) {
    wait::until(&format!("out.log to hold {expected:?}"), PATIENCE, || {
        sandbox.read("out.log") == expected.as_bytes()
    });
}

/// Names and values of the headers, the stack trace cut to its first line.
fn headers(record: &Value) -> Vec<(String, String)> {
    let headers = record["headers"].as_array().unwrap().iter();
    let pair = |header: &Value| {
        let text = |part: &str| header[part].as_str().unwrap().to_owned();
        let value = text("value").lines().next().unwrap_or_default().to_owned();
        (text("key"), value)
    };
    headers.map(pair).collect()
}

#[test]
fn dead_letters_are_the_records_as_consumed_with_what_went_wrong() {
    let sandbox = Sandbox::new();
    let mut pipeline = start(
        &sandbox,
        &[
            ("errors.tolerance", "all"),
            ("errors.log.enable", "true"),
            ("errors.log.include.messages", "true"),
            ("errors.deadletterqueue.topic.name", "dead"),
            ("errors.deadletterqueue.context.headers.enable", "true"),
        ],
    );
    pipeline.rest.await_state("sink", "RUNNING");
    produce(&sandbox, &pipeline, RECORDS);
    await_output(&sandbox, "{n=1}\n{n=5}\n");
    let dead = consume(&sandbox, &pipeline, "dead", 3);
    let parts: Vec<_> = dead
        .iter()
        .map(|record| (&record["key"], &record["value"]))
        .collect();
    assert_eq!(
        parts,
        [
            (&json!("k2"), &json!("{\"n\":\"x\"}")),
            (&json!("k3"), &json!("{oops")),
            (&json!("k4"), &json!("\"plain\"")),
        ]
    );
    let of_java = |name: &str, value: &str| (format!("__connect.errors.{name}"), value.to_owned());
    let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let data = "org.apache.kafka.connect.errors.DataException";
    assert_eq!(
        headers(&dead[0]),
        [
            own("h", "2"),
            own("g", "y"),
            of_java("topic", "in"),
            of_java("partition", "0"),
            of_java("offset", "1"),
            of_java("connector.name", "sink"),
            of_java("task.id", "0"),
            of_java("stage", "TRANSFORMATION"),
            of_java(
                "class.name",
                "org.apache.kafka.connect.transforms.Cast$Value"
            ),
            of_java("exception.class.name", data),
            of_java(
                "exception.message",
                "Value (x) was out of range for requested data type"
            ),
            of_java(
                "exception.stacktrace",
                &format!("{data}: Value (x) was out of range for requested data type")
            ),
        ]
    );
    assert!(headers(&dead[1]).contains(&of_java("stage", "VALUE_CONVERTER")));
    assert!(headers(&dead[1]).contains(&of_java(
        "class.name",
        "org.apache.kafka.connect.json.JsonConverter"
    )));
    let log = pipeline.millrace.stderr();
    let line = "Error encountered in task sink-0. Executing stage 'VALUE_CONVERTER' with class 'org.apache.kafka.connect.json.JsonConverter', where consumed record is {topic='in', partition=0, offset=2, timestamp=";
    assert!(log.contains(line), "{log}");
    let committed = || {
        let offsets = pipeline.rest.get("/connectors/sink/offsets").body;
        offsets["offsets"][0]["offset"]["kafka_offset"] == 5
    };
    wait::until("all records to be committed", PATIENCE, committed);
    assert!(pipeline.millrace.stop().success());
}

#[test]
fn without_tolerance_the_task_fails_at_the_record_which_is_a_dead_letter_and_not_committed() {
    let sandbox = Sandbox::new();
    let pipeline = start(
        &sandbox,
        &[
            ("errors.deadletterqueue.topic.name", "dead"),
            ("errors.deadletterqueue.topic.replication.factor", "1"),
        ],
    );
    pipeline.rest.await_state("sink", "RUNNING");
    produce(&sandbox, &pipeline, "h:1\tk\t{\"n\":\"x\"}\n");
    let trace = wait::until_some("the task to fail", PATIENCE, || {
        let status = pipeline.rest.get("/connectors/sink/status").body;
        let task = &status["tasks"][0];
        (task["state"] == "FAILED").then(|| task["trace"].as_str().unwrap().to_owned())
    });
    let expected = "org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error handler: task sink-0 failed executing stage 'TRANSFORMATION' with class 'org.apache.kafka.connect.transforms.Cast$Value', where consumed record is {topic='in', partition=0, offset=0, ";
    assert!(trace.starts_with(expected), "{trace}");
    let why = "}: Value (x) was out of range for requested data type; set errors.tolerance=all ";
    assert!(trace.lines().next().unwrap().contains(why), "{trace}");
    let dead = consume(&sandbox, &pipeline, "dead", 1);
    assert_eq!(headers(&dead[0]), [("h".to_owned(), "1".to_owned())]);
    let offsets = pipeline.rest.get("/connectors/sink/offsets").body;
    assert_eq!(
        offsets["offsets"].as_array().map(Vec::len),
        Some(0),
        "{offsets}"
    );
}

#[test]
fn a_topic_for_dead_letters_that_cannot_be_made_fails_the_task() {
    let sandbox = Sandbox::new();
    let pipeline = start(
        &sandbox,
        &[
            ("errors.deadletterqueue.topic.name", "dead"),
            ("errors.deadletterqueue.topic.replication.factor", "2"),
        ],
    );
    let trace = wait::until_some("the task to fail", PATIENCE, || {
        let status = pipeline.rest.get("/connectors/sink/status").body;
        let task = &status["tasks"][0];
        (task["state"] == "FAILED").then(|| task["trace"].as_str().unwrap().to_owned())
    });
    let expected = "org.apache.kafka.connect.errors.ConnectException: Could not initialize dead letter queue with topic=dead: ";
    assert!(
        trace.starts_with(expected) && trace.contains("INVALID_REPLICATION_FACTOR"),
        "{trace}"
    );
}

#[test]
fn a_source_leaves_out_what_it_cannot_convert_and_goes_on() {
    let sandbox = Sandbox::new();
    sandbox.write("in.log", "{\"a\":1}\nno json\n{\"a\":3}\n");
    let keys = [
        ("name", "source"),
        ("connector.class", "FileStreamSource"),
        ("file", "in.log"),
        ("topic", "parsed"),
        ("transforms", "json"),
        (
            "transforms.json.type",
            "millrace.transforms.ParseJson$Value",
        ),
        (
            "value.converter",
            "org.apache.kafka.connect.json.JsonConverter",
        ),
        ("value.converter.schemas.enable", "false"),
        ("errors.tolerance", "all"),
        ("errors.log.enable", "true"),
        ("errors.log.include.messages", "true"),
    ];
    let source = properties_file(&sandbox, "source.properties", &keys);
    let pipeline = Pipeline::start(&sandbox, &[source]);
    let records = consume(&sandbox, &pipeline, "parsed", 2);
    let values: Vec<_> = records
        .iter()
        .map(|record| record["value"].as_str().unwrap())
        .collect();
    assert_eq!(values, ["{\"a\":1}", "{\"a\":3}"]);
    let expected = "Error encountered in task source-0. Executing stage 'TRANSFORMATION' with class 'millrace.transforms.ParseJson$Value', where source record is = SourceRecord{sourcePartition={\"filename\":\"in.log\"}, sourceOffset={\"position\":16}}";
    wait::until("the failure to be logged", PATIENCE, || {
        pipeline.millrace.stderr().contains(expected)
    });
}

#[test]
fn dead_letters_of_a_source_have_its_position_and_the_rest_is_committed() {
    let sandbox = Sandbox::new();
    sandbox.write("in.log", "{\"a\":1}\nno json\n{\"a\":3}\n");
    let keys = [
        ("name", "source"),
        ("connector.class", "FileStreamSource"),
        ("file", "in.log"),
        ("topic", "parsed"),
        ("transforms", "json"),
        (
            "transforms.json.type",
            "millrace.transforms.ParseJson$Value",
        ),
        (
            "value.converter",
            "org.apache.kafka.connect.json.JsonConverter",
        ),
        ("value.converter.schemas.enable", "false"),
        ("errors.tolerance", "all"),
        ("errors.log.enable", "true"),
        ("errors.deadletterqueue.topic.name", "dead"),
        ("errors.deadletterqueue.context.headers.enable", "true"),
    ];
    let source = properties_file(&sandbox, "source.properties", &keys);
    let mut pipeline = Pipeline::start(&sandbox, &[source]);
    let dead = consume(&sandbox, &pipeline, "dead", 1);
    assert_eq!(dead[0]["value"], "no json");
    let headers = headers(&dead[0]);
    for (name, value) in [
        ("__connect.errors.topic", "parsed"),
        (
            "__millrace.errors.source.partition",
            "{\"filename\":\"in.log\"}",
        ),
        ("__millrace.errors.source.offset", "{\"position\":16}"),
        ("__connect.errors.connector.name", "source"),
        ("__connect.errors.stage", "TRANSFORMATION"),
    ] {
        let header = (name.to_owned(), value.to_owned());
        assert!(
            headers.contains(&header),
            "{header:?} is not in {headers:?}"
        );
    }
    consume(&sandbox, &pipeline, "parsed", 2);
    wait::until("the source to be committed", PATIENCE, || {
        let offsets = pipeline.rest.get("/connectors/source/offsets").body;
        offsets["offsets"][0]["offset"]["position"] == 24
    });
    let log = pipeline.millrace.stderr();
    assert!(log.contains("Executing stage 'TRANSFORMATION'"), "{log}");
    assert!(!log.contains("where source record is"), "{log}");

    let listed = pipeline.rest.get("/dead-letters").body;
    assert_eq!(listed[0]["queue"], "dead");
    assert_eq!(listed[0]["connectors"], json!(["source"]));
    assert_eq!(listed[0]["waiting"], 1);
    let letters = pipeline.rest.get("/dead-letters/dead?stage=transformation");
    assert_eq!(
        letters.body[0]["cause"]["sourceOffset"],
        json!({"position": 16})
    );
    assert_eq!(
        pipeline.rest.get("/dead-letters/dead?stage=x").body,
        json!([])
    );
    assert_eq!(pipeline.rest.get("/dead-letters/dead?since=x").status, 400);
    assert_eq!(pipeline.rest.get("/dead-letters/nowhere").status, 404);
    let edit = json!({"edits": [{"replace": "no json", "with": "{\"a\":2}"}]});
    let replay = |body: &Value| pipeline.rest.post("/dead-letters/dead/replay", body);
    let mut dry = edit.clone();
    dry["dryRun"] = json!(true);
    assert_eq!(replay(&dry).body["records"][0]["after"], "{\"a\":2}");
    assert_eq!(replay(&edit).body["replayed"], 1);
    assert_eq!(replay(&edit).body["replayedBefore"], 1);
    let wrong = replay(&json!({"edits": [{"set": "a"}]}));
    assert_eq!(wrong.status, 400, "{wrong:?}");
    let parsed = consume(&sandbox, &pipeline, "parsed", 3);
    assert_eq!(parsed[2]["value"], "{\"a\":2}");
    assert!(pipeline.millrace.stop().success());
}

#[test]
fn records_that_the_broker_refuses_leave_letters_with_their_position() {
    let sandbox = Sandbox::new();
    let long = "x".repeat(5000);
    sandbox.write("in.log", format!("one\n{long}\nthree\n"));
    let keys = [
        ("name", "source"),
        ("connector.class", "FileStreamSource"),
        ("file", "in.log"),
        ("topic", "small"),
        ("errors.tolerance", "all"),
        ("errors.deadletterqueue.topic.name", "dead"),
        ("errors.deadletterqueue.context.headers.enable", "true"),
    ];
    let source = properties_file(&sandbox, "source.properties", &keys);
    let pipeline = Pipeline::start(&sandbox, &[]);
    let words = format!(
        "topics --create --topic small --config max.message.bytes=1000 --bootstrap-server {}",
        pipeline.broker
    );
    tool::run(&sandbox, &words).ok();
    let text = String::from_utf8(sandbox.read("source.properties")).unwrap();
    drop(source);
    let config: serde_json::Map<String, Value> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), json!(value)))
        .collect();
    let answer = pipeline
        .rest
        .put("/connectors/source/config", &Value::Object(config));
    assert_eq!(answer.status, 201, "{answer:?}");
    let dead = consume(&sandbox, &pipeline, "dead", 1);
    let headers = headers(&dead[0]);
    assert!(
        headers.contains(&(
            "__connect.errors.stage".to_owned(),
            "KAFKA_PRODUCE".to_owned()
        )),
        "{headers:?}"
    );
    assert!(
        headers
            .iter()
            .any(|(name, _)| name == "__millrace.errors.source.offset")
    );
    consume(&sandbox, &pipeline, "small", 2);
    wait::until("the source to be committed", PATIENCE, || {
        let offsets = pipeline.rest.get("/connectors/source/offsets").body;
        offsets["offsets"][0]["offset"]["position"] == 5011
    });
}

#[test]
fn what_the_producer_does_not_take_of_a_source_is_a_dead_letter_and_the_rest_is_sent() {
    let sandbox = Sandbox::new();
    sandbox.write("in.log", format!("one\n{}\nthree\n", "x".repeat(10_000)));
    let keys = |name, topic, dead| {
        [
            ("name", name),
            ("connector.class", "FileStreamSource"),
            ("file", "in.log"),
            ("topic", topic),
            ("producer.override.max.request.size", "4096"),
            ("errors.tolerance", "all"),
            ("errors.deadletterqueue.topic.name", dead),
            ("errors.deadletterqueue.context.headers.enable", "true"),
        ]
    };
    let large = properties_file(
        &sandbox,
        "large.properties",
        &keys("large", "lines", "dead-large"),
    );
    let mut nameless = keys("nameless", "no topic", "dead-nameless").to_vec();
    nameless[4].1 = "1048576";
    let nameless = properties_file(&sandbox, "nameless.properties", &nameless);
    let pipeline = Pipeline::start(&sandbox, &[large, nameless]);

    let sent = consume(&sandbox, &pipeline, "lines", 2);
    assert_eq!(
        (&sent[0]["value"], &sent[1]["value"]),
        (&json!("one"), &json!("three"))
    );
    let letter = &consume(&sandbox, &pipeline, "dead-large", 1)[0];
    assert_eq!(letter["value"], Value::Null);
    let told = headers(letter);
    let value = |name: &str| {
        let header = told.iter().find(|(key, _)| key == name);
        header.map_or("", |(_, value)| value.as_str())
    };
    for (name, part) in [
        ("__connect.errors.topic", "lines"),
        ("__connect.errors.stage", "KAFKA_PRODUCE"),
        ("__connect.errors.exception.message", "max.request.size"),
        ("__millrace.errors.source.offset", "10005"),
    ] {
        assert!(value(name).contains(part), "{name}: {told:?}");
    }
    let letters = consume(&sandbox, &pipeline, "dead-nameless", 3);
    assert_eq!(letters[2]["value"], "three");
    let reason = headers(&letters[0]);
    assert!(
        reason
            .iter()
            .any(|(_, value)| value.contains("INVALID_TOPIC_EXCEPTION")),
        "{reason:?}"
    );
    for name in ["large", "nameless"] {
        pipeline.rest.await_state(name, "RUNNING");
    }
}
