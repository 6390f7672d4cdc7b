//! The mode that looks at each text itself: whether it has its schema in an envelope, or none.
//!
//! What it sees is said once a topic, and again when it changes: a topic whose writer has changed its settings is told by
//! the log, and not by records that look odd.

use std::sync::{Mutex, PoisonError};

use millrace_api::{ConnectError, ConverterKind};

use super::document::{self, Document};

/// How many topics are remembered.
const TOPICS_MAX: usize = 256;

/// How a text holds its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// In an envelope with its schema.
    Envelope,
    /// Bare.
    Bare,
}

/// What was seen last in each topic.
#[derive(Debug, Default)]
pub(super) struct Sightings(Mutex<Vec<(Box<str>, Form)>>);

impl Sightings {
    /// Notes a form, and says so if it is new for the topic.
    pub(super) fn note(&self, topic: &str, part: &str, form: Form) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.iter_mut().find(|(known, _)| **known == *topic);
        let again = match known {
            Some((_, last)) if *last == form => return,
            Some((_, last)) => {
                *last = form;
                "now "
            }
            None => {
                if seen.len() >= TOPICS_MAX {
                    seen.remove(0);
                }
                seen.push((topic.into(), form));
                ""
            }
        };
        let text = match form {
            Form::Envelope => "have their schema in an envelope (as with schemas.enable=true)",
            Form::Bare => "have no schema (as with schemas.enable=false)",
        };
        log::info!("the {part}s of topic {topic} are {again}JSON texts that {text}");
    }
}

/// Schema and payload where the text is an envelope.
pub(super) fn envelope(bytes: &[u8]) -> Option<(&str, Document<'_>)> {
    let (schema, payload) = document::envelope(bytes).ok()?;
    (schema == "null" || schema.starts_with('{')).then_some((schema, payload))
}

/// Says what bytes are that are no JSON, as far as one can tell.
pub(super) fn unreadable(
    topic: &str,
    part: &str,
    bytes: &[u8],
    error: ConnectError,
) -> ConnectError {
    let looks = match bytes {
        [0, _, _, _, _, ..] => {
            "a zero byte and the id of a schema, as AvroConverter, ProtobufConverter and JsonSchemaConverter write with a schema registry"
        }
        _ if std::str::from_utf8(bytes).is_ok_and(is_plain) => {
            "plain text, as StringConverter writes"
        }
        _ => "bytes that are no text, as ByteArrayConverter or another format's converter writes",
    };
    let text = format!(
        "the {part} of a record of topic {topic} is no JSON but looks like {looks}; choose that converter: {error}"
    );
    ConnectError::data(text).caused_by(error)
}

fn is_plain(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() && !c.is_whitespace())
}

/// What a converter of a kind converts.
pub(super) fn part(kind: ConverterKind) -> &'static str {
    match kind {
        ConverterKind::Key => "key",
        ConverterKind::Value => "value",
        ConverterKind::Header => "header",
    }
}
