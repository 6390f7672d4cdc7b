//! `.log` files: batches, one after the other, and what follows the last whole one.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use bytes::Bytes;
use millrace_wire::batch::{Batch, BatchError, BatchHeader, HEADER_LEN, TimestampType};
use millrace_wire::compression::Compression;

use super::{
    DumpLog, Out, base_offset,
    fields::{Field, Fields},
    open, record, record_json,
};
use crate::tools::stdout::OutputError;

/// Bytes of one read.
const READ_BYTES: usize = 256 << 10;
/// A larger batch is damage: no broker takes one.
const BATCH_BYTES_MAX: u64 = 1 << 30;

/// The batches of a log file.
pub(super) struct Batches {
    file: BufReader<File>,
    /// Bytes of the file, or as many of them as are read.
    len: u64,
    /// Where the next batch begins.
    pub(super) position: u64,
}

impl Batches {
    pub(super) fn open(path: &Path, max_bytes: Option<u64>) -> anyhow::Result<Self> {
        let file = open(path)?;
        let len = file.metadata()?.len();
        Ok(Self {
            file: BufReader::with_capacity(READ_BYTES, file),
            len: max_bytes.map_or(len, |max| len.min(max)),
            position: 0,
        })
    }

    /// Bytes that are not read.
    pub(super) fn left(&self) -> u64 {
        self.len.saturating_sub(self.position)
    }

    /// The next whole batch with its position; none where there is no such thing any more.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<(u64, Batch)>> {
        if self.left() < HEADER_LEN as u64 {
            return Ok(None);
        }
        let mut bytes = vec![0; HEADER_LEN];
        self.file.read_exact(&mut bytes)?;
        let Ok(header) = BatchHeader::parse(&bytes) else {
            return Ok(None);
        };
        let total = header.total_len() as u64;
        if total > self.left() || total > BATCH_BYTES_MAX {
            return Ok(None);
        }
        bytes.resize(header.total_len(), 0);
        self.file.read_exact(&mut bytes[HEADER_LEN..])?;
        let position = self.position;
        self.position += total;
        Ok(Some((position, Batch::parse(&Bytes::from(bytes))?)))
    }
}

pub(super) fn dump(
    options: &DumpLog,
    path: &Path,
    out: &mut Out,
    wrong: &mut Vec<String>,
) -> anyhow::Result<()> {
    out.remark(format_args!("Log starting offset: {}", base_offset(path)?))?;
    let mut batches = Batches::open(path, options.max_bytes)?;
    while let Some((position, batch)) = batches.next()? {
        let is_valid = batch.check_crc().is_ok();
        if !is_valid {
            wrong.push(format!(
                "{}: the checksum of the batch at position {position} is wrong",
                path.display()
            ));
        }
        if let Err(error) = print_batch(options, &batch, position, is_valid, out)? {
            wrong.push(format!("{}: {error}", path.display()));
        }
    }
    let left = batches.left();
    if left > 0 && options.max_bytes.is_none() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        out.remark(format_args!(
            "Found {left} invalid bytes at the end of {name}"
        ))?;
        wrong.push(format!(
            "{} has {left} invalid bytes at its end",
            path.display()
        ));
    }
    Ok(())
}

/// Prints a batch, and its records if they are asked for; what is wrong with those is given back.
fn print_batch(
    options: &DumpLog,
    batch: &Batch,
    position: u64,
    is_valid: bool,
    out: &mut Out,
) -> Result<Result<(), BatchError>, OutputError> {
    let header = batch.header();
    let attributes = header.attributes;
    let number = |number: i32| Field::Number(number.into());
    let horizon = attributes
        .has_delete_horizon()
        .then_some(header.base_timestamp);
    let codec = Compression::from_id(attributes.codec_id()).map_or("unknown", Compression::name);
    let large = |number: Result<i64, _>| Field::Number(number.unwrap_or(i64::MAX));
    let fields = [
        ("baseOffset", Field::Number(header.base_offset)),
        ("lastOffset", Field::Number(header.last_offset())),
        ("count", number(header.record_count)),
        ("baseSequence", number(header.base_sequence)),
        ("lastSequence", number(header.last_sequence())),
        ("producerId", Field::Number(header.producer_id)),
        ("producerEpoch", number(header.producer_epoch.into())),
        (
            "partitionLeaderEpoch",
            number(header.partition_leader_epoch),
        ),
        (
            "isTransactional",
            Field::Flag(attributes.is_transactional()),
        ),
        ("isControl", Field::Flag(attributes.is_control())),
        ("deleteHorizonMs", Field::Optional(horizon)),
        ("position", large(i64::try_from(position))),
        (
            clock_name(attributes.timestamp_type()),
            Field::Number(header.max_timestamp),
        ),
        ("size", large(i64::try_from(header.total_len()))),
        ("magic", number(2)),
        ("compresscodec", Field::Name(codec)),
        ("crc", Field::Number(header.crc.into())),
        ("isvalid", Field::Flag(is_valid)),
    ];
    let fields = Fields(&fields);
    if let Some(object) = out.object_of(&fields) {
        return record_json::print(options, batch, object, out);
    }
    out.entry(&fields)?;
    if options.prints_records() {
        return record::print_all(options, batch, out);
    }
    Ok(Ok(()))
}

/// Whose clock stamped the records, in Kafka's words.
pub(super) fn clock_name(kind: TimestampType) -> &'static str {
    match kind {
        TimestampType::Create => "CreateTime",
        TimestampType::LogAppend => "LogAppendTime",
    }
}
