//! What is to be previewed, and how much of it.

use std::time::Duration;

use millrace_config::NullableProperties;

/// The most records, bytes and time that one preview takes.
const RECORDS_MAX: usize = 1_000;
const BYTES_MAX: usize = 16 * 1024 * 1024;
const TIME_MAX: Duration = Duration::from_secs(60);

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum From {
    /// A source: behind its stored offsets. A topic: at its first records.
    #[default]
    Stored,
    /// A source: as if it had no stored offsets. A topic: at its first records.
    Beginning,
    /// A topic: at its last records. A source cannot begin there.
    End,
}

/// What is to be previewed.
#[derive(Debug, Clone, PartialEq)]
pub struct PreviewRequest {
    /// The name of the connector, whose stored offsets count.
    pub name: String,
    /// Its configuration, with references to config providers.
    pub config: NullableProperties,
    /// The topic to read in place of those of a sink.
    pub topic: Option<String>,
    /// Where reading begins.
    pub from: From,
    /// How much is read.
    pub limits: Limits,
}

/// How much a preview reads: it ends at whichever is reached first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Records.
    pub records: usize,
    /// Bytes of them.
    pub bytes: usize,
    /// How long they are waited for.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            records: 10,
            bytes: 1024 * 1024,
            time: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// Checks that they are not zero and not above what one preview may take.
    ///
    /// # Errors
    /// Which one is, and what it may be.
    pub fn check(&self) -> Result<(), String> {
        let within = |name: &str, value: u128, max: u128| match value {
            value if (1..=max).contains(&value) => Ok(()),
            value => Err(format!("\"{name}\" is {value}, not one of 1 to {max}")),
        };
        within("records", self.records as u128, RECORDS_MAX as u128)?;
        within("bytes", self.bytes as u128, BYTES_MAX as u128)?;
        within("timeout_ms", self.time.as_millis(), TIME_MAX.as_millis())
    }
}
