//! Makes records of messages, for one who receives them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use jiff::tz::TimeZone;
use millrace_api::{Datum, EncodedHeaders, Span, encode_header};

use crate::config::{HeaderKind, OnInvalid, TimestampOf, TooLong, ValueForm};
use crate::message::{Message, resolve};
use crate::parcel::{Entry, Parcel};
use crate::route::{Router, Topics};
use crate::tally::{Tally, count};
use crate::template::Template;
use crate::text::InvalidBytes;
use crate::{clock, structure};

/// What the keys say of records.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) topics: Arc<Topics>,
    pub(crate) key: Option<Template>,
    pub(crate) value: ValueForm,
    pub(crate) headers: Vec<HeaderKind>,
    pub(crate) timestamp: TimestampOf,
    pub(crate) zone: TimeZone,
    pub(crate) on_invalid: OnInvalid,
    pub(crate) invalid_bytes: InvalidBytes,
    pub(crate) too_long: TooLong,
}

/// Makes the records of one socket or connection.
#[derive(Debug)]
pub(crate) struct Maker {
    form: Arc<Form>,
    tally: Arc<Tally>,
    router: Router,
    block: Vec<u8>,
    entries: Vec<Entry>,
    structures: Vec<Datum>,
    structure_bytes: usize,
    /// A message that is none, where that fails the task.
    refused: Option<&'static str>,
}

impl Maker {
    pub(crate) fn new(form: Arc<Form>, tally: Arc<Tally>) -> Self {
        Self {
            router: Router::new(Arc::clone(&form.topics)),
            form,
            tally,
            block: Vec::new(),
            entries: Vec::new(),
            structures: Vec::new(),
            structure_bytes: 0,
            refused: None,
        }
    }

    /// A message came from `peer`; of one that `is_cut` this is the beginning.
    pub(crate) fn add(&mut self, bytes: &[u8], is_cut: bool, peer: &str) {
        if is_cut {
            if self.form.too_long == TooLong::Drop {
                count(&self.tally.too_long);
                return;
            }
            count(&self.tally.truncated);
        }
        let message = Message::read(bytes);
        if let Some(fault) = message.fault {
            count(&self.tally.malformed);
            match self.form.on_invalid {
                OnInvalid::Keep => {}
                OnInvalid::Drop => return,
                OnInvalid::Fail => {
                    self.refused = Some(fault);
                    return;
                }
            }
        }
        self.record(bytes, &message, peer);
    }

    fn record(&mut self, bytes: &[u8], message: &Message<'_>, peer: &str) {
        let now = clock::now_ms();
        let is_timed =
            self.form.value == ValueForm::Struct || self.form.timestamp == TimestampOf::Message;
        let time = match message.time {
            Some(stamp) if is_timed => resolve(stamp, now, &self.form.zone),
            _ => None,
        };
        let Some(value) = self.value(bytes, message, time, peer) else {
            count(&self.tally.no_text);
            return;
        };
        let key = self.key(message, peer);
        let headers = self.headers(message, peer);
        let topic = self.router.topic(message, peer);
        let timestamp = match self.form.timestamp {
            TimestampOf::Received => now,
            TimestampOf::Message => time.filter(|time| *time >= 0).unwrap_or(now),
        };
        self.tally.received.fetch_add(1, Ordering::Relaxed);
        self.entries.push(Entry {
            topic,
            key,
            value,
            headers,
            timestamp,
        });
    }

    /// The span of the value; null where it is a structure. None if the message is to be left out.
    fn value(
        &mut self,
        bytes: &[u8],
        message: &Message<'_>,
        time: Option<i64>,
        peer: &str,
    ) -> Option<Span> {
        let invalid = self.form.invalid_bytes;
        let start = self.block.len();
        let is_changed = match self.form.value {
            ValueForm::Line => invalid.append(bytes, &mut self.block)?,
            ValueForm::Message => invalid.append(message.text, &mut self.block)?,
            ValueForm::Struct => {
                let mut text = Vec::with_capacity(message.text.len());
                let is_changed = invalid.append(message.text, &mut text)?;
                let text = String::from_utf8(text).ok()?;
                self.structure_bytes += bytes.len();
                self.structures
                    .push(structure::of(message, time, text, peer));
                is_changed
            }
        };
        if is_changed {
            count(&self.tally.repaired);
        }
        Some(match self.form.value {
            ValueForm::Struct => Span::NULL,
            _ => self.span(start),
        })
    }

    fn key(&mut self, message: &Message<'_>, peer: &str) -> Span {
        let Some(key) = &self.form.key else {
            return Span::NULL;
        };
        let start = self.block.len();
        match key.fill(message, peer, &mut self.block) {
            true => self.span(start),
            false => {
                self.block.truncate(start);
                Span::NULL
            }
        }
    }

    /// The headers of what the message says; those it says nothing of are left out.
    fn headers(&mut self, message: &Message<'_>, peer: &str) -> Span {
        let of = |kind: HeaderKind| -> Option<&[u8]> {
            match kind {
                HeaderKind::Facility => Some(message.priority.facility().as_bytes()),
                HeaderKind::Severity => Some(message.priority.severity().as_bytes()),
                HeaderKind::Host => message.host,
                HeaderKind::App => message.app,
                HeaderKind::Procid => message.procid,
                HeaderKind::Msgid => message.msgid,
                HeaderKind::Data => Some(message.data).filter(|data| !data.is_empty()),
                HeaderKind::Peer => Some(peer.as_bytes()),
                HeaderKind::Malformed => message.fault.map(str::as_bytes),
            }
        };
        let kinds = &self.form.headers;
        let present = kinds.iter().filter(|kind| of(**kind).is_some()).count();
        if present == 0 {
            return Span::EMPTY;
        }
        let start = self.block.len();
        EncodedHeaders::begin(&mut self.block, present);
        for kind in kinds {
            if let Some(value) = of(*kind) {
                encode_header(&mut self.block, kind.header(), Some(value));
            }
        }
        self.span(start)
    }

    fn span(&self, start: usize) -> Span {
        Span {
            block: 0,
            start: u32::try_from(start).unwrap_or(u32::MAX),
            len: u32::try_from(self.block.len() - start).unwrap_or(0),
        }
    }

    /// Bytes of what was made.
    pub(crate) fn bytes(&self) -> usize {
        self.block.len() + self.structure_bytes
    }

    /// What was made since the last time.
    ///
    /// # Errors
    /// Why a message is none, where that fails the task.
    pub(crate) fn take(&mut self) -> Result<Parcel, &'static str> {
        if let Some(fault) = self.refused.take() {
            return Err(fault);
        }
        Ok(Parcel {
            block: Bytes::from(std::mem::take(&mut self.block)),
            entries: std::mem::take(&mut self.entries),
            structures: std::mem::take(&mut self.structures),
            structure_bytes: std::mem::take(&mut self.structure_bytes),
        })
    }
}
