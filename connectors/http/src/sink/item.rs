//! A record on its way, and how many of them become one request.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use millrace_api::ConsumedRecord;

use super::presets::Framing;
use super::shared::Hold;
use super::target::Target;
use super::window::Window;

/// A record that was taken on, and where its end is noted.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) record: ConsumedRecord,
    pub(crate) window: Arc<Window>,
    /// The record's number in the window.
    pub(crate) number: u64,
    /// The memory that it holds.
    #[expect(dead_code, reason = "its end is what counts")]
    pub(crate) hold: Arc<Hold>,
}

impl Ticket {
    /// The record's topic, partition and offset.
    pub(crate) fn place(&self) -> String {
        let record = &self.record;
        format!("{}-{}-{}", record.topic, record.partition, record.offset)
    }
}

/// A record that waits for its delivery.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) ticket: Ticket,
    pub(crate) target: Arc<Target>,
    /// Its part of a request's body; none for a request without a body.
    pub(crate) body: Option<Bytes>,
    /// What it shares with records that stand together with it.
    pub(crate) group: Option<Arc<str>>,
}

impl Item {
    /// Whether `other` may share a request with it.
    pub(crate) fn goes_with(&self, other: &Self) -> bool {
        self.body.is_some() && other.body.is_some() && self.target.is(&other.target)
    }

    /// Bytes of its part of the body.
    pub(crate) fn len(&self) -> usize {
        self.body.as_ref().map_or(0, Bytes::len)
    }
}

/// The name of what is sent, the same on each try.
pub(crate) fn idempotency_key(items: &[Item]) -> String {
    match items {
        [] => String::new(),
        [only] => only.ticket.place(),
        [first, ..] => format!("{}+{}", first.ticket.place(), items.len()),
    }
}

/// The body of a request.
pub(crate) fn assemble(items: &[Item], framing: &Framing) -> Option<Bytes> {
    match framing {
        Framing::Text {
            prefix,
            separator,
            suffix,
        } => joined(items, prefix, separator, suffix),
        Framing::Streams => Some(streams(items)),
    }
}

fn joined(items: &[Item], prefix: &str, separator: &str, suffix: &str) -> Option<Bytes> {
    let first = items.first()?.body.as_ref()?;
    if items.len() == 1 && prefix.is_empty() && suffix.is_empty() {
        return Some(first.clone());
    }
    let bodies: usize = items.iter().map(Item::len).sum();
    let around = prefix.len() + suffix.len() + separator.len() * items.len();
    let mut body = BytesMut::with_capacity(bodies + around);
    body.extend_from_slice(prefix.as_bytes());
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            body.extend_from_slice(separator.as_bytes());
        }
        body.extend_from_slice(item.body.as_deref().unwrap_or_default());
    }
    body.extend_from_slice(suffix.as_bytes());
    Some(body.freeze())
}

fn streams(items: &[Item]) -> Bytes {
    let mut streams: Vec<(&str, Vec<&Item>)> = Vec::new();
    for item in items {
        let labels = item.group.as_deref().unwrap_or("{}");
        match streams.iter_mut().find(|(known, _)| *known == labels) {
            Some((_, entries)) => entries.push(item),
            None => streams.push((labels, vec![item])),
        }
    }
    let mut body = BytesMut::new();
    body.extend_from_slice(b"{\"streams\":[");
    for (index, (labels, entries)) in streams.iter().enumerate() {
        if index > 0 {
            body.extend_from_slice(b",");
        }
        body.extend_from_slice(b"{\"stream\":");
        body.extend_from_slice(labels.as_bytes());
        body.extend_from_slice(b",\"values\":[");
        for (index, entry) in entries.iter().enumerate() {
            if index > 0 {
                body.extend_from_slice(b",");
            }
            body.extend_from_slice(entry.body.as_deref().unwrap_or_default());
        }
        body.extend_from_slice(b"]}");
    }
    body.extend_from_slice(b"]}");
    body.freeze()
}
