//! Values as text: strings bare at the top and quoted inside containers, bytes in base64, no blanks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use millrace_api::Value;

use super::temporal;

/// The text of a value; what `parse` reads back, types apart.
pub(crate) fn to_text(value: &Value) -> String {
    let mut text = String::new();
    append(&mut text, value, false);
    text
}

fn append(out: &mut String, value: &Value, embedded: bool) {
    match value {
        Value::String(text) if embedded => quote(out, text),
        Value::String(text) => out.push_str(text),
        Value::Bytes(bytes) => STANDARD.encode_string(bytes, out),
        Value::Array(values) => list(out, values),
        Value::Map(entries) => {
            map(
                out,
                entries.iter().map(|(key, value)| (Key::Value(key), value)),
            );
        }
        Value::Struct(value) => {
            map(
                out,
                value
                    .iter()
                    .map(|(field, value)| (Key::Name(&field.name), value)),
            );
        }
        Value::Date(days) => out.push_str(&temporal::format(i64::from(*days) * temporal::DAY_MS)),
        Value::Time(ms) => out.push_str(&temporal::format(i64::from(*ms))),
        Value::Timestamp(ms) => out.push_str(&temporal::format(*ms)),
        plain => out.push_str(&plain.to_string()),
    }
}

enum Key<'a> {
    Value(&'a Value),
    Name(&'a str),
}

fn list(out: &mut String, values: &[Value]) {
    out.push('[');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        append(out, value, true);
    }
    out.push(']');
}

fn map<'a>(out: &mut String, entries: impl Iterator<Item = (Key<'a>, &'a Value)>) {
    out.push('{');
    for (index, (key, value)) in entries.enumerate() {
        if index > 0 {
            out.push(',');
        }
        match key {
            Key::Value(key) => append(out, key, true),
            Key::Name(name) => quote(out, name),
        }
        out.push(':');
        append(out, value, true);
    }
    out.push('}');
}

fn quote(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('"');
}
