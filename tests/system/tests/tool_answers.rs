//! What the tools answer where options are odd, values are not what they are said to be, or nobody reads any more.
#![allow(clippy::unwrap_used, reason = "tests end on a failed expectation")]

use millrace_system::{cluster::Cluster, sandbox::Sandbox, tool};
use serde_json::json;

/// Three records in one partition: a long, and two texts.
fn filled() -> Cluster {
    let cluster = Cluster::new();
    cluster.run("topics --create --topic orders").ok();
    let input = "\0\0\0\0\0\0\0\u{7}\npaid\nopen\n";
    cluster.run_with("produce --topic orders", input).ok();
    cluster
}

#[test]
fn offsets_of_partitions_are_looked_up() {
    let cluster = filled();
    cluster
        .run("topics --create --topic shop --partitions 3")
        .ok();
    let offsets = |options: &str| cluster.run(&format!("get-offsets {options}"));
    assert_eq!(offsets("--topic orders").ok(), "orders:0:3\n");
    assert_eq!(
        offsets("--topic-partitions orders,shop:1- --time earliest").ok(),
        "orders:0:0\nshop:1:0\nshop:2:0\n"
    );
    assert_eq!(
        offsets("--topic shop|orders --partitions 0 --time -1 --json").json(),
        json!([
            {"topic": "orders", "partition": 0, "offset": 3, "error": null},
            {"topic": "shop", "partition": 0, "offset": 0, "error": null},
        ])
    );
    // No record is that young, so there is no line.
    assert_eq!(offsets("--topic orders --time 99999999999999").ok(), "");
    assert_eq!(offsets("--topic nowhere").code(), Some(1));
    assert_eq!(offsets("--time soon").code(), Some(2));
    let script = cluster.run("kafka-get-offsets.sh --topic orders");
    assert!(
        script
            .stderr
            .contains("is called millrace get-offsets here"),
        "{script:?}"
    );
    assert_eq!(script.ok(), "orders:0:3\n");
}

#[test]
fn a_value_that_is_not_of_the_kind_is_told_or_skipped() {
    let cluster = filled();
    let consume = "consume --topic orders --from-beginning --max-messages 3 --value-deserializer";
    let wrong = cluster.run(&format!("{consume} long"));
    assert_eq!((wrong.code(), wrong.stdout.as_str()), (Some(1), "7\n"));
    assert!(
        wrong
            .stderr
            .contains("orders-0 at offset 1: 4 bytes are no long"),
        "{wrong:?}"
    );
    let skipped = cluster.run(&format!("{consume} long --skip-message-on-error"));
    assert_eq!(skipped.ok(), "7\n");
    let escaped = cluster.run(&format!("{consume} bytes"));
    assert_eq!(
        escaped.ok(),
        "\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x07\npaid\nopen\n"
    );
    let one = consume.replace("--max-messages 3", "--max-messages 1");
    let document = cluster.run(&format!("{one} long --json")).json();
    assert_eq!(document["value"], 7);
}

#[test]
fn notes_that_nobody_reads_are_no_failure() {
    let cluster = filled();
    let command = format!(
        "{} {} 2>&1 | head -n 1; echo ${{PIPESTATUS[0]}}",
        millrace_system::binary::millrace().display(),
        cluster.words("consume --topic orders --offset 1 --partition 0 --timeout-ms 10000")
    );
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", &command]);
    assert_eq!(
        tool::run_command(&cluster.sandbox, shell, "").ok(),
        "paid\n0\n"
    );
}

#[test]
fn a_broker_that_is_not_there_is_told_at_once() {
    let cluster = Cluster::new();
    for words in [
        "configs --describe --broker 9",
        "configs --describe --entity-type broker-loggers --entity-name 9",
        "configs --alter --entity-type brokers --entity-name 9 --add-config log.cleaner.threads=2",
        "log-dirs --describe --broker-list 1,9",
    ] {
        let outcome = cluster.run(words);
        assert_eq!(outcome.code(), Some(1), "{words}: {outcome:?}");
        assert!(
            outcome
                .stderr
                .contains("there is no broker 9: the cluster has 1"),
            "{words}: {outcome:?}"
        );
    }
}

#[test]
fn changes_are_told_as_json_too() {
    let cluster = Cluster::new();
    let run = |words: &str| cluster.run(&format!("{words} --json")).json();
    assert_eq!(
        run("topics --create --topic orders"),
        json!({"topic": "orders", "created": true})
    );
    assert_eq!(
        run("topics --create --topic orders --if-not-exists"),
        json!({"topic": "orders", "created": false})
    );
    assert_eq!(
        run("topics --alter --topic orders --partitions 2"),
        json!([{"topic": "orders", "partitionCount": 2}])
    );
    assert_eq!(
        run("configs --alter --topic orders --add-config retention.ms=9999999"),
        json!({"changed": "topic orders"})
    );
    cluster
        .run("groups --reset-offsets --group shop --topic orders --to-latest --execute")
        .ok();
    assert_eq!(
        run("groups --delete-offsets --group shop --topic orders:1"),
        json!([{"group": "shop", "topic": "orders", "partition": 1, "deleted": true}])
    );
    assert_eq!(
        run("groups --delete --group shop"),
        json!({"deleted": ["shop"]})
    );
    let perf = run("perf produce --topic orders --num-records 100 --record-size 10");
    assert_eq!(perf["records"], 100);
    let perf = run("perf consume --topic orders --messages 100");
    assert_eq!(perf["records"], 100);
    assert_eq!(
        run("topics --delete --topic orders"),
        json!({"deleted": ["orders"]})
    );
}

#[test]
fn what_is_not_done_has_a_code_and_a_reason() {
    let cluster = filled();
    let failures = [
        (
            "configs --alter --topic orders --delete-config retention.ms",
            "retention.ms is not set for topic orders",
        ),
        (
            "perf consume --topic orders --messages 4 --timeout 6000",
            "only 3 of 4 records came",
        ),
    ];
    for (words, reason) in failures {
        let outcome = cluster.run(words);
        assert_eq!(outcome.code(), Some(1), "{words}: {outcome:?}");
        assert!(outcome.stderr.contains(reason), "{words}: {outcome:?}");
    }
}

#[test]
fn options_that_are_not_there_are_answered() {
    let sandbox = Sandbox::new();
    let usage = [
        ("configs --describe --client c", "quotas"),
        ("configs --describe --entity-type users", "quotas"),
        ("topics --alter --topic t --config a=b", "millrace configs"),
        ("topics --list --partitions 3", "--create and --alter"),
        (
            "topics --alter --topic t --delete-config a",
            "millrace configs",
        ),
        ("consume --topic t --offset -1 --partition 0", "no offset"),
        (
            "consume --topic t --group g --partition 0",
            "cannot be used with",
        ),
        (
            "consume --topic t --group a --consumer-property group.id=b",
            "different groups",
        ),
        ("consume --include t(", "no regular expression"),
        ("groups --list --state asleep", "PreparingRebalance"),
        ("groups --validate-regex t(", "no regular expression"),
        (
            "dump-log --files f --cluster-metadata-decoder",
            "--offsets-decoder",
        ),
        (
            "perf produce --topic t --num-records 1 --record-size 1 --transactional-id x",
            "no transactions",
        ),
        (
            "bin/zookeeper-server-start.sh config/zookeeper.properties",
            "no ZooKeeper",
        ),
    ];
    for (words, reason) in usage {
        let outcome = tool::run(&sandbox, words);
        assert_eq!(outcome.code(), Some(2), "{words}: {outcome:?}");
        assert!(outcome.stderr.contains(reason), "{words}: {outcome:?}");
    }
    let valid = tool::run(&sandbox, "groups --validate-regex shop.*");
    assert_eq!(valid.ok(), "The regular expression `shop.*` is valid.\n");
    let version = tool::run(&sandbox, "topics --version").ok();
    assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
}

#[test]
fn a_slip_of_the_pen_in_a_key_is_noted() {
    let cluster = filled();
    let run = |words: &str| cluster.run_with(words, "").stderr;
    let note = run("produce --topic orders --producer-property linger.m=4");
    assert!(note.contains(r#"did you mean "linger.ms"?"#), "{note}");
    let note = run(
        "consume --topic orders --max-messages 0 --consumer-property request.timeout.ms=9000 \
         --consumer-property metadata.max.idle.ms=1000",
    );
    assert_eq!(note, "Processed a total of 0 messages\n");
}

#[test]
fn options_that_change_nothing_are_taken() {
    let cluster = filled();
    for words in [
        "produce --topic orders --request-required-acks -1 --old-producer",
        "consume --topic orders --from-beginning --max-messages -1 --timeout-ms 500 --new-consumer",
        "perf consume --topic orders --messages 1 --threads 4 --num-fetch-threads=2 --print-metrics",
        "topics --describe --topic orders --partition-size-limit-per-response 100 --disable-rack-aware",
        "groups --reset-offsets --group g --topic orders --to-offset -5 --dry-run",
    ] {
        cluster.run(words).ok();
    }
}
