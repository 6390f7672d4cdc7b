//! `millrace connectors offsets`: where connectors go on, shown, set and forgotten.
//!
//! A change is shown before it is made: where each partition is, where it will be, and how many records a sink would
//! read again or leave out. Connect changes offsets of stopped connectors only; `--stop` stops one for it and puts it
//! back into its state afterwards.

mod brokers;
mod change;
mod place;

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Value, json};

use self::{
    brokers::Choice,
    change::Change,
    place::{Row, rows},
};
use super::{
    client::{Workers, of},
    show::{each, plain},
};
use crate::{
    plan::read_text,
    tools::{
        run::Usage,
        server::Server,
        stdout::{print, print_json},
        table::{Column, Table},
        time,
    },
};

#[derive(Debug, Args)]
pub(super) struct Offsets {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show where a connector goes on
    Show {
        /// The connector
        name: String,
    },
    /// Have a stopped connector go on elsewhere
    Set(Box<Set>),
    /// Forget all offsets of a stopped connector
    Reset(Reset),
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("where").required(true))]
struct Set {
    /// The connector
    name: String,
    /// To the first record of this time or later: 2026-03-02T09:00:00, milliseconds, or how long ago as in PT2H
    #[arg(long, value_name = "TIME", group = "where")]
    to_time: Option<String>,
    /// To the beginning of the topics
    #[arg(long, group = "where")]
    to_earliest: bool,
    /// To the end of the topics
    #[arg(long, group = "where")]
    to_latest: bool,
    /// To this offset
    #[arg(long, value_name = "N", group = "where")]
    to_offset: Option<i64>,
    /// By so many records, back if negative
    #[arg(long, value_name = "N", group = "where", allow_negative_numbers = true)]
    shift_by: Option<i64>,
    /// To what a file says: the JSON that `offsets show --json` prints. The only way for a source
    #[arg(long, value_name = "FILE", group = "where")]
    from_file: Option<PathBuf>,
    /// Only this topic, or TOPIC:0,1 for some of its partitions; may be repeated
    #[arg(long, value_name = "TOPIC", conflicts_with = "from_file")]
    topic: Vec<String>,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
struct Reset {
    /// The connector
    name: String,
    #[command(flatten)]
    how: How,
}

/// How a change is made.
#[derive(Debug, Args)]
pub(in crate::tools::connectors) struct How {
    /// Stop the connector before, and put it back into its state afterwards
    #[arg(long)]
    stop: bool,
    /// Show what would be read again, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl Offsets {
    pub(super) async fn act(&self, workers: &Workers, as_json: bool) -> anyhow::Result<()> {
        match &self.action {
            Action::Show { name } => show(workers, name, as_json).await,
            Action::Set(set) => set.act(workers, as_json).await,
            Action::Reset(reset) => reset.act(workers, as_json).await,
        }
    }
}

/// What the worker has of a connector's offsets.
async fn read(workers: &Workers, name: &str) -> anyhow::Result<Vec<Value>> {
    let answer = workers.get(&of(name, "/offsets")?).await?;
    Ok(each(&answer, "offsets").to_vec())
}

async fn show(workers: &Workers, name: &str, as_json: bool) -> anyhow::Result<()> {
    let offsets = read(workers, name).await?;
    if as_json {
        return Ok(print_json(&json!({"offsets": offsets}))?);
    }
    let mut table = Table::new(&[Column("PARTITION", 0), Column("OFFSET", 0)]);
    for Row { place, offset } in rows(&offsets) {
        table.row(vec![plain(&place), plain(&offset)]);
    }
    Ok(print(table.to_text())?)
}

impl Set {
    async fn act(&self, workers: &Workers, as_json: bool) -> anyhow::Result<()> {
        let now = read(workers, &self.name).await?;
        let change = match &self.from_file {
            Some(path) => Change::Alter {
                wanted: from_file(path)?,
                counts: Vec::new(),
            },
            None => {
                let choice = self.choice()?;
                let brokers = brokers::Brokers::of(workers, &self.server).await?;
                brokers
                    .change(workers, &self.name, &now, choice, &self.topic)
                    .await?
            }
        };
        change
            .make(workers, &self.name, &now, &self.how, as_json)
            .await
    }

    fn choice(&self) -> anyhow::Result<Choice> {
        let now_ms = millrace_wire::clock::system().now_ms();
        Ok(match (&self.to_time, self.to_offset, self.shift_by) {
            (Some(text), _, _) => Choice::Time(time::instant_ms(text, now_ms)?),
            (_, Some(offset), _) => Choice::Offset(offset),
            (_, _, Some(by)) => Choice::Shift(by),
            _ if self.to_latest => Choice::Latest,
            _ => Choice::Earliest,
        })
    }
}

impl Reset {
    async fn act(&self, workers: &Workers, as_json: bool) -> anyhow::Result<()> {
        let now = read(workers, &self.name).await?;
        Change::Reset
            .make(workers, &self.name, &now, &self.how, as_json)
            .await
    }
}

/// The offsets of a file.
fn from_file(path: &std::path::Path) -> Result<Vec<Value>, Usage> {
    let text = read_text(path).map_err(|problem| Usage::new(problem.to_string()))?;
    let wrong = |why: &str| Usage::new(format!("{}: {why}", path.display()));
    let document: Value =
        serde_json::from_str(&text).map_err(|error| wrong(&format!("not JSON: {error}")))?;
    match document["offsets"].as_array() {
        Some(offsets) if !offsets.is_empty() => Ok(offsets.clone()),
        _ => Err(wrong(
            "has no \"offsets\": [{\"partition\": {}, \"offset\": {}}]",
        )),
    }
}
