//! From a batch to rows of ranges.
//!
//! A record: varint length, attributes (one byte, unused), varlong timestamp delta, varint offset
//! delta, varint key length (-1 for null) and key, the same for the value, then the header section
//! ([`crate::batch::Headers`]).

use bytes::Bytes;

use crate::batch::{Batch, BatchError, Headers, RecordRow, Span, TimestampType};
use crate::compression::{Compression, decompress};
use crate::pool::Pool;
use crate::varint::{read_varint, read_varlong};

/// The smallest record: its length, attributes, two deltas, two lengths and a header count.
const MIN_RECORD_LEN: usize = 7;

/// The records of a batch: shared bytes and ranges of them.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// What the rows' spans are ranges of: the batch's own bytes, or the decompressed ones.
    pub data: Bytes,
    /// One row a record, in order.
    pub rows: Vec<RecordRow>,
}

impl Batch {
    /// Reads all records; [`Batch::check_crc`] comes first where the bytes are not trusted.
    ///
    /// `limit_bytes` bounds what compressed records may expand to.
    ///
    /// # Errors
    ///
    /// Where the records do not decompress, do not parse, or are not as many as the header says.
    pub fn decode(&self, limit_bytes: usize, pool: &Pool) -> Result<Decoded, BatchError> {
        let mut rows = Vec::new();
        let data = self.decode_into(&mut rows, limit_bytes, pool)?;
        Ok(Decoded { data, rows })
    }

    /// [`Batch::decode`] into rows that are reused: they are cleared first.
    ///
    /// # Errors
    ///
    /// As [`Batch::decode`]; the rows are unspecified then.
    pub fn decode_into(
        &self,
        rows: &mut Vec<RecordRow>,
        limit_bytes: usize,
        pool: &Pool,
    ) -> Result<Bytes, BatchError> {
        rows.clear();
        let data = self.uncompressed(limit_bytes, pool)?;
        let count = self.check_count(data.len())?;
        rows.reserve_exact(count);
        self.read_records(&data, count, |row| rows.push(row))?;
        Ok(data)
    }

    /// Shows all records to `each`, one after the other, and gives what their spans are ranges of.
    ///
    /// It takes no memory for rows, of which a few compressed bytes can make very many.
    ///
    /// # Errors
    ///
    /// As [`Batch::decode`]; `each` may have seen some records then.
    pub fn walk(
        &self,
        limit_bytes: usize,
        pool: &Pool,
        each: impl FnMut(RecordRow),
    ) -> Result<Bytes, BatchError> {
        let data = self.uncompressed(limit_bytes, pool)?;
        let count = self.check_count(data.len())?;
        self.read_records(&data, count, each)?;
        Ok(data)
    }

    fn uncompressed(&self, limit_bytes: usize, pool: &Pool) -> Result<Bytes, BatchError> {
        let failed = |source| BatchError::Compression {
            base_offset: self.header().base_offset,
            source,
        };
        let codec = Compression::from_id(self.header().attributes.codec_id()).map_err(failed)?;
        match codec {
            Compression::None => Ok(self.records()),
            codec => decompress(codec, &self.records(), limit_bytes, pool).map_err(failed),
        }
    }

    /// The record count, bounded by what the data can hold, so that rows may be reserved for it.
    fn check_count(&self, data_len: usize) -> Result<usize, BatchError> {
        // Spans are 32 bits wide, and the last value of them says null.
        if u32::try_from(data_len).is_err() {
            return Err(self.malformed(0, "the records have 4 GiB or more"));
        }
        usize::try_from(self.header().record_count)
            .ok()
            .filter(|count| count.saturating_mul(MIN_RECORD_LEN) <= data_len)
            .ok_or_else(|| self.malformed(0, "the header counts more records than fit"))
    }

    #[inline]
    fn read_records(
        &self,
        data: &[u8],
        count: usize,
        mut each: impl FnMut(RecordRow),
    ) -> Result<(), BatchError> {
        let header = self.header();
        let log_append = header.attributes.timestamp_type() == TimestampType::LogAppend;
        let mut at = 0;
        for index in 0..count {
            let (raw, end) =
                RawRecord::read(data, at).map_err(|reason| self.malformed(index, reason))?;
            each(RecordRow {
                offset: header.base_offset.wrapping_add(i64::from(raw.offset_delta)),
                timestamp: if log_append {
                    header.max_timestamp
                } else {
                    header.base_timestamp.wrapping_add(raw.timestamp_delta)
                },
                key: raw.key,
                value: raw.value,
                headers: raw.headers,
            });
            at = end;
        }
        if at == data.len() {
            Ok(())
        } else {
            Err(self.malformed(count, "bytes are left over behind the last record"))
        }
    }

    #[cold]
    fn malformed(&self, index: usize, reason: &'static str) -> BatchError {
        BatchError::Record {
            base_offset: self.header().base_offset,
            index,
            reason,
        }
    }
}

struct RawRecord {
    timestamp_delta: i64,
    offset_delta: i32,
    key: Span,
    value: Span,
    headers: Span,
}

impl RawRecord {
    /// Reads the record that starts at `at`, and where it ends.
    #[inline]
    fn read(data: &[u8], at: usize) -> Result<(Self, usize), &'static str> {
        let mut cursor = Cursor { data, at };
        let len = cursor.varint().ok_or("its length does not parse")?;
        let end = usize::try_from(len)
            .ok()
            .and_then(|len| cursor.at.checked_add(len))
            .filter(|&end| end <= data.len())
            .ok_or("its length leads past the batch's end")?;
        cursor.data = &data[..end];
        let raw = cursor
            .fields()
            .ok_or("a field leads past the record's end")?;
        Ok((raw, end))
    }
}

struct Cursor<'a> {
    data: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    #[inline]
    fn fields(&mut self) -> Option<RawRecord> {
        // The attributes have no meaning yet.
        self.at += 1;
        let timestamp_delta = self.varlong()?;
        let offset_delta = self.varint()?;
        let key = self.span()?;
        let value = self.span()?;
        let headers = self.headers()?;
        Some(RawRecord {
            timestamp_delta,
            offset_delta,
            key,
            value,
            headers,
        })
    }

    #[inline]
    fn varint(&mut self) -> Option<i32> {
        let (value, used) = read_varint(self.data.get(self.at..)?)?;
        self.at += used;
        Some(value)
    }

    #[inline]
    fn varlong(&mut self) -> Option<i64> {
        let (value, used) = read_varlong(self.data.get(self.at..)?)?;
        self.at += used;
        Some(value)
    }

    #[inline]
    fn span(&mut self) -> Option<Span> {
        let len = self.varint()?;
        if len < 0 {
            return (len == -1).then_some(Span::NULL);
        }
        let len = len.cast_unsigned();
        let start = self.at;
        self.at = start.checked_add(len as usize)?;
        // `check_count` made sure that every position fits in 32 bits.
        (self.at <= self.data.len()).then_some(Span {
            start: start as u32,
            len,
        })
    }

    #[inline]
    fn headers(&self) -> Option<Span> {
        let section = self.data.get(self.at..)?;
        if section == [0] {
            return Some(Span::EMPTY);
        }
        if section.is_empty() || Headers::parse(section).is_err() {
            return None;
        }
        Some(Span {
            start: self.at as u32,
            len: section.len() as u32,
        })
    }
}
