//! The suite that every connector passes.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use async_trait::async_trait;
use millrace_api::Properties;
use millrace_tail::FileTail;
use millrace_testkit::conformance::{self, Refused, SourceFixture};
use tempfile::TempDir;

struct Folder {
    dir: TempDir,
    runs: usize,
}

impl Folder {
    fn path(&self) -> PathBuf {
        self.dir.path().join(self.runs.to_string())
    }
}

fn properties(pairs: &[(&str, &str)]) -> Properties {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[async_trait]
impl SourceFixture for Folder {
    type Connector = FileTail;

    fn connector(&self) -> FileTail {
        FileTail::default()
    }

    async fn reset(&mut self) -> Properties {
        self.runs += 1;
        std::fs::create_dir(self.path()).unwrap();
        let include = self.path().join("*.log").display().to_string();
        properties(&[
            ("include", &include),
            ("topic", "lines"),
            ("batch.size", "300"),
        ])
    }

    async fn produce(&mut self, values: &[String]) {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.path().join("a.log"))
            .unwrap();
        let lines: String = values.iter().map(|value| format!("{value}\n")).collect();
        file.write_all(lines.as_bytes()).unwrap();
    }

    async fn refused(&mut self) -> Vec<Refused> {
        vec![
            (properties(&[("topic", "t")]), "include".to_owned()),
            (properties(&[("include", "/l/*")]), "topic".to_owned()),
            (
                properties(&[("include", "/l/["), ("topic", "t")]),
                "glob".to_owned(),
            ),
            (
                properties(&[
                    ("include", "/l/*"),
                    ("topic", "t"),
                    ("start.from.flume", "/none/positions.json"),
                ]),
                "start.from.flume".to_owned(),
            ),
            (
                properties(&[
                    ("include", "/l/*"),
                    ("topic", "t"),
                    ("invalid.bytes", "keep"),
                ]),
                "invalid.bytes".to_owned(),
            ),
            (
                properties(&[("include", "/l/*"), ("topic", "t"), ("open.files.max", "0")]),
                "open.files.max".to_owned(),
            ),
        ]
    }
}

#[tokio::test]
async fn source() {
    let dir = tempfile::tempdir().unwrap();
    conformance::source(&mut Folder { dir, runs: 0 }).await;
}
