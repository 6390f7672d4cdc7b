//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::case::Codec;

/// Measures the machine's bounds by plain loops and Millrace beside them.
#[derive(Debug, Parser)]
#[command(name = "millrace-bench")]
pub(crate) struct Args {
    /// Run only what contains one of these: cases as `file-to-topic/100/plain`, and `latency`, `datagen`, `footprint`,
    /// `catch-up`; only by their names `many-files` (20,100 files, tailed), `beside` (Kafka Connect does the same; needs Java and
    /// Maven) and `shippers` (rsyslog, syslog-ng and Flume do; needs rsyslog-kafka, apt-get, Java and Maven)
    pub(crate) filter: Vec<String>,

    /// Megabytes (10^6) of lines in each run
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) megabytes: u64,

    /// Rounds; each runs the bound, then Millrace
    #[arg(long, default_value_t = 5, value_parser = rounds)]
    pub(crate) rounds: usize,

    /// Line lengths, newline included
    #[arg(long, value_delimiter = ',', default_values_t = [100, 1024], value_parser = line_bytes)]
    pub(crate) lines: Vec<usize>,

    /// Compression of the batches
    #[arg(long, value_delimiter = ',', default_values_t = [Codec::Plain, Codec::Lz4])]
    pub(crate) codec: Vec<Codec>,

    /// Measure only the bounds, without Millrace
    #[arg(long)]
    pub(crate) bounds_only: bool,

    /// Folder for inputs and results
    #[arg(long, default_value = "target/millrace-bench")]
    pub(crate) dir: PathBuf,

    /// Where the JSON goes [default: report.json in the folder]
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
}

impl Args {
    /// True if the case named `title` was asked for.
    pub(crate) fn wants(&self, title: &str) -> bool {
        self.filter.is_empty() || self.filter.iter().any(|part| title.contains(part.as_str()))
    }

    /// True if what is called `name` was asked for by just that.
    pub(crate) fn names(&self, name: &str) -> bool {
        self.filter.iter().any(|part| part == name)
    }
}

fn rounds(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(rounds) if rounds >= 1 => Ok(rounds),
        _ => Err("at least 1 round".to_owned()),
    }
}

fn line_bytes(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(length) if (2..=100_000).contains(&length) => Ok(length),
        _ => Err("a line has 2 to 100000 bytes".to_owned()),
    }
}
