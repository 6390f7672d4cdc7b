//! The command-line tools against the included broker.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::time::Duration;

use millrace_system::{
    cluster::Cluster,
    process::Millrace,
    sandbox::Sandbox,
    tool::{self, Outcome},
    wait,
};
use rustix::process::Signal;
use serde_json::json;

/// How long something may take on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn topics_are_made_described_enlarged_and_deleted() {
    let cluster = Cluster::new();
    let create = "topics --create --topic orders --partitions 2 --replication-factor 1 --config retention.ms=7200000";
    assert_eq!(cluster.run(create).ok(), "Created topic orders.\n");
    let again = cluster.run(create);
    assert_eq!(again.code(), Some(1));
    assert!(again.stderr.contains("TOPIC_ALREADY_EXISTS"), "{again:?}");
    cluster.run(&format!("{create} --if-not-exists")).ok();
    let text = cluster.run("topics --describe --topic orders").ok();
    assert!(text.starts_with("Topic: orders\tTopicId: "), "{text}");
    for part in [
        "\tPartitionCount: 2\tReplicationFactor: 1\tConfigs: retention.ms=7200000\n",
        "\tTopic: orders\tPartition: 1\tLeader: 1\tReplicas: 1\tIsr: 1",
    ] {
        assert!(text.contains(part), "{text}");
    }
    cluster
        .run("topics --alter --topic orders --partitions 3")
        .ok();
    let described = cluster
        .run("topics --describe --exclude-internal --json")
        .json();
    assert_eq!(described[0]["partitionCount"], 3);
    assert_eq!(
        cluster
            .run("topics --list --exclude-internal --json")
            .json(),
        json!(["orders"])
    );
    cluster.run("topics --delete --topic orders").ok();
    assert_eq!(cluster.run("topics --list --exclude-internal").ok(), "");
    assert_eq!(
        cluster.run("topics --delete --topic orders").code(),
        Some(1)
    );
    cluster
        .run("topics --delete --topic orders --if-exists")
        .ok();
    let replicated = cluster.run("topics --create --topic r --replication-factor 3");
    assert_eq!(replicated.code(), Some(1));
    assert!(
        replicated.stderr.contains("INVALID_REPLICATION_FACTOR"),
        "{replicated:?}"
    );
}

#[test]
fn records_go_in_and_come_out_with_keys_and_headers() {
    let cluster = Cluster::new();
    cluster.run("topics --create --topic orders").ok();
    let produce = "produce --topic orders --reader-property parse.key=true --reader-property key.separator=: \
                   --reader-property parse.headers=true --reader-property headers.delimiter=| --reader-property null.marker=NULL \
                   --compression-codec zstd";
    cluster
        .run_with(produce, "a:1,b:2|k1:v1\nNULL|k2:NULL\n")
        .ok();
    let consume = "consume --topic orders --from-beginning --max-messages 2";
    let properties = "--property print.key=true --property print.headers=true --property print.offset=true \
                      --property print.partition=true --property key.separator=;";
    assert_eq!(
        cluster.run(&format!("{consume} {properties}")).ok(),
        "Partition:0;Offset:0;a:1,b:2;k1;v1\nPartition:0;Offset:1;NO_HEADERS;k2;null\n"
    );
    let lines = cluster.run(&format!("{consume} --json")).ok();
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first["headers"][0], json!({"key": "a", "value": "1"}));
    assert_eq!(
        (&first["key"], &first["value"]),
        (&json!("k1"), &json!("v1"))
    );
    let at = "consume --topic orders --partition 0 --offset 1 --max-messages 1 --property null.literal=-";
    assert_eq!(cluster.run(at).ok(), "-\n");
    let since = "consume --topic orders --from-time PT1H --max-messages 1";
    assert_eq!(cluster.run(since).ok(), "v1\n");
    let wrong = cluster.run_with(produce, "no separator\n");
    assert_eq!(wrong.code(), Some(1));
    assert!(wrong.stderr.contains("headers.delimiter"), "{wrong:?}");
}

#[test]
fn groups_show_their_lag_and_are_reset() {
    let cluster = Cluster::new();
    cluster
        .run("topics --create --topic orders --partitions 1")
        .ok();
    cluster
        .run_with("produce --topic orders", "1\n2\n3\n4\n")
        .ok();
    let consume = "consume --topic orders --group shop --from-beginning --max-messages 3";
    assert_eq!(cluster.run(consume).ok(), "1\n2\n3\n");
    let describe = "groups --describe --group shop";
    let row = |outcome: Outcome| -> Vec<String> {
        let text = outcome.ok();
        let line = text
            .lines()
            .find(|line| line.starts_with("shop "))
            .unwrap()
            .to_owned();
        line.split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(
        row(cluster.run(describe)),
        ["shop", "orders", "0", "3", "4", "1", "-", "-", "-"]
    );
    let reset = "groups --reset-offsets --group shop --topic orders";
    let dry = cluster.run(&format!("{reset} --to-earliest --dry-run --export"));
    assert_eq!(dry.ok(), "orders,0,0\n");
    assert_eq!(
        cluster.run(&format!("{describe} --json")).json()[0]["lag"],
        1
    );
    let shifted = cluster
        .run(&format!("{reset} --shift-by -2 --execute --json"))
        .json();
    assert_eq!(shifted[0]["newOffset"], 1);
    assert_eq!(
        cluster.run(&format!("{describe} --json")).json()[0]["lag"],
        3
    );
    cluster.sandbox.write("offsets.csv", "orders,0,2\n");
    let from_file = "groups --reset-offsets --group shop --from-file offsets.csv --execute";
    cluster.run(from_file).ok();
    assert_eq!(
        cluster.run(consume.replace(" 3", " 1").as_str()).ok(),
        "3\n"
    );
    let offsets = cluster.run(
        "consume --topic __consumer_offsets --formatter offsets --from-beginning --timeout-ms 8000",
    );
    let offsets = offsets.ok();
    assert!(offsets.contains(r#""data":{"offset":2,"#), "{offsets}");
    assert_eq!(
        cluster.run("groups --describe --group nobody").code(),
        Some(1)
    );
    cluster
        .run("groups --delete-offsets --group shop --topic orders")
        .ok();
    cluster.run("groups --delete --group shop").ok();
}

#[test]
fn configurations_and_records_are_changed() {
    let cluster = Cluster::new();
    cluster.run("topics --create --topic orders").ok();
    cluster.run("configs --alter --entity-type topics --entity-name orders --add-config retention.ms=7200000,cleanup.policy=[compact,delete]").ok();
    let text = cluster.run("configs --describe --topic orders").ok();
    assert!(
        text.starts_with("Dynamic configs for topic orders are:\n"),
        "{text}"
    );
    assert!(text.contains("  cleanup.policy=compact,delete sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:cleanup.policy=compact,delete"), "{text}");
    cluster
        .run("configs --alter --topic orders --delete-config cleanup.policy")
        .ok();
    let shown = cluster
        .run("configs --describe --topic orders --json")
        .json();
    assert_eq!(shown[0]["configs"].as_array().map(Vec::len), Some(1));
    let wrong = cluster.run("configs --alter --topic orders --add-config retention.ms=soon");
    assert_eq!(wrong.code(), Some(1));
    cluster.run_with("produce --topic orders", "1\n2\n3\n").ok();
    cluster.sandbox.write(
        "before.json",
        r#"{"partitions": [{"topic": "orders", "partition": 0, "offset": 2}], "version": 1}"#,
    );
    let deleted = cluster
        .run("delete-records --offset-json-file before.json")
        .ok();
    assert!(
        deleted.ends_with("partition: orders-0\tlow_watermark: 2\n"),
        "{deleted}"
    );
    assert_eq!(
        cluster
            .run("consume --topic orders --from-beginning --max-messages 1")
            .ok(),
        "3\n"
    );
    let dirs = cluster
        .run("log-dirs --describe --broker-list 1 --topic-list orders --json")
        .json();
    assert_eq!(
        dirs["brokers"][0]["logDirs"][0]["partitions"][0]["partition"],
        "orders-0"
    );
}

#[test]
fn a_log_is_dumped_and_damage_in_it_told() {
    let cluster = Cluster::new();
    cluster.run("topics --create --topic orders").ok();
    cluster.run_with("produce --topic orders", "paid\n").ok();
    let file = "millrace-data/broker/orders-0/00000000000000000000.log";
    let dump = format!("dump-log --files {file} --print-data-log");
    let text = tool::run(&cluster.sandbox, &dump).ok();
    assert!(
        text.contains("\nbaseOffset: 0 lastOffset: 0 count: 1 "),
        "{text}"
    );
    assert!(
        text.contains("valueSize: 4 sequence: 0 headerKeys: [] payload: paid\n"),
        "{text}"
    );
    let batch = tool::run(&cluster.sandbox, &format!("{dump} --json")).json();
    assert_eq!(
        (&batch["file"], &batch["count"], &batch["isvalid"]),
        (&file.into(), &1.into(), &true.into()),
        "{batch}"
    );
    assert_eq!(batch["records"][0]["payload"], "paid");
    let mut bytes = cluster.sandbox.read(file);
    let last = bytes.len() - 3;
    bytes[last] ^= 1;
    cluster.sandbox.write("00000000000000000000.log", bytes);
    let damaged = tool::run(
        &cluster.sandbox,
        "dump-log --files 00000000000000000000.log",
    );
    assert_eq!(damaged.code(), Some(1));
    assert!(damaged.stdout.contains("isvalid: false"), "{damaged:?}");
}

#[test]
fn the_performance_tests_print_kafkas_lines() {
    let cluster = Cluster::new();
    let produce = "perf produce --topic perf --num-records 5000 --record-size 100 --throughput -1 --producer-props acks=all linger.ms=1";
    let line = cluster.run(produce).ok();
    assert!(
        line.starts_with("5000 records sent, ") && line.ends_with(" ms 99.9th.\n"),
        "{line}"
    );
    let lines = cluster
        .run("perf consume --topic perf --messages 5000")
        .ok();
    let columns: Vec<&str> = lines.lines().last().unwrap().split(", ").collect();
    assert_eq!((columns.len(), columns[4]), (10, "5000"), "{lines}");
}

#[test]
fn a_reader_that_goes_and_a_signal_end_a_consumer_cleanly() {
    let cluster = Cluster::new();
    cluster.run("topics --create --topic orders").ok();
    cluster.run_with("produce --topic orders", "1\n2\n3\n").ok();
    let command = format!(
        "{} {} | head -n 1; echo ${{PIPESTATUS[0]}}",
        millrace_system::binary::millrace().display(),
        cluster.words("consume --topic orders --from-beginning")
    );
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", &command]);
    assert_eq!(
        tool::run_command(&cluster.sandbox, shell, "").ok(),
        "1\n0\n"
    );
    let mut consumer = cluster.start("consume --topic orders --group g --from-beginning");
    wait::until("the records", PATIENCE, || {
        consumer.stdout() == b"1\n2\n3\n"
    });
    consumer.signal(Signal::INT);
    assert_eq!(consumer.wait().code(), Some(130));
    assert!(
        consumer
            .stderr()
            .contains("Processed a total of 3 messages"),
        "{}",
        consumer.stderr()
    );
    assert_eq!(
        cluster.run("groups --describe --group g --json").json()[0]["lag"],
        0
    );
}

#[test]
fn exit_codes_tell_usage_from_failure() {
    let sandbox = Sandbox::new();
    let nobody = tool::run(&sandbox, "topics --list --bootstrap-server 127.0.0.1:1");
    assert_eq!(nobody.code(), Some(3));
    assert!(nobody.stderr.contains("`millrace broker`"), "{nobody:?}");
    for wrong in [
        "topics --list --create",
        "consume --topic t --offset 1",
        "groups --describe",
        "produce --topic t --reader-property headers.separator=: --bootstrap-server 127.0.0.1:1",
        "topics --zookeeper localhost:2181 --list",
        "consume --topic t --consumer-property auto.offset.reset=largest",
        "produce --topic t --producer-property request.required.acks=1",
    ] {
        let outcome = tool::run(&sandbox, wrong);
        assert_eq!(outcome.code(), Some(2), "{wrong}: {outcome:?}");
    }
    let old = tool::run(
        &sandbox,
        "produce --topic t --producer-property metadata.broker.list=a:1",
    );
    assert!(
        old.stderr
            .contains("metadata.broker.list is called bootstrap.servers today"),
        "{old:?}"
    );
}

#[test]
fn older_spellings_work_with_a_note() {
    let sandbox = Sandbox::new();
    let mut broker = Millrace::start(&sandbox, ["broker", "--override", "port=0"]);
    let server = broker.address("broker");
    assert!(
        broker.stderr().contains("port is part of listeners today"),
        "{}",
        broker.stderr()
    );
    let produced = tool::run_with(
        &sandbox,
        &format!("produce --broker-list {server} --topic orders"),
        "1\n",
    );
    assert!(
        produced
            .stderr
            .contains("--broker-list is called --bootstrap-server today"),
        "{produced:?}"
    );
    produced.ok();
    sandbox.write(
        "worker.properties",
        format!(
            "bootstrap.servers={server}\nrest.port=0\nrest.host.name=127.0.0.1\n\
             key.converter=org.apache.kafka.connect.storage.StringConverter\n\
             value.converter=org.apache.kafka.connect.storage.StringConverter\n"
        ),
    );
    let mut worker = Millrace::start(&sandbox, ["standalone", "worker.properties"]);
    assert!(worker.address("rest").starts_with("127.0.0.1:"));
    assert!(worker.stop().success(), "{}", worker.stderr());
}
