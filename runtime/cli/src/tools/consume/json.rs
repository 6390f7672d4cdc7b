//! Records as JSON objects, one a line.
//!
//! Bytes that are UTF-8 are strings; others are base64 in a member whose name ends in `Base64`. Headers are an array of
//! objects, for their names may repeat.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{format::Format, reading::Record};

#[derive(Debug)]
pub(super) struct Json;

impl Format for Json {
    fn append(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let (fetched, row) = (record.fetched, record.row);
        let mut object = Map::new();
        object.insert("topic".to_owned(), json!(&*fetched.topic));
        object.insert("partition".to_owned(), json!(fetched.partition));
        object.insert("offset".to_owned(), json!(row.offset));
        object.insert(
            "timestamp".to_owned(),
            json!((row.timestamp >= 0).then_some(row.timestamp)),
        );
        let kind = if fetched.log_append_time {
            "LogAppendTime"
        } else {
            "CreateTime"
        };
        object.insert("timestampType".to_owned(), json!(kind));
        let headers = record.headers().into_iter().map(|header| {
            let mut object = Map::new();
            member(&mut object, "key", Some(header.key));
            member(&mut object, "value", header.value);
            Value::Object(object)
        });
        object.insert("headers".to_owned(), headers.collect());
        member(&mut object, "key", record.key());
        member(&mut object, "value", record.value());
        // Such a map always has a text.
        if serde_json::to_writer(&mut *out, &object).is_ok() {
            out.push(b'\n');
        }
    }
}

fn member(object: &mut Map<String, Value>, name: &str, bytes: Option<&[u8]>) {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => object.insert(name.to_owned(), Value::Null),
        Some((_, Ok(text))) => object.insert(name.to_owned(), json!(text)),
        Some((bytes, Err(_))) => {
            object.insert(format!("{name}Base64"), json!(STANDARD.encode(bytes)))
        }
    };
}
