//! The transaction index: which transactions whose marker lies in the segment were aborted.
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 2 | version, 0 |
//! | 2 | 8 | producer id |
//! | 10 | 8 | offset of the transaction's first record |
//! | 18 | 8 | offset of its marker |
//! | 26 | 8 | last stable offset once the marker was written |
//!
//! A segment without an aborted transaction has no such file (Kafka's `TransactionIndex` and
//! `AbortedTxn`).

use std::sync::OnceLock;

use crate::error::StorageError;
use crate::files::{FileSlot, Files, read_bytes};

const VERSION: i16 = 0;
const ENTRY_LEN: usize = 34;

/// A transaction that was taken back: who reads committed records must leave its records out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Id of the producer.
    pub producer_id: i64,
    /// Offset of its first record.
    pub first_offset: i64,
    /// Offset of its marker.
    pub last_offset: i64,
}

/// A segment's aborted transactions, read when they are first asked for.
#[derive(Debug)]
pub(crate) struct TransactionIndex {
    slot: FileSlot,
    entries: OnceLock<Vec<AbortedTransaction>>,
}

impl TransactionIndex {
    pub(crate) fn new(slot: FileSlot) -> Self {
        Self {
            slot,
            entries: OnceLock::new(),
        }
    }

    /// The aborted transactions, ordered by marker. Entries that do not read are left out, and logged.
    pub(crate) fn entries(&self, files: &dyn Files) -> Result<&[AbortedTransaction], StorageError> {
        if let Some(entries) = self.entries.get() {
            return Ok(entries);
        }
        let path = self.slot.path();
        let bytes = read_bytes(files, &path)?.unwrap_or_default();
        let entries: Vec<_> = bytes.chunks_exact(ENTRY_LEN).map_while(decode).collect();
        if entries.len() * ENTRY_LEN != bytes.len() {
            log::error!(
                "{} does not read behind its {} entries",
                path.display(),
                entries.len()
            );
        }
        Ok(self.entries.get_or_init(|| entries))
    }
}

fn decode(bytes: &[u8]) -> Option<AbortedTransaction> {
    let (version, fields) = bytes.split_first_chunk()?;
    let (fields, _) = fields.as_chunks::<8>();
    let entry = AbortedTransaction {
        producer_id: i64::from_be_bytes(*fields.first()?),
        first_offset: i64::from_be_bytes(*fields.get(1)?),
        last_offset: i64::from_be_bytes(*fields.get(2)?),
    };
    let is_sound = i16::from_be_bytes(*version) == VERSION
        && (0..=entry.last_offset).contains(&entry.first_offset);
    is_sound.then_some(entry)
}
