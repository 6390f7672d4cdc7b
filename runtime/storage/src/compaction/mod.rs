//! Compaction: of a log whose records have keys, only the last record of each key is kept.
//!
//! A log is clean up to an offset, the *first dirty* one, and dirty behind it. Once enough of it is
//! dirty ([`plan`]), the keys of the dirty part go into a map with the last offset of each ([`key_map`],
//! [`index_keys`]), and all segments from the first on are written again without the records that the
//! map has a later offset for ([`filter`], [`rewrite`], [`writer`]). Small neighbours become one
//! segment. The active segment, whatever is not durable yet, and whatever an open transaction has
//! written are left alone.
//!
//! What stays as it was: offsets, the order of records, each batch's range of offsets and its producer's
//! id, epoch and sequence. The last batch of a producer that is still known stays even without records,
//! so that the producer's sequence outlives its snapshot.
//!
//! What goes:
//!
//! - a record whose key has a later one, and a record without a key;
//! - a tombstone, once its batch's delete horizon has passed: the first compaction that keeps it writes
//!   there the time of that compaction plus `delete.retention.ms`, so that a reader who saw the older
//!   value has that long to see the tombstone too;
//! - all records of an aborted transaction, and a transaction's marker once nothing of it is left and a
//!   delete horizon has passed ([`transactions`]).
//!
//! A new segment is written beside the old ones as `.cleaned` files, synced, renamed to `.swap` with the
//! `.log` last, which is the point of no return, and then takes the old ones' place
//! (`Log::replace_segments`). Readers go on in the old files until they let go of them. Opening a
//! directory completes or takes back what a crash interrupted (`log::load::swap`).
//!
//! Facts: Kafka's `LogCleaner`, `Cleaner`, `LogCleanerManager`, `CleanedTransactionMetadata`, and
//! KIP-534 for the horizons.

mod error;
mod filter;
mod index_keys;
mod key_map;
mod pace;
mod plan;
mod reader;
mod rewrite;
mod run;
mod survey;
#[cfg(test)]
mod tests;
mod transactions;
mod writer;

pub(crate) use error::CompactionError;
pub(crate) use pace::Pace;
pub(crate) use plan::Plan;
pub(crate) use run::{Context, compact};
pub(crate) use writer::CleanedSegment;
