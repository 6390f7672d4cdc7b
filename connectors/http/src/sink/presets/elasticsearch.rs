//! The bulk API of Elasticsearch and OpenSearch: an action line and a document line for each record.
//!
//! A document is written under its record's key, with the record's offset as external version: a repetition, and an older
//! record that is sent again after a newer one, is answered with a version conflict and is done. A record without a key
//! is written under topic, partition and offset, so that a repetition replaces it by itself.

use std::io::{self, Write};

use millrace_api::ConnectError;
use serde_json::Value as Json;

use super::config::{Operation, PresetConfig, Versions};
use crate::client::Answer;
use crate::refused::Refused;
use crate::retry::Statuses;
use crate::sink::config::OnNull;
use crate::sink::json::{self, DecimalFormat};
use crate::sink::render;
use crate::sink::verdict::{ItemVerdict, Verdict};
use crate::sink::view::{Place, View};
use crate::template::{Escape, Template};

/// The longest id that the servers take.
const ID_MAX: usize = 512;

/// Writes actions and documents.
#[derive(Debug)]
pub(crate) struct Bulk {
    index: Template<Place>,
    id: Template<Place>,
    create: bool,
    /// Whether documents under their record's key have versions.
    versions: bool,
    delete: bool,
}

impl Bulk {
    pub(super) fn new(config: &PresetConfig, on_null: OnNull) -> Result<Self, String> {
        let id = Template::read(&config.elasticsearch_id, Place::read)?;
        let create = config.elasticsearch_operation == Operation::Create;
        let by_key = id.places().eq([&Place::Key]) && id.head().is_empty();
        Ok(Self {
            index: Template::read(&config.elasticsearch_index, Place::read)?,
            versions: by_key && !create && config.elasticsearch_version == Versions::Offset,
            id,
            create,
            delete: on_null == OnNull::Delete,
        })
    }

    pub(super) fn render(
        &self,
        view: &View<'_>,
        out: &mut Vec<u8>,
        decimals: DecimalFormat,
    ) -> Result<(), ConnectError> {
        let (mut index, mut id) = (String::new(), String::new());
        let fill = |template: &Template<Place>, text: &mut String| {
            template
                .fill(text, Escape::None, |place, text| view.fill(place, text))
                .map_err(|error| ConnectError::data("cannot name the document").caused_by(error))
        };
        fill(&self.index, &mut index)?;
        fill(&self.id, &mut id)?;
        let row = &view.row;
        let version = (self.versions && !id.is_empty()).then(|| row.offset());
        if id.is_empty() {
            id = format!(
                "{}+{}+{}",
                row.original_topic(),
                row.partition(),
                row.offset()
            );
        }
        if id.len() > ID_MAX {
            return Err(ConnectError::data(format!(
                "the document's id has {} bytes, more than {ID_MAX}; set elasticsearch.id to something shorter",
                id.len()
            )));
        }
        let deleted = self.delete && view.is_null();
        let action = match (deleted, self.create) {
            (true, _) => "delete",
            (false, true) => "create",
            (false, false) => "index",
        };
        let written = action_line(out, action, &index, &id, version).and_then(|()| match deleted {
            true => Ok(()),
            false => document_line(out, view, decimals),
        });
        written.map_err(|error| {
            ConnectError::data("cannot write the record as a document").caused_by(error)
        })
    }
}

fn action_line(
    out: &mut Vec<u8>,
    action: &str,
    index: &str,
    id: &str,
    version: Option<i64>,
) -> io::Result<()> {
    write!(out, "{{\"{action}\":{{\"_index\":")?;
    json::string(out, index)?;
    out.extend_from_slice(b",\"_id\":");
    json::string(out, id)?;
    if let Some(version) = version {
        write!(out, ",\"version\":{version},\"version_type\":\"external\"")?;
    }
    out.extend_from_slice(b"}}\n");
    Ok(())
}

/// The document on one line. What is no object becomes the member `message` of one.
fn document_line(out: &mut Vec<u8>, view: &View<'_>, decimals: DecimalFormat) -> io::Result<()> {
    let start = out.len();
    render::document(out, view.row.value(), decimals)?;
    if out.get(start) != Some(&b'{') {
        let value = out.split_off(start);
        out.extend_from_slice(b"{\"message\":");
        out.extend_from_slice(&value);
        out.push(b'}');
    }
    // A line end inside of JSON can only stand between its parts.
    for byte in out
        .iter_mut()
        .skip(start)
        .filter(|byte| matches!(byte, b'\n' | b'\r'))
    {
        *byte = b' ';
    }
    out.push(b'\n');
    Ok(())
}

pub(super) fn contradictions(config: &PresetConfig, refused: &mut Refused) {
    if config.elasticsearch_index.trim().is_empty() {
        refused.add(
            "elasticsearch.index",
            "",
            "documents need an index; name one, such as ${topic}",
        );
    }
}

/// What became of each of `count` documents.
pub(crate) fn judge(answer: &Answer, count: usize, retry_on: &Statuses) -> Verdict {
    let unknown = |why: &str| Verdict::Unknown(format!("{why}: {}", answer.excerpt()));
    if !answer.whole {
        return unknown("the answer to a bulk request broke off");
    }
    let Ok(parsed) = serde_json::from_slice::<Json>(&answer.body) else {
        return unknown("the answer to a bulk request is not JSON");
    };
    if parsed.get("errors") == Some(&Json::Bool(false)) {
        return Verdict::Delivered;
    }
    let Some(items) = parsed.get("items").and_then(Json::as_array) else {
        return unknown("the answer to a bulk request has no items");
    };
    if items.len() != count {
        return unknown(
            "the answer to a bulk request has another number of items than the request",
        );
    }
    Verdict::Items(
        items
            .iter()
            .map(|item| item_verdict(item, retry_on))
            .collect(),
    )
}

fn item_verdict(item: &Json, retry_on: &Statuses) -> ItemVerdict {
    let operation = item.as_object().and_then(|item| item.iter().next());
    let Some((action, result)) = operation else {
        return ItemVerdict::Retry("the answer says nothing of a document".to_owned());
    };
    let status = result.get("status").and_then(Json::as_u64);
    let status = status
        .and_then(|status| u16::try_from(status).ok())
        .unwrap_or(0);
    let reason = || {
        let error = result.get("error").map(Json::to_string).unwrap_or_default();
        format!("{action} was answered {status}: {error}")
    };
    match status {
        200..=299 => ItemVerdict::Delivered,
        // There is a newer version, or the same one.
        409 => ItemVerdict::Delivered,
        404 if action == "delete" => ItemVerdict::Delivered,
        status if retry_on.contains(status) || status == 0 => ItemVerdict::Retry(reason()),
        _ => ItemVerdict::Refused(reason()),
    }
}
