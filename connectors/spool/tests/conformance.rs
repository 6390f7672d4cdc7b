//! The suite that every connector passes.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::path::PathBuf;

use async_trait::async_trait;
use millrace_api::Properties;
use millrace_spool::SpoolDir;
use millrace_testkit::conformance::{self, Refused, SourceFixture};
use tempfile::TempDir;

struct Folder {
    dir: TempDir,
    runs: usize,
    files: usize,
}

impl Folder {
    fn path(&self) -> PathBuf {
        self.dir.path().join(self.runs.to_string())
    }

    fn properties(&self, pairs: &[(&str, &str)]) -> Properties {
        let folder = self.path().display().to_string();
        let base = [
            ("folder", folder.as_str()),
            ("topic", "lines"),
            ("stable.ms", "0"),
            ("scan.interval.ms", "10"),
            ("batch.size", "300"),
        ];
        millrace_testkit::properties(base.iter().chain(pairs))
    }
}

#[async_trait]
impl SourceFixture for Folder {
    type Connector = SpoolDir;

    fn connector(&self) -> SpoolDir {
        SpoolDir::default()
    }

    async fn reset(&mut self) -> Properties {
        self.runs += 1;
        std::fs::create_dir(self.path()).unwrap();
        self.properties(&[])
    }

    /// A file with these lines, which appears whole.
    async fn produce(&mut self, values: &[String]) {
        self.files += 1;
        let lines: String = values.iter().map(|value| format!("{value}\n")).collect();
        let writing = self.path().join(".writing");
        std::fs::write(&writing, lines).unwrap();
        std::fs::rename(writing, self.path().join(format!("{:08}", self.files))).unwrap();
    }

    async fn refused(&mut self) -> Vec<Refused> {
        let case =
            |pairs: &[(&str, &str)], mention: &str| (self.properties(pairs), mention.to_owned());
        vec![
            case(&[("folder", "")], "folder"),
            case(
                &[("folder", "/none/such")],
                "/none/such for configuration folder",
            ),
            case(&[("topic", "")], "topic"),
            case(&[("include", "[")], "glob"),
            case(&[("format", "xml")], "format"),
            case(
                &[("when.done", "delete"), ("done.folder", "/d")],
                "done.folder",
            ),
            case(
                &[("failed.folder", "/proc/none")],
                "/proc/none for configuration failed.folder",
            ),
            case(&[("csv.separator", "ab")], "csv.separator"),
        ]
    }
}

#[tokio::test]
async fn source() {
    let dir = tempfile::tempdir().unwrap();
    let mut folder = Folder {
        dir,
        runs: 0,
        files: 0,
    };
    conformance::source(&mut folder).await;
}
