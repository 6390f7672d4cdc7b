//! Produce calls of Confluent's REST Proxy, API version 2: `POST /topics/{topic}` and
//! `POST /topics/{topic}/partitions/{partition}`.
//!
//! ```text
//! application/vnd.kafka.json.v2+json    {"records": [{"key": <JSON>, "value": <JSON>, "partition": 0}]}
//! application/vnd.kafka.binary.v2+json  the same, key and value in base64
//! answer                                {"offsets": [{"partition": 0, "offset": 17, "error_code": null, "error": null}], …}
//! ```
//!
//! Keys and values are stored as the JSON text that was sent, as the REST Proxy does it, unless `value.form` is
//! `parsed`.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::StatusCode;
use millrace_api::Span;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::Refusal;
use super::content::span_of;
use super::record::{Entry, Parcel, Part, part};
use super::urlencoded;
use crate::form::ValueForm;

/// The formats that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Embedded {
    Json,
    Binary,
}

impl Embedded {
    /// The format that a media type names.
    pub(super) fn of(content_type: Option<&str>) -> Result<Self, Refusal> {
        let media = content_type.unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().trim();
        match media.to_ascii_lowercase().as_str() {
            "application/vnd.kafka.json.v2+json" => Ok(Self::Json),
            "application/vnd.kafka.binary.v2+json" | "application/vnd.kafka.v2+json" => {
                Ok(Self::Binary)
            }
            _ => Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "send application/vnd.kafka.json.v2+json or application/vnd.kafka.binary.v2+json",
            )),
        }
    }
}

/// What the path of a produce call names: the topic and maybe a partition.
pub(super) fn target(path: &str) -> Option<(String, Option<String>)> {
    let mut segments = path.strip_prefix("/topics/")?.split('/');
    let text =
        |segment: &str| String::from_utf8(urlencoded::decode(segment.as_bytes(), false)).ok();
    let topic = text(segments.next()?)?;
    match (segments.next(), segments.next(), segments.next()) {
        (None, ..) => Some((topic, None)),
        (Some("partitions"), Some(partition), None) => Some((topic, Some(text(partition)?))),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    records: Vec<Produced<'a>>,
}

#[derive(Deserialize)]
struct Produced<'a> {
    #[serde(borrow, default)]
    key: Option<&'a RawValue>,
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
    #[serde(default)]
    partition: Option<i32>,
}

/// Turns produce calls into records.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) form: ValueForm,
    pub(super) partitions: i32,
    pub(super) records_max: usize,
}

impl Reading {
    /// Reads a call's body.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(
        &self,
        embedded: Embedded,
        (topic, partition): (Arc<str>, Option<String>),
        headers: &[u8],
        body: &Bytes,
    ) -> Result<Parcel, Refusal> {
        let call: Call<'_> = serde_json::from_slice(body)
            .map_err(|error| unprocessable(format!("the body is no produce call: {error}")))?;
        if call.records.is_empty() || call.records.len() > self.records_max {
            return Err(unprocessable(format!(
                "a call has 1 to {} records, not {}",
                self.records_max,
                call.records.len()
            )));
        }
        let of_path = match partition.map(|text| text.parse::<i32>()) {
            None => None,
            Some(Ok(partition)) => Some(self.known(partition)?),
            Some(Err(_)) => return Err(unprocessable("the partition is no number")),
        };
        let mut made = Made::new(self.form, embedded, headers);
        let mut entries = Vec::with_capacity(call.records.len());
        for (index, produced) in call.records.iter().enumerate() {
            let wrong = |why: String| unprocessable(format!("record {index}: {why}"));
            let partition = match (of_path, produced.partition) {
                (Some(partition), _) => Some(partition),
                (None, named) => named.map(|partition| self.known(partition)).transpose()?,
            };
            entries.push(Entry {
                topic: Arc::clone(&topic),
                partition,
                key: made.part(body, produced.key).map_err(wrong)?,
                value: made.part(body, produced.value).map_err(wrong)?,
                headers: made.headers,
            });
        }
        Ok(Parcel {
            blocks: vec![body.clone(), made.block.into()],
            entries,
        })
    }

    fn known(&self, partition: i32) -> Result<i32, Refusal> {
        match (0..self.partitions).contains(&partition) {
            true => Ok(partition),
            false => Err(Refusal {
                code: Some(40402),
                ..Refusal::new(
                    StatusCode::NOT_FOUND,
                    format!(
                        "partition {partition} may not be named: rest.proxy.partitions={}",
                        self.partitions
                    ),
                )
            }),
        }
    }
}

/// What is made for a call beside its body: headers, and what was in base64. It is block 1 of the parcel.
struct Made {
    form: ValueForm,
    embedded: Embedded,
    headers: Span,
    block: Vec<u8>,
}

impl Made {
    fn new(form: ValueForm, embedded: Embedded, headers: &[u8]) -> Self {
        Self {
            form,
            embedded,
            headers: Span {
                block: 1,
                start: 0,
                len: headers.len() as u32,
            },
            block: headers.to_vec(),
        }
    }

    fn part(&mut self, body: &[u8], value: Option<&RawValue>) -> Result<Part, String> {
        let Some(value) = value else {
            return Ok(Part::Null);
        };
        if self.embedded == Embedded::Json {
            let range = span_of(body, value);
            let span = Span {
                block: 0,
                start: range.start as u32,
                len: range.len() as u32,
            };
            return part(self.form, true, &body[range], span);
        }
        let text: String = serde_json::from_str(value.get())
            .map_err(|_| "in the binary format keys and values are base64 strings".to_owned())?;
        let start = self.block.len();
        STANDARD
            .decode_vec(text, &mut self.block)
            .map_err(|error| format!("what should be base64 is not: {error}"))?;
        let span = Span {
            block: 1,
            start: start as u32,
            len: (self.block.len() - start) as u32,
        };
        part(self.form, false, &self.block[start..], span)
    }
}

fn unprocessable(message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(embedded: Embedded, body: &'static str) -> Result<Vec<(String, String)>, String> {
        let reading = Reading {
            form: ValueForm::Text,
            partitions: 2,
            records_max: 3,
        };
        let body = Bytes::from_static(body.as_bytes());
        let parcel = reading
            .read(embedded, ("t".into(), None), b"", &body)
            .map_err(|refusal| refusal.message)?;
        let text = |part: &Part| match part {
            Part::Text(span) => {
                let block = &parcel.blocks[span.block as usize];
                let range = span.start as usize..(span.start + span.len) as usize;
                String::from_utf8(block[range].to_vec()).unwrap()
            }
            other => format!("{other:?}"),
        };
        Ok(parcel
            .entries
            .iter()
            .map(|entry| (text(&entry.key), text(&entry.value)))
            .collect())
    }

    #[test]
    fn calls_become_records() {
        let json =
            r#"{"records":[{"key":"k","value":{"a": 1}},{"value":null,"partition":1}],"x":1}"#;
        let expected = [("\"k\"", "{\"a\": 1}"), ("Null", "Null")];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(read(Embedded::Json, json).unwrap(), expected);
        let binary = r#"{"records":[{"key":"aw==","value":"dg=="},{"value":""}]}"#;
        let expected = [("k", "v"), ("Null", "")];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(read(Embedded::Binary, binary).unwrap(), expected);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (embedded, body, mention) in [
            (Embedded::Json, "{}", "records"),
            (Embedded::Json, r#"{"records":[]}"#, "1 to 3"),
            (
                Embedded::Json,
                r#"{"records":[{"partition":2}]}"#,
                "partition 2",
            ),
            (Embedded::Binary, r#"{"records":[{"value":1}]}"#, "record 0"),
            (Embedded::Binary, r#"{"records":[{"value":"a"}]}"#, "base64"),
            (
                Embedded::Binary,
                r#"{"records":[{"value":"/w=="}]}"#,
                "UTF-8",
            ),
        ] {
            let error = read(embedded, body).unwrap_err();
            assert!(error.contains(mention), "{body}: {error}");
        }
    }

    #[test]
    fn paths_name_topic_and_partition() {
        for (path, expected) in [
            ("/topics/a", Some(("a", None))),
            ("/topics/a%2Db/partitions/1", Some(("a-b", Some("1")))),
            ("/topics/a/b", None),
            ("/topic/a", None),
        ] {
            let expected = expected.map(|(topic, partition): (&str, Option<&str>)| {
                (topic.to_owned(), partition.map(str::to_owned))
            });
            assert_eq!(target(path), expected, "{path}");
        }
    }
}
