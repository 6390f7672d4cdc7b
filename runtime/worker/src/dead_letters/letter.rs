//! A dead letter: the record as it was, and what its headers say of the failure.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use millrace_api::{EncodedHeaders, encode_header, utf8_lossy};
use millrace_client::consumer::Fetched;
use millrace_wire::batch::RecordRow;
use serde_json::{Map, Value, json};

use super::Fate;

/// How the headers of Kafka Connect begin that say what went wrong.
const OF_CONNECT: &str = "__connect.errors.";
/// How those begin that Millrace adds.
const OF_MILLRACE: &str = "__millrace.";

/// Why a record is in the queue, as far as its headers say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cause {
    /// The topic that it came from, or for a source the one that it was for.
    pub topic: Option<String>,
    /// The partition of that topic.
    pub partition: Option<i32>,
    /// The offset in that partition.
    pub offset: Option<i64>,
    /// The connector.
    pub connector: Option<String>,
    /// The number of the task.
    pub task: Option<String>,
    /// The step that failed, as `VALUE_CONVERTER`.
    pub stage: Option<String>,
    /// The class of that step.
    pub class: Option<String>,
    /// The class of the error.
    pub exception: Option<String>,
    /// The error's text.
    pub message: Option<String>,
    /// The error with its causes.
    pub trace: Option<String>,
    /// The source partition as JSON, for a record of a source.
    pub source_partition: Option<String>,
    /// The source offset behind the record as JSON.
    pub source_offset: Option<String>,
}

/// A record of a queue.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The queue's topic.
    pub queue: Arc<str>,
    /// The partition of the queue.
    pub partition: i32,
    /// The offset in the queue.
    pub offset: i64,
    /// Milliseconds since the epoch, if the record has a time.
    pub timestamp: Option<i64>,
    /// The key.
    pub key: Option<Bytes>,
    /// The value.
    pub value: Option<Bytes>,
    /// Why it is here.
    pub cause: Cause,
    headers: Bytes,
}

impl Letter {
    pub(super) fn read(fetched: &Fetched, row: &RecordRow) -> Self {
        let slice = |span: millrace_wire::batch::Span| {
            let bytes = span.of(&fetched.data)?;
            Some(match bytes.is_empty() {
                true => Bytes::new(),
                false => fetched.data.slice_ref(bytes),
            })
        };
        let headers = slice(row.headers).unwrap_or_default();
        Self {
            queue: Arc::clone(&fetched.topic),
            partition: fetched.partition,
            offset: row.offset,
            timestamp: (row.timestamp >= 0).then_some(row.timestamp),
            key: slice(row.key),
            value: slice(row.value),
            cause: Cause::read(&headers),
            headers,
        }
    }

    /// Whether its headers say why it is in a queue.
    #[must_use]
    pub fn says_why(&self) -> bool {
        self.cause.stage.is_some()
    }

    /// All headers, those of the failure included.
    pub(super) fn headers(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        EncodedHeaders::new(&self.headers).iter()
    }

    /// The headers that the record had before it failed.
    pub fn own_headers(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.headers().filter(|(name, _)| !is_added(name))
    }

    /// Bytes that it takes.
    pub(super) fn size(&self) -> usize {
        let len = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        len(&self.key) + len(&self.value) + self.headers.len()
    }

    /// The record's own headers as a section, with one more.
    pub(super) fn section_with(&self, name: &str, value: &str) -> Vec<u8> {
        let own: Vec<_> = self.own_headers().collect();
        let mut section = Vec::new();
        EncodedHeaders::begin(&mut section, own.len() + 1);
        for (name, value) in own {
            encode_header(&mut section, name, value);
        }
        encode_header(&mut section, name.as_bytes(), Some(value.as_bytes()));
        section
    }

    /// The letter as JSON, with what became of it.
    #[must_use]
    pub fn json(&self, fate: Fate) -> Value {
        let mut object = Map::new();
        object.insert("queue".to_owned(), json!(&*self.queue));
        object.insert("partition".to_owned(), json!(self.partition));
        object.insert("offset".to_owned(), json!(self.offset));
        object.insert("timestamp".to_owned(), json!(self.timestamp));
        object.insert("state".to_owned(), json!(fate.name()));
        object.insert("cause".to_owned(), self.cause.json());
        let headers = self.own_headers().map(|(name, value)| {
            let mut header = Map::new();
            member(&mut header, "key", Some(name));
            member(&mut header, "value", value);
            Value::Object(header)
        });
        object.insert("headers".to_owned(), headers.collect());
        member(&mut object, "key", self.key.as_deref());
        member(&mut object, "value", self.value.as_deref());
        object.into()
    }
}

/// Whether a header was added when the record failed.
fn is_added(name: &[u8]) -> bool {
    name.starts_with(OF_CONNECT.as_bytes()) || name.starts_with(OF_MILLRACE.as_bytes())
}

/// Bytes that are UTF-8 are text; others are base64 under a name that ends in `Base64`.
pub(super) fn member(object: &mut Map<String, Value>, name: &str, bytes: Option<&[u8]>) {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => object.insert(name.to_owned(), Value::Null),
        Some((_, Ok(text))) => object.insert(name.to_owned(), json!(text)),
        Some((bytes, Err(_))) => {
            object.insert(format!("{name}Base64"), json!(STANDARD.encode(bytes)))
        }
    };
}

impl Cause {
    /// A record that failed more than once has the headers more than once: the last ones count.
    fn read(headers: &[u8]) -> Self {
        let mut cause = Self::default();
        for (name, value) in EncodedHeaders::new(headers).iter() {
            let (Some(value), Ok(name)) = (value, std::str::from_utf8(name)) else {
                continue;
            };
            if let Some(slot) = cause.slot(name) {
                *slot = Some(utf8_lossy(value));
                continue;
            }
            match name.strip_prefix(OF_CONNECT) {
                Some("partition") => cause.partition = utf8_lossy(value).parse().ok(),
                Some("offset") => cause.offset = utf8_lossy(value).parse().ok(),
                _ => {}
            }
        }
        cause
    }

    /// Where the text of a header belongs.
    fn slot(&mut self, header: &str) -> Option<&mut Option<String>> {
        Some(match header.strip_prefix(OF_CONNECT) {
            Some("topic") => &mut self.topic,
            Some("connector.name") => &mut self.connector,
            Some("task.id") => &mut self.task,
            Some("stage") => &mut self.stage,
            Some("class.name") => &mut self.class,
            Some("exception.class.name") => &mut self.exception,
            Some("exception.message") => &mut self.message,
            Some("exception.stacktrace") => &mut self.trace,
            Some(_) => return None,
            None => match header.strip_prefix(OF_MILLRACE)? {
                "errors.source.partition" => &mut self.source_partition,
                "errors.source.offset" => &mut self.source_offset,
                _ => return None,
            },
        })
    }

    fn json(&self) -> Value {
        let text = |text: &Option<String>| text.as_ref().map(|text| json!(text));
        let parsed = |text: &Option<String>| {
            text.as_deref()
                .map(|text| serde_json::from_str(text).unwrap_or_else(|_| json!(text)))
        };
        let members = [
            ("connector", text(&self.connector)),
            ("task", parsed(&self.task)),
            ("stage", text(&self.stage)),
            ("class", text(&self.class)),
            ("exception", text(&self.exception)),
            ("message", text(&self.message)),
            ("topic", text(&self.topic)),
            ("partition", self.partition.map(|number| json!(number))),
            ("offset", self.offset.map(|number| json!(number))),
            ("sourcePartition", parsed(&self.source_partition)),
            ("sourceOffset", parsed(&self.source_offset)),
            ("trace", text(&self.trace)),
        ];
        let known = members
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(known.collect())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A letter with these headers.
    pub(in super::super) fn letter(value: &str, headers: &[(&str, &str)]) -> Letter {
        let mut section = Vec::new();
        EncodedHeaders::begin(&mut section, headers.len());
        for (name, value) in headers {
            encode_header(&mut section, name.as_bytes(), Some(value.as_bytes()));
        }
        Letter {
            queue: "dead".into(),
            partition: 0,
            offset: 7,
            timestamp: Some(1000),
            key: None,
            value: Some(Bytes::copy_from_slice(value.as_bytes())),
            cause: Cause::read(&section),
            headers: section.into(),
        }
    }

    #[test]
    fn the_last_cause_counts_and_added_headers_are_not_the_records_own() {
        let letter = letter(
            "v",
            &[
                ("a", "1"),
                ("__connect.errors.stage", "TRANSFORMATION"),
                ("__connect.errors.offset", "5"),
                ("__millrace.retry.topic", "t"),
                ("a", "2"),
                ("__connect.errors.stage", "TASK_PUT"),
            ],
        );
        assert_eq!(letter.cause.stage.as_deref(), Some("TASK_PUT"));
        assert_eq!(letter.cause.offset, Some(5));
        let own: Vec<_> = letter.own_headers().collect();
        assert_eq!(
            own,
            [(&b"a"[..], Some(&b"1"[..])), (&b"a"[..], Some(&b"2"[..]))]
        );
        let with = letter.section_with("x", "y");
        assert_eq!(EncodedHeaders::new(&with).iter().count(), 3);
    }

    #[test]
    fn a_letter_is_shown_as_json_whatever_its_bytes_are() {
        let mut letter = letter("v", &[("__connect.errors.task.id", "3")]);
        letter.key = Some(Bytes::from_static(b"\xff"));
        assert_eq!(
            letter.json(Fate::InDoubt),
            json!({
                "queue": "dead", "partition": 0, "offset": 7, "timestamp": 1000,
                "state": "in doubt", "cause": {"task": 3}, "headers": [],
                "keyBase64": "/w==", "value": "v",
            })
        );
    }
}
