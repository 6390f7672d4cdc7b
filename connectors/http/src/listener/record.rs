//! Records of one request, with the buffers they point into.

use std::sync::Arc;

use bytes::Bytes;
use millrace_api::{Datum, Span};

use super::gate::RECORD_BYTES;
use crate::form::{ValueForm, parsed};

/// A key or a value.
#[derive(Debug)]
pub(super) enum Part {
    Null,
    Text(Span),
    Bytes(Span),
    Owned(Datum),
}

/// One record.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) topic: Arc<str>,
    pub(super) partition: Option<i32>,
    pub(super) key: Part,
    pub(super) value: Part,
    pub(super) headers: Span,
}

/// The records of one request.
#[derive(Debug, Default)]
pub(super) struct Parcel {
    /// What spans point into, by their number here.
    pub(super) blocks: Vec<Bytes>,
    pub(super) entries: Vec<Entry>,
}

impl Parcel {
    /// What it takes while it waits.
    pub(super) fn bytes(&self) -> usize {
        let blocks: usize = self.blocks.iter().map(Bytes::len).sum();
        blocks + self.entries.len() * RECORD_BYTES
    }
}

/// A range in the form that converters get.
///
/// # Errors
/// When it is not what the form needs: text, or JSON.
pub(super) fn part(
    form: ValueForm,
    is_json: bool,
    bytes: &[u8],
    span: Span,
) -> Result<Part, String> {
    form.check(bytes)?;
    Ok(match form {
        ValueForm::Bytes => Part::Bytes(span),
        ValueForm::Text => Part::Text(span),
        ValueForm::Parsed => Part::Owned(parsed(bytes, is_json)?),
    })
}
