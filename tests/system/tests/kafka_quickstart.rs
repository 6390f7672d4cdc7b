//! Kafka's quickstart for Connect with Kafka's own configuration files instead of those of `config/`: whoever has
//! unpacked Kafka 2, 3 or 4 types `millrace` in place of the scripts. Only the ports differ, so that tests may run
//! side by side. The keys are those of the files in Apache Kafka 2.8, 3.9 and 4.1.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    time::Duration,
};

use millrace_system::{process::Millrace, sandbox::Sandbox, tool::run, wait};

/// How long something may take on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

const WORKER: &str = "
bootstrap.servers=localhost:9092
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
key.converter.schemas.enable=true
value.converter.schemas.enable=true
offset.storage.file.filename=tmp/connect.offsets
offset.flush.interval.ms=10000
";
/// What the file had until Kafka 2.0.
const WORKER_UNTIL_2: &str = "
internal.key.converter=org.apache.kafka.connect.json.JsonConverter
internal.value.converter=org.apache.kafka.connect.json.JsonConverter
internal.key.converter.schemas.enable=false
internal.value.converter.schemas.enable=false
";
const SOURCE: &str = "
name=local-file-source
connector.class=FileStreamSource
tasks.max=1
file=test.txt
topic=connect-test
";
const SINK: &str = "
name=local-file-sink
connector.class=FileStreamSink
tasks.max=1
file=test.sink.txt
topics=connect-test
";
const SERVER: &str = "
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs=tmp/kafka-logs
num.partitions=1
num.recovery.threads.per.data.dir=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
";
const SERVER_WITH_ZOOKEEPER: &str = "
broker.id=0
listeners=PLAINTEXT://127.0.0.1:0
zookeeper.connect=localhost:2181
zookeeper.connection.timeout.ms=18000
group.initial.rebalance.delay.ms=0
";
const SERVER_WITH_KRAFT: &str = "
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:9093
listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
";

fn envelope(line: &str) -> String {
    format!("{{\"schema\":{{\"type\":\"string\",\"optional\":false}},\"payload\":\"{line}\"}}\n")
}

/// Walks through the quickstart with a broker and a worker of these keys.
fn walk(server: &[&str], worker: &[&str]) {
    let sandbox = Sandbox::new();
    for folder in ["config", "tmp"] {
        fs::create_dir_all(sandbox.join(folder)).unwrap();
    }
    sandbox.write("config/server.properties", server.concat());
    let mut broker = Millrace::start(&sandbox, ["broker", "config/server.properties"]);
    let address = broker.address("broker");

    let keys = worker.concat().replace("localhost:9092", &address);
    sandbox.write("config/connect-standalone.properties", keys);
    sandbox.write("config/connect-file-source.properties", SOURCE);
    sandbox.write("config/connect-file-sink.properties", SINK);
    let append = |file: &str, text: &str| {
        let file = sandbox.join(file);
        let mut file = OpenOptions::new().append(true).open(file).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    append(
        "config/connect-standalone.properties",
        "plugin.path=libs/connect-file-4.1.0.jar\nlisteners=http://127.0.0.1:0\n",
    );
    sandbox.write("test.txt", "foo\nbar\n");
    let mut connect = Millrace::start(
        &sandbox,
        [
            "standalone",
            "config/connect-standalone.properties",
            "config/connect-file-source.properties",
            "config/connect-file-sink.properties",
        ],
    );
    let sunk = |expected: &str| {
        wait::until("the lines in test.sink.txt", PATIENCE, || {
            let path = sandbox.join("test.sink.txt");
            fs::read_to_string(path).is_ok_and(|text| text == expected)
        });
    };
    sunk("foo\nbar\n");
    let consume = |count: usize| {
        let words = format!(
            "consume --bootstrap-server {address} --topic connect-test --from-beginning --max-messages {count} --timeout-ms 60000"
        );
        run(&sandbox, &words).ok()
    };
    assert_eq!(consume(2), envelope("foo") + &envelope("bar"));
    append("test.txt", "Another line\n");
    sunk("foo\nbar\nAnother line\n");
    assert!(consume(3).ends_with(&envelope("Another line")));
    assert!(connect.stop().success(), "{}", connect.stderr());
    assert!(broker.stop().success(), "{}", broker.stderr());
    let said = connect.stderr();
    assert!(said.contains("plugin.path has no effect"), "{said}");
}

#[test]
fn of_kafka_2() {
    walk(&[SERVER, SERVER_WITH_ZOOKEEPER], &[WORKER, WORKER_UNTIL_2]);
}

#[test]
fn of_kafka_3() {
    walk(&[SERVER, SERVER_WITH_ZOOKEEPER], &[WORKER]);
}

#[test]
fn of_kafka_4() {
    walk(&[SERVER, SERVER_WITH_KRAFT], &[WORKER]);
}
