//! The records of `__consumer_offsets`, in Kafka's own form.
//!
//! A key is an i16 version and plain (non-flexible) fields; a value the same, from version 4 on flexible. A null value
//! is a tombstone.
//!
//! ```text
//! key 0, 1  group string, topic string, partition i32          -> offset value (0-4), written as key 1
//! key 2     group string                                       -> group value (0-4)
//! key 3-8   records of the newer consumer protocol             -> skipped
//! ```
//!
//! Facts: Apache Kafka, `group-coordinator/src/main/resources/common/message/*.json`.

mod cursor;
mod group;
mod key;
mod offset;

#[cfg(test)]
mod tests;

pub(crate) use group::{GroupValue, MemberValue};
pub(crate) use key::Key;
pub(crate) use offset::OffsetValue;

/// One change of the coordinator's state, as it is appended and as it is replayed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// An offset was committed (`Some`), deleted or expired (`None`).
    Offset {
        group: String,
        topic: String,
        partition: i32,
        value: Option<OffsetValue>,
    },
    /// A group reached a new generation (`Some`) or was deleted (`None`).
    Group {
        group: String,
        value: Option<GroupValue>,
    },
}

/// Why a record of `__consumer_offsets` could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RecordError {
    #[error("cannot read {part} of a coordinator record: it ends too early")]
    Truncated { part: &'static str },
    #[error("cannot read {part} of a coordinator record: a string is not valid UTF-8")]
    NotText { part: &'static str },
    #[error("cannot read a coordinator record: unknown {part} version {version}")]
    UnknownVersion { part: &'static str, version: i16 },
}

impl Change {
    /// The key and value to append; no value is a tombstone.
    pub(crate) fn encode(&self) -> (Vec<u8>, Option<Vec<u8>>) {
        match self {
            Change::Offset {
                group,
                topic,
                partition,
                value,
            } => (
                key::encode_offset(group, topic, *partition),
                value.as_ref().map(OffsetValue::encode),
            ),
            Change::Group { group, value } => (
                key::encode_group(group),
                value.as_ref().map(GroupValue::encode),
            ),
        }
    }

    /// Reads a record back; `None` for kinds of records that the classic coordinator does not use.
    pub(crate) fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Option<Change>, RecordError> {
        Ok(match Key::decode(key)? {
            Key::Offset {
                group,
                topic,
                partition,
            } => Some(Change::Offset {
                group,
                topic,
                partition,
                value: value.map(OffsetValue::decode).transpose()?,
            }),
            Key::Group { group } => Some(Change::Group {
                group,
                value: value.map(GroupValue::decode).transpose()?,
            }),
            Key::Other { .. } => None,
        })
    }
}
