//! The REST API against a table of requests and answers, on Millrace and on Kafka Connect alike.
//!
//! The tables are the files of `tests/system/conformance`; each has one worker of its own, made with the keys the
//! file names. `tests/rest_conformance.rs` runs them all against the real binary;
//! `cargo run -p millrace-interop -- rest` starts Kafka Connect for each, and
//! `cargo run -p millrace-system -- conformance --url URL` runs them against a worker that is there already.

mod http;
mod pattern;
mod run;
mod table;

pub use run::{Subject, is_healthy, run};
pub use table::{Table, tables};

/// What `in.txt`, the file of the tables' source, holds.
pub const LINES: &str = "one\ntwo\n";
