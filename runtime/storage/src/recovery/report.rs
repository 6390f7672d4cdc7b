//! What a start found.

use std::path::PathBuf;

use crate::log::Damage;

/// A torn tail that was cut and saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The segment's file.
    pub path: PathBuf,
    /// Where it ends now.
    pub position: u64,
    /// The log end offset after the cut.
    pub offset: i64,
    /// Bytes that were cut.
    pub bytes: u64,
    /// Where they are kept.
    pub saved: PathBuf,
    /// Why they are no batches.
    pub reason: String,
}

/// What the start found in one log. Logs without a finding have none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogRecovery {
    /// The topic's name.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// Torn tails: of the last segment, and whole segments behind it.
    pub cuts: Vec<Cut>,
    /// Batches below the durable point that cannot be read any more.
    pub damages: Vec<Damage>,
}

/// What the start of a data directory found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Whether the last stop was an orderly one, so that nothing had to be read again.
    pub clean: bool,
    /// Bytes that were read again.
    pub scanned_bytes: u64,
    /// Logs in which something was cut or is damaged.
    pub logs: Vec<LogRecovery>,
}
