//! What each tool is asked for.

use std::fs;

use anyhow::ensure;

use super::{CONFIGS, CONSUMER, GROUPS, PRODUCER, TOPICS, Tools, dump, expect, run, tool};
use crate::{broker::Broker, clients::Client as _, kafka::java, output};

type Check = fn(&Broker) -> anyhow::Result<()>;

pub(super) const ALL: [(&str, Check); 8] = [
    ("kafka-topics", topics),
    ("kafka-configs", configs),
    ("kafka-consumer-groups", groups),
    ("kafka-get-offsets and kafka-delete-records", offsets),
    ("kafka-log-dirs and kafka-cluster", cluster),
    ("kafka-broker-api-versions", api_versions),
    (
        "kafka-producer-perf-test and kafka-consumer-perf-test",
        perf,
    ),
    ("kafka-dump-log", dump::every_kind_of_file),
];

fn fill(server: &str, topic: &str) -> anyhow::Result<()> {
    Tools.fill(server, topic, 0..100)
}

fn topics(broker: &Broker) -> anyhow::Result<()> {
    let server = broker.address();
    let compacted = ["--partitions", "2", "--config", "cleanup.policy=compact"];
    run(
        server,
        TOPICS,
        &[
            &["--create", "--topic", "tools-topic"],
            compacted.as_slice(),
        ]
        .concat(),
    )?;
    expect(server, TOPICS, &["--list"], &["tools-topic"])?;
    let described = [
        "PartitionCount: 2",
        "ReplicationFactor: 1",
        "cleanup.policy=compact",
        "Isr: ",
    ];
    expect(
        server,
        TOPICS,
        &["--describe", "--topic", "tools-topic"],
        &described,
    )?;
    run(
        server,
        TOPICS,
        &["--alter", "--topic", "tools-topic", "--partitions", "5"],
    )?;
    expect(
        server,
        TOPICS,
        &["--describe", "--topic", "tools-topic"],
        &["PartitionCount: 5"],
    )?;
    let unavailable = run(server, TOPICS, &["--describe", "--unavailable-partitions"])?;
    ensure!(unavailable.trim().is_empty(), "{unavailable}");
    run(server, TOPICS, &["--delete", "--topic", "tools-topic"])?;
    let left = run(server, TOPICS, &["--list"])?;
    ensure!(!left.contains("tools-topic"), "{left}");
    Ok(())
}

fn configs(broker: &Broker) -> anyhow::Result<()> {
    let server = broker.address();
    run(server, TOPICS, &["--create", "--topic", "tools-configs"])?;
    let topic = ["--entity-type", "topics", "--entity-name", "tools-configs"];
    let on_topic = |more: &[&'static str]| [&topic, more].concat();
    run(
        server,
        CONFIGS,
        &on_topic(&[
            "--alter",
            "--add-config",
            "retention.ms=3600000,max.message.bytes=2000000",
        ]),
    )?;
    expect(
        server,
        CONFIGS,
        &on_topic(&["--describe"]),
        &[
            "retention.ms=3600000",
            "max.message.bytes=2000000",
            "DYNAMIC_TOPIC_CONFIG",
        ],
    )?;
    run(
        server,
        CONFIGS,
        &on_topic(&["--alter", "--delete-config", "retention.ms"]),
    )?;
    let left = run(server, CONFIGS, &on_topic(&["--describe"]))?;
    ensure!(!left.contains("retention.ms=3600000"), "{left}");
    expect(
        server,
        CONFIGS,
        &on_topic(&["--describe", "--all"]),
        &["retention.ms=604800000", "segment.bytes=1073741824"],
    )?;
    let broker = [
        "--entity-type",
        "brokers",
        "--entity-name",
        "1",
        "--describe",
        "--all",
    ];
    expect(server, CONFIGS, &broker, &["log.dirs=", "num.partitions="])
}

fn groups(broker: &Broker) -> anyhow::Result<()> {
    let server = broker.address();
    fill(server, "tools-groups")?;
    let read = [
        "--topic",
        "tools-groups",
        "--group",
        "tools",
        "--from-beginning",
        "--max-messages",
        "100",
    ];
    run(server, CONSUMER, &read)?;
    expect(server, GROUPS, &["--list"], &["tools"])?;
    expect(
        server,
        GROUPS,
        &["--describe", "--group", "tools"],
        &["tools-groups", "LAG"],
    )?;
    expect(
        server,
        GROUPS,
        &["--describe", "--group", "tools", "--state"],
        &["Empty"],
    )?;
    let reset = [
        "--group",
        "tools",
        "--topic",
        "tools-groups",
        "--reset-offsets",
        "--to-earliest",
    ];
    expect(
        server,
        GROUPS,
        &[&reset, ["--dry-run"].as_slice()].concat(),
        &["tools-groups"],
    )?;
    run(server, GROUPS, &[&reset, ["--execute"].as_slice()].concat())?;
    run(
        server,
        CONSUMER,
        &read[..]
            .iter()
            .copied()
            .filter(|word| *word != "--from-beginning")
            .collect::<Vec<_>>(),
    )?;
    run(
        server,
        GROUPS,
        &[
            "--group",
            "tools",
            "--topic",
            "tools-groups",
            "--delete-offsets",
        ],
    )?;
    run(server, GROUPS, &["--delete", "--group", "tools"])?;
    let left = run(server, GROUPS, &["--list"])?;
    ensure!(!left.lines().any(|group| group == "tools"), "{left}");
    Ok(())
}

fn offsets(broker: &Broker) -> anyhow::Result<()> {
    const GET: &str = "org.apache.kafka.tools.GetOffsetShell";
    const DELETE: &str = "org.apache.kafka.tools.DeleteRecordsCommand";
    let server = broker.address();
    run(server, TOPICS, &["--create", "--topic", "tools-offsets"])?;
    output::with_input(
        tool(server, PRODUCER)?.args(["--topic", "tools-offsets"]),
        b"a\nb\nc\n",
    )?;
    expect(
        server,
        GET,
        &["--topic", "tools-offsets"],
        &["tools-offsets:0:3"],
    )?;
    expect(
        server,
        GET,
        &["--topic", "tools-offsets", "--time", "max-timestamp"],
        &["tools-offsets:0:"],
    )?;
    let plan = broker.logs().with_file_name("delete-records.json");
    fs::write(
        &plan,
        r#"{"version":1,"partitions":[{"topic":"tools-offsets","partition":0,"offset":2}]}"#,
    )?;
    let plan = plan.display().to_string();
    expect(
        server,
        DELETE,
        &["--offset-json-file", &plan],
        &["low_watermark: 2"],
    )?;
    expect(
        server,
        GET,
        &["--topic", "tools-offsets", "--time", "earliest"],
        &["tools-offsets:0:2"],
    )
}

fn cluster(broker: &Broker) -> anyhow::Result<()> {
    let server = broker.address();
    fill(server, "tools-log-dirs")?;
    let log_dirs = "org.apache.kafka.tools.LogDirsCommand";
    let folder = broker.logs().display().to_string();
    expect(
        server,
        log_dirs,
        &["--describe", "--topic-list", "tools-log-dirs"],
        &["tools-log-dirs-0", &folder],
    )?;
    let mut cluster = java()?;
    cluster.args([
        "org.apache.kafka.tools.ClusterTool",
        "cluster-id",
        "--bootstrap-server",
        server,
    ]);
    let printed = output::of(&mut cluster)?;
    ensure!(printed.contains("Cluster ID: "), "{printed}");
    Ok(())
}

fn api_versions(broker: &Broker) -> anyhow::Result<()> {
    let class = "org.apache.kafka.tools.BrokerApiVersionsCommand";
    expect(
        broker.address(),
        class,
        &[],
        &["Produce(0)", "Fetch(1)", "JoinGroup(11)", "usable"],
    )
}

fn perf(broker: &Broker) -> anyhow::Result<()> {
    let server = broker.address();
    run(server, TOPICS, &["--create", "--topic", "tools-perf"])?;
    let mut producer = java()?;
    producer.args([
        "org.apache.kafka.tools.ProducerPerformance",
        "--topic",
        "tools-perf",
    ]);
    producer.args([
        "--num-records",
        "100000",
        "--record-size",
        "100",
        "--throughput",
        "-1",
        "--producer-props",
    ]);
    producer.args([&format!("bootstrap.servers={server}"), "acks=all"]);
    let printed = output::of(&mut producer)?;
    ensure!(printed.contains("100000 records sent"), "{printed}");
    let class = "org.apache.kafka.tools.ConsumerPerformance";
    expect(
        server,
        class,
        &["--topic", "tools-perf", "--messages", "100000"],
        &["100000"],
    )
}
