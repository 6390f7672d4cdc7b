//! A sink that refuses whole batches, on the real binary: the records at fault go to the dead letter queue, the rest
//! goes through, and a replay after the repair delivers what was left out, once.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::{collections::BTreeSet, time::Duration};

use millrace_system::{pipeline::Pipeline, sandbox::Sandbox, tool, wait};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);
const RECORDS: usize = 500;
const POISONED: [usize; 3] = [3, 250, 499];

/// A worker without connectors, and 500 records of which three are poisoned.
fn start(sandbox: &Sandbox) -> Pipeline {
    let pipeline = Pipeline::start(sandbox, &[]);
    let lines: String = (0..RECORDS)
        .map(|number| match POISONED.contains(&number) {
            true => format!("poison-{number}\n"),
            false => format!("good-{number}\n"),
        })
        .collect();
    let words = format!("produce --topic in --bootstrap-server {}", pipeline.broker);
    tool::run_with(sandbox, &words, &lines).ok();
    pipeline
}

/// The configuration of the sink, with `keys` over it.
fn config(sandbox: &Sandbox, keys: &[(&str, &str)]) -> Value {
    let file = sandbox.path().join("out.txt");
    let mut config = json!({
        "connector.class": "millrace.PickySinkConnector",
        "topics": "in",
        "file": file,
        "refuse": "poison",
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "dead",
        "errors.deadletterqueue.topic.replication.factor": "1",
        "errors.deadletterqueue.context.headers.enable": "true",
    });
    for (key, value) in keys {
        config[*key] = json!(value);
    }
    config
}

fn put(sandbox: &Sandbox, pipeline: &Pipeline, keys: &[(&str, &str)]) {
    let config = config(sandbox, keys);
    let answer = pipeline.rest.put("/connectors/sink/config", &config);
    assert!(matches!(answer.status, 200 | 201), "{answer:?}");
}

/// The values that the sink has written, in their order.
fn written(sandbox: &Sandbox) -> Vec<String> {
    let lines = sandbox.lines("out.txt");
    let value = |line: &String| line.split_once('\t').unwrap().1.to_owned();
    lines.iter().map(value).collect()
}

fn await_written(sandbox: &Sandbox, count: usize) {
    let what = format!("the sink to write {count} records");
    wait::until(&what, PATIENCE, || written(sandbox).len() >= count);
}

fn await_committed(pipeline: &Pipeline, offset: usize) {
    wait::until("the records to be committed", PATIENCE, || {
        let offsets = pipeline.rest.get("/connectors/sink/offsets").body;
        let partitions = offsets["offsets"].as_array().cloned().unwrap_or_default();
        let of_topic = partitions
            .iter()
            .find(|each| each["partition"]["kafka_topic"] == "in");
        of_topic.is_some_and(|each| each["offset"]["kafka_offset"] == offset)
    });
}

fn dlq(sandbox: &Sandbox, pipeline: &Pipeline, words: &[&str]) -> tool::Outcome {
    let server = ["--bootstrap-server", &pipeline.broker];
    let words: Vec<&str> = ["dlq"]
        .into_iter()
        .chain(words.iter().copied())
        .chain(server)
        .collect();
    tool::run_words(sandbox, &words, "")
}

fn letters(sandbox: &Sandbox, pipeline: &Pipeline, more: &[&str]) -> Vec<Value> {
    let words: Vec<&str> = ["show", "--queue", "dead", "--json"]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    let text = dlq(sandbox, pipeline, &words).ok();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn replay(sandbox: &Sandbox, pipeline: &Pipeline, more: &[&str]) -> Value {
    let words: Vec<&str> = ["replay", "--queue", "dead", "--json"]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    dlq(sandbox, pipeline, &words).json()
}

fn trace(pipeline: &Pipeline) -> String {
    wait::until_some("the task to fail", PATIENCE, || {
        let status = pipeline.rest.get("/connectors/sink/status").body;
        let task = &status["tasks"][0];
        (task["state"] == "FAILED").then(|| task["trace"].as_str().unwrap().to_owned())
    })
}

#[test]
fn the_poisoned_go_to_the_queue_the_rest_through_and_a_replay_delivers_once() {
    let sandbox = Sandbox::new();
    let pipeline = start(&sandbox);
    put(&sandbox, &pipeline, &[]);
    await_written(&sandbox, 497);
    await_committed(&pipeline, RECORDS);
    let good: Vec<String> = (0..RECORDS)
        .filter(|number| !POISONED.contains(number))
        .map(|number| format!("good-{number}"))
        .collect();
    assert_eq!(written(&sandbox), good, "each once and in order");

    let found = letters(&sandbox, &pipeline, &[]);
    let seen: Vec<_> = found
        .iter()
        .map(|letter| (letter["value"].clone(), letter["cause"]["offset"].clone()))
        .collect();
    let expected = POISONED.map(|number| (json!(format!("poison-{number}")), json!(number)));
    assert_eq!(seen, expected);
    for letter in &found {
        let cause = &letter["cause"];
        assert_eq!(letter["state"], "waiting");
        assert_eq!(cause["stage"], "TASK_PUT");
        assert_eq!(cause["connector"], "sink");
        assert_eq!(cause["task"], 0);
        assert_eq!(
            cause["message"],
            "the destination refused a batch of 1 records because of 'poison'"
        );
    }
    let listed = dlq(&sandbox, &pipeline, &["list", "--json"]).json();
    assert_eq!(listed[0]["queue"], "dead");
    assert_eq!(
        (&listed[0]["letters"], &listed[0]["waiting"]),
        (&json!(3), &json!(3))
    );

    let dry = replay(&sandbox, &pipeline, &["--dry-run"]);
    assert_eq!(
        (&dry["replayed"], &dry["topics"]["in"]),
        (&json!(3), &json!(3))
    );
    put(&sandbox, &pipeline, &[("refuse", "")]);
    let done = replay(&sandbox, &pipeline, &[]);
    assert_eq!(
        (&done["replayed"], &done["replayedBefore"]),
        (&json!(3), &json!(0))
    );
    await_written(&sandbox, RECORDS);
    await_committed(&pipeline, RECORDS + 3);
    let all = written(&sandbox);
    assert_eq!(
        (all.len(), all.iter().collect::<BTreeSet<_>>().len()),
        (500, 500)
    );
    assert_eq!(all[497..], ["poison-3", "poison-250", "poison-499"]);

    let again = replay(&sandbox, &pipeline, &[]);
    assert_eq!(
        (&again["replayed"], &again["replayedBefore"]),
        (&json!(0), &json!(3))
    );
    drop(pipeline);
    let pipeline = Pipeline::start(&sandbox, &[]);
    let later = replay(&sandbox, &pipeline, &[]);
    assert_eq!(
        (&later["replayed"], &later["replayedBefore"]),
        (&json!(0), &json!(3))
    );
    let states = letters(&sandbox, &pipeline, &[]);
    assert!(states.iter().all(|letter| letter["state"] == "replayed"));
    let listed = dlq(&sandbox, &pipeline, &["list", "--queue", "dead", "--json"]).json();
    assert_eq!(
        (&listed[0]["waiting"], &listed[0]["replayed"]),
        (&json!(0), &json!(3))
    );
}

#[test]
fn letters_are_chosen_and_edited_on_their_way_back() {
    let sandbox = Sandbox::new();
    let pipeline = start(&sandbox);
    put(&sandbox, &pipeline, &[]);
    await_committed(&pipeline, RECORDS);
    assert_eq!(
        letters(&sandbox, &pipeline, &["--stage", "TRANSFORMATION"]).len(),
        0
    );
    assert_eq!(
        letters(
            &sandbox,
            &pipeline,
            &["--exception", "DataException", "--limit", "2"]
        )
        .len(),
        2
    );
    let first = ["--offsets", "0", "--replace", "poison-(.*)", "mended-$1"];
    assert_eq!(replay(&sandbox, &pipeline, &first)["replayed"], 1);
    let rest = ["--edit", "tr pz qs"];
    let shown = replay(&sandbox, &pipeline, &["--dry-run", "--edit", "tr pz qs"]);
    assert_eq!(
        (
            &shown["records"][0]["before"],
            &shown["records"][0]["after"]
        ),
        (&json!("poison-250"), &json!("qoison-250"))
    );
    assert_eq!(replay(&sandbox, &pipeline, &rest)["replayed"], 2);
    await_written(&sandbox, RECORDS);
    assert_eq!(
        written(&sandbox)[497..],
        ["mended-3", "qoison-250", "qoison-499"]
    );
    let wrong = dlq(&sandbox, &pipeline, &["replay", "--queue", "nowhere"]);
    assert!(
        wrong
            .stderr
            .contains("cannot find the dead letter queue 'nowhere'"),
        "{wrong:?}"
    );
}

#[test]
fn letters_of_a_replay_that_was_killed_are_in_doubt_until_someone_decides() {
    let sandbox = Sandbox::new();
    let pipeline = start(&sandbox);
    put(&sandbox, &pipeline, &[]);
    await_committed(&pipeline, RECORDS);
    put(&sandbox, &pipeline, &[("refuse", "")]);
    assert_eq!(
        replay(&sandbox, &pipeline, &["--offsets", "0", "--to", "in"])["replayed"],
        1
    );
    let journal = "__millrace_dead_letter_replays";
    let words = format!(
        "consume --topic {journal} --from-beginning --max-messages 2 --timeout-ms 60000 --json --bootstrap-server {}",
        pipeline.broker
    );
    let text = tool::run(&sandbox, &words).ok();
    let entry: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let mut key: Value = serde_json::from_str(entry["key"].as_str().unwrap()).unwrap();
    key["run"] = json!("another");
    let claim = json!({"state": "claimed", "offsets": [[0, 1]], "at": 1});
    let words = format!(
        "produce --topic {journal} --bootstrap-server {} --property parse.key=true",
        pipeline.broker
    );
    tool::run_with(&sandbox, &words, &format!("{key}\t{claim}\n")).ok();
    let counts = |outcome: Value| {
        ["replayed", "replayedBefore", "inDoubt"].map(|name| outcome[name].as_i64().unwrap())
    };
    assert_eq!(
        counts(replay(&sandbox, &pipeline, &["--offsets", "0-1"])),
        [0, 1, 1]
    );
    assert_eq!(
        counts(replay(&sandbox, &pipeline, &["--in-doubt"])),
        [2, 1, 0]
    );
    assert_eq!(
        counts(replay(&sandbox, &pipeline, &["--in-doubt"])),
        [0, 3, 0]
    );
}

#[test]
fn a_busy_sink_is_asked_again_and_nothing_is_set_aside_for_that() {
    let sandbox = Sandbox::new();
    let pipeline = start(&sandbox);
    put(
        &sandbox,
        &pipeline,
        &[("busy", "2"), ("leaves", "repeatable")],
    );
    await_committed(&pipeline, RECORDS);
    let distinct: BTreeSet<String> = written(&sandbox).into_iter().collect();
    assert_eq!(distinct.len(), 497);
    assert_eq!(letters(&sandbox, &pipeline, &[]).len(), 3);
}

#[test]
fn a_sink_that_cannot_say_what_is_written_fails_as_in_connect() {
    for (keys, advice) in [
        (
            &[("leaves", "unknown")][..],
            "this sink cannot say which record is at fault",
        ),
        (
            &[("errors.tolerance", "none")],
            "errors.tolerance=all with errors.deadletterqueue.topic.name",
        ),
    ] {
        let sandbox = Sandbox::new();
        let pipeline = start(&sandbox);
        put(&sandbox, &pipeline, keys);
        let trace = trace(&pipeline);
        let line = trace.lines().next().unwrap();
        for part in [
            "org.apache.kafka.connect.errors.ConnectException: task sink-0 could not write a batch of ",
            ", stage 'TASK_PUT': the destination refused a batch of ",
            "(in-0 offset",
            advice,
        ] {
            assert!(line.contains(part), "{part} is not in {line}");
        }
        let offsets = pipeline.rest.get("/connectors/sink/offsets").body;
        assert_ne!(offsets["offsets"][0]["offset"]["kafka_offset"], RECORDS);
    }
}

#[test]
fn a_sink_that_refuses_everything_stops_and_goes_on_from_where_it_came_to() {
    let sandbox = Sandbox::new();
    let pipeline = start(&sandbox);
    put(
        &sandbox,
        &pipeline,
        &[("refuse", "o"), ("errors.bisection.max.records", "10")],
    );
    let trace = trace(&pipeline);
    assert!(
        trace.contains("has set aside 10 records of one batch of "),
        "{trace}"
    );
    assert!(trace.contains("in-0 offset 10,"), "{trace}");
    assert_eq!(letters(&sandbox, &pipeline, &["--limit", "50"]).len(), 10);
    await_committed(&pipeline, 10);
    put(&sandbox, &pipeline, &[]);
    await_committed(&pipeline, RECORDS);
    assert_eq!(written(&sandbox).len(), 488);
    assert_eq!(letters(&sandbox, &pipeline, &["--limit", "50"]).len(), 12);
}
