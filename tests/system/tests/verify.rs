//! `millrace verify` against a broker: what a topic holds of files, and what is missing, doubled or not of them.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use millrace_system::{cluster::Cluster, tool};
use serde_json::json;

fn lines(range: std::ops::Range<usize>) -> String {
    range.map(|line| format!("line {line}\n")).collect()
}

#[test]
fn a_topic_holds_files_or_it_is_said_what_is_wrong() {
    let cluster = Cluster::new();
    cluster
        .run("topics --create --topic logs --partitions 1")
        .ok();
    cluster.sandbox.write("a", lines(0..1000));
    cluster.sandbox.write("b", lines(1000..1500));
    cluster
        .run_with("produce --topic logs", &lines(0..1500))
        .ok();
    let held = cluster.run("verify --one-log a b logs --json").json();
    assert_eq!(
        (&held["holds"], &held["records"], &held["lines"]),
        (&json!(true), &json!(1500), &json!(1500))
    );
    assert!(
        cluster
            .run("verify a b logs")
            .ok()
            .contains("once and in order")
    );

    // Doubled, of no file, and missing, in that order.
    cluster
        .run_with("produce --topic logs", &lines(10..20))
        .ok();
    cluster.run_with("produce --topic logs", "another\n").ok();
    cluster.sandbox.write("b", lines(1000..1502));
    let wrong = cluster.run("verify a b logs --json");
    assert_eq!(wrong.code(), Some(4), "{wrong:?}");
    assert!(
        wrong.stderr.contains("2 are missing, 10 doubled"),
        "{wrong:?}"
    );
    let found: serde_json::Value = serde_json::from_str(&wrong.stdout).unwrap();
    assert_eq!(
        found["missing"],
        json!([{"file": "b", "firstLine": 501, "lastLine": 502, "firstByte": 5000, "lastByte": 5019}])
    );
    assert_eq!(
        found["doubled"],
        json!([{
            "file": "a", "firstLine": 11, "lastLine": 20, "firstByte": 70, "lastByte": 149,
            "partition": 0, "firstOffset": 1500, "lastOffset": 1509,
        }])
    );
    assert_eq!(
        found["unknown"],
        json!([{"records": 1, "partition": 0, "firstOffset": 1510, "lastOffset": 1510, "begins": "another"}])
    );
    cluster.sandbox.write("b", lines(1000..1500) + "another\n");
    assert_eq!(cluster.run("verify a b logs").code(), Some(4));
    cluster.run("verify --at-least-once a b logs").ok();
}

#[test]
fn what_cannot_be_told_has_other_exit_codes() {
    let cluster = Cluster::new();
    cluster.run("topics --create --topic logs").ok();
    cluster.sandbox.write("a", "1\n");
    let missing = cluster.run("verify none logs");
    assert_eq!(missing.code(), Some(2), "{missing:?}");
    assert!(missing.stderr.contains("none"), "{missing:?}");
    let unknown = cluster.run("verify a gone");
    assert_eq!(unknown.code(), Some(1), "{unknown:?}");
    assert!(unknown.stderr.contains("gone"), "{unknown:?}");
    let nobody = tool::run(
        &cluster.sandbox,
        "verify --bootstrap-server 127.0.0.1:1 a logs",
    );
    assert_eq!(nobody.code(), Some(3), "{nobody:?}");
    assert_eq!(cluster.run("verify a").code(), Some(2));
}

#[test]
fn lines_in_several_partitions_and_in_json_are_found() {
    let cluster = Cluster::new();
    cluster
        .run("topics --create --topic logs --partitions 3")
        .ok();
    let (mut keyed, mut text) = (String::new(), String::new());
    for line in 0..3000 {
        let value = format!("value {line}");
        keyed.push_str(&format!("{}\t\"{value}\"\n", line / 7));
        text.push_str(&format!("{value}\n"));
    }
    cluster.sandbox.write("a", text);
    cluster
        .run_with("produce --topic logs --property parse.key=true", &keyed)
        .ok();
    cluster.run("verify --values json a logs").ok();
    assert_eq!(cluster.run("verify a logs").code(), Some(4));
    let part = cluster.run("verify --values json --partition 0 a logs --json");
    assert_eq!(part.code(), Some(4));
    let part: serde_json::Value = serde_json::from_str(&part.stdout).unwrap();
    assert_eq!(
        (&part["doubledLines"], &part["unknownRecords"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(
        part["missingLines"].as_u64().unwrap() + part["records"].as_u64().unwrap(),
        3000
    );
}
