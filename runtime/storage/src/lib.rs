//! The log on disk: segments, indexes, recovery, retention, compaction and the flusher.
//!
//! A [`DataDir`] is a directory of partitions, each of which is a [`Log`]. The files are Apache Kafka's,
//! in names and in bytes, so that its own tools read them. Nothing here is async and nothing knows of
//! the network: an append ends in the page cache, [`Log::on_durable`] calls back once the flusher has
//! synced it, and a read gives a range of a file.
//!
//! What may run on an async task: [`Log::append`], [`Log::read`], the look-ups by time and all that only
//! asks for offsets; they touch the page cache, and an append that fills a segment creates the next
//! one's files. What may not: whatever a [`DataDir`] does, and [`Log::truncate_to`].
//!
//! Facts: Kafka's `storage` module (`LogSegment`, `OffsetIndex`, `TimeIndex`, `ProducerStateManager`,
//! `UnifiedLog`, `LogManager`).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods))]

mod append_error;
mod checkpoint;
mod checkpoints;
mod cluster_metadata;
mod compaction;
mod config;
mod data_dir;
mod epochs;
mod error;
pub mod files;
mod flusher;
mod index;
mod log;
mod meta;
mod names;
mod parallel;
mod producer;
mod read_error;
mod recovery;
mod registry;
mod scan;
mod segment;
mod shared;
mod stop;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod validate;

pub use append_error::{AppendError, RecordError};
pub use cluster_metadata::{KafkaMetadata, KafkaTopic};
pub use config::{
    CleanerConfig, DataDirConfig, Durability, LogConfig, StoredCompression, TimestampPolicy,
};
pub use data_dir::DataDir;
pub use error::StorageError;
pub use index::AbortedTransaction;
pub use log::{
    Appended, Damage, Isolation, Log, LogListener, OffsetAndTimestamp, OnDurable, ProducerInfo,
    ReadRange,
};
pub use meta::MetaProperties;
pub use producer::SequenceError;
pub use read_error::ReadError;
pub use recovery::{Cut, LogRecovery, Recovery};
