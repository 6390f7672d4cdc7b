//! Parcels become one batch.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use millrace_api::{
    BatchAcks, Column, OffsetMap, Row, Schema, SchemaType, SourceBatch, SourcePartition, SourceRun,
    Span,
};
use tokio::sync::OwnedSemaphorePermit;

use crate::config::ValueForm;
use crate::parcel::{Entry, Parcel, Waiting};
use crate::text::InvalidBytes;

/// Of what type keys and values are.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    key: Column,
    value: Column,
}

impl Columns {
    pub(crate) fn new(has_key: bool, form: ValueForm, invalid: InvalidBytes) -> Self {
        Self {
            key: match has_key {
                true => Column::Text(Some(Schema::optional_string())),
                false => Column::Null,
            },
            value: match (form, invalid) {
                (ValueForm::Struct, _) => Column::Owned(Vec::new()),
                (_, InvalidBytes::Keep) => {
                    Column::Bytes(Some(Arc::new(Schema::new(SchemaType::Bytes))))
                }
                _ => Column::Text(Some(Schema::string())),
            },
        }
    }
}

/// The source partition of a listener. Its rows have no mark, so that no offset is ever stored: there is nothing to go
/// back to.
pub(crate) fn partition(connector: &str) -> SourcePartition {
    let map = [("listener".to_owned(), connector.into())]
        .into_iter()
        .collect();
    SourcePartition::new(map, |_mark| OffsetMap::new())
}

/// All records of the parcels, in order. Their room is given back when all of them are acknowledged.
pub(crate) fn batch(
    waiting: Vec<Waiting>,
    columns: &Columns,
    source: &SourcePartition,
) -> SourceBatch {
    let mut batch = SourceBatch::new();
    let mut held: Option<OwnedSemaphorePermit> = None;
    for Waiting { parcel, room } in waiting {
        add(&mut batch, parcel, columns, source);
        match &mut held {
            Some(held) => held.merge(room),
            None => held = Some(room),
        }
    }
    batch.notify(Arc::new(Held {
        left: AtomicUsize::new(batch.len()),
        room: Mutex::new(held),
    }));
    batch
}

fn add(batch: &mut SourceBatch, parcel: Parcel, columns: &Columns, source: &SourcePartition) {
    let block = batch.push_block(parcel.block);
    let mut structures = parcel.structures.into_iter();
    for entries in parcel
        .entries
        .chunk_by(|one, other| Arc::ptr_eq(&one.topic, &other.topic))
    {
        let Some(first) = entries.first() else {
            continue;
        };
        let value = match &columns.value {
            Column::Owned(_) => Column::Owned(structures.by_ref().take(entries.len()).collect()),
            shared => shared.clone(),
        };
        batch.begin_run(SourceRun {
            end: 0,
            topic: Arc::clone(&first.topic),
            partition: None,
            source: source.clone(),
            key: columns.key.clone(),
            value,
            headers: None,
        });
        batch.extend(entries.iter().map(|entry| row(entry, block)));
    }
}

fn row(entry: &Entry, block: u32) -> Row {
    let of_batch = |span: Span| match span.is_null() || span.len == 0 {
        true => span,
        false => Span { block, ..span },
    };
    Row {
        key: of_batch(entry.key),
        value: of_batch(entry.value),
        headers: of_batch(entry.headers),
        timestamp: entry.timestamp,
        mark: Row::NO_MARK,
    }
}

/// Holds the room of a batch until all its rows are acknowledged.
#[derive(Debug)]
struct Held {
    left: AtomicUsize,
    room: Mutex<Option<OwnedSemaphorePermit>>,
}

impl BatchAcks for Held {
    fn acknowledged(&self, rows: Range<usize>, _stored: bool) {
        let count = rows.len();
        if self.left.fetch_sub(count, Ordering::AcqRel) == count {
            drop(
                self.room
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take(),
            );
        }
    }
}
