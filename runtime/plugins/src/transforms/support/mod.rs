//! What several transforms share.

mod added;
mod cache;
mod fields;
mod names;
mod path;
mod regex;
mod replacement;
mod text;

pub(crate) use added::{SharedSchemas, put_values, with_fields};
pub(crate) use cache::SchemaCache;
pub(crate) use fields::{
    Entries, apply_defaults, basics, copied, entry, map_of, purpose_of, put_entry, struct_of,
};
pub(crate) use names::{class_of, simple_class_of, type_name};
pub(crate) use path::{FieldPath, FieldSyntax};
pub(crate) use regex::JavaRegex;
pub(crate) use replacement::Replacement;
pub(crate) use text::{Unreadable, part, text_of};

use millrace_api::config::Value;
use millrace_api::{ConnectError, Datum, Needs, Records, Side};

/// Changes every key or value that is not null.
pub(crate) fn each_present(
    records: &mut Records,
    side: Side,
    change: impl Fn(&mut Datum) -> Result<(), ConnectError>,
) {
    records.each(Needs::only(side), |mut record| {
        let datum = record.side(side);
        match datum.value {
            millrace_api::Value::Null => Ok(()),
            _ => change(datum),
        }
    });
}

/// A list with something in it.
pub(crate) fn not_empty(_key: &str, value: &Value) -> Result<(), String> {
    match value.as_list() {
        Some([_, ..]) => Ok(()),
        _ => Err("Empty list".to_owned()),
    }
}

/// A pattern that compiles.
pub(crate) fn valid_regex(_key: &str, value: &Value) -> Result<(), String> {
    let Some(pattern) = value.as_str() else {
        return Ok(());
    };
    match JavaRegex::new(pattern) {
        Ok(_) => Ok(()),
        Err(why) => Err(format!("Invalid regex: {why}")),
    }
}

/// A text that is there, if only empty.
pub(crate) fn not_null(_key: &str, value: &Value) -> Result<(), String> {
    match value {
        Value::Null => Err("entry must be non null".to_owned()),
        _ => Ok(()),
    }
}
