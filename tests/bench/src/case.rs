//! What is measured: a named job, done by the bound and, where it exists, by Millrace.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// How the records of a case are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Codec {
    Plain,
    Lz4,
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Lz4 => "lz4",
        })
    }
}

/// The work of one run: `bytes` of lines (line ends included), so that both sides of a ratio count the same thing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) bytes: u64,
    pub(crate) records: u64,
    pub(crate) elapsed: Duration,
}

impl Sample {
    /// Megabytes (10^6) of lines a second.
    pub(crate) fn megabytes_per_second(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.elapsed.as_secs_f64()
    }

    pub(crate) fn records_per_second(&self) -> f64 {
        self.records as f64 / self.elapsed.as_secs_f64()
    }
}

/// One side of a case. It prepares its files, then times only the job itself.
pub(crate) type Run = Box<dyn FnMut() -> anyhow::Result<Sample>>;

/// A job with its bound.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) line_bytes: usize,
    pub(crate) codec: Codec,
    pub(crate) bound: Run,
    pub(crate) millrace: Option<Run>,
}

impl Case {
    /// What the filter is matched against, and what the table shows: `file-to-log/100/plain`.
    pub(crate) fn title(&self) -> String {
        format!("{}/{}/{}", self.name, self.line_bytes, self.codec)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("title", &self.title())
            .finish_non_exhaustive()
    }
}
