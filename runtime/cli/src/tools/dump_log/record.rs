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
const EXPANDED_BYTES_MAX: usize = 1 << 30;

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
        out.line(format_args!(""))?;
    }
    Ok(Ok(()))
}

fn print_metadata(
    batch: &Batch,
    decoded: &Decoded,
    row: &RecordRow,
    out: &mut Out,
) -> Result<(), OutputError> {
    let header = batch.header();
    let size = |bytes: Option<&[u8]>| {
        bytes.map_or(-1, |bytes| i64::try_from(bytes.len()).unwrap_or(i64::MAX))
    };
    let delta = i32::try_from(row.offset - header.base_offset).unwrap_or_default();
    let section = row.headers.of(&decoded.data).unwrap_or_default();
    let names: Vec<_> = Headers::parse(section)
        .map(|headers| {
            headers
                .iter()
                .map(|header| String::from_utf8_lossy(header.key))
                .collect()
        })
        .unwrap_or_default();
    out.text(format_args!(
        "| offset: {} {}: {} keySize: {} valueSize: {} sequence: {} headerKeys: [{}]",
        row.offset,
        clock_name(header.attributes.timestamp_type()),
        row.timestamp,
        size(row.key.of(&decoded.data)),
        size(row.value.of(&decoded.data)),
        advance_sequence(header.base_sequence, delta),
        names.join(","),
    ))?;
    if header.attributes.is_control() {
        print_marker(decoded, row, out)?;
    }
    Ok(())
}

/// Control records: version and type as key, for transactions the coordinator's epoch as value.
fn print_marker(decoded: &Decoded, row: &RecordRow, out: &mut Out) -> Result<(), OutputError> {
    let key = row.key.of(&decoded.data).unwrap_or_default();
    let kind = (key.len() >= 4).then(|| i16::from_be_bytes(field(key, 2)));
    let value = row.value.of(&decoded.data).unwrap_or_default();
    let epoch = (value.len() >= 6).then(|| i32::from_be_bytes(field(value, 2)));
    match (kind, epoch) {
        (Some(kind @ (0 | 1)), Some(epoch)) => {
            let name = if kind == 0 { "ABORT" } else { "COMMIT" };
            out.text(format_args!(
                " endTxnMarker: {name} coordinatorEpoch: {epoch}"
            ))
        }
        (kind, _) => out.text(format_args!(
            " controlType: UNKNOWN({})",
            kind.unwrap_or(-1)
        )),
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
            if let Err(error) = decode.append(bytes, &mut out.0) {
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
