//! Runs the worker with plugins of one's own against the included broker.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests end on a failed expectation"
)]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use millrace_broker::{Broker, BrokerConfig};
use millrace_config::Properties;
use millrace_wire::clock;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// No step takes this long on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Examples are built beside the tests.
fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let profile = tests.parent().unwrap().parent().unwrap();
    profile.join("examples/worker")
}

async fn broker(folder: &Path) -> Broker {
    let properties: Properties = [
        ("listeners", "PLAINTEXT://127.0.0.1:0".to_owned()),
        ("log.dirs", folder.join("log").display().to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    let config = BrokerConfig::from_properties(&properties).unwrap();
    Broker::start(config, clock::system()).await.unwrap()
}

/// Waits until a file holds a text.
async fn await_text(path: &Path, wanted: &str) {
    let reading = async {
        while !std::fs::read_to_string(path).is_ok_and(|text| text.contains(wanted)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, reading).await;
    let text = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        found.is_ok(),
        "{} has no {wanted:?}: {text}",
        path.display()
    );
}

/// Where the worker's REST listens, as it says.
async fn rest_address(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
    let line = line.unwrap().unwrap().unwrap();
    line.strip_prefix("REST at ").unwrap().to_owned()
}

/// Waits until the worker has counted a repeated attempt.
async fn await_retry(address: &str) {
    let asking = async {
        loop {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            let retries =
                "kafka_connect_task_error_total_retries{connector=\"ledger\",task=\"0\"} ";
            let count = answer.lines().find_map(|line| line.strip_prefix(retries));
            if count.is_some_and(|count| count != "0") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_wait_for_what_a_transform_needs_and_what_a_sink_refuses_is_a_dead_letter() {
    let folder = TempDir::new().unwrap();
    let broker = broker(folder.path()).await;
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let server = format!("127.0.0.1:{}", broker.listeners()[0].local.port());
    write(
        "worker.properties",
        &format!(
            "bootstrap.servers={server}\n\
             key.converter=String\nvalue.converter=String\n\
             listeners=http://127.0.0.1:0\n\
             offset.storage.file.filename=offsets\noffset.flush.interval.ms=100\n"
        ),
    );
    write("orders.txt", "DE 5\nFR 7\nXX 1\nDE much\nDE 2.5\n");
    write(
        "source.properties",
        "name=orders\nconnector.class=FileStreamSource\nfile=orders.txt\ntopic=orders\n",
    );
    write(
        "sink.properties",
        "name=ledger\nconnector.class=example.LedgerSinkConnector\ntopics=orders\nledger.file=ledger.txt\n\
         transforms=lookup\ntransforms.lookup.type=example.Lookup$Value\ntransforms.lookup.table=table.txt\n\
         errors.tolerance=all\nerrors.retry.timeout=-1\nerrors.retry.delay.max.ms=300\n\
         errors.deadletterqueue.topic.name=refused\nerrors.deadletterqueue.context.headers.enable=true\n",
    );
    write(
        "refused.properties",
        "name=refused\nconnector.class=FileStreamSink\ntopics=refused\nfile=refused.txt\n\
         transforms=stage\ntransforms.stage.type=millrace.transforms.ExtractTopic$Header\n\
         transforms.stage.field=__connect.errors.stage\n",
    );
    let mut child = Command::new(program())
        .args(["worker", "source", "sink", "refused"].map(|name| format!("{name}.properties")))
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // The records are there, the table is not: nothing is written, and nothing is refused.
    await_retry(&rest_address(&mut child).await).await;
    assert!(!folder.path().join("ledger.txt").exists());
    write("table.txt", "DE Germany\nFR France\n");
    await_text(
        &folder.path().join("ledger.txt"),
        "Germany 5\nFrance 12\nGermany 14.5\n",
    )
    .await;
    await_text(&folder.path().join("refused.txt"), "XX 1\nDE much\n").await;
    assert!(child.try_wait().unwrap().is_none());
    child.kill().await.unwrap();
    broker.shutdown(Duration::from_secs(5)).await;
}

/// A configuration of the README.
fn documented(file: &str) -> String {
    let readme = include_str!("../README.md");
    let begin = format!("```properties\n# {file}\n");
    let (_, rest) = readme.split_once(&begin).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

fn start(folder: &Path, files: &[&str]) -> Child {
    Command::new(program())
        .args(files)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn meters_are_read_once_each_through_plugins_of_every_kind() {
    let folder = TempDir::new().unwrap();
    let broker = broker(folder.path()).await;
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let port = broker.listeners()[0].local.port();
    let worker = documented("worker.properties").replace("9092", &port.to_string());
    let own = "listeners=http://127.0.0.1:0\noffset.flush.interval.ms=100\n";
    write("worker.properties", &(worker + own));
    let meters = documented("meters.properties");
    write("meters.properties", &meters);
    write("names.txt", "topic readings\n");
    // What is in the topic, byte by byte; the header is what the converter has made of "mW".
    write(
        "raw.properties",
        "name=raw\nconnector.class=FileStreamSink\ntopics=readings\nfile=raw.txt\n\
         transforms=unit\ntransforms.unit.type=millrace.transforms.FilterByCondition\n\
         transforms.unit.condition=header.unit == '6d57'\ntransforms.unit.filter.type=include\n",
    );
    // The same read back by the converters.
    write(
        "read.properties",
        "name=read\nconnector.class=FileStreamSink\ntopics=readings\nfile=read.txt\n\
         value.converter=example.PairsConverter\nheader.converter=example.HexHeaderConverter\n",
    );
    let files = ["worker", "meters", "raw", "read"].map(|name| format!("{name}.properties"));
    let files = files.each_ref().map(String::as_str);
    let mut child = start(folder.path(), &files);
    let raw = folder.path().join("raw.txt");
    await_text(&raw, "meter=cellar;watts=500\n").await;
    await_text(&raw, "meter=attic;watts=500\n").await;
    await_text(
        &folder.path().join("read.txt"),
        "{meter=attic, watts=500}\n",
    )
    .await;
    await_text(&folder.path().join("offsets"), "readings").await;
    child.kill().await.unwrap();
    // Started again with more readings, it goes on behind those that were committed.
    write(
        "meters.properties",
        &meters.replace("readings=5", "readings=6"),
    );
    let mut child = start(folder.path(), &files);
    await_text(&raw, "meter=cellar;watts=600\n").await;
    await_text(&raw, "meter=attic;watts=600\n").await;
    child.kill().await.unwrap();
    let text = std::fs::read_to_string(&raw).unwrap();
    assert!(!text.contains("watts=200"), "{text}");
    assert!(text.lines().count() >= 8, "{text}");
    broker.shutdown(Duration::from_secs(5)).await;
}
