//! The command-line tools of Apache Kafka, each started as its script starts it.

use std::{fs, ops::Range, process::Command};

use anyhow::ensure;

use super::{Client, Report};
use crate::{
    broker::Broker,
    kafka::java,
    member::Leave,
    output,
    standard::{self, CODECS, COUNT},
};

type Check = fn(&Broker) -> anyhow::Result<()>;

const CHECKS: [(&str, Check); 8] = [
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
    ("kafka-dump-log", dump_log),
];

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
const CONFIGS: &str = "kafka.admin.ConfigCommand";
const GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
const PRODUCER: &str = "org.apache.kafka.tools.ConsoleProducer";
const CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";

/// Words with which the reader of log files says that something is wrong.
const COMPLAINTS: [&str; 5] = [
    "isvalid: false",
    "mismatch",
    "Exception",
    "Missing",
    "offset: -1",
];

pub(crate) struct Tools;

impl Client for Tools {
    fn name(&self) -> &'static str {
        "kafka-tools"
    }

    fn install(&self) -> anyhow::Result<String> {
        let mut version = java()?;
        version.args([TOPICS, "--version"]);
        Ok(output::of(&mut version)?.trim().to_owned())
    }

    fn scenarios(&self) -> Vec<&'static str> {
        CHECKS.map(|(name, _)| name).to_vec()
    }

    fn checks(&self, broker: &Broker) -> anyhow::Result<Report> {
        super::report(&CHECKS, |check| check(broker))
    }

    fn produce(&self, server: &str, prefix: &str, codecs: &[&str]) -> anyhow::Result<bool> {
        let lines: String = (0..COUNT).map(line).collect();
        for codec in codecs {
            let topic = format!("{prefix}-{codec}");
            run(
                server,
                TOPICS,
                &["--create", "--topic", &topic, "--partitions", "1"],
            )?;
            let mut producer = tool(server, PRODUCER)?;
            producer.args(["--topic", &topic, "--compression-codec", codec]);
            for property in ["parse.key=true", "parse.headers=true", "null.marker=NULL"] {
                producer.args(["--property", property]);
            }
            output::with_input(&mut producer, lines.as_bytes())?;
        }
        Ok(true)
    }

    fn consume(&self, server: &str, topics: &[&str]) -> anyhow::Result<()> {
        let lines: String = (0..COUNT).map(line).collect();
        for topic in topics {
            let count = COUNT.to_string();
            let mut consumer = tool(server, CONSUMER)?;
            consumer.args([
                "--topic",
                topic,
                "--from-beginning",
                "--max-messages",
                &count,
            ]);
            for property in ["print.key=true", "print.headers=true", "null.literal=NULL"] {
                consumer.args(["--property", property]);
            }
            let read = output::of(&mut consumer)?.replace("NO_HEADERS\t", "NULL\t");
            ensure!(read == lines, "{topic}: other records came back\n{read}");
        }
        Ok(())
    }

    fn fill(&self, server: &str, topic: &str, numbers: Range<usize>) -> anyhow::Result<()> {
        create_for(server, topic, &numbers)?;
        let lines: String = numbers.map(|number| format!("{number}\n")).collect();
        let mut producer = tool(server, PRODUCER)?;
        output::with_input(producer.args(["--topic", topic]), lines.as_bytes()).map(drop)
    }

    /// The consumer of the console, which says in its log what it is given.
    fn member(&self, server: &str, group: &str, topic: &str) -> anyhow::Result<Command> {
        let mut consumer = Command::new("java");
        let arguments = java()?;
        consumer.arg("-Dorg.slf4j.simpleLogger.log.org.apache.kafka.clients.consumer=info");
        consumer.args(arguments.get_args()).arg(CONSUMER);
        consumer.args([
            "--bootstrap-server",
            server,
            "--topic",
            topic,
            "--group",
            group,
            "--from-beginning",
        ]);
        for setting in [
            "session.timeout.ms=6000",
            "heartbeat.interval.ms=500",
            "auto.commit.interval.ms=200",
        ] {
            consumer.args(["--consumer-property", setting]);
        }
        Ok(consumer)
    }

    fn leave(&self) -> Leave {
        Leave::Interrupt
    }
}

/// Makes a topic with four partitions if these numbers are its first.
pub(crate) fn create_for(server: &str, topic: &str, numbers: &Range<usize>) -> anyhow::Result<()> {
    if numbers.start == 0 {
        run(
            server,
            TOPICS,
            &["--create", "--topic", topic, "--partitions", "4"],
        )?;
    }
    Ok(())
}

/// A standard record as the tools of the console spell it: headers, key, value.
fn line(number: usize) -> String {
    let headers: Vec<_> = standard::headers(number)
        .iter()
        .map(|(key, value)| format!("{key}:{value}"))
        .collect();
    let headers = if headers.is_empty() {
        "NULL".into()
    } else {
        headers.join(",")
    };
    let or_null = |text: Option<String>| text.unwrap_or_else(|| "NULL".into());
    format!(
        "{headers}\t{}\t{}\n",
        or_null(standard::key(number)),
        or_null(standard::value(number))
    )
}

/// A tool, told where the broker is.
fn tool(server: &str, class: &str) -> anyhow::Result<Command> {
    let mut tool = java()?;
    tool.args([class, "--bootstrap-server", server]);
    Ok(tool)
}

/// What a tool prints that ends well.
fn run(server: &str, class: &str, arguments: &[&str]) -> anyhow::Result<String> {
    output::of(tool(server, class)?.args(arguments))
}

/// Runs a tool and looks for these in what it prints.
fn expect(server: &str, class: &str, arguments: &[&str], texts: &[&str]) -> anyhow::Result<()> {
    let printed = run(server, class, arguments)?;
    for text in texts {
        ensure!(
            printed.contains(text),
            "{class} {arguments:?} did not print {text:?}\n{printed}"
        );
    }
    Ok(())
}

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

/// Kafka's own reader of log files accepts every file of a broker that has stopped.
fn dump_log(broker: &Broker) -> anyhow::Result<()> {
    let mut other = Broker::start(broker.kind())?;
    fill(other.address(), "dumped")?;
    Tools.produce(other.address(), "dumped", &CODECS)?;
    run(
        other.address(),
        CONSUMER,
        &[
            "--topic",
            "dumped",
            "--group",
            "dumping",
            "--from-beginning",
            "--max-messages",
            "100",
        ],
    )?;
    other.stop()?;
    let files = files_of(&other)?;
    for (ending, check) in [
        (".log", "--deep-iteration"),
        (".index", "--index-sanity-check"),
        (".timeindex", "--index-sanity-check"),
    ] {
        let of_kind: Vec<_> = files
            .iter()
            .filter(|file| file.ends_with(ending))
            .map(String::as_str)
            .collect();
        ensure!(of_kind.len() >= 9, "there are only these: {files:?}");
        let mut dump = java()?;
        dump.args([
            "kafka.tools.DumpLogSegments",
            check,
            "--files",
            &of_kind.join(","),
        ]);
        let printed = output::of(&mut dump)?;
        let complaint = printed
            .lines()
            .find(|line| COMPLAINTS.iter().any(|word| line.contains(word)));
        ensure!(complaint.is_none(), "{ending}: {complaint:?}");
    }
    Ok(())
}

/// All files in the folders of its partitions.
fn files_of(broker: &Broker) -> anyhow::Result<Vec<String>> {
    let mut files = Vec::new();
    for partition in fs::read_dir(broker.logs())? {
        let partition = partition?.path();
        if partition.is_dir() && !partition.to_string_lossy().contains("__cluster_metadata") {
            for file in fs::read_dir(partition)? {
                files.push(file?.path().display().to_string());
            }
        }
    }
    Ok(files)
}
