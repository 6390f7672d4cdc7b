//! FileSink: records into files that are complete when they appear, each record once.
//!
//! ```text
//! put ─▶ stage: path and line of each record ─▶ pending files (temporary names) ─▶ flush on the blocking pool
//!                                                       │ full, old, or many
//!                                                       ▼
//!                          sync ─▶ journal of the partition, renamed into place ─▶ files renamed into place
//! ```
//!
//! The journal is the commit: it says from which offset a partition is read again, up to which offset each folder that
//! is ahead of it has its records, and which temporary files have still to be renamed. Whoever opens the partition next
//! does what the journal says, throws other temporary files away, and has the consumer go back or forth to its offset.
//! The offsets that the consumer's group commits follow it and are never ahead of it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods))]

mod codec;
mod config;
mod connector;
mod failure;
mod format;
mod journal;
mod json;
mod names;
mod pending;
mod place;
mod recovery;
mod stage;
mod store;
mod task;
mod template;

pub use connector::FileSink;
