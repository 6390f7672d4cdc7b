//! The indexes of a segment: two sparse ones of its batches, and one of its aborted transactions.
//!
//! An index file is preallocated while its segment is active and cut to its entries when the segment
//! rolls or the log closes, so a zero entry ends it. Nothing is mapped: a search is a dozen reads of
//! page cache, and an idle segment costs neither memory nor a descriptor.

mod file;
mod offset;
mod time;
mod transaction;

pub(crate) use offset::{OffsetEntry, OffsetIndex};
pub(crate) use time::{TimeEntry, TimeIndex};
pub use transaction::AbortedTransaction;
pub(crate) use transaction::TransactionIndex;
