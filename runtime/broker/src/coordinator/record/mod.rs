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

pub use group::{GroupValue, MemberValue};
pub(crate) use key::Key;
pub use offset::OffsetValue;

/// One change of the coordinator's state, as it is appended and as it is replayed.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// An offset was committed (`Some`), deleted or expired (`None`).
    Offset {
        /// The group.
        group: String,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset.
        value: Option<OffsetValue>,
    },
    /// A group reached a new generation (`Some`) or was deleted (`None`).
    Group {
        /// The group.
        group: String,
        /// The generation.
        value: Option<GroupValue>,
    },
}

/// Why a record of `__consumer_offsets` could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It ends within a field.
    #[error("cannot read {part} of a coordinator record: it ends too early")]
    Truncated {
        /// Key or value.
        part: &'static str,
    },
    /// A string is none.
    #[error("cannot read {part} of a coordinator record: a string is not valid UTF-8")]
    NotText {
        /// Key or value.
        part: &'static str,
    },
    /// It was written by a version that is not known.
    #[error("cannot read a coordinator record: unknown {part} version {version}")]
    UnknownVersion {
        /// Key or value.
        part: &'static str,
        /// The version.
        version: i16,
    },
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
    ///
    /// # Errors
    /// Bytes that are no such record.
    pub fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Option<Change>, RecordError> {
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
