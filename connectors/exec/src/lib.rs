//! Exec: a source of the lines that a command prints.
//!
//! ```text
//! command ─▶ stdout ─▶ lines ─▶ poll ─▶ worker
//!    │   └─▶ stderr ─▶ lines ─▶ log, or records
//!    └─ ended: restart by policy, with pauses and a budget, or fail with the exit code
//! guard ── the worker is gone: kills the command with all that it started
//! ```
//!
//! The pipe is read only when the worker polls, so that a slow broker makes the command wait. There is no offset: what
//! a command has printed it does not print again. Facts: contract connectors-transforms, section 5 (Flume's exec source).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods))]

mod collect;
mod complaints;
mod config;
mod connector;
mod grammar;
mod lines;
mod lookup;
mod process;
mod restarts;
mod task;

pub use connector::Exec;
