//! From records to a batch, straight into one pooled buffer.

use bytes::Bytes;

use crate::batch::header::{ATTRIBUTES_AT, CRC_AT, LENGTH_OVERHEAD};
use crate::batch::{Attributes, BatchHeader, HEADER_LEN, Headers};
use crate::compression::{Compression, CompressionError, compress};
use crate::crc::{RunningCrc32c, crc32c};
use crate::pool::{Pool, PooledBuf};
use crate::varint::{varint_len, varlong_len, write_varint, write_varlong};

/// The first buffer of a batch; one that fills it moves once, to its limit.
const FIRST_CAPACITY: usize = 64 << 10;
/// Records are summed this many bytes at a time, while the cache still has them; a batch below that is summed at its
/// end, for which joining two checksums would cost more.
const SUM_STEP: usize = 32 << 10;
/// A batch's length is 32 bits wide; this leaves room for its header and what a codec may add.
const MAX_BATCH_LEN: usize = i32::MAX as usize - (16 << 20);
/// The most that a record has beside key, value and headers and their lengths: its own length,
/// attributes and the two deltas.
const MAX_RECORD_OVERHEAD: usize = 5 + 1 + 10 + 5;

/// Upper bound of the bytes of an uncompressed batch that holds this record alone.
#[must_use]
pub fn record_size(key: Option<&[u8]>, value: Option<&[u8]>, headers: Headers<'_>) -> usize {
    HEADER_LEN + MAX_RECORD_OVERHEAD + field_len(key) + field_len(value) + headers_len(headers)
}

/// Who wrote a batch: what the broker tells repeated batches by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerIdentity {
    /// The id that InitProducerId gave, or -1.
    pub producer_id: i64,
    /// Its epoch, or -1.
    pub epoch: i16,
    /// Sequence number of the batch's first record, or -1.
    pub base_sequence: i32,
    /// Whether the batch belongs to the id's open transaction.
    pub transactional: bool,
}

impl ProducerIdentity {
    /// A producer without idempotence.
    pub const NONE: Self = Self {
        producer_id: -1,
        epoch: -1,
        base_sequence: -1,
        transactional: false,
    };
}

/// What became of an appended record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Append {
    /// It is in the batch.
    Added,
    /// The batch is full without it.
    Full,
    /// It is larger than any batch can be.
    TooLarge,
}

/// An open batch.
#[derive(Debug)]
pub struct BatchBuilder {
    buf: PooledBuf,
    pool: Pool,
    limit: usize,
    count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
    /// The checksum of the records before `summed`.
    sum: RunningCrc32c,
    summed: usize,
}

impl BatchBuilder {
    /// An empty batch that is full at `limit` bytes, header included. A first record larger than
    /// that is taken all the same, for it would fit nowhere else.
    #[must_use]
    pub fn new(pool: &Pool, limit: usize) -> Self {
        let mut buf = pool.take(limit.clamp(HEADER_LEN, FIRST_CAPACITY));
        buf.resize(HEADER_LEN);
        Self {
            buf,
            pool: pool.clone(),
            limit,
            count: 0,
            base_timestamp: -1,
            max_timestamp: -1,
            sum: RunningCrc32c::new(),
            summed: HEADER_LEN,
        }
    }

    /// Encodes one record at the end of the batch.
    #[inline]
    pub fn append(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: Headers<'_>,
    ) -> Append {
        if self.count == 0 {
            self.base_timestamp = timestamp;
            self.max_timestamp = timestamp;
        }
        let timestamp_delta = timestamp.wrapping_sub(self.base_timestamp);
        let body = 1
            + varlong_len(timestamp_delta)
            + varint_len(self.count)
            + field_len(key)
            + field_len(value)
            + headers_len(headers);
        let Some(encoded_body) = i32::try_from(body).ok().filter(|_| body < MAX_BATCH_LEN) else {
            return Append::TooLarge;
        };
        let total = varint_len(encoded_body) + body;
        if self.count > 0 && self.buf.len() + total > self.limit {
            return Append::Full;
        }
        if self.buf.capacity() - self.buf.len() < total {
            self.grow(total);
        }
        let out = &mut self.buf.spare()[..total];
        let mut at = write_varint(out, encoded_body);
        out[at] = 0;
        at += 1;
        at += write_varlong(&mut out[at..], timestamp_delta);
        at += write_varint(&mut out[at..], self.count);
        at += write_field(&mut out[at..], key);
        at += write_field(&mut out[at..], value);
        match headers.as_bytes() {
            [] => out[at] = 0,
            section => out[at..].copy_from_slice(section),
        }
        self.buf.advance(total);
        self.count += 1;
        self.max_timestamp = self.max_timestamp.max(timestamp);
        if self.buf.len() - self.summed >= SUM_STEP {
            self.sum_up();
        }
        Append::Added
    }

    /// The size at which it is full, header included.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Makes it hold `limit` bytes, where that is more than before, and takes the memory for them.
    pub fn raise_limit(&mut self, limit: usize) {
        self.limit = self.limit.max(limit);
        self.buf.reserve(self.limit.saturating_sub(self.buf.len()));
    }

    /// Number of records.
    #[must_use]
    pub fn record_count(&self) -> i32 {
        self.count
    }

    /// Whether no record is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes so far, header included, before compression.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buf.len()
    }

    /// Bytes of memory that the batch holds.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buf.capacity()
    }

    /// Compresses the records, fills the header and computes the checksum.
    ///
    /// # Errors
    ///
    /// Where the codec is not built in or fails.
    pub fn close(
        mut self,
        identity: ProducerIdentity,
        codec: Compression,
        level: Option<i32>,
    ) -> Result<ClosedBatch, CompressionError> {
        let mut sum = None;
        let uncompressed_len = self.buf.len();
        let mut header = BatchHeader {
            base_offset: 0,
            batch_length: 0,
            partition_leader_epoch: -1,
            crc: 0,
            attributes: Attributes::default().with_codec_id(codec.id()),
            last_offset_delta: self.count - 1,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            record_count: self.count,
        };
        let buf = match codec {
            Compression::None => {
                if self.summed > HEADER_LEN {
                    self.sum_up();
                    sum = Some(self.sum);
                }
                self.buf
            }
            codec => {
                let mut packed = self.pool.take(uncompressed_len / 2);
                packed.resize(HEADER_LEN);
                compress(codec, level, &self.buf[HEADER_LEN..], &mut packed)?;
                packed
            }
        };
        header.batch_length =
            i32::try_from(buf.len() - LENGTH_OVERHEAD).map_err(|_| CompressionError::TooLarge {
                codec,
                limit: i32::MAX as usize,
            })?;
        let bytes = finish(buf, &mut header, identity, sum.as_ref());
        Ok(ClosedBatch {
            bytes,
            header,
            sum,
            uncompressed_len,
            pool: self.pool,
        })
    }

    #[cold]
    fn sum_up(&mut self) {
        self.sum.update(&self.buf[self.summed..]);
        self.summed = self.buf.len();
    }

    #[cold]
    fn grow(&mut self, total: usize) {
        let wanted = self.limit.max(self.buf.len() + total);
        self.buf.reserve(wanted - self.buf.len());
    }
}

/// A batch ready to be sent.
#[derive(Debug, Clone)]
pub struct ClosedBatch {
    bytes: Bytes,
    header: BatchHeader,
    /// The checksum of the records, where it was made as they came.
    sum: Option<RunningCrc32c>,
    uncompressed_len: usize,
    pool: Pool,
}

impl ClosedBatch {
    /// The bytes to send; sending them again is safe, for nobody writes into them.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The header that was written.
    #[must_use]
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// Bytes before compression, header included.
    #[must_use]
    pub fn uncompressed_len(&self) -> usize {
        self.uncompressed_len
    }

    /// The same records from another producer identity, in a buffer of their own, since the old
    /// bytes may still be on their way.
    #[must_use]
    pub fn restamp(&self, identity: ProducerIdentity) -> Self {
        let mut buf = self.pool.take(self.bytes.len());
        buf.extend_from_slice(&self.bytes);
        let mut header = self.header;
        let bytes = finish(buf, &mut header, identity, self.sum.as_ref());
        Self {
            bytes,
            header,
            sum: self.sum,
            uncompressed_len: self.uncompressed_len,
            pool: self.pool.clone(),
        }
    }
}

/// Writes the header over the start of `buf`, which holds the records behind it; `sum` is their checksum where it is
/// known.
fn finish(
    mut buf: PooledBuf,
    header: &mut BatchHeader,
    identity: ProducerIdentity,
    sum: Option<&RunningCrc32c>,
) -> Bytes {
    header.attributes = header.attributes.with_transactional(identity.transactional);
    header.producer_id = identity.producer_id;
    header.producer_epoch = identity.epoch;
    header.base_sequence = identity.base_sequence;
    if let Some(start) = buf.first_chunk_mut::<HEADER_LEN>() {
        header.write(start);
    }
    header.crc = match sum {
        Some(sum) => sum.behind(&buf[ATTRIBUTES_AT..HEADER_LEN]),
        None => crc32c(&buf[ATTRIBUTES_AT..]),
    };
    buf[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&header.crc.to_be_bytes());
    buf.freeze()
}

#[inline]
fn field_len(field: Option<&[u8]>) -> usize {
    // Lengths above 32 bits are refused by the sum that this is part of.
    field.map_or(1, |field| varint_len(field.len() as i32) + field.len())
}

#[inline]
fn headers_len(headers: Headers<'_>) -> usize {
    headers.as_bytes().len().max(1)
}

#[inline]
fn write_field(out: &mut [u8], field: Option<&[u8]>) -> usize {
    let Some(field) = field else {
        return write_varint(out, -1);
    };
    let at = write_varint(out, field.len() as i32);
    out[at..at + field.len()].copy_from_slice(field);
    at + field.len()
}
