//! The suite that every connector passes.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod common;

use async_trait::async_trait;
use common::{lines, properties};
use millrace_api::Properties;
use millrace_filesink::FileSink;
use millrace_testkit::conformance::{self, Refused, SinkFixture};
use tempfile::TempDir;

struct Folder {
    dir: TempDir,
    runs: usize,
}

impl Folder {
    fn directory(&self) -> String {
        let path = self.dir.path().join(self.runs.to_string());
        path.display().to_string()
    }
}

#[async_trait]
impl SinkFixture for Folder {
    type Connector = FileSink;

    fn connector(&self) -> FileSink {
        FileSink::default()
    }

    async fn reset(&mut self) -> Properties {
        self.runs += 1;
        properties(&self.directory(), &[("roll.age.ms", "0")])
    }

    async fn delivered(&mut self) -> Option<Vec<String>> {
        Some(lines(self.directory().as_ref()))
    }

    fn repeats(&self) -> bool {
        false
    }

    async fn refused(&mut self) -> Vec<Refused> {
        let file = self.dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let below = file.join("below").display().to_string();
        let case =
            |pairs: &[(&str, &str)], mention: &str| (properties(&below, pairs), mention.to_owned());
        vec![
            case(&[], &below),
            case(&[("directory", "")], "directory"),
            case(&[("path", "../x")], "path"),
            case(&[("columns", "size")], "columns"),
            case(&[("compression.level", "3")], "compression.level"),
        ]
    }
}

#[tokio::test]
async fn conforms() {
    let mut folder = Folder {
        dir: tempfile::tempdir().unwrap(),
        runs: 0,
    };
    conformance::sink(&mut folder).await;
}
