//! The machine's bounds: plain loops that do the same work as Millrace without the system around it.
//!
//! They use no Millrace crate, read and write in 256 KiB units, reuse every buffer and never sync. A bound is what a
//! program written for that one job alone would reach here and now, so a ratio to it says what Millrace costs.

pub(crate) mod both;
pub(crate) mod file_to_log;
pub(crate) mod http;
pub(crate) mod log_to_file;
pub(crate) mod record_batch;
pub(crate) mod tcp_fetch;
pub(crate) mod tcp_produce;

/// Bytes of one read or write: the sweet spot of sockets and page cache, and a quarter of a common L2 cache.
pub(crate) const BLOCK: usize = 256 << 10;

/// Bytes of records after which a batch is closed.
pub(crate) const BATCH: usize = 512 << 10;
