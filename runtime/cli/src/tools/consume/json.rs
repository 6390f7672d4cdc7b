//! Records as JSON objects, one a line.
//!
//! Headers are an array of objects, for their names may repeat.

use serde_json::{Map, Value, json};

use super::{format::Format, reading::Record};
use crate::tools::{
    decode::{Decode, Undecodable},
    json_bytes::member,
};

#[derive(Debug)]
pub(super) struct Json {
    pub(super) key: Decode,
    pub(super) value: Decode,
    pub(super) headers: Decode,
}

impl Format for Json {
    fn append(&mut self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<(), Undecodable> {
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
            member(&mut object, "key", Some(header.key), Decode::Raw)?;
            member(&mut object, "value", header.value, self.headers)?;
            Ok(Value::Object(object))
        });
        object.insert("headers".to_owned(), headers.collect::<Result<_, _>>()?);
        member(&mut object, "key", record.key(), self.key)?;
        member(&mut object, "value", record.value(), self.value)?;
        // Such a map always has a text.
        if serde_json::to_writer(&mut *out, &object).is_ok() {
            out.push(b'\n');
        }
        Ok(())
    }
}
