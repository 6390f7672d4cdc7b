//! The suite that every connector passes.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::fs::{self, OpenOptions};
use std::io::Write;

use async_trait::async_trait;
use millrace_api::Properties;
use millrace_file::{FileStreamSink, FileStreamSource};
use millrace_testkit::conformance::{self, Refused, SinkFixture, SourceFixture};
use millrace_testkit::properties;
use tempfile::TempDir;

struct Folder {
    dir: TempDir,
    runs: usize,
}

impl Folder {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            runs: 0,
        }
    }

    fn file(&self) -> String {
        self.dir
            .path()
            .join(format!("{}.log", self.runs))
            .display()
            .to_string()
    }

    fn next_file(&mut self) -> String {
        self.runs += 1;
        self.file()
    }
}

#[async_trait]
impl SourceFixture for Folder {
    type Connector = FileStreamSource;

    fn connector(&self) -> FileStreamSource {
        FileStreamSource::default()
    }

    async fn reset(&mut self) -> Properties {
        let file = self.next_file();
        properties(&[
            ("file", file.as_str()),
            ("topic", "lines"),
            ("batch.size", "300"),
        ])
    }

    async fn produce(&mut self, values: &[String]) {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.file())
            .unwrap();
        let lines: String = values.iter().map(|value| format!("{value}\n")).collect();
        file.write_all(lines.as_bytes()).unwrap();
    }

    async fn refused(&mut self) -> Vec<Refused> {
        let folder = self.dir.path().display().to_string();
        vec![
            (properties(&[("file", "x.log")]), "topic".to_owned()),
            (
                properties(&[("file", "x.log"), ("topic", "")]),
                "topic".to_owned(),
            ),
            (
                properties(&[("topic", "t"), ("batch.size", "many")]),
                "batch.size".to_owned(),
            ),
            (
                properties(&[("topic", "t"), ("file", folder.as_str())]),
                folder.clone(),
            ),
        ]
    }
}

#[async_trait]
impl SinkFixture for Folder {
    type Connector = FileStreamSink;

    fn connector(&self) -> FileStreamSink {
        FileStreamSink::default()
    }

    async fn reset(&mut self) -> Properties {
        let file = self.next_file();
        properties(&[("file", file.as_str()), ("topics", "lines")])
    }

    async fn delivered(&mut self) -> Option<Vec<String>> {
        Some(
            fs::read_to_string(self.file())
                .unwrap()
                .lines()
                .map(str::to_owned)
                .collect(),
        )
    }

    async fn refused(&mut self) -> Vec<Refused> {
        let folder = self.dir.path().join("none");
        let file = folder.join("out.txt").display().to_string();
        vec![
            (
                properties(&[("file", file.as_str())]),
                folder.display().to_string(),
            ),
            (properties(&[("file", "/dev/full")]), "/dev/full".to_owned()),
        ]
    }
}

#[tokio::test]
async fn source() {
    conformance::source(&mut Folder::new()).await;
}

#[tokio::test]
async fn sink() {
    conformance::sink(&mut Folder::new()).await;
}
