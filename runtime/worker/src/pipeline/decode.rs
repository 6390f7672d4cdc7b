//! The sink side: records as fetched become a batch for a sink.

use std::sync::Arc;

use bytes::Bytes;
use millrace_api::{
    Column, ConnectError, Converter, Datum, EncodedHeaders, Header, Headers, Row, SinkBatch,
    SinkRun, Span, append_utf8_lossy, utf8_lossy,
};

use super::{ErrorPolicy, Stage};
use crate::task::Converters;

/// One fetched record batch, whose rows are ranges of `data`.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) log_append_time: bool,
    pub(crate) data: Bytes,
}

/// Converts fetched records for a sink.
#[derive(Debug)]
pub(crate) struct Decoder {
    converters: Converters,
    policy: ErrorPolicy,
}

/// What became of the keys or values of a fetched batch.
struct Converted {
    column: Column,
    /// Text that was not valid UTF-8 and is held here, repaired; the rows' ranges point into it.
    repaired: Option<Bytes>,
}

impl Decoder {
    pub(crate) fn new(converters: Converters, policy: ErrorPolicy) -> Self {
        Self { converters, policy }
    }

    /// Takes records, at `now_ms`, through the connector's transforms.
    ///
    /// # Errors
    /// When a record cannot be transformed and the policy does not tolerate it.
    pub(crate) fn transform(
        &self,
        batch: SinkBatch,
        now_ms: i64,
    ) -> Result<SinkBatch, ConnectError> {
        self.converters.chain.sink(batch, now_ms, &self.policy)
    }

    /// Adds the records of `fetched` to `batch`, leaving out those that fail and are tolerated.
    ///
    /// # Errors
    /// When a record cannot be converted and the policy does not tolerate it.
    pub(crate) fn decode(
        &self,
        fetched: Fetched,
        rows: &mut Vec<Row>,
        batch: &mut SinkBatch,
    ) -> Result<(), ConnectError> {
        let Fetched {
            topic,
            partition,
            log_append_time,
            data,
        } = fetched;
        let block = batch.push_block(data.clone());
        for row in rows.iter_mut() {
            (row.key.block, row.value.block, row.headers.block) = (block, block, block);
        }
        let mut failed = vec![];
        let source = Source {
            topic: &topic,
            partition,
            data: &data,
        };
        let key = self.column(&source, rows, Part::Key, batch, &mut failed)?;
        let value = self.column(&source, rows, Part::Value, batch, &mut failed)?;
        let headers = self.headers(&source, rows, &mut failed)?;
        let mut run = SinkRun {
            end: 0,
            topic,
            original_topic: None,
            partition,
            log_append_time,
            key,
            value,
            headers,
        };
        leave_out(&mut failed, rows, &mut run);
        batch.convert_headers_with(Arc::clone(&self.converters.header));
        batch.begin_run(run);
        batch.extend(rows.iter().copied());
        Ok(())
    }

    fn column(
        &self,
        source: &Source<'_>,
        rows: &mut [Row],
        part: Part,
        batch: &mut SinkBatch,
        failed: &mut Vec<usize>,
    ) -> Result<Column, ConnectError> {
        let converter = self.converter(part);
        match converter.reads_as() {
            Some(column @ Column::Text(_)) => {
                let Converted { column, repaired } = text(source, rows, part, column);
                if let Some(repaired) = repaired {
                    let block = batch.push_block(repaired);
                    rows.iter_mut()
                        .for_each(|row| part.span_mut(row).block = block);
                }
                Ok(column)
            }
            Some(column) => Ok(column),
            None => self.values(source, rows, part, failed),
        }
    }

    fn converter(&self, part: Part) -> &dyn Converter {
        match part {
            Part::Key => self.converters.key.as_ref(),
            Part::Value => self.converters.value.as_ref(),
        }
    }

    fn values(
        &self,
        source: &Source<'_>,
        rows: &[Row],
        part: Part,
        failed: &mut Vec<usize>,
    ) -> Result<Column, ConnectError> {
        let converter = self.converter(part);
        let mut values = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            match converter.decode(source.topic, source.bytes(part.span(row))) {
                Ok(datum) => values.push(datum),
                Err(error) => {
                    self.policy
                        .handle(part.stage(), &source.describe(row), error)?;
                    failed.push(index);
                    values.push(Datum::default());
                }
            }
        }
        Ok(Column::Owned(values))
    }

    /// Headers are converted here only where a conversion can fail; else the sink converts what it asks for.
    fn headers(
        &self,
        source: &Source<'_>,
        rows: &[Row],
        failed: &mut Vec<usize>,
    ) -> Result<Option<Vec<Headers>>, ConnectError> {
        if self.converters.header.passes_text() || rows.iter().all(|row| row.headers.len == 0) {
            return Ok(None);
        }
        let mut all = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            match self.row_headers(source, row) {
                Ok(headers) => all.push(headers),
                Err(error) => {
                    self.policy
                        .handle(Stage::HeaderConverter, &source.describe(row), error)?;
                    failed.push(index);
                    all.push(Headers::new());
                }
            }
        }
        Ok(Some(all))
    }

    fn row_headers(&self, source: &Source<'_>, row: &Row) -> Result<Headers, ConnectError> {
        let section = EncodedHeaders::new(source.bytes(row.headers).unwrap_or_default());
        let convert = |(name, value): (&[u8], Option<&[u8]>)| {
            let name = utf8_lossy(name);
            let datum = self.converters.header.decode(source.topic, &name, value)?;
            Ok(Header {
                name,
                schema: datum.schema,
                value: datum.value,
            })
        };
        section.iter().map(convert).collect()
    }
}

#[derive(Clone, Copy)]
enum Part {
    Key,
    Value,
}

impl Part {
    fn span(self, row: &Row) -> Span {
        match self {
            Self::Key => row.key,
            Self::Value => row.value,
        }
    }

    fn span_mut(self, row: &mut Row) -> &mut Span {
        match self {
            Self::Key => &mut row.key,
            Self::Value => &mut row.value,
        }
    }

    fn stage(self) -> Stage {
        match self {
            Self::Key => Stage::KeyConverter,
            Self::Value => Stage::ValueConverter,
        }
    }
}

/// Where the rows come from.
struct Source<'a> {
    topic: &'a str,
    partition: i32,
    data: &'a Bytes,
}

impl Source<'_> {
    fn bytes(&self, span: Span) -> Option<&[u8]> {
        if span.is_null() {
            return None;
        }
        let start = span.start as usize;
        self.data.get(start..start + span.len as usize)
    }

    fn describe(&self, row: &Row) -> String {
        describe(self.topic, self.partition, row.mark)
    }
}

/// Names a record by its place in a topic.
pub(super) fn describe(topic: &str, partition: i32, offset: i64) -> String {
    format!("where consumed record is {{topic='{topic}', partition={partition}, offset={offset}}}")
}

/// Text ranges must be valid UTF-8: where a value is not, its malformed bytes are replaced as Java does. The block as a
/// whole tells nothing, because the lengths between the values are not text.
fn text(source: &Source<'_>, rows: &mut [Row], part: Part, column: Column) -> Converted {
    let valid = |row: &Row| source.bytes(part.span(row)).is_none_or(is_utf8);
    if rows.iter().all(valid) {
        return Converted {
            column,
            repaired: None,
        };
    }
    let mut repaired = Vec::with_capacity(source.data.len());
    for row in rows {
        let span = part.span(row);
        let Some(bytes) = source.bytes(span) else {
            continue;
        };
        let start = repaired.len();
        append_utf8_lossy(bytes, &mut repaired);
        *part.span_mut(row) = Span {
            block: span.block,
            start: start as u32,
            len: (repaired.len() - start) as u32,
        };
    }
    Converted {
        column,
        repaired: Some(repaired.into()),
    }
}

/// Most values are short and ASCII, which is told in half the time of a full check: a loop that never stops early runs
/// in wide registers.
fn is_utf8(value: &[u8]) -> bool {
    value.iter().fold(0, |all, byte| all | byte) < 0x80 || std::str::from_utf8(value).is_ok()
}

/// Removes failed rows, with their owned values.
fn leave_out(failed: &mut Vec<usize>, rows: &mut Vec<Row>, run: &mut SinkRun) {
    if failed.is_empty() {
        return;
    }
    failed.sort_unstable();
    failed.dedup();
    remove(rows, failed);
    for column in [&mut run.key, &mut run.value] {
        if let Column::Owned(values) = column {
            remove(values, failed);
        }
    }
    if let Some(headers) = &mut run.headers {
        remove(headers, failed);
    }
}

/// Removes the elements at the ascending `indexes`.
fn remove<T>(items: &mut Vec<T>, indexes: &[usize]) {
    let mut index = 0;
    items.retain(|_| {
        index += 1;
        indexes.binary_search(&(index - 1)).is_err()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_from_bytes() {
        for (value, expected) in [
            (&b""[..], true),
            (b"plain", true),
            ("é".as_bytes(), true),
            (b"\xC3", false),
        ] {
            assert_eq!(is_utf8(value), expected, "{value:?}");
        }
    }
}
