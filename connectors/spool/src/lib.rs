//! SpoolDir: a source that reads files which are put into a folder whole, one after the other, and then moves, deletes
//! or marks them.
//!
//! ```text
//! scan: files that no longer grow, in order ─▶ reader: a block of one file, cut into records ─▶ batch
//!                                                                                               │
//! finish: move, delete, mark ◀── a file whose records are all acknowledged ◀────────────────────┘
//! ```
//!
//! The offset of a file is the byte behind the last acknowledged record, with the file's size and time of change, so that
//! another file of the same name is read from its beginning. Facts: contract connectors-transforms, section 5 (Flume's
//! spooling directory); RFC 4180 (CSV).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods))]

mod batch;
mod config;
mod connector;
mod csv;
mod cut;
mod finish;
mod flight;
mod names;
mod offsets;
mod places;
mod reader;
mod record;
mod scan;
mod task;

pub use connector::SpoolDir;
