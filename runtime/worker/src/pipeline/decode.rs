//! The sink side: records as fetched become a batch for a sink.

use std::sync::Arc;

use bytes::Bytes;
use millrace_api::{
    Column, ConnectError, ConsumedRecord, Converter, Datum, EncodedHeaders, Header, Headers, Row,
    SinkBatch, SinkRun, Span, utf8_lossy,
};

use super::{Attempt, Stage, Subject};
use crate::task::Converters;

/// One fetched record batch, whose rows are ranges of `data`.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// The topic that the records belong to.
    pub(crate) topic: Arc<str>,
    /// The topic that they were fetched from, where it is another.
    pub(crate) original_topic: Option<Arc<str>>,
    pub(crate) partition: i32,
    pub(crate) log_append_time: bool,
    pub(crate) data: Bytes,
}

/// Converts fetched records for a sink.
#[derive(Debug)]
pub(crate) struct Decoder {
    converters: Converters,
}

impl Decoder {
    pub(crate) fn new(converters: Converters) -> Self {
        Self { converters }
    }

    /// Takes records, at `now_ms`, through the connector's transforms.
    ///
    /// # Errors
    /// When a record cannot be transformed, as [`Attempt::failed`] says.
    pub(crate) fn transform(
        &self,
        batch: SinkBatch,
        now_ms: i64,
        attempt: &mut Attempt<'_>,
    ) -> Result<SinkBatch, ConnectError> {
        self.converters.chain.sink(batch, now_ms, attempt)
    }

    /// Adds the records of `fetched` to `batch`, leaving out those that fail and are tolerated.
    ///
    /// # Errors
    /// When a record cannot be converted, as [`Attempt::failed`] says.
    pub(crate) fn decode(
        &self,
        fetched: Fetched,
        rows: &mut Vec<Row>,
        batch: &mut SinkBatch,
        attempt: &mut Attempt<'_>,
    ) -> Result<(), ConnectError> {
        let Fetched {
            topic,
            original_topic,
            partition,
            log_append_time,
            data,
        } = fetched;
        let block = batch.push_block(data.clone());
        for row in rows.iter_mut() {
            (row.key.block, row.value.block, row.headers.block) = (block, block, block);
        }
        let source = Source {
            topic: &topic,
            fetched_from: original_topic.as_ref().unwrap_or(&topic),
            partition,
            log_append_time,
            data: &data,
        };
        let mut losses = Losses {
            attempt,
            failed: Vec::new(),
        };
        let key = self.column(&source, rows, Part::Key, &mut losses)?;
        let value = self.column(&source, rows, Part::Value, &mut losses)?;
        let headers = self.headers(&source, rows, &mut losses)?;
        let failed = losses.failed;
        let mut run = SinkRun {
            end: 0,
            topic,
            original_topic,
            partition,
            log_append_time,
            key,
            value,
            headers,
        };
        leave_out(&failed, rows, &mut run);
        batch.convert_headers_with(Arc::clone(&self.converters.header));
        batch.begin_run(run);
        batch.extend(rows.iter().copied());
        Ok(())
    }

    fn column(
        &self,
        source: &Source<'_>,
        rows: &[Row],
        part: Part,
        losses: &mut Losses<'_, '_>,
    ) -> Result<Column, ConnectError> {
        match self.converter(part).reads_as() {
            // Text must be valid UTF-8. Where one value is not, all are read one by one, its malformed bytes replaced as
            // Java does; the ranges of the rows stay what was consumed.
            Some(Column::Text(_)) if !source.is_text(rows, part) => {
                self.values(source, rows, part, losses)
            }
            Some(column) => Ok(column),
            None => self.values(source, rows, part, losses),
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
        losses: &mut Losses<'_, '_>,
    ) -> Result<Column, ConnectError> {
        let converter = self.converter(part);
        let class = match part {
            Part::Key => self.converters.key_class,
            Part::Value => self.converters.value_class,
        };
        let mut values = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            if losses.has(index) {
                values.push(Datum::default());
                continue;
            }
            match converter.decode(source.topic, source.bytes(part.span(row))) {
                Ok(datum) => values.push(datum),
                Err(error) => {
                    let subject = || source.subject(row);
                    let attempt = &mut *losses.attempt;
                    attempt.failed(part.stage(), class, subject, error)?;
                    losses.add(index);
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
        losses: &mut Losses<'_, '_>,
    ) -> Result<Option<Vec<Headers>>, ConnectError> {
        if self.converters.header.passes_text() || rows.iter().all(|row| row.headers.len == 0) {
            return Ok(None);
        }
        let class = self.converters.header_class;
        let mut all = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            if losses.has(index) {
                all.push(Headers::new());
                continue;
            }
            match self.row_headers(source, row) {
                Ok(headers) => all.push(headers),
                Err(error) => {
                    let subject = || source.subject(row);
                    let attempt = &mut *losses.attempt;
                    attempt.failed(Stage::HeaderConverter, class, subject, error)?;
                    losses.add(index);
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

    fn stage(self) -> Stage {
        match self {
            Self::Key => Stage::KeyConverter,
            Self::Value => Stage::ValueConverter,
        }
    }
}

/// Where the rows come from.
struct Source<'a> {
    topic: &'a Arc<str>,
    fetched_from: &'a Arc<str>,
    partition: i32,
    log_append_time: bool,
    data: &'a Bytes,
}

/// The rows that failed, ascending. One that failed is not looked at again.
struct Losses<'l, 'a> {
    attempt: &'l mut Attempt<'a>,
    failed: Vec<usize>,
}

impl Losses<'_, '_> {
    fn has(&self, row: usize) -> bool {
        self.failed.binary_search(&row).is_ok()
    }

    fn add(&mut self, row: usize) {
        if let Err(place) = self.failed.binary_search(&row) {
            self.failed.insert(place, row);
        }
    }
}

impl Source<'_> {
    fn bytes(&self, span: Span) -> Option<&[u8]> {
        if span.is_null() {
            return None;
        }
        let start = span.start as usize;
        self.data.get(start..start + span.len as usize)
    }

    fn slice(&self, span: Span) -> Option<Bytes> {
        let bytes = self.bytes(span)?;
        Some(self.data.slice_ref(bytes))
    }

    /// The block as a whole does not tell, because the lengths between the values are no text.
    fn is_text(&self, rows: &[Row], part: Part) -> bool {
        let valid = |row: &Row| self.bytes(part.span(row)).is_none_or(is_utf8);
        rows.iter().all(valid)
    }

    fn subject(&self, row: &Row) -> Subject {
        Subject::Consumed(Box::new(ConsumedRecord {
            topic: Arc::clone(self.fetched_from),
            partition: self.partition,
            offset: row.mark,
            timestamp: (row.timestamp >= 0).then_some(row.timestamp),
            log_append_time: self.log_append_time,
            key: self.slice(row.key),
            value: self.slice(row.value),
            headers: self.slice(row.headers).unwrap_or_default(),
        }))
    }
}

/// Most values are short and ASCII, which is told in half the time of a full check: a loop that never stops early runs
/// in wide registers.
fn is_utf8(value: &[u8]) -> bool {
    value.iter().fold(0, |all, byte| all | byte) < 0x80 || std::str::from_utf8(value).is_ok()
}

/// Removes failed rows, with their owned values.
fn leave_out(failed: &[usize], rows: &mut Vec<Row>, run: &mut SinkRun) {
    if failed.is_empty() {
        return;
    }
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
