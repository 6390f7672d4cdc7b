//! Whole-system tests: the real binary, started in a folder of its own, watched from outside.
//!
//! The harness owns folders, ports, processes and waiting; the tests are in `tests/`, and what runs for long
//! (`cargo run --release -p millrace-system -- soak NAME`) is in `main.rs` and [`soak`]. Ports are picked by the
//! system and read from the lines a start prints, so that tests run side by side.
#![allow(
    clippy::disallowed_methods,
    reason = "a test harness blocks, reads files and measures time"
)]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failed expectation ends a test"
)]

pub mod apart;
pub mod binary;
pub mod cluster;
pub mod conformance;
pub mod exposition;
pub mod group;
pub mod input;
pub mod pipeline;
pub mod process;
pub mod random;
pub mod rest;
pub mod sandbox;
pub mod soak;
pub mod tool;
pub mod topic;
pub mod wait;
