//! `millrace verify`: whether a topic holds each line of files once and in order, and if not, exactly what is missing,
//! doubled, out of order or of no file.
//!
//! ```text
//! topic's ends ─▶ files: a hash and a position of each line ─▶ records up to those ends ─▶ the line of each record
//! ```
//!
//! The ends are asked for first, so that what is written meanwhile is in the files before it is in what is read of the
//! topic. What is remembered is 32 bytes a line, beyond 4 million lines in temporary files, and a bit a line in memory.
//! No file of any kind is needed from whoever wrote the topic; headers `path` and `offset` of the file source, where
//! they are there, tell equal lines apart.

mod compare;
mod files;
mod findings;
mod hash;
mod index;
mod items;
mod pairs;
mod queue;
mod reading;
mod report;
mod seen;
mod trace;

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use clap::Args;
use millrace_client::consumer::ConsumerConfig;
use millrace_config::{Config as _, Properties};
use millrace_wire::clock;

use self::{
    compare::Comparing,
    files::Files,
    hash::Hashing,
    items::Form,
    reading::Topic,
    report::{Report, missing_lines},
    trace::Tracer,
};
use super::{
    progress::Progress,
    run::{self, Differs, Usage},
    server::Server,
    stdout::{print, print_json},
};
use crate::{failure::Failure, older::Place};

/// How long to wait before it is seen whether the topic has grown.
const GROWTH: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The files; the pieces of a rotated one in the order in which they were written, gzip and zstd unpacked
    #[arg(required = true, num_args = 1.., value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The topic
    #[arg(required = true, value_name = "TOPIC")]
    topic: String,
    /// Compare this partition only
    #[arg(long, value_name = "N")]
    partition: Option<i32>,
    /// The files are pieces of one log: their lines come in order over all of them
    #[arg(long)]
    one_log: bool,
    /// Lines may be doubled, as after a kill; they are still shown
    #[arg(long)]
    at_least_once: bool,
    /// What the values of records are
    #[arg(long, value_enum, value_name = "FORM", default_value = "text")]
    values: Form,
    /// Wait so long for lines that are missing
    #[arg(long, value_name = "MS", default_value_t = 0)]
    wait_ms: u64,
    /// Show at most so many findings of each kind; all are counted
    #[arg(long, value_name = "N", default_value_t = 100)]
    max_findings: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

impl Verify {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        run::to_end(self.compare())
    }

    /// Prints what was found; that the topic does not hold the files is an error of its own.
    async fn compare(&self) -> anyhow::Result<()> {
        let properties = self.properties()?;
        let config =
            ConsumerConfig::parse(&properties).map_err(|errors| Usage::new(errors.to_string()))?;
        let cluster = Server::cluster(&properties).await?;
        let mut topic = Topic::find(&cluster, config, &self.topic, self.partition).await?;
        let hashing = Hashing::default();
        let tracer = self.tracer(hashing.clone()).await?;
        let mut comparing = Comparing::new(tracer, hashing, self.values, &topic.partitions());
        let clock = clock::system();
        let until = clock.monotonic() + Duration::from_millis(self.wait_ms);
        let progress = Progress::counting("records compared", None);
        loop {
            topic.read(&mut comparing, &progress).await?;
            if missing_lines(&comparing.tracer) == 0 || clock.monotonic() >= until {
                break;
            }
            tokio::time::sleep(GROWTH).await;
            topic.look().await?;
        }
        drop(progress);
        let mut report = Report::new(
            &self.topic,
            comparing.queues.len(),
            comparing.tracer,
            self.at_least_once,
            self.max_findings,
        );
        topic.close().await;
        if self.json {
            print_json(&report.document()?)?;
        } else {
            print(report.text()?)?;
        }
        if report.holds() {
            return Ok(());
        }
        Err(Differs(report.verdict()).into())
    }

    async fn tracer(&self, hashing: Hashing) -> anyhow::Result<Tracer> {
        let (paths, is_one_log, kept_max) = (self.files.clone(), self.one_log, self.max_findings);
        let read = tokio::task::spawn_blocking(move || {
            let files = Files::read(&paths, &hashing)?;
            Tracer::new(files, is_one_log, kept_max)
                .context("cannot look up lines in a temporary file")
        });
        read.await?
    }

    /// Records of transactions that were given up do not count.
    fn properties(&self) -> anyhow::Result<Properties> {
        let defaults = [
            ("client.id", "millrace-verify"),
            ("enable.auto.commit", "false"),
            ("auto.offset.reset", "none"),
            ("isolation.level", "read_committed"),
            // Partitions take turns: none waits for long where only others have records.
            ("fetch.max.wait.ms", "20"),
        ];
        self.server.properties(Place::Consumer, &defaults)
    }
}
