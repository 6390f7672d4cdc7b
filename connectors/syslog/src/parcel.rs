//! Messages that were received together, made records.

use std::sync::Arc;

use bytes::Bytes;
use millrace_api::{Datum, Span};
use tokio::sync::OwnedSemaphorePermit;

/// What a record takes beside its bytes while it waits.
const RECORD_BYTES: usize = 128;
/// What a structure takes beside.
const STRUCT_BYTES: usize = 768;

/// One record.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) topic: Arc<str>,
    pub(crate) key: Span,
    /// Null where values are structures, which the parcel has.
    pub(crate) value: Span,
    pub(crate) headers: Span,
    pub(crate) timestamp: i64,
}

/// Records that share a block.
#[derive(Debug, Default)]
pub(crate) struct Parcel {
    /// What the entries' spans are ranges of.
    pub(crate) block: Bytes,
    pub(crate) entries: Vec<Entry>,
    /// One an entry, where values are structures.
    pub(crate) structures: Vec<Datum>,
    /// Bytes of the messages that structures were made of.
    pub(crate) structure_bytes: usize,
}

impl Parcel {
    /// What it takes while it waits.
    pub(crate) fn bytes(&self) -> usize {
        let records = self.entries.len() * RECORD_BYTES;
        let structures = self.structures.len() * STRUCT_BYTES + self.structure_bytes;
        self.block.len() + records + structures
    }
}

/// A parcel with its room in the budget.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) parcel: Parcel,
    pub(crate) room: OwnedSemaphorePermit,
}
