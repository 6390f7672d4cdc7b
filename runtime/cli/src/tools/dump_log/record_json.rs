//! The records of a batch as JSON: members of the batch's object, under Kafka's names.

use millrace_broker::offsets_topic::Change;
use millrace_wire::{
    batch::{Batch, BatchError, Decoded, RecordRow},
    pool::Pool,
};
use serde_json::{Map, Value, json};

use super::{
    DumpLog, Out,
    log_file::clock_name,
    record::{Control, EXPANDED_BYTES_MAX, header_keys, sequence, size},
};
use crate::tools::{
    json_bytes::{member, raw_member},
    offsets_topic::{key, value},
    stdout::OutputError,
};

/// Prints a batch's object, with its records if they are asked for; what is wrong with those is given back.
pub(super) fn print(
    options: &DumpLog,
    batch: &Batch,
    mut object: Map<String, Value>,
    out: &mut Out,
) -> Result<Result<(), BatchError>, OutputError> {
    let mut outcome = Ok(());
    if options.prints_records() {
        match batch.decode(EXPANDED_BYTES_MAX, Pool::global()) {
            Ok(decoded) => {
                let records = decoded.rows.iter();
                let records = records.map(|row| record(options, batch, &decoded, row));
                object.insert("records".to_owned(), records.collect());
            }
            Err(error) => outcome = Err(error),
        }
    }
    out.object(&object)?;
    Ok(outcome)
}

fn record(options: &DumpLog, batch: &Batch, decoded: &Decoded, row: &RecordRow) -> Value {
    let attributes = batch.header().attributes;
    let mut object = Map::new();
    let mut insert = |name: &str, value: Value| object.insert(name.to_owned(), value);
    if !options.skip_record_metadata {
        insert("offset", json!(row.offset));
        insert(
            clock_name(attributes.timestamp_type()),
            json!(row.timestamp),
        );
        insert("keySize", json!(size(row.key.of(&decoded.data))));
        insert("valueSize", json!(size(row.value.of(&decoded.data))));
        insert("sequence", json!(sequence(batch, row)));
        insert("headerKeys", json!(header_keys(decoded, row)));
    }
    if attributes.is_control() {
        match Control::of(decoded, row) {
            Control::End { name, epoch } => {
                insert("endTxnMarker", json!(name));
                insert("coordinatorEpoch", json!(epoch));
            }
            Control::Unknown(kind) => {
                insert("controlType", json!(kind));
            }
        }
    } else if options.prints_data() {
        add_contents(options, decoded, row, &mut object);
    }
    Value::Object(object)
}

fn add_contents(
    options: &DumpLog,
    decoded: &Decoded,
    row: &RecordRow,
    object: &mut Map<String, Value>,
) {
    let (key_bytes, value_bytes) = (row.key.of(&decoded.data), row.value.of(&decoded.data));
    if options.offsets_decoder
        && let Ok(Some(change)) = Change::decode(key_bytes.unwrap_or_default(), value_bytes)
    {
        object.insert("key".to_owned(), key(&change));
        object.insert("payload".to_owned(), value(&change, value_bytes));
        return;
    }
    let columns = [
        ("key", key_bytes, options.key_decoder_class),
        ("payload", value_bytes, options.value_decoder_class),
    ];
    for (name, bytes, decode) in columns {
        // What the decoder cannot read is shown as it is.
        if member(object, name, bytes, decode).is_err() {
            raw_member(object, name, bytes);
        }
    }
}
