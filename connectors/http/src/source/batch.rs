//! New records become batches, of which each holds its own copy of what it needs: a page may be large, and the records
//! of one poll are few.

use std::sync::Arc;

use bytes::Bytes;
use millrace_api::{
    Column, ConnectError, Row, Schema, SourceBatch, SourcePartition, SourceRun, Span,
};

use super::book::{Acks, Book};
use super::page::Item;
use crate::form::{ValueForm, parsed};

/// Bytes of a batch, unless a single record has more.
const BATCH_BYTES: usize = 1 << 20;

/// What all batches share.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) topic: Arc<str>,
    pub(super) form: ValueForm,
    /// Whether values are JSON, for `value.form=parsed`.
    pub(super) is_json: bool,
    pub(super) rows_max: usize,
    pub(super) source: SourcePartition,
    pub(super) book: Arc<Book>,
}

/// Records of a page that no poll has given yet.
#[derive(Debug)]
pub(super) struct Rest {
    pub(super) body: Bytes,
    pub(super) items: std::vec::IntoIter<Item>,
    /// The mark of the next record.
    pub(super) mark: i64,
}

impl Rest {
    /// The next batch; none when all are given.
    ///
    /// # Errors
    /// When a record is not JSON as deep as it can be read.
    pub(super) fn batch(&mut self, shape: &Shape) -> Result<Option<SourceBatch>, ConnectError> {
        let first = self.mark;
        let mut block = Vec::new();
        let mut rows = Vec::new();
        let mut owned = Vec::new();
        let has_keys = |item: &Item| item.key.is_some();
        let keyed = self.items.as_slice().first().is_some_and(has_keys);
        while rows.len() < shape.rows_max
            && let Some(item) = self.items.as_slice().first()
            && has_keys(item) == keyed
            && (rows.is_empty() || block.len() + item.value.len() <= BATCH_BYTES)
        {
            let Some(item) = self.items.next() else { break };
            let value = &self.body[item.value];
            let value = match shape.form {
                ValueForm::Parsed => {
                    let datum = parsed(value, shape.is_json).map_err(ConnectError::data)?;
                    owned.push(datum);
                    Span::NULL
                }
                ValueForm::Text | ValueForm::Bytes => append(&mut block, value),
            };
            let key = item
                .key
                .map_or(Span::NULL, |key| append(&mut block, key.as_bytes()));
            rows.push(Row {
                key,
                value,
                headers: Span::EMPTY,
                timestamp: item.timestamp.unwrap_or(-1),
                mark: self.mark,
            });
            self.mark += 1;
        }
        if rows.is_empty() {
            return Ok(None);
        }
        let text = || Column::Text(Some(Schema::string()));
        let mut batch = SourceBatch::new();
        batch.push_block(block.into());
        batch.begin_run(SourceRun {
            end: 0,
            topic: Arc::clone(&shape.topic),
            partition: None,
            source: shape.source.clone(),
            key: match (keyed, shape.form) {
                (false, _) => Column::Null,
                (true, ValueForm::Bytes) => Column::Bytes(None),
                (true, _) => text(),
            },
            value: match shape.form {
                ValueForm::Text => text(),
                ValueForm::Bytes => Column::Bytes(None),
                ValueForm::Parsed => Column::Owned(owned),
            },
            headers: None,
        });
        batch.extend(rows);
        batch.notify(Arc::new(Acks {
            book: Arc::clone(&shape.book),
            mark: first,
        }));
        Ok(Some(batch))
    }
}

/// Appends to the batch's only block.
fn append(block: &mut Vec<u8>, bytes: &[u8]) -> Span {
    let start = block.len() as u32;
    block.extend_from_slice(bytes);
    Span {
        block: 0,
        start,
        len: bytes.len() as u32,
    }
}
