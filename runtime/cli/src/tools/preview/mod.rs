//! `millrace preview`: shows what a connector's configuration makes of real records, step by step, by asking a running
//! worker (`POST /preview`). Nothing is written, neither here nor there.

mod ask;
mod show;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::{
    run::{self, Usage},
    stdout::{print, print_json},
};
use crate::{failure::Failure, plan::ConnectorFile};

/// Where a worker answers unless told otherwise.
const DEFAULT_WORKER: &str = "http://127.0.0.1:8083";

#[derive(Debug, Args)]
pub(crate) struct Preview {
    /// A connector's configuration, properties or JSON; --name shows one that is there
    #[arg(required_unless_present = "name", conflicts_with = "name")]
    config: Option<PathBuf>,
    /// The name of a connector of the worker
    #[arg(long)]
    name: Option<String>,
    /// The worker's REST API
    #[arg(long, value_name = "URL", default_value = DEFAULT_WORKER)]
    worker: String,
    /// Read this topic in place of those of the sink
    #[arg(long)]
    topic: Option<String>,
    /// Where to begin: a source behind its stored offsets or at its beginning, a topic at its beginning or end
    #[arg(long, value_enum, default_value = "stored")]
    from: From,
    /// How many records to read at most
    #[arg(long, value_name = "N", default_value_t = 10)]
    records: usize,
    /// How many bytes of records to read at most
    #[arg(long, value_name = "N", default_value_t = 1_048_576)]
    bytes: usize,
    /// How long to wait for them
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    timeout_ms: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum From {
    Stored,
    Beginning,
    End,
}

impl Preview {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        run::to_end(self.act())
    }

    async fn act(&self) -> anyhow::Result<()> {
        let answer = ask::preview(&self.worker, &self.body()?).await?;
        if self.json {
            print_json(&answer)?;
        } else {
            print(show::text(&answer))?;
        }
        Ok(())
    }

    fn body(&self) -> anyhow::Result<Value> {
        let from = match self.from {
            From::Stored => "stored",
            From::Beginning => "beginning",
            From::End => "end",
        };
        let mut body = Map::new();
        if let Some(name) = &self.name {
            body.insert("connector".to_owned(), json!(name));
        }
        if let Some(path) = &self.config {
            let file =
                ConnectorFile::read(path).map_err(|problem| Usage::new(problem.to_string()))?;
            body.insert("config".to_owned(), json!(file.config));
        }
        if let Some(topic) = &self.topic {
            body.insert("topic".to_owned(), json!(topic));
        }
        body.insert("from".to_owned(), json!(from));
        body.insert("records".to_owned(), json!(self.records));
        body.insert("bytes".to_owned(), json!(self.bytes));
        body.insert("timeout_ms".to_owned(), json!(self.timeout_ms));
        Ok(body.into())
    }
}
