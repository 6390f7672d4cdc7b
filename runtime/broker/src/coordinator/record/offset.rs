//! Values of committed offsets.
//!
//! ```text
//! version i16
//! offset i64
//! leader epoch i32      version 3 and above
//! metadata string
//! commit time i64
//! expiry time i64       version 1 only
//! tagged fields         version 4 (the topic id, not used here)
//! ```

use super::RecordError;
use super::cursor::{Cursor, put_string};

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetValue {
    /// The next record the group wants.
    pub offset: i64,
    /// The leader epoch of the last consumed record, -1 when the client gave none.
    pub leader_epoch: i32,
    /// The client's own text.
    pub metadata: String,
    /// When it was committed, wall clock.
    pub commit_ms: i64,
    /// When it expires, where the client asked for a retention of its own (OffsetCommit 2 to 4).
    pub expire_ms: Option<i64>,
}

impl OffsetValue {
    /// Version 3, or 1 when an expiry was asked for: only that version can carry it.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32 + self.metadata.len());
        let version: i16 = if self.expire_ms.is_some() { 1 } else { 3 };
        out.extend_from_slice(&version.to_be_bytes());
        out.extend_from_slice(&self.offset.to_be_bytes());
        if self.expire_ms.is_none() {
            out.extend_from_slice(&self.leader_epoch.to_be_bytes());
        }
        put_string(&mut out, &self.metadata);
        out.extend_from_slice(&self.commit_ms.to_be_bytes());
        if let Some(expire_ms) = self.expire_ms {
            out.extend_from_slice(&expire_ms.to_be_bytes());
        }
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<OffsetValue, RecordError> {
        let mut cursor = Cursor::new(bytes, "the offset value");
        let version = cursor.i16()?;
        if !(0..=4).contains(&version) {
            return Err(RecordError::UnknownVersion {
                part: "offset value",
                version,
            });
        }
        if version >= 4 {
            cursor.set_flexible();
        }
        Ok(OffsetValue {
            offset: cursor.i64()?,
            leader_epoch: if version >= 3 { cursor.i32()? } else { -1 },
            metadata: cursor.string()?,
            commit_ms: cursor.i64()?,
            expire_ms: if version == 1 {
                Some(cursor.i64()?).filter(|&ms| ms >= 0)
            } else {
                None
            },
        })
    }
}
