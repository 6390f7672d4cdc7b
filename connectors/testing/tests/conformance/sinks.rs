//! The sinks. What the mock gets nobody sees, for it drops everything.

use std::fs;
use std::path::PathBuf;

use async_trait::async_trait;
use millrace_api::{Properties, SinkConnector};
use millrace_testing::{FaultBoard, FaultSink, MockSink, PickySink, VerifiableSink};
use millrace_testkit::conformance::{self, Refused, SinkFixture};
use tempfile::TempDir;

use crate::{Page, properties, spoiled};

/// A sink that writes to a file.
struct Folder<C> {
    dir: TempDir,
    connector: fn() -> C,
    /// The value in a line of the file.
    value: fn(&str) -> &str,
    /// A key with a value that it may not have.
    refused: (&'static str, &'static str),
}

impl<C> Folder<C> {
    fn file(&self) -> PathBuf {
        self.dir.path().join("written.txt")
    }
}

#[async_trait]
impl<C: SinkConnector> SinkFixture for Folder<C> {
    type Connector = C;

    fn connector(&self) -> C {
        (self.connector)()
    }

    async fn reset(&mut self) -> Properties {
        fs::write(self.file(), "").unwrap();
        properties(&[("file", self.file().display().to_string().as_str())])
    }

    async fn delivered(&mut self) -> Option<Vec<String>> {
        let text = fs::read_to_string(self.file()).unwrap();
        let lines = text.lines();
        Some(lines.map(|line| (self.value)(line).to_owned()).collect())
    }

    async fn refused(&mut self) -> Vec<Refused> {
        let good = properties(&[("file", self.file().display().to_string().as_str())]);
        let (key, value) = self.refused;
        let mut refused = spoiled(&good, &[(key, Some(value))]);
        let gone = self.dir.path().join("gone").join("written.txt");
        let gone = gone.display().to_string();
        refused.push((properties(&[("file", gone.as_str())]), gone));
        refused
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fault_sink_conforms() {
    let mut folder = Folder {
        dir: tempfile::tempdir().unwrap(),
        connector: || FaultSink::new(FaultBoard::default()),
        value: |line| line,
        refused: ("faults", "{}"),
    };
    conformance::sink(&mut folder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_picky_sink_conforms() {
    let mut folder = Folder {
        dir: tempfile::tempdir().unwrap(),
        connector: PickySink::default,
        value: |line| line.split_once('\t').unwrap().1,
        refused: ("leaves", "everything"),
    };
    conformance::sink(&mut folder).await;
}

#[async_trait]
impl SinkFixture for Page {
    type Connector = VerifiableSink;

    fn connector(&self) -> VerifiableSink {
        VerifiableSink::printing_to(self.output())
    }

    async fn reset(&mut self) -> Properties {
        self.clear();
        properties(&[("name", "tells")])
    }

    async fn delivered(&mut self) -> Option<Vec<String>> {
        let lines = self.lines().into_iter();
        let got = lines.filter(|line| line["flushed"].is_null());
        Some(
            got.map(|line| line["seqno"].as_str().unwrap().to_owned())
                .collect(),
        )
    }

    /// It has no keys, so that no configuration is wrong.
    async fn refused(&mut self) -> Vec<Refused> {
        Vec::new()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_verifiable_sink_conforms() {
    conformance::sink(&mut Page::default()).await;
}

struct Mock;

#[async_trait]
impl SinkFixture for Mock {
    type Connector = MockSink;

    fn connector(&self) -> MockSink {
        MockSink::default()
    }

    async fn reset(&mut self) -> Properties {
        properties(&[("mock_mode", "none")])
    }

    async fn delivered(&mut self) -> Option<Vec<String>> {
        None
    }

    async fn refused(&mut self) -> Vec<Refused> {
        spoiled(
            &properties(&[("mock_mode", "none")]),
            &[("delay_ms", Some("soon"))],
        )
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mock_sink_conforms() {
    conformance::sink(&mut Mock).await;
}
