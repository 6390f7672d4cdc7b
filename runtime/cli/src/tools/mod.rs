//! The tools: Kafka's command-line tools by Kafka's option names, against any Kafka cluster.
//!
//! Each is a folder or a file: what can be typed is its `Args` struct, and `run` does it. Standard output is for data,
//! tables for people and JSON for scripts; what is said beside goes to standard error. The exit code is 0 when all of
//! it was done, 1 when something failed, 2 for wrong usage, 3 when no broker answers, 128 and the signal's number when
//! a signal ended it; 4 when what `connectors diff` or `verify` compare is not the same.

mod configs;
mod connectors;
mod consume;
mod decode;
mod delete_records;
mod dlq;
mod dump_log;
mod get_offsets;
mod groups;
mod json_bytes;
mod log_dirs;
mod nodes;
mod offsets_topic;
mod perf;
mod preview;
mod produce;
mod progress;
mod run;
mod server;
mod stdout;
mod table;
mod time;
mod topics;
mod verify;

use clap::Subcommand;

pub(crate) use self::{
    run::{Usage, blocking},
    stdout::print,
};

use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Tool {
    /// Create, list, describe, alter and delete topics
    Topics(topics::Topics),
    /// Write lines of standard input to a topic
    Produce(produce::Produce),
    /// Print the records of topics
    Consume(consume::Consume),
    /// List, describe, reset and delete consumer groups
    Groups(groups::Groups),
    /// Show and change configurations
    Configs(configs::Configs),
    /// List, create, apply and watch connectors, on workers of Kafka Connect, too
    Connectors(connectors::Connectors),
    /// Delete records from the beginning of partitions
    DeleteRecords(delete_records::DeleteRecords),
    /// List, show and replay dead letters of connectors
    Dlq(dlq::Dlq),
    /// Show the offsets of topics
    GetOffsets(get_offsets::GetOffsets),
    /// Show the log directories of brokers and what is in them
    LogDirs(log_dirs::LogDirs),
    /// Print what log files hold, without a broker
    DumpLog(dump_log::DumpLog),
    /// Show what a connector's configuration makes of real records, step by step
    Preview(preview::Preview),
    /// Measure how fast records are written or read
    Perf(perf::Perf),
    /// Prove that a topic holds each line of files once and in order, or say what is missing or doubled
    Verify(verify::Verify),
}

impl Tool {
    /// Does what was typed.
    ///
    /// # Errors
    /// As the page of this module says.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        match self {
            Self::Topics(topics) => topics.run(),
            Self::Produce(produce) => produce.run(),
            Self::Consume(consume) => consume.run(),
            Self::Groups(groups) => groups.run(),
            Self::Configs(configs) => configs.run(),
            Self::Connectors(connectors) => connectors.run(),
            Self::DeleteRecords(delete) => delete.run(),
            Self::Dlq(dlq) => dlq.run(),
            Self::GetOffsets(offsets) => offsets.run(),
            Self::LogDirs(dirs) => dirs.run(),
            Self::DumpLog(dump) => dump.run(),
            Self::Preview(preview) => preview.run(),
            Self::Perf(perf) => perf.run(),
            Self::Verify(verify) => verify.run(),
        }
    }
}
