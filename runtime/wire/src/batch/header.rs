//! The batch header.
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 8 | base offset, set by the broker |
//! | 8 | 4 | length of what follows this field |
//! | 12 | 4 | partition leader epoch, set by the broker |
//! | 16 | 1 | magic, 2 |
//! | 17 | 4 | CRC32C of everything from byte 21 on |
//! | 21 | 2 | attributes |
//! | 23 | 4 | last offset delta |
//! | 27, 35 | 8, 8 | base and maximum timestamp, ms |
//! | 43, 51, 53 | 8, 2, 4 | producer id, epoch and base sequence, -1 where there is none |
//! | 57 | 4 | record count |
//!
//! Base offset and leader epoch lie before the checksum's range, so a broker replaces them without
//! touching the rest.

use crate::batch::BatchError;

/// Bytes of the header; records begin here.
pub const HEADER_LEN: usize = 61;
/// Bytes of base offset and length, which the length does not count.
pub const LENGTH_OVERHEAD: usize = 12;
/// The only supported format.
pub const MAGIC: i8 = 2;

/// Where the base offset begins.
pub const BASE_OFFSET_AT: usize = 0;
/// Where the length begins.
pub const LENGTH_AT: usize = 8;
/// Where the partition leader epoch begins.
pub const LEADER_EPOCH_AT: usize = 12;
/// Where the magic byte is, in all formats.
pub const MAGIC_AT: usize = 16;
/// Where the checksum begins.
pub const CRC_AT: usize = 17;
/// Where the attributes, and with them the checksum's range, begin.
pub const ATTRIBUTES_AT: usize = 21;
/// Where the last offset delta begins.
pub const LAST_OFFSET_DELTA_AT: usize = 23;
/// Where the base timestamp begins.
pub const BASE_TIMESTAMP_AT: usize = 27;
/// Where the maximum timestamp begins.
pub const MAX_TIMESTAMP_AT: usize = 35;
/// Where the producer id begins.
pub const PRODUCER_ID_AT: usize = 43;
/// Where the producer epoch begins.
pub const PRODUCER_EPOCH_AT: usize = 51;
/// Where the base sequence begins.
pub const BASE_SEQUENCE_AT: usize = 53;
/// Where the record count begins.
pub const RECORD_COUNT_AT: usize = 57;

/// Whose clock stamped the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// Each record has the time its producer gave it.
    Create,
    /// All records have the time of the append, the batch's maximum timestamp.
    LogAppend,
}

/// The attribute bits: 0-2 codec, 3 timestamp type, 4 transactional, 5 control, 6 delete horizon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes(pub i16);

impl Attributes {
    const CODEC: i16 = 0x07;
    const LOG_APPEND: i16 = 0x08;
    const TRANSACTIONAL: i16 = 0x10;
    const CONTROL: i16 = 0x20;
    const DELETE_HORIZON: i16 = 0x40;

    /// The codec's number, which may be one that does not exist (5 to 7).
    #[must_use]
    pub fn codec_id(self) -> i8 {
        (self.0 & Self::CODEC) as i8
    }

    /// Whose clock stamped the records.
    #[must_use]
    pub fn timestamp_type(self) -> TimestampType {
        if self.0 & Self::LOG_APPEND == 0 {
            TimestampType::Create
        } else {
            TimestampType::LogAppend
        }
    }

    /// Whether the batch belongs to a transaction.
    #[must_use]
    pub fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    /// Whether the batch holds a marker, which no consumer is given.
    #[must_use]
    pub fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    /// Whether the base timestamp is a compaction's delete horizon.
    #[must_use]
    pub fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }

    /// The same attributes with this codec's number.
    #[must_use]
    pub fn with_codec_id(self, id: i8) -> Self {
        Self(self.0 & !Self::CODEC | i16::from(id) & Self::CODEC)
    }

    /// The same attributes with this timestamp type.
    #[must_use]
    pub fn with_timestamp_type(self, kind: TimestampType) -> Self {
        match kind {
            TimestampType::Create => Self(self.0 & !Self::LOG_APPEND),
            TimestampType::LogAppend => Self(self.0 | Self::LOG_APPEND),
        }
    }

    /// The same attributes inside, or outside, a transaction.
    #[must_use]
    pub fn with_transactional(self, transactional: bool) -> Self {
        if transactional {
            Self(self.0 | Self::TRANSACTIONAL)
        } else {
            Self(self.0 & !Self::TRANSACTIONAL)
        }
    }

    /// The same attributes of a batch that holds a marker, or records.
    #[must_use]
    pub fn with_control(self, control: bool) -> Self {
        if control {
            Self(self.0 | Self::CONTROL)
        } else {
            Self(self.0 & !Self::CONTROL)
        }
    }

    /// The same attributes, saying that the base timestamp is a delete horizon.
    #[must_use]
    pub fn with_delete_horizon(self) -> Self {
        Self(self.0 | Self::DELETE_HORIZON)
    }
}

/// The header's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record, 0 in a producer's batch.
    pub base_offset: i64,
    /// Bytes after the length field; at least 49.
    pub batch_length: i32,
    /// The leader's epoch at the append.
    pub partition_leader_epoch: i32,
    /// CRC32C of everything from the attributes on.
    pub crc: u32,
    /// Codec and flags.
    pub attributes: Attributes,
    /// Offset of the last record less the base offset; kept when compaction removes records.
    pub last_offset_delta: i32,
    /// Milliseconds that the records' timestamps count from.
    pub base_timestamp: i64,
    /// The largest timestamp, or the append's time.
    pub max_timestamp: i64,
    /// Id of an idempotent producer, or -1.
    pub producer_id: i64,
    /// Its epoch, or -1.
    pub producer_epoch: i16,
    /// Sequence number of the first record, or -1.
    pub base_sequence: i32,
    /// Number of records.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`, which may go on after it or stop short of the
    /// batch's end.
    ///
    /// # Errors
    ///
    /// Where fewer than 61 bytes are there, the length cannot hold a header, or the format is
    /// another one.
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        let truncated = || BatchError::Truncated {
            have: bytes.len(),
            needed: HEADER_LEN,
        };
        let start = bytes
            .first_chunk::<{ MAGIC_AT + 1 }>()
            .ok_or_else(truncated)?;
        let batch_length = i32::from_be_bytes(field(start, LENGTH_AT));
        let magic = start[MAGIC_AT].cast_signed();
        if magic != MAGIC {
            return Err(BatchError::Magic(magic));
        }
        if usize::try_from(batch_length).is_ok_and(|len| len >= HEADER_LEN - LENGTH_OVERHEAD) {
            let header = bytes.first_chunk::<HEADER_LEN>().ok_or_else(truncated)?;
            Ok(Self::read(header, batch_length))
        } else {
            Err(BatchError::Length(batch_length))
        }
    }

    fn read(header: &[u8; HEADER_LEN], batch_length: i32) -> Self {
        Self {
            base_offset: i64::from_be_bytes(field(header, BASE_OFFSET_AT)),
            batch_length,
            partition_leader_epoch: i32::from_be_bytes(field(header, LEADER_EPOCH_AT)),
            crc: u32::from_be_bytes(field(header, CRC_AT)),
            attributes: Attributes(i16::from_be_bytes(field(header, ATTRIBUTES_AT))),
            last_offset_delta: i32::from_be_bytes(field(header, LAST_OFFSET_DELTA_AT)),
            base_timestamp: i64::from_be_bytes(field(header, BASE_TIMESTAMP_AT)),
            max_timestamp: i64::from_be_bytes(field(header, MAX_TIMESTAMP_AT)),
            producer_id: i64::from_be_bytes(field(header, PRODUCER_ID_AT)),
            producer_epoch: i16::from_be_bytes(field(header, PRODUCER_EPOCH_AT)),
            base_sequence: i32::from_be_bytes(field(header, BASE_SEQUENCE_AT)),
            record_count: i32::from_be_bytes(field(header, RECORD_COUNT_AT)),
        }
    }

    /// Writes the fields over the first 61 bytes of a batch, the checksum as it stands here.
    pub fn write(&self, header: &mut [u8; HEADER_LEN]) {
        put(header, BASE_OFFSET_AT, self.base_offset.to_be_bytes());
        put(header, LENGTH_AT, self.batch_length.to_be_bytes());
        put(
            header,
            LEADER_EPOCH_AT,
            self.partition_leader_epoch.to_be_bytes(),
        );
        put(header, MAGIC_AT, MAGIC.to_be_bytes());
        put(header, CRC_AT, self.crc.to_be_bytes());
        put(header, ATTRIBUTES_AT, self.attributes.0.to_be_bytes());
        put(
            header,
            LAST_OFFSET_DELTA_AT,
            self.last_offset_delta.to_be_bytes(),
        );
        put(header, BASE_TIMESTAMP_AT, self.base_timestamp.to_be_bytes());
        put(header, MAX_TIMESTAMP_AT, self.max_timestamp.to_be_bytes());
        put(header, PRODUCER_ID_AT, self.producer_id.to_be_bytes());
        put(header, PRODUCER_EPOCH_AT, self.producer_epoch.to_be_bytes());
        put(header, BASE_SEQUENCE_AT, self.base_sequence.to_be_bytes());
        put(header, RECORD_COUNT_AT, self.record_count.to_be_bytes());
    }

    /// Bytes of the whole batch, header included.
    #[must_use]
    pub fn total_len(&self) -> usize {
        // `parse` lets no length below 49 through.
        LENGTH_OVERHEAD + usize::try_from(self.batch_length).unwrap_or(0)
    }

    /// Offset of the last record that the batch had when it was appended.
    #[must_use]
    pub fn last_offset(&self) -> i64 {
        self.base_offset
            .saturating_add(i64::from(self.last_offset_delta))
    }

    /// Offset of whatever follows the batch.
    #[must_use]
    pub fn next_offset(&self) -> i64 {
        self.last_offset().saturating_add(1)
    }

    /// Whether an idempotent producer wrote it.
    #[must_use]
    pub fn has_producer_id(&self) -> bool {
        self.producer_id >= 0
    }

    /// Sequence number of the last record; the one after 2147483647 is 0.
    #[must_use]
    pub fn last_sequence(&self) -> i32 {
        advance_sequence(self.base_sequence, self.last_offset_delta)
    }
}

/// The sequence number `by` records after `sequence`, which wraps from 2147483647 to 0; -1, no
/// sequence, stays -1.
#[must_use]
pub fn advance_sequence(sequence: i32, by: i32) -> i32 {
    if sequence < 0 {
        return sequence;
    }
    sequence.wrapping_add(by) & i32::MAX
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

fn put<const N: usize>(header: &mut [u8; HEADER_LEN], at: usize, field: [u8; N]) {
    header[at..at + N].copy_from_slice(&field);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_wrap_to_zero() {
        assert_eq!(advance_sequence(i32::MAX, 1), 0);
        assert_eq!(advance_sequence(i32::MAX - 1, 3), 1);
        assert_eq!(advance_sequence(5, 2), 7);
        assert_eq!(advance_sequence(-1, 9), -1);
    }

    #[test]
    fn headers_that_cannot_be_are_refused() {
        let mut bytes = [0; HEADER_LEN];
        bytes[MAGIC_AT] = 2;
        assert_eq!(BatchHeader::parse(&bytes), Err(BatchError::Length(0)));
        bytes[LENGTH_AT..LENGTH_AT + 4].copy_from_slice(&(-1i32).to_be_bytes());
        assert_eq!(BatchHeader::parse(&bytes), Err(BatchError::Length(-1)));
        bytes[LENGTH_AT..LENGTH_AT + 4].copy_from_slice(&49i32.to_be_bytes());
        assert!(BatchHeader::parse(&bytes).is_ok());
        bytes[MAGIC_AT] = 1;
        assert_eq!(BatchHeader::parse(&bytes), Err(BatchError::Magic(1)));
        assert_eq!(
            BatchHeader::parse(&bytes[..16]),
            Err(BatchError::Truncated {
                have: 16,
                needed: 61
            })
        );
    }

    #[test]
    fn attributes_keep_their_bits_apart() {
        let all = Attributes::default()
            .with_codec_id(4)
            .with_timestamp_type(TimestampType::LogAppend)
            .with_transactional(true);
        assert_eq!(all.0, 0x1c);
        assert_eq!(
            (all.codec_id(), all.is_transactional(), all.is_control()),
            (4, true, false)
        );
        assert_eq!(
            all.with_codec_id(0)
                .with_timestamp_type(TimestampType::Create)
                .0,
            0x10
        );
    }
}
