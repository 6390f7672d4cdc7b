//! The records of a batch.

use millrace_broker::offsets_topic::Change;
use millrace_wire::{
    batch::{Batch, BatchError, Decoded, Headers, RecordRow, header::advance_sequence},
    pool::Pool,
};
use serde_json::Value;

use super::{DumpLog, Out, field, log_file::clock_name};
use crate::tools::{
    offsets_topic::{key, value},
    stdout::OutputError,
};

/// What a batch may expand to.
pub(super) const EXPANDED_BYTES_MAX: usize = 1 << 30;

/// Prints every record; what is wrong with the batch is given back.
pub(super) fn print_all(
    options: &DumpLog,
    batch: &Batch,
    out: &mut Out,
) -> Result<Result<(), BatchError>, OutputError> {
    let decoded = match batch.decode(EXPANDED_BYTES_MAX, Pool::global()) {
        Ok(decoded) => decoded,
        Err(error) => return Ok(Err(error)),
    };
    for row in &decoded.rows {
        if !options.skip_record_metadata {
            print_metadata(batch, &decoded, row, out)?;
        }
        if options.prints_data() && !batch.header().attributes.is_control() {
            print_contents(options, &decoded, row, out)?;
        }
        out.end_line();
    }
    Ok(Ok(()))
}

fn print_metadata(
    batch: &Batch,
    decoded: &Decoded,
    row: &RecordRow,
    out: &mut Out,
) -> Result<(), OutputError> {
    let attributes = batch.header().attributes;
    out.text(format_args!(
        "| offset: {} {}: {} keySize: {} valueSize: {} sequence: {} headerKeys: [{}]",
        row.offset,
        clock_name(attributes.timestamp_type()),
        row.timestamp,
        size(row.key.of(&decoded.data)),
        size(row.value.of(&decoded.data)),
        sequence(batch, row),
        header_keys(decoded, row).join(","),
    ))?;
    if !attributes.is_control() {
        return Ok(());
    }
    match Control::of(decoded, row) {
        Control::End { name, epoch } => out.text(format_args!(
            " endTxnMarker: {name} coordinatorEpoch: {epoch}"
        )),
        Control::Unknown(kind) => out.text(format_args!(" controlType: UNKNOWN({kind})")),
    }
}

/// Bytes of a key or value; -1 for null.
pub(super) fn size(bytes: Option<&[u8]>) -> i64 {
    bytes.map_or(-1, |bytes| i64::try_from(bytes.len()).unwrap_or(i64::MAX))
}

/// The sequence number of a record of an idempotent producer; -1 of another.
pub(super) fn sequence(batch: &Batch, row: &RecordRow) -> i32 {
    let header = batch.header();
    let delta = i32::try_from(row.offset - header.base_offset).unwrap_or_default();
    advance_sequence(header.base_sequence, delta)
}

pub(super) fn header_keys(decoded: &Decoded, row: &RecordRow) -> Vec<String> {
    let section = row.headers.of(&decoded.data).unwrap_or_default();
    Headers::parse(section)
        .map(|headers| {
            headers
                .iter()
                .map(|header| String::from_utf8_lossy(header.key).into_owned())
                .collect()
        })
        .unwrap_or_default()
}

/// What a control record says.
pub(super) enum Control {
    /// A transaction ended.
    End {
        name: &'static str,
        /// The coordinator's.
        epoch: i32,
    },
    /// The type, -1 where there is none.
    Unknown(i16),
}

impl Control {
    /// Version and type are the key; the value begins with its version and, of transactions, the coordinator's epoch.
    pub(super) fn of(decoded: &Decoded, row: &RecordRow) -> Self {
        let key = row.key.of(&decoded.data).unwrap_or_default();
        let kind = (key.len() >= 4).then(|| i16::from_be_bytes(field(key, 2)));
        let value = row.value.of(&decoded.data).unwrap_or_default();
        let epoch = (value.len() >= 6).then(|| i32::from_be_bytes(field(value, 2)));
        match (kind, epoch) {
            (Some(kind @ (0 | 1)), Some(epoch)) => Self::End {
                name: if kind == 0 { "ABORT" } else { "COMMIT" },
                epoch,
            },
            (kind, _) => Self::Unknown(kind.unwrap_or(-1)),
        }
    }
}

fn print_contents(
    options: &DumpLog,
    decoded: &Decoded,
    row: &RecordRow,
    out: &mut Out,
) -> Result<(), OutputError> {
    let (key_bytes, value_bytes) = (row.key.of(&decoded.data), row.value.of(&decoded.data));
    let mut prefix = if options.skip_record_metadata {
        "| "
    } else {
        " "
    };
    if options.offsets_decoder {
        let (key, payload) = coordinator_record(row.offset, key_bytes, value_bytes);
        out.text(format_args!("{prefix}key: {key}"))?;
        return payload.map_or(Ok(()), |payload| {
            out.text(format_args!(" payload: {payload}"))
        });
    }
    let columns = [
        ("key", key_bytes, options.key_decoder_class),
        ("payload", value_bytes, options.value_decoder_class),
    ];
    for (name, bytes, decode) in columns {
        if let Some(bytes) = bytes {
            out.text(format_args!("{prefix}{name}: "))?;
            if let Err(error) = decode.append(bytes, &mut out.text) {
                out.text(format_args!("<{error}>"))?;
            }
            prefix = " ";
        }
    }
    Ok(())
}

/// Key and value of a record of `__consumer_offsets`.
fn coordinator_record(
    offset: i64,
    key_bytes: Option<&[u8]>,
    value_bytes: Option<&[u8]>,
) -> (String, Option<String>) {
    match Change::decode(key_bytes.unwrap_or_default(), value_bytes) {
        Ok(Some(change)) => {
            let payload = match value(&change, value_bytes) {
                Value::Null => "<DELETE>".to_owned(),
                value => with_text(value, "version").to_string(),
            };
            let key = with_text(key(&change), "type");
            (key.to_string(), Some(payload))
        }
        Ok(None) => (
            format!("Unknown record type at offset {offset}, skipping."),
            None,
        ),
        Err(error) => (format!("Error at offset {offset}, skipping. {error}"), None),
    }
}

/// Kafka's dump tool writes these numbers as text, where its formatters do not.
fn with_text(mut object: Value, name: &str) -> Value {
    if let Some(number) = object.get_mut(name) {
        *number = Value::String(number.to_string());
    }
    object
}
