//! Messages as structures, for `value.form=struct`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, LazyLock};

use millrace_api::{Datum, Field, Schema, SchemaType, Struct, Value, utf8_lossy};

use crate::message::{Message, elements};

/// The structure of a message. Only `message` and what follows from the priority are always there.
pub(crate) static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let field = |name: &str, schema: Arc<Schema>| Field {
        name: name.to_owned(),
        schema,
    };
    let parameters = SchemaType::Map(Some(Schema::string()), Some(Schema::string()));
    let elements = SchemaType::Map(
        Some(Schema::string()),
        Some(Arc::new(Schema::new(parameters))),
    );
    let fields = vec![
        field("priority", Arc::new(Schema::new(SchemaType::Int32))),
        field("facility", Schema::string()),
        field("severity", Schema::string()),
        field("timestamp", Arc::new(Schema::timestamp().optional())),
        field("host", Schema::optional_string()),
        field("app", Schema::optional_string()),
        field("procid", Schema::optional_string()),
        field("msgid", Schema::optional_string()),
        field(
            "structured_data",
            Arc::new(Schema::new(elements).optional()),
        ),
        field("message", Schema::string()),
        field("peer", Schema::string()),
        field("malformed", Schema::optional_string()),
    ];
    Arc::new(Schema::new(SchemaType::Struct(fields)).named("millrace.Syslog"))
});

/// The structure of a message that was sent at `time` by `peer`; `text` is its text, made UTF-8.
pub(crate) fn of(message: &Message<'_>, time: Option<i64>, text: String, peer: &str) -> Datum {
    let optional =
        |bytes: Option<&[u8]>| bytes.map_or(Value::Null, |bytes| Value::String(utf8_lossy(bytes)));
    let values = vec![
        Value::Int32(message.priority.number().into()),
        Value::String(message.priority.facility().to_owned()),
        Value::String(message.priority.severity().to_owned()),
        time.map_or(Value::Null, Value::Timestamp),
        optional(message.host),
        optional(message.app),
        optional(message.procid),
        optional(message.msgid),
        structured(message.data),
        Value::String(text),
        Value::String(peer.to_owned()),
        message
            .fault
            .map_or(Value::Null, |fault| Value::String(fault.to_owned())),
    ];
    let schema = Arc::clone(&SCHEMA);
    let value = Value::Struct(Struct::from_values(Arc::clone(&schema), values));
    Datum::new(schema, value)
}

/// A map of maps, in the order of their names. Elements with the same id become one; a parameter that comes several
/// times has its values joined with commas.
fn structured(data: &[u8]) -> Value {
    let mut ids: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (id, parameters) in elements(data) {
        let known = ids.entry(id).or_default();
        for (name, value) in parameters {
            match known.entry(name) {
                Entry::Vacant(place) => {
                    place.insert(value);
                }
                Entry::Occupied(mut place) => {
                    let values = place.get_mut();
                    values.push(',');
                    values.push_str(&value);
                }
            }
        }
    }
    if ids.is_empty() {
        return Value::Null;
    }
    let text = Value::String;
    let map = |known: BTreeMap<String, String>| {
        let pairs = known.into_iter();
        Value::Map(
            pairs
                .map(|(name, value)| (text(name), text(value)))
                .collect(),
        )
    };
    Value::Map(
        ids.into_iter()
            .map(|(id, known)| (text(id), map(known)))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_with_all_and_one_with_nothing() {
        let message = Message::read(
            br#"<34>1 2026-11-22T02:14:15.003Z h su 7 ID [a ip="1" ip="2" x="y"][b][a z="3"] text"#,
        );
        let datum = of(&message, Some(5), "text".to_owned(), "192.0.2.1");
        assert_eq!(
            datum.value.to_string(),
            "Struct{priority=34,facility=auth,severity=crit,timestamp=Thu Jan 01 00:00:00 UTC 1970,host=h,app=su,procid=7,\
             msgid=ID,structured_data={a={ip=1,2, x=y, z=3}, b={}},message=text,peer=192.0.2.1}"
        );
        let message = Message::read(b"text");
        let datum = of(&message, None, "text".to_owned(), "::1");
        assert_eq!(
            datum.value.to_string(),
            "Struct{priority=13,facility=user,severity=notice,message=text,peer=::1,malformed=it has no priority}"
        );
    }
}
