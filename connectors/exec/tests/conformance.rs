//! The suite that every connector passes, as far as it fits a source without offsets.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::io::Write;
use std::path::PathBuf;

use async_trait::async_trait;
use millrace_api::Properties;
use millrace_exec::Exec;
use millrace_testkit::conformance::{self, Refused, SourceFixture};
use tempfile::TempDir;

/// A file that the command follows.
struct Followed {
    dir: TempDir,
    runs: usize,
}

impl Followed {
    fn path(&self) -> PathBuf {
        self.dir.path().join(self.runs.to_string())
    }

    fn properties(&self, pairs: &[(&str, &str)]) -> Properties {
        let command = format!("tail -n +1 -f {}", self.path().display());
        millrace_testkit::properties(
            [("command", command.as_str()), ("topic", "lines")]
                .iter()
                .chain(pairs),
        )
    }
}

#[async_trait]
impl SourceFixture for Followed {
    type Connector = Exec;

    fn connector(&self) -> Exec {
        Exec::default()
    }

    async fn reset(&mut self) -> Properties {
        self.runs += 1;
        std::fs::write(self.path(), "").unwrap();
        self.properties(&[])
    }

    async fn produce(&mut self, values: &[String]) {
        let lines: String = values.iter().map(|value| format!("{value}\n")).collect();
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.append(true).open(self.path()).unwrap();
        file.write_all(lines.as_bytes()).unwrap();
    }

    async fn refused(&mut self) -> Vec<Refused> {
        let case =
            |pairs: &[(&str, &str)], mention: &str| (self.properties(pairs), mention.to_owned());
        vec![
            case(&[("command", "")], "command"),
            case(&[("topic", "")], "topic"),
            case(&[("restart", "often")], "restart"),
            case(&[("command", "/no/such/program x")], "/no/such/program"),
            case(
                &[("working.directory", "/no/such")],
                "working.directory=/no/such",
            ),
            case(&[("command", "false")], "exit status: 1"),
            case(
                &[("batchSize", "1"), ("batch.size", "1")],
                "another name of batch.size",
            ),
        ]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    let dir = tempfile::tempdir().unwrap();
    conformance::forgetful_source(&mut Followed { dir, runs: 0 }).await;
}
