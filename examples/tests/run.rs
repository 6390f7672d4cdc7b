//! Runs the examples against the included broker.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests end on a failed expectation"
)]

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use millrace_broker::{Broker, BrokerConfig};
use millrace_client::admin::{Admin, NewTopic};
use millrace_client::{Cluster, ClusterConfig};
use millrace_config::Properties;
use millrace_wire::clock;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// No step takes this long on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Fixture {
    broker: Broker,
    folder: TempDir,
    server: String,
}

impl Fixture {
    /// A broker with the topic `orders` of three partitions.
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let properties: Properties = [
            ("listeners", "PLAINTEXT://127.0.0.1:0".to_owned()),
            ("log.dirs", folder.path().join("log").display().to_string()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        let config = BrokerConfig::from_properties(&properties).unwrap();
        let broker = Broker::start(config, clock::system()).await.unwrap();
        let server = format!("127.0.0.1:{}", broker.listeners()[0].local.port());
        let admin = Admin::new(&Cluster::tcp(ClusterConfig::at(&server)));
        let topic = NewTopic {
            partitions: Some(3),
            ..NewTopic::new("orders")
        };
        admin.create_topic(&topic).await.unwrap();
        Self {
            broker,
            folder,
            server,
        }
    }

    fn command(&self, example: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program(example));
        command
            .args(["--bootstrap-server", &self.server])
            .args(arguments)
            .current_dir(self.folder.path())
            .kill_on_drop(true);
        command
    }

    /// Runs an example to its end; what it printed.
    async fn run(&self, example: &str, arguments: &[&str]) -> Vec<String> {
        let running = self.command(example, arguments).output();
        let output = tokio::time::timeout(PATIENCE, running)
            .await
            .unwrap()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{example} {arguments:?}: {errors}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Starts an example that prints as it goes.
    fn spawn(&self, example: &str, arguments: &[&str]) -> Running {
        let mut child = self
            .command(example, arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Running { child, lines }
    }

    /// What the files of `outside` count together.
    fn total(&self) -> u64 {
        let count = |partition| -> Option<u64> {
            let name = format!("totals/orders-{partition}.total");
            let text = std::fs::read_to_string(self.folder.path().join(name)).ok()?;
            text.trim().split_once(' ')?.1.parse().ok()
        };
        (0..3).filter_map(count).sum()
    }

    async fn total_reaches(&self, wanted: u64) {
        let counting = async {
            while self.total() < wanted {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, counting).await.unwrap();
    }

    async fn stop(self) {
        self.broker.shutdown(Duration::from_secs(5)).await;
    }
}

struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// The next line that begins so.
    async fn line(&mut self, prefix: &str) -> String {
        let searching = async {
            loop {
                let line = self.lines.next_line().await.unwrap();
                let line = line.unwrap_or_else(|| panic!("it ended without {prefix}"));
                if line.starts_with(prefix) {
                    return line;
                }
            }
        };
        tokio::time::timeout(PATIENCE, searching).await.unwrap()
    }

    /// Presses Ctrl-C and waits for a good end.
    async fn interrupt(mut self) {
        let id = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status().await;
        assert!(sent.unwrap().success());
        while self.lines.next_line().await.unwrap().is_some() {}
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        assert!(ended.unwrap().unwrap().success());
    }
}

/// Examples are built beside the tests.
fn program(example: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let profile = tests.parent().unwrap().parent().unwrap();
    profile.join("examples").join(example)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_way_to_send_and_to_choose_partitions_works() {
    let fixture = Fixture::start().await;
    for mode in ["wait", "call-back"] {
        let lines = fixture.run("producer", &["--count", "6", mode]).await;
        assert_eq!(lines.len(), 6, "{mode}: {lines:?}");
        assert!(lines[0].contains("offset"), "{mode}: {lines:?}");
    }
    let lines = fixture.run("producer", &["--count", "6", "forget"]).await;
    assert_eq!(lines, ["6 orders were handed over"]);

    let ends = |lines: Vec<String>| -> Vec<String> {
        let last = |line: &String| line.rsplit(' ').next().unwrap().to_owned();
        lines.iter().map(last).collect()
    };
    let turns = ends(
        fixture
            .run("producer", &["--count", "6", "round-robin"])
            .await,
    );
    assert_eq!(turns, ["0", "1", "2", "0", "1", "2"]);
    let own = ends(fixture.run("producer", &["--count", "8", "own"]).await);
    assert_eq!((own[0].as_str(), own[4].as_str()), ("0", "0"), "{own:?}");
    assert!(own[1] != "0" && own[2] != "0" && own[3] != "0", "{own:?}");
    let keyed = ends(fixture.run("producer", &["--count", "16", "by-key"]).await);
    assert_eq!(keyed[..8], keyed[8..]);
    let explicit = fixture.run("producer", &["--count", "3", "explicit"]).await;
    assert!(explicit[2].contains("partition 2"), "{explicit:?}");
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_are_made_and_filled_batch_by_batch_with_every_codec() {
    let fixture = Fixture::start().await;
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let arguments = [
            "--topic",
            codec,
            "--partitions",
            "4",
            "--compression",
            codec,
            "sticky",
        ];
        let lines = fixture.run("producer", &arguments).await;
        let partition = lines[0].rsplit(' ').next().unwrap();
        let together = lines.iter().all(|line| line.ends_with(partition));
        assert!(lines.len() == 10 && together, "{lines:?}");
        let again = fixture.run("producer", &arguments).await;
        assert_eq!(again[0], format!("{codec} is there already"));
        let replayed = fixture.run("consumer", &["replay", "--topic", codec]).await;
        assert_eq!(replayed.len(), 20, "{codec}: {replayed:?}");
    }
    let none = fixture
        .run("consumer", &["replay", "--minutes", "0", "--topic", "gzip"])
        .await;
    assert!(none.is_empty(), "{none:?}");
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lag_of_a_group_is_told() {
    let fixture = Fixture::start().await;
    fixture
        .run("producer", &["--count", "9", "round-robin"])
        .await;
    fixture
        .run(
            "consumer",
            &["--max-records", "9", "read", "--commit", "sync"],
        )
        .await;
    fixture
        .run("producer", &["--count", "3", "round-robin"])
        .await;
    let told = fixture.run("consumer", &["lag"]).await;
    assert_eq!(told[0], "example is Empty with 0 members");
    assert_eq!(
        told[1..],
        [0, 1, 2].map(|number| format!("orders-{number}: committed 3, 1 behind"))
    );
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interceptors_stamp_and_count() {
    let fixture = Fixture::start().await;
    let lines = fixture
        .run("producer", &["--count", "4", "intercept"])
        .await;
    assert_eq!(lines.last().unwrap(), "4 delivered, 0 failed");
    let read = fixture
        .run("consumer", &["--max-records", "4", "read"])
        .await;
    let value = read.iter().find(|line| line.contains("order 0")).unwrap();
    let stamp = value.split(": ").nth(1).unwrap().split(',').next().unwrap();
    assert!(stamp.parse::<u64>().unwrap() > 1_600_000_000_000, "{value}");
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_assignor_and_every_commit_reads_each_record_once() {
    let fixture = Fixture::start().await;
    for (assignor, commit) in [
        ("range", "auto"),
        ("round-robin", "sync"),
        ("sticky", "async"),
        ("cooperative-sticky", "sync"),
        ("own", "sync"),
    ] {
        let topic = format!("orders-{assignor}");
        let read = [
            "--topic",
            &topic,
            "--assignor",
            assignor,
            "--commit",
            commit,
        ];
        let consume = async |count| {
            let mut arguments = vec!["--group", assignor, "--max-records", count, "read"];
            arguments.extend(read);
            if assignor == "range" {
                arguments.extend(["--instance", "reader"]);
            }
            let lines = fixture.run("consumer", &arguments).await;
            let read = lines.into_iter().filter(|line| line.contains("order "));
            read.collect::<Vec<_>>()
        };
        fixture
            .run("producer", &["--topic", &topic, "--count", "5", "forget"])
            .await;
        assert_eq!(consume("5").await.len(), 5, "{assignor}");
        fixture
            .run("producer", &["--topic", &topic, "--count", "1", "forget"])
            .await;
        let next = format!("{topic}-0 5: order 0");
        assert_eq!(
            consume("1").await,
            [next],
            "{assignor} goes on at its commit"
        );
    }
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pattern_finds_topics_and_ctrl_c_wakes_the_consumer() {
    let fixture = Fixture::start().await;
    let mut reading = fixture.spawn("consumer", &["read", "--pattern", "or.*s"]);
    reading.line("assigned orders-0 orders-1 orders-2").await;
    fixture.run("producer", &["--count", "1", "wait"]).await;
    reading.line("orders-").await;
    reading.interrupt().await;
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn totals_kept_outside_survive_a_rebalance() {
    let fixture = Fixture::start().await;
    fixture
        .run("producer", &["--count", "30", "round-robin"])
        .await;
    let first = fixture.spawn("consumer", &["outside"]);
    fixture.total_reaches(30).await;
    // The second member takes partitions over, at the offsets that the first has kept.
    let mut second = fixture.spawn("consumer", &["outside"]);
    second.line("assigned orders").await;
    fixture
        .run("producer", &["--count", "30", "round-robin"])
        .await;
    fixture.total_reaches(60).await;
    second.interrupt().await;
    first.interrupt().await;
    assert_eq!(fixture.total(), 60);
    fixture.stop().await;
}
