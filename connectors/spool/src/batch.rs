//! Puts records of one or several files into a batch.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use millrace_api::{
    Column, Datum, EncodedHeaders, Row, Schema, SourceBatch, SourcePartition, SourceRun, Span,
    encode_header,
};
use tokio::sync::Notify;

use crate::config::{Format, HeaderKind, SpoolConfig};
use crate::flight::{Acks, Open};
use crate::reader::Cut;
use crate::record::Content;

/// Bytes of files after which a batch is full.
const BYTES_MAX: usize = 512 << 10;

/// What all batches share.
#[derive(Debug)]
pub(crate) struct Shape {
    topic: Arc<str>,
    format: Format,
    headers: Vec<HeaderKind>,
    has_key: bool,
    rows_max: usize,
}

impl Shape {
    pub(crate) fn new(config: &SpoolConfig) -> Self {
        Self {
            topic: config.topic.as_str().into(),
            format: config.format,
            headers: config.header_kinds(),
            has_key: config.key_file_name,
            rows_max: config.rows_max(),
        }
    }
}

/// Where records come from.
#[derive(Debug)]
pub(crate) struct Source {
    name: Arc<str>,
    path: Arc<str>,
    pub(crate) partition: SourcePartition,
    pub(crate) open: Arc<Open>,
}

impl Source {
    pub(crate) fn new(name: &str, path: &Path, partition: SourcePartition) -> Self {
        Self {
            name: name.into(),
            path: path.to_string_lossy().into(),
            partition,
            open: Arc::default(),
        }
    }
}

/// A batch that is being filled.
#[derive(Debug, Default)]
pub(crate) struct Filling {
    block: Vec<u8>,
    /// Bytes of files in it.
    bytes: usize,
    rows: usize,
    parts: Vec<Part>,
    now_ms: Option<i64>,
}

/// The records of one file.
#[derive(Debug)]
struct Part {
    partition: SourcePartition,
    open: Arc<Open>,
    name: Arc<str>,
    key: Span,
    rows: Vec<Row>,
    owned: Vec<Datum>,
}

impl Filling {
    pub(crate) fn is_full(&self, shape: &Shape) -> bool {
        self.rows >= shape.rows_max || self.bytes >= BYTES_MAX
    }

    /// The records from here on are of that file.
    pub(crate) fn begin(&mut self, source: &Source) {
        self.parts.push(Part {
            partition: source.partition.clone(),
            open: Arc::clone(&source.open),
            name: Arc::clone(&source.name),
            key: Span::NULL,
            rows: Vec::new(),
            owned: Vec::new(),
        });
    }

    /// Adds a record.
    pub(crate) fn push(&mut self, shape: &Shape, source: &Source, content: Content<'_>, cut: Cut) {
        let now_ms = *self.now_ms.get_or_insert_with(now_ms);
        let Some(part) = self.parts.last_mut() else {
            return;
        };
        let value = match content {
            Content::Nothing => return,
            Content::Text(text) => append(&mut self.block, &text),
            Content::Bytes(bytes) => append(&mut self.block, bytes),
            Content::Owned(datum) => {
                part.owned.push(datum);
                Span::NULL
            }
        };
        if shape.has_key && part.rows.is_empty() {
            part.key = append(&mut self.block, part.name.as_bytes());
        }
        part.rows.push(Row {
            key: part.key,
            value,
            headers: headers(&mut self.block, shape, source, cut.at),
            timestamp: now_ms,
            mark: i64::try_from(cut.next).unwrap_or(i64::MAX),
        });
        self.rows += 1;
        self.bytes += usize::try_from(cut.next - cut.at).unwrap_or(usize::MAX);
    }

    /// The batch; none if there is nothing in it.
    pub(crate) fn finish(mut self, shape: &Shape, woken: &Arc<Notify>) -> Option<SourceBatch> {
        self.parts.retain(|part| !part.rows.is_empty());
        if self.parts.is_empty() {
            return None;
        }
        let mut batch = SourceBatch::new();
        batch.push_block(self.block.into());
        let mut files = Vec::with_capacity(self.parts.len());
        for part in self.parts {
            part.open.add(part.rows.len());
            batch.begin_run(SourceRun {
                end: 0,
                topic: Arc::clone(&shape.topic),
                partition: None,
                source: part.partition,
                key: if shape.has_key {
                    Column::Text(Some(Schema::string()))
                } else {
                    Column::Null
                },
                value: match shape.format {
                    Format::Lines => Column::Text(Some(Schema::string())),
                    Format::File => Column::Bytes(None),
                    Format::Json | Format::Csv => Column::Owned(part.owned),
                },
                headers: None,
            });
            batch.extend(part.rows);
            files.push((batch.len(), part.open));
        }
        batch.notify(Arc::new(Acks {
            files,
            woken: Arc::clone(woken),
        }));
        Some(batch)
    }
}

fn append(block: &mut Vec<u8>, bytes: &[u8]) -> Span {
    let start = block.len() as u32;
    block.extend_from_slice(bytes);
    Span {
        block: 0,
        start,
        len: bytes.len() as u32,
    }
}

fn headers(block: &mut Vec<u8>, shape: &Shape, source: &Source, at: u64) -> Span {
    if shape.headers.is_empty() {
        return Span::EMPTY;
    }
    let start = block.len();
    EncodedHeaders::begin(block, shape.headers.len());
    for kind in &shape.headers {
        match kind {
            HeaderKind::File => encode_header(block, b"file", Some(source.name.as_bytes())),
            HeaderKind::Path => encode_header(block, b"path", Some(source.path.as_bytes())),
            HeaderKind::Offset => {
                encode_header(block, b"offset", Some(at.to_string().as_bytes()));
            }
        }
    }
    Span {
        block: 0,
        start: start as u32,
        len: (block.len() - start) as u32,
    }
}

/// Milliseconds since the epoch.
fn now_ms() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the API hands a connector no clock"
    )]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64)
}
