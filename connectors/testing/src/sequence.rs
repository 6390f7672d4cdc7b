//! The source partition of a task that counts: `{"id": task}`, and its offset `{"seqno": n}`, the last number given.

use millrace_api::{ConnectError, OffsetMap, SourceContext, SourcePartition};
use serde_json::Value;

/// The source partition of task `id`. A record's mark is its number.
pub(crate) fn partition(id: i64) -> SourcePartition {
    SourcePartition::new(map("id", id), |seqno| map("seqno", seqno))
}

/// The number to go on with: behind the committed one, else 0.
pub(crate) async fn next(
    context: &SourceContext,
    source: &SourcePartition,
) -> Result<i64, ConnectError> {
    let Some(offset) = context.offset(source.partition()).await? else {
        return Ok(0);
    };
    match offset.get("seqno").and_then(Value::as_i64) {
        Some(seqno) => Ok(seqno.saturating_add(1)),
        None => Err(ConnectError::connect(format!(
            "the stored offset {} has no whole number 'seqno'",
            Value::Object(offset)
        ))),
    }
}

fn map(key: &str, value: i64) -> OffsetMap {
    std::iter::once((key.to_owned(), Value::from(value))).collect()
}
