//! What consumers tell each other through their group: the blobs that JoinGroup and SyncGroup carry.
//!
//! Each blob is `version i16` and the fields of that version, never flexible. A reader takes a version above
//! the ones it knows for the highest it knows: later versions only add fields at the end.

use bytes::Bytes;

use super::macros::structs;
use crate::codec::{DecodeError, Decoder, EncodeError, Encoder, Field};

/// The highest version spoken of both blobs.
pub const VERSION_MAX: i16 = 3;

structs! {
    /// What a member wants to read.
    struct ConsumerProtocolSubscription {
        /// Names of the topics.
        topics: Vec<String>,
        /// The assignor's own data.
        user_data: Option<Bytes>,
        /// Partitions the member holds.
        owned_partitions: Vec<TopicPartition> [1+],
        /// The generation in which it got them, -1 for none.
        generation_id: i32 [2+] = -1,
        /// The member's rack.
        rack_id: Option<String> [3+],
    }

    /// What a member is to read.
    struct ConsumerProtocolAssignment {
        /// The partitions.
        assigned_partitions: Vec<TopicPartition>,
        /// The assignor's own data.
        user_data: Option<Bytes>,
    }

    /// Partitions of one topic.
    struct TopicPartition {
        /// The topic's name.
        topic: String,
        /// The partitions.
        partitions: Vec<i32>,
    }
}

impl ConsumerProtocolSubscription {
    /// Writes the blob in a version of 0 to [`VERSION_MAX`].
    ///
    /// # Errors
    /// A value too long for its length field.
    pub fn to_bytes(&self, version: i16) -> Result<Bytes, EncodeError> {
        to_bytes(self, version)
    }

    /// Reads a blob: its version, and what it says.
    ///
    /// # Errors
    /// Bytes that are not such a blob.
    pub fn from_bytes(bytes: Bytes) -> Result<(i16, Self), DecodeError> {
        from_bytes(bytes)
    }
}

impl ConsumerProtocolAssignment {
    /// Writes the blob in a version of 0 to [`VERSION_MAX`].
    ///
    /// # Errors
    /// A value too long for its length field.
    pub fn to_bytes(&self, version: i16) -> Result<Bytes, EncodeError> {
        to_bytes(self, version)
    }

    /// Reads a blob: its version, and what it says.
    ///
    /// # Errors
    /// Bytes that are not such a blob.
    pub fn from_bytes(bytes: Bytes) -> Result<(i16, Self), DecodeError> {
        from_bytes(bytes)
    }
}

fn to_bytes<T: Field>(blob: &T, version: i16) -> Result<Bytes, EncodeError> {
    let mut encoder = Encoder::new();
    encoder.put_i16(version);
    blob.write(&mut encoder, version)?;
    Ok(encoder.finish().into_memory())
}

fn from_bytes<T: Field>(bytes: Bytes) -> Result<(i16, T), DecodeError> {
    let mut decoder = Decoder::new(bytes);
    let version = decoder.get_i16()?;
    if version < 0 {
        return Err(DecodeError::UnsupportedVersion {
            message: "consumer protocol blob",
            version,
        });
    }
    let blob = T::read(&mut decoder, version.min(VERSION_MAX), "blob")?;
    Ok((version, blob))
}
