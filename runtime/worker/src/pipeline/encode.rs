//! The source side: columns of a batch become the bytes of records.

use bytes::Bytes;
use millrace_api::{
    Cell, Column, ConnectError, Converter, Datum, EncodedHeaders, Header, HeaderConverter,
    SourceBatch, SourceRun, Span, Value, encode_header, utf8_lossy,
};

use super::brought::{Heads, Lent};
use super::{Attempt, Stage};
use crate::task::Converters;

/// Blocks of converted values are closed at this size, far below the 4 GiB that a range can address.
const BLOCK_MAX: usize = 256 * 1024 * 1024;

/// A batch whose rows are all ranges of final bytes.
#[derive(Debug)]
pub(crate) struct Encoded {
    /// The batch.
    pub(crate) batch: SourceBatch,
    /// Rows that are not to be sent, ascending.
    pub(crate) dropped: Vec<usize>,
}

/// Transforms the records, at `now_ms`, and converts what has to be converted.
///
/// # Errors
/// When a record cannot be transformed or converted, as [`Attempt::failed`] says.
pub(crate) fn encode(
    batch: SourceBatch,
    converters: &Converters,
    now_ms: i64,
    attempt: &mut Attempt<'_>,
) -> Result<Encoded, ConnectError> {
    let (mut batch, left_out) = converters.chain.source(batch, now_ms, attempt)?;
    let mut losses = Losses {
        attempt,
        dropped: left_out,
    };
    for index in 0..batch.runs().len() {
        let start = match index {
            0 => 0,
            index => batch.runs()[index - 1].end,
        };
        convert_headers(&mut batch, (index, start), converters, &mut losses)?;
        for part in [Part::Key, Part::Value] {
            let column = part.column(&batch.runs()[index]);
            if !passes(part.converter(converters), column) {
                convert(&mut batch, (index, start), converters, part, &mut losses)?;
            }
        }
    }
    Ok(Encoded {
        batch,
        dropped: losses.dropped,
    })
}

/// The records that are not to be sent, ascending: those that transforms have left out and those that could not be
/// converted. None of them is looked at again.
struct Losses<'l, 'a> {
    attempt: &'l mut Attempt<'a>,
    dropped: Vec<usize>,
}

impl Losses<'_, '_> {
    fn has(&self, row: usize) -> bool {
        !self.dropped.is_empty() && self.dropped.binary_search(&row).is_ok()
    }

    /// A converter has failed at a row, which is left out if that is tolerated.
    fn add(
        &mut self,
        (stage, class): (Stage, &'static str),
        batch: &SourceBatch,
        (run, start): (&SourceRun, usize),
        row: usize,
        error: ConnectError,
    ) -> Result<(), ConnectError> {
        let subject = || {
            let packed = &batch.rows()[row];
            let owned = run.headers.as_ref().and_then(|all| all.get(row - start));
            let lent = Lent {
                topic: &run.topic,
                source: &run.source,
                mark: batch.mark_behind(row),
                timestamp: (packed.timestamp >= 0).then_some(packed.timestamp),
                key: batch.key(run, start, row),
                value: batch.value(run, start, row),
                headers: match owned {
                    Some(headers) => Heads::Owned(headers),
                    None => Heads::Encoded(batch.bytes(packed.headers).unwrap_or_default()),
                },
            };
            lent.subject()
        };
        self.attempt.failed(stage, class, subject, error)?;
        if let Err(place) = self.dropped.binary_search(&row) {
            self.dropped.insert(place, row);
        }
        Ok(())
    }
}

/// A column of nulls without schema is null bytes for every converter.
fn passes(converter: &dyn Converter, column: &Column) -> bool {
    converter.passes(column)
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Key,
    Value,
}

impl Part {
    fn column(self, run: &SourceRun) -> &Column {
        match self {
            Self::Key => &run.key,
            Self::Value => &run.value,
        }
    }

    fn converter(self, converters: &Converters) -> &dyn Converter {
        match self {
            Self::Key => converters.key.as_ref(),
            Self::Value => converters.value.as_ref(),
        }
    }

    fn class(self, converters: &Converters) -> &'static str {
        match self {
            Self::Key => converters.key_class,
            Self::Value => converters.value_class,
        }
    }

    fn stage(self) -> Stage {
        match self {
            Self::Key => Stage::KeyConverter,
            Self::Value => Stage::ValueConverter,
        }
    }
}

/// Replaces one column of the run at `index`, which starts at row `start`, by ranges of converted bytes.
fn convert(
    batch: &mut SourceBatch,
    (index, start): (usize, usize),
    converters: &Converters,
    part: Part,
    losses: &mut Losses<'_, '_>,
) -> Result<(), ConnectError> {
    let (converter, at) = (
        part.converter(converters),
        (part.stage(), part.class(converters)),
    );
    let end = batch.runs()[index].end;
    let mut output = Output::default();
    let mut spans = Vec::with_capacity(end - start);
    for row in start..end {
        let run = &batch.runs()[index];
        let cell = match part {
            Part::Key => batch.key(run, start, row),
            Part::Value => batch.value(run, start, row),
        };
        if losses.has(row) {
            spans.push(Span::NULL);
            continue;
        }
        let begin = output.begin();
        match encode_cell(
            converter,
            &run.topic,
            part.column(run),
            cell,
            &mut output.open,
        ) {
            Ok(true) => spans.push(output.span(begin)),
            Ok(false) => spans.push(Span::NULL),
            Err(error) => {
                output.open.truncate(begin);
                losses.add(at, batch, (run, start), row, error)?;
                spans.push(Span::NULL);
            }
        }
    }
    let first = output.store(batch);
    let (runs, rows) = batch.parts_mut();
    for (row, mut span) in rows[start..end].iter_mut().zip(spans) {
        span.block += first;
        match part {
            Part::Key => row.key = span,
            Part::Value => row.value = span,
        }
    }
    match part {
        Part::Key => runs[index].key = Column::Bytes(None),
        Part::Value => runs[index].value = Column::Bytes(None),
    }
    Ok(())
}

fn encode_cell(
    converter: &dyn Converter,
    topic: &str,
    column: &Column,
    cell: Cell<'_>,
    out: &mut Vec<u8>,
) -> Result<bool, ConnectError> {
    let schema = column.schema().cloned();
    match cell {
        Cell::Null => converter.encode(
            topic,
            &Datum {
                schema,
                value: Value::Null,
            },
            out,
        ),
        Cell::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => converter.encode_text(topic, column, text, out),
            Err(_) => converter.encode_text(topic, column, &utf8_lossy(text), out),
        },
        Cell::Bytes(bytes) => converter.encode(
            topic,
            &Datum {
                schema,
                value: Value::Bytes(Bytes::copy_from_slice(bytes)),
            },
            out,
        ),
        Cell::Value(datum) => converter.encode(topic, datum, out),
    }
}

/// Replaces owned headers, and text headers that the converter would change, by encoded sections.
fn convert_headers(
    batch: &mut SourceBatch,
    (index, start): (usize, usize),
    converters: &Converters,
    losses: &mut Losses<'_, '_>,
) -> Result<(), ConnectError> {
    let converter = converters.header.as_ref();
    let at = (Stage::HeaderConverter, converters.header_class);
    let run = &batch.runs()[index];
    let end = run.end;
    let encoded_already = run.headers.is_none();
    if encoded_already
        && (converter.passes_text()
            || batch.rows()[start..end]
                .iter()
                .all(|row| row.headers.len == 0))
    {
        return Ok(());
    }
    let mut output = Output::default();
    let mut spans = Vec::with_capacity(end - start);
    for row in start..end {
        if losses.has(row) {
            spans.push(Span::EMPTY);
            continue;
        }
        let run = &batch.runs()[index];
        let owned;
        let headers: &[Header] = match &run.headers {
            Some(all) => all.get(row - start).map_or(&[], Vec::as_slice),
            None => {
                owned = text_headers(batch, row);
                &owned
            }
        };
        let begin = output.begin();
        match encode_headers(converter, &run.topic, headers, &mut output.open) {
            Ok(()) => spans.push(output.span(begin)),
            Err(error) => {
                output.open.truncate(begin);
                losses.add(at, batch, (run, start), row, error)?;
                spans.push(Span::EMPTY);
            }
        }
    }
    let first = output.store(batch);
    let (runs, rows) = batch.parts_mut();
    for (row, mut span) in rows[start..end].iter_mut().zip(spans) {
        span.block += first;
        row.headers = span;
    }
    runs[index].headers = None;
    Ok(())
}

fn text_headers(batch: &SourceBatch, row: usize) -> Vec<Header> {
    let section = batch.bytes(batch.rows()[row].headers).unwrap_or_default();
    let header = |(name, value): (&[u8], Option<&[u8]>)| Header {
        name: utf8_lossy(name),
        schema: value.map(|_| millrace_api::Schema::string()),
        value: value.map_or(Value::Null, |value| Value::String(utf8_lossy(value))),
    };
    EncodedHeaders::new(section).iter().map(header).collect()
}

fn encode_headers(
    converter: &dyn HeaderConverter,
    topic: &str,
    headers: &[Header],
    out: &mut Vec<u8>,
) -> Result<(), ConnectError> {
    if headers.is_empty() {
        return Ok(());
    }
    EncodedHeaders::begin(out, headers.len());
    for header in headers {
        let value = converter.encode(topic, header)?;
        encode_header(out, header.name.as_bytes(), value.as_deref());
    }
    Ok(())
}

/// Converted bytes, in blocks of bounded size. Block indexes in spans count from the first block of this output.
#[derive(Default)]
struct Output {
    full: Vec<Bytes>,
    open: Vec<u8>,
}

impl Output {
    /// Where the next value begins in the open block.
    fn begin(&mut self) -> usize {
        if self.open.len() >= BLOCK_MAX {
            self.full.push(std::mem::take(&mut self.open).into());
        }
        self.open.len()
    }

    /// The range of the value that began at `begin` and has just been written.
    fn span(&self, begin: usize) -> Span {
        Span {
            block: self.full.len() as u32,
            start: begin as u32,
            len: (self.open.len() - begin) as u32,
        }
    }

    /// Hands the blocks to the batch and returns the index of the first.
    fn store(mut self, batch: &mut SourceBatch) -> u32 {
        self.full.push(self.open.into());
        let mut first = None;
        for block in self.full {
            let index = batch.push_block(block);
            first.get_or_insert(index);
        }
        first.unwrap_or_default()
    }
}
