//! A batch with some of its records, or none.
//!
//! Base offset, last offset, leader epoch, producer, sequence and codec stay. The records keep their
//! offsets and times; both are encoded anew, as the base timestamp may have become a delete horizon.

use bytes::Bytes;
use millrace_wire::batch::header::{ATTRIBUTES_AT, CRC_AT, LENGTH_OVERHEAD};
use millrace_wire::batch::{
    Attributes, BatchError, BatchHeader, HEADER_LEN, RecordRow, Span, TimestampType,
};
use millrace_wire::compression::{Compression, compress};
use millrace_wire::crc::crc32c;
use millrace_wire::pool::{Pool, PooledBuf};
use millrace_wire::varint::{MAX_VARINT_LEN, write_varint, write_varlong};

/// Room for a varlong and some: the most that any number of a record takes.
const NUMBER_LEN: usize = 10;

/// The batch with `rows`, of which there must be some; their spans are ranges of `data`.
pub(super) fn with_rows(
    header: &BatchHeader,
    rows: &[RecordRow],
    data: &[u8],
    horizon: Option<i64>,
) -> Result<(BatchHeader, Bytes), BatchError> {
    let failed = |source| BatchError::Compression {
        base_offset: header.base_offset,
        source,
    };
    let mut written = *header;
    written.record_count = i32::try_from(rows.len()).unwrap_or(i32::MAX);
    let first = rows.first().map_or(-1, |row| row.timestamp);
    written.base_timestamp = match horizon {
        Some(horizon) => {
            written.attributes = written.attributes.with_delete_horizon();
            horizon
        }
        None if header.attributes.has_delete_horizon() => header.base_timestamp,
        None => first,
    };
    if header.attributes.timestamp_type() == TimestampType::Create {
        let largest = rows.iter().map(|row| row.timestamp).max();
        written.max_timestamp = largest.unwrap_or(first);
    }
    let codec = Compression::from_id(header.attributes.codec_id()).map_err(failed)?;
    let mut records = Pool::global().take(HEADER_LEN + data.len());
    records.resize(HEADER_LEN);
    for row in rows {
        put_record(&mut records, row, data, &written);
    }
    if codec != Compression::None {
        let mut packed = Pool::global().take(records.len());
        packed.resize(HEADER_LEN);
        compress(codec, None, &records[HEADER_LEN..], &mut packed).map_err(failed)?;
        records = packed;
    }
    finish(written, records)
}

/// The batch without records, as its producer's last one is kept.
pub(super) fn emptied(header: &BatchHeader) -> Result<(BatchHeader, Bytes), BatchError> {
    let mut written = *header;
    written.record_count = 0;
    written.base_timestamp = -1;
    // No codec and no horizon: there is nothing to unpack, and nothing left to go.
    written.attributes = Attributes::default()
        .with_timestamp_type(header.attributes.timestamp_type())
        .with_transactional(header.attributes.is_transactional())
        .with_control(header.attributes.is_control());
    let mut buffer = Pool::global().take(HEADER_LEN);
    buffer.resize(HEADER_LEN);
    finish(written, buffer)
}

/// Fills the header at the start of `buffer`, behind which the records are.
fn finish(
    mut header: BatchHeader,
    mut buffer: PooledBuf,
) -> Result<(BatchHeader, Bytes), BatchError> {
    header.batch_length =
        i32::try_from(buffer.len() - LENGTH_OVERHEAD).map_err(|_| BatchError::Length(i32::MAX))?;
    if let Some(start) = buffer.first_chunk_mut::<HEADER_LEN>() {
        header.write(start);
    }
    header.crc = crc32c(&buffer[ATTRIBUTES_AT..]);
    buffer[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&header.crc.to_be_bytes());
    Ok((header, buffer.freeze()))
}

fn put_record(out: &mut PooledBuf, row: &RecordRow, data: &[u8], header: &BatchHeader) {
    let mut numbers = [0; 1 + NUMBER_LEN + MAX_VARINT_LEN];
    // The first byte, the attributes, stays 0.
    let mut used = 1;
    let delta = row.timestamp.wrapping_sub(header.base_timestamp);
    used += write_varlong(&mut numbers[used..], delta);
    // A row's offset lies in its batch, whose deltas have 31 bits.
    let delta = i32::try_from(row.offset - header.base_offset).unwrap_or(i32::MAX);
    used += write_varint(&mut numbers[used..], delta);
    let (mut key_len, mut value_len) = ([0; MAX_VARINT_LEN], [0; MAX_VARINT_LEN]);
    let (key, key_len) = field(row.key, data, &mut key_len);
    let (value, value_len) = field(row.value, data, &mut value_len);
    let headers = match row.headers.of(data) {
        None | Some([]) => &[0][..],
        Some(section) => section,
    };
    let parts = [&numbers[..used], key_len, key, value_len, value, headers];
    let body: usize = parts.iter().map(|part| part.len()).sum();
    let mut length = [0; MAX_VARINT_LEN];
    let used = write_varint(&mut length, i32::try_from(body).unwrap_or(i32::MAX));
    out.extend_from_slice(&length[..used]);
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

/// A field's bytes and its encoded length, -1 for null.
fn field<'a>(
    span: Span,
    data: &'a [u8],
    length: &'a mut [u8; MAX_VARINT_LEN],
) -> (&'a [u8], &'a [u8]) {
    let bytes = span.of(data);
    let len = bytes.map_or(-1, |bytes| i32::try_from(bytes.len()).unwrap_or(i32::MAX));
    let used = write_varint(length, len);
    (bytes.unwrap_or_default(), &length[..used])
}
