//! Keys: what a record is about.

use super::RecordError;
use super::cursor::{Cursor, put_string};

const OFFSET_VERSION: i16 = 1;
const GROUP_VERSION: i16 = 2;

/// The key of a record of `__consumer_offsets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// An offset committed by a group.
    Offset {
        group: String,
        topic: String,
        partition: i32,
    },
    /// The members and generation of a group.
    Group { group: String },
    /// A record of another protocol, by its key version.
    Other { version: i16 },
}

impl Key {
    /// Reads a key; versions above 2 belong to protocols that are not served here and are no error.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Key, RecordError> {
        let mut cursor = Cursor::new(bytes, "the key");
        Ok(match cursor.i16()? {
            0 | OFFSET_VERSION => Key::Offset {
                group: cursor.string()?,
                topic: cursor.string()?,
                partition: cursor.i32()?,
            },
            GROUP_VERSION => Key::Group {
                group: cursor.string()?,
            },
            version if version > GROUP_VERSION => Key::Other { version },
            version => {
                return Err(RecordError::UnknownVersion {
                    part: "key",
                    version,
                });
            }
        })
    }
}

pub(super) fn encode_offset(group: &str, topic: &str, partition: i32) -> Vec<u8> {
    let mut out = Vec::with_capacity(10 + group.len() + topic.len());
    out.extend_from_slice(&OFFSET_VERSION.to_be_bytes());
    put_string(&mut out, group);
    put_string(&mut out, topic);
    out.extend_from_slice(&partition.to_be_bytes());
    out
}

pub(super) fn encode_group(group: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(4 + group.len());
    out.extend_from_slice(&GROUP_VERSION.to_be_bytes());
    put_string(&mut out, group);
    out
}
