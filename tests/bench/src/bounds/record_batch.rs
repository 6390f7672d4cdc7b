//! Kafka's v2 record batch, written and read by hand.
//!
//! ```text
//! 0 baseOffset i64 | 8 batchLength i32 | 12 leaderEpoch i32 | 16 magic i8 | 17 crc u32 | 21 attributes i16
//! 23 lastOffsetDelta i32 | 27 baseTimestamp i64 | 35 maxTimestamp i64 | 43 producerId i64 | 51 producerEpoch i16
//! 53 baseSequence i32 | 57 count i32 | 61 records
//! ```
//!
//! The checksum covers everything from `attributes` on.

use std::io::{self, Read, Write};

use anyhow::{Context, ensure};
use crc_fast::CrcAlgorithm::Crc32Iscsi;
use lz4_flex::frame::{BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

use super::BLOCK;
use crate::case::Codec;

pub(crate) const HEADER: usize = 61;
const PREFIX: usize = 12;
const CHECKED_FROM: usize = 21;
const LZ4_ATTRIBUTE: i16 = 3;

/// Encodes values into batches, one after the other, in reused buffers.
pub(crate) struct BatchEncoder {
    codec: Codec,
    limit: usize,
    timestamp: i64,
    open: Vec<u8>,
    compressed: Vec<u8>,
    count: i32,
    next_offset: i64,
}

impl BatchEncoder {
    /// Batches hold about `limit` bytes of records.
    pub(crate) fn new(codec: Codec, limit: usize) -> Self {
        let mut open = Vec::with_capacity(HEADER + limit + (64 << 10));
        open.resize(HEADER, 0);
        Self {
            codec,
            limit,
            timestamp: 1_700_000_000_000,
            open,
            compressed: Vec::new(),
            count: 0,
            next_offset: 0,
        }
    }

    /// Adds a record; true when the batch should be closed.
    pub(crate) fn append(&mut self, value: &[u8]) -> bool {
        let mut fields = [0u8; 16];
        let mut end = 2;
        end = put_varint(&mut fields, end, self.count);
        fields[end] = 1;
        end = put_varint(&mut fields, end + 1, value.len() as i32);
        let mut length = [0u8; 5];
        let length_end = put_varint(&mut length, 0, (end + value.len() + 1) as i32);
        self.open.extend_from_slice(&length[..length_end]);
        self.open.extend_from_slice(&fields[..end]);
        self.open.extend_from_slice(value);
        self.open.push(0);
        self.count += 1;
        self.open.len() >= self.limit
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Closes the open batch and hands its bytes to `take`; the encoder is empty again afterwards.
    pub(crate) fn close(
        &mut self,
        take: impl FnOnce(&[u8]) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        let attributes = match self.codec {
            Codec::Plain => 0,
            Codec::Lz4 => {
                self.compress()?;
                LZ4_ATTRIBUTE
            }
        };
        let batch = if attributes == 0 {
            &mut self.open
        } else {
            &mut self.compressed
        };
        write_header(
            batch,
            self.next_offset,
            self.count,
            self.timestamp,
            attributes,
        );
        take(batch).context("cannot hand the batch on")?;
        self.next_offset += i64::from(self.count);
        self.count = 0;
        self.open.truncate(HEADER);
        Ok(())
    }

    fn compress(&mut self) -> anyhow::Result<()> {
        let mut output = std::mem::take(&mut self.compressed);
        output.clear();
        output.resize(HEADER, 0);
        let info = FrameInfo::new().block_size(BlockSize::Max64KB);
        let mut encoder = FrameEncoder::with_frame_info(info, output);
        encoder
            .write_all(&self.open[HEADER..])
            .context("cannot compress a batch")?;
        self.compressed = encoder.finish().context("cannot compress a batch")?;
        Ok(())
    }
}

fn write_header(batch: &mut [u8], base_offset: i64, count: i32, timestamp: i64, attributes: i16) {
    let length = (batch.len() - PREFIX) as i32;
    batch[..8].copy_from_slice(&base_offset.to_be_bytes());
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    batch[12..16].copy_from_slice(&0i32.to_be_bytes());
    batch[16] = 2;
    batch[21..23].copy_from_slice(&attributes.to_be_bytes());
    batch[23..27].copy_from_slice(&(count - 1).to_be_bytes());
    batch[27..35].copy_from_slice(&timestamp.to_be_bytes());
    batch[35..43].copy_from_slice(&timestamp.to_be_bytes());
    batch[43..51].copy_from_slice(&(-1i64).to_be_bytes());
    batch[51..53].copy_from_slice(&(-1i16).to_be_bytes());
    batch[53..57].copy_from_slice(&(-1i32).to_be_bytes());
    batch[57..61].copy_from_slice(&count.to_be_bytes());
    let crc = crc_fast::checksum(Crc32Iscsi, &batch[CHECKED_FROM..]) as u32;
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}

/// Replaces the base offset, as a broker does on append.
pub(crate) fn set_base_offset(batch: &mut [u8], base_offset: i64) {
    batch[..8].copy_from_slice(&base_offset.to_be_bytes());
}

/// Records of the batch, by its header.
pub(crate) fn count(batch: &[u8]) -> i32 {
    i32::from_be_bytes(batch[57..61].try_into().expect("four bytes"))
}

/// Reads one whole batch into `batch` in blocks; false at the end of the input.
pub(crate) fn read_batch(input: &mut impl Read, batch: &mut Vec<u8>) -> anyhow::Result<bool> {
    batch.resize(batch.len().max(PREFIX), 0);
    let first = input
        .read(&mut batch[..PREFIX])
        .context("cannot read a batch")?;
    if first == 0 {
        return Ok(false);
    }
    input
        .read_exact(&mut batch[first..PREFIX])
        .context("cannot read a batch's length")?;
    let length = i32::from_be_bytes(batch[8..12].try_into().expect("four bytes"));
    let total = PREFIX + usize::try_from(length).context("negative batch length")?;
    batch.resize(total, 0);
    for block in batch[PREFIX..].chunks_mut(BLOCK) {
        input.read_exact(block).context("cannot read a batch")?;
    }
    Ok(true)
}

/// Verifies the checksum.
pub(crate) fn check(batch: &[u8]) -> anyhow::Result<()> {
    let stored = u32::from_be_bytes(batch[17..21].try_into().expect("four bytes"));
    let computed = crc_fast::checksum(Crc32Iscsi, &batch[CHECKED_FROM..]) as u32;
    ensure!(
        stored == computed,
        "checksum of a batch is {computed:08x}, stored {stored:08x}"
    );
    Ok(())
}

/// Unpacks batches in a reused buffer.
#[derive(Default)]
pub(crate) struct BatchDecoder {
    expanded: Vec<u8>,
}

impl BatchDecoder {
    /// Calls `take` with each value; returns how many there were.
    pub(crate) fn values(
        &mut self,
        batch: &[u8],
        mut take: impl FnMut(&[u8]),
    ) -> anyhow::Result<u64> {
        let attributes = i16::from_be_bytes([batch[21], batch[22]]);
        let records = if attributes & 7 == LZ4_ATTRIBUTE {
            self.expanded.clear();
            FrameDecoder::new(&batch[HEADER..])
                .read_to_end(&mut self.expanded)
                .context("cannot expand a batch")?;
            self.expanded.as_slice()
        } else {
            &batch[HEADER..]
        };
        let records_count = count(batch);
        let mut at = 0;
        for _ in 0..records_count {
            at = value(records, at, &mut take).context("malformed record")?;
        }
        Ok(records_count as u64)
    }
}

/// Reads the record at `at` and returns where the next one starts.
fn value(records: &[u8], at: usize, take: &mut impl FnMut(&[u8])) -> Option<usize> {
    let (length, start) = varint(records, at)?;
    let next = start + usize::try_from(length).ok()?;
    let (_, at) = varint(records, start + 1)?;
    let (_, at) = varint(records, at)?;
    let (key, at) = varint(records, at)?;
    let (size, at) = varint(records, at + usize::try_from(key).unwrap_or(0))?;
    take(records.get(at..at + usize::try_from(size).ok()?)?);
    Some(next)
}

fn put_varint(target: &mut [u8], mut at: usize, value: i32) -> usize {
    let mut rest = ((value << 1) ^ (value >> 31)) as u32;
    while rest >= 0x80 {
        target[at] = rest as u8 | 0x80;
        rest >>= 7;
        at += 1;
    }
    target[at] = rest as u8;
    at + 1
}

fn varint(bytes: &[u8], mut at: usize) -> Option<(i32, usize)> {
    let mut raw = 0u32;
    for shift in [0, 7, 14, 21, 28] {
        let byte = *bytes.get(at)?;
        at += 1;
        raw |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(((raw >> 1) as i32 ^ -((raw & 1) as i32), at));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        for codec in [Codec::Plain, Codec::Lz4] {
            let mut encoder = BatchEncoder::new(codec, 4096);
            let mut log = Vec::new();
            let values: Vec<Vec<u8>> = (0..500u32)
                .map(|n| vec![n as u8; n as usize % 300])
                .collect();
            for value in &values {
                if encoder.append(value) {
                    encoder.close(|batch| log.write_all(batch)).unwrap();
                }
            }
            encoder.close(|batch| log.write_all(batch)).unwrap();

            let (mut input, mut batch, mut decoder) =
                (log.as_slice(), Vec::new(), BatchDecoder::default());
            let mut decoded = Vec::new();
            while read_batch(&mut input, &mut batch).unwrap() {
                check(&batch).unwrap();
                decoder
                    .values(&batch, |value| decoded.push(value.to_vec()))
                    .unwrap();
            }
            assert_eq!(decoded, values);
        }
    }
}
