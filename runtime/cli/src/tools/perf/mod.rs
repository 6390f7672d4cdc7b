//! `millrace perf`: how fast a cluster takes and gives records, with the options and the summary lines of
//! `kafka-producer-perf-test.sh` and `kafka-consumer-perf-test.sh`.

mod consume;
mod latency;
mod payload;
mod produce;
mod report;

use clap::{Args, Subcommand};

use crate::failure::Failure;

/// Bytes of a megabyte, as Kafka's tools count.
const MEGABYTE: f64 = 1024.0 * 1024.0;

#[derive(Debug, Args)]
pub(crate) struct Perf {
    #[command(subcommand)]
    test: Test,
}

#[derive(Debug, Subcommand)]
enum Test {
    /// Write records as fast as they are taken, or at a rate
    Produce(Box<produce::Produce>),
    /// Read records as fast as they come
    Consume(Box<consume::Consume>),
}

impl Perf {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        match &self.test {
            Test::Produce(test) => test.run(),
            Test::Consume(test) => test.run(),
        }
    }
}
