//! A record as it was consumed, before converters and transforms.

use std::sync::Arc;

use bytes::Bytes;

use super::records::{Origin, RecordView};
use super::sink::SinkRow;
use super::{Span, bytes_of};

/// A record as it stands in its topic. It holds on to the memory that the record was fetched into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumedRecord {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// Milliseconds since the epoch, if the record has a time.
    pub timestamp: Option<i64>,
    /// Whether the broker, not the producer, set the timestamp.
    pub log_append_time: bool,
    /// The key's bytes.
    pub key: Option<Bytes>,
    /// The value's bytes.
    pub value: Option<Bytes>,
    /// The header section, encoded; see [`EncodedHeaders`](crate::EncodedHeaders).
    pub headers: Bytes,
}

/// A range of a block, without copying it.
fn slice(blocks: &[Bytes], span: Span) -> Option<Bytes> {
    let bytes = bytes_of(blocks, span)?;
    let block = blocks.get(span.block as usize);
    Some(match block {
        Some(block) if !bytes.is_empty() => block.slice_ref(bytes),
        _ => Bytes::new(),
    })
}

impl RecordView<'_> {
    /// The record as it was consumed; none for one of a source.
    pub fn consumed(&self) -> Option<ConsumedRecord> {
        let Origin::Sink {
            topic,
            partition,
            log_append_time,
        } = self.origin()
        else {
            return None;
        };
        let (blocks, row) = self.packed();
        Some(ConsumedRecord {
            topic: Arc::clone(topic),
            partition: *partition,
            offset: self.mark(),
            timestamp: self.timestamp(),
            log_append_time: *log_append_time,
            key: slice(blocks, row.key),
            value: slice(blocks, row.value),
            headers: slice(blocks, row.headers).unwrap_or_default(),
        })
    }
}

impl SinkRow<'_> {
    /// The record as it was consumed, whatever converters and transforms have made of it.
    pub fn consumed(&self) -> ConsumedRecord {
        let (blocks, row) = self.packed();
        ConsumedRecord {
            topic: Arc::clone(self.original_topic()),
            partition: self.partition(),
            offset: self.offset(),
            timestamp: self.timestamp(),
            log_append_time: self.log_append_time(),
            key: slice(blocks, row.key),
            value: slice(blocks, row.value),
            headers: slice(blocks, row.headers).unwrap_or_default(),
        }
    }
}
