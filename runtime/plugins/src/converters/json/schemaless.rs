//! JSON to values without a schema, straight from the text: what most topics hold, so that no document is made of it
//! first.

use std::sync::atomic::{AtomicUsize, Ordering};

use millrace_api::{ConnectError, Value};

use super::document::{DEPTH_MAX, Parser, Places};
use super::read::{fraction, integer_of, is_integral};

/// More members than this are not made room for at once.
const ROOM_MAX: usize = 64;

/// Members that steps may add.
const ROOM_MORE: usize = 2;

/// How many members the last object had: the next one has as many, mostly.
#[derive(Debug, Default)]
pub(super) struct Room(AtomicUsize);

impl Room {
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn learn(&self, value: &Value) {
        if let Value::Map(entries) = value {
            let room = (entries.len() + ROOM_MORE).min(ROOM_MAX);
            if room != self.get() {
                self.0.store(room, Ordering::Relaxed);
            }
        }
    }
}

/// The first value of `bytes`. A number ends at a blank, or where the text ends; what follows other values is ignored.
pub(super) fn read(bytes: &[u8], room: &Room) -> Result<Value, ConnectError> {
    let mut parser = Parser::new(bytes)?;
    let value = parser.any(0, room.get());
    let value = value.ok_or_else(|| parser.malformed())?;
    match value {
        Value::Int64(_) | Value::Float64(_) if !parser.is_at_blank() => Err(parser.malformed()),
        value => {
            room.learn(&value);
            Ok(value)
        }
    }
}

impl Parser<'_> {
    fn any(&mut self, depth: usize, room: usize) -> Option<Value> {
        if depth > DEPTH_MAX {
            return None;
        }
        self.blanks();
        match self.peek()? {
            b'{' => self.entries(depth, room),
            b'[' => self.elements(depth),
            b'"' => self.string().map(Value::String),
            b't' => self.word("true", Value::Boolean(true)),
            b'f' => self.word("false", Value::Boolean(false)),
            b'n' => self.word("null", Value::Null),
            _ => self.number().map(|text| match is_integral(text) {
                true => Value::Int64(integer_of(text)),
                false => Value::Float64(fraction(text)),
            }),
        }
    }

    fn entries(&mut self, depth: usize, room: usize) -> Option<Value> {
        self.takes(b'{');
        let mut entries = Vec::with_capacity(room);
        let mut places = Places::default();
        if self.takes(b'}') {
            return Some(Value::Map(entries));
        }
        loop {
            let name = self.name()?;
            let value = self.any(depth + 1, 0)?;
            match places.find(&entries, &name, name_of) {
                Some(place) => entries[place].1 = value,
                None => entries.push((Value::String(name), value)),
            }
            if !self.takes(b',') {
                return self.takes(b'}').then_some(Value::Map(entries));
            }
        }
    }

    fn elements(&mut self, depth: usize) -> Option<Value> {
        self.takes(b'[');
        let mut values = Vec::new();
        if self.takes(b']') {
            return Some(Value::Array(values));
        }
        loop {
            values.push(self.any(depth + 1, 0)?);
            if !self.takes(b',') {
                return self.takes(b']').then_some(Value::Array(values));
            }
        }
    }
}

/// The name of a member, which is a text.
fn name_of((name, _): &(Value, Value)) -> &str {
    match name {
        Value::String(name) => name,
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_follows_what_comes() {
        let room = Room::default();
        for (text, expected) in [(r#"{"a":1,"b":{"c":1}}"#, 4), ("[1]", 4), ("{}", 2)] {
            read(text.as_bytes(), &room).unwrap();
            assert_eq!(room.get(), expected, "{text}");
        }
    }

    #[test]
    fn many_members_are_found_again() {
        let members = (0..200)
            .chain(0..200)
            .map(|name| format!("\"{name}\":{name}"));
        let text = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
        let Value::Map(entries) = read(text.as_bytes(), &Room::default()).unwrap() else {
            panic!("an object is a map");
        };
        let expected =
            (0..200).map(|name: i64| (Value::String(name.to_string()), Value::Int64(name)));
        assert_eq!(entries, expected.collect::<Vec<_>>());
    }

    #[test]
    fn a_value_is_the_same_as_by_a_document() {
        use super::super::document::Document;
        use super::super::read::Reader;
        let reader = Reader {
            replace_null_with_default: false,
        };
        for text in [
            r#"{"a":1,"a":2,"b":[1,2.5,-0,-0.0,1e3,{"c":null}],"":"\u00e9\n"}"#,
            "123456789012345678901",
            "007",
            "1,2",
            "{} x",
            "tru",
            "truex",
            "[1,]",
            "{\"a\"}",
            "\"\u{1}\"",
            "",
            " ",
            "-",
            "1.",
        ] {
            let document = Document::parse(text.as_bytes());
            let expected = document.and_then(|document| reader.value(None, &document));
            let found = read(text.as_bytes(), &Room::default());
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{text}"),
                (found, expected) => assert_eq!(found.is_err(), expected.is_err(), "{text}"),
            }
        }
    }
}
