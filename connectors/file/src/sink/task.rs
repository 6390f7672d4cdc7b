//! The task: joins values with newlines and writes them in large pieces.

use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;

use async_trait::async_trait;
use millrace_api::{
    Cell, Column, ConnectError, Properties, SinkBatch, SinkContext, SinkOffsets, SinkTask,
};

use super::connector::parse;
use super::output::Output;

/// Bytes of lines after which they are written: one write costs the least at this size.
const WRITE: usize = 256 << 10;

/// What stands for a null.
const NULL: &[u8] = b"null";

/// Appends the text of each value as a line.
#[derive(Debug, Default)]
pub struct FileStreamSinkTask {
    output: Option<Output>,
    /// Whole lines that wait to be written; empty between two calls.
    lines: Vec<u8>,
}

#[async_trait]
impl SinkTask for FileStreamSinkTask {
    async fn start(
        &mut self,
        properties: &Properties,
        _context: SinkContext,
    ) -> Result<(), ConnectError> {
        let config = parse(properties)?;
        self.output = Some(match config.file() {
            None => Output::stdout(),
            Some(file) => {
                let path = PathBuf::from(file);
                tokio::task::spawn_blocking(move || Output::open(path))
                    .await
                    .map_err(|error| {
                        ConnectError::connect("cannot run on the blocking pool").caused_by(error)
                    })??
            }
        });
        Ok(())
    }

    async fn put(&mut self, batch: &SinkBatch) -> Result<(), ConnectError> {
        self.lines.clear();
        for (start, run) in batch.runs_with_start() {
            match &run.value {
                Column::Text(_) => self.put_text(batch, start..run.end).await?,
                _ => self.put_values(batch, start..run.end).await?,
            }
        }
        self.write().await
    }

    async fn pre_commit(&mut self, offsets: SinkOffsets) -> Result<SinkOffsets, ConnectError> {
        // Every put has written all of its lines, to the page cache, which survives the process.
        debug_assert!(self.lines.is_empty(), "no line waits between two calls");
        Ok(offsets)
    }

    async fn stop(&mut self) {
        *self = Self::default();
    }
}

impl FileStreamSinkTask {
    /// Rows whose values are ranges of text: the way of most records.
    async fn put_text(
        &mut self,
        batch: &SinkBatch,
        rows: Range<usize>,
    ) -> Result<(), ConnectError> {
        let mut rows = batch.packed()[rows].iter();
        loop {
            let is_full = rows.by_ref().any(|row| {
                self.lines
                    .extend_from_slice(batch.bytes(row.value).unwrap_or(NULL));
                self.lines.push(b'\n');
                self.lines.len() >= WRITE
            });
            if !is_full {
                return Ok(());
            }
            self.write().await?;
        }
    }

    async fn put_values(
        &mut self,
        batch: &SinkBatch,
        rows: Range<usize>,
    ) -> Result<(), ConnectError> {
        for row in batch.rows().take(rows.end).skip(rows.start) {
            append_line(&mut self.lines, row.value())?;
            if self.lines.len() >= WRITE {
                self.write().await?;
            }
        }
        Ok(())
    }

    async fn write(&mut self) -> Result<(), ConnectError> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let Some(output) = &mut self.output else {
            return Err(ConnectError::connect(
                "cannot put to a task that is not started",
            ));
        };
        self.lines = output.write(std::mem::take(&mut self.lines)).await?;
        // Room that one long line took is not kept.
        self.lines.shrink_to(2 * WRITE);
        Ok(())
    }
}

/// Appends the text form of a value, and a newline.
fn append_line(lines: &mut Vec<u8>, value: Cell<'_>) -> Result<(), ConnectError> {
    match value {
        Cell::Text(text) => lines.extend_from_slice(text),
        Cell::Null => lines.extend_from_slice(NULL),
        Cell::Value(datum) => write_text(lines, &datum.value)?,
        Cell::Bytes(bytes) => {
            write_text(lines, &millrace_api::Value::Bytes(bytes.to_vec().into()))?
        }
    }
    lines.push(b'\n');
    Ok(())
}

fn write_text(lines: &mut Vec<u8>, value: &millrace_api::Value) -> Result<(), ConnectError> {
    write!(lines, "{value}")
        .map_err(|error| ConnectError::data("cannot write a value as text").caused_by(error))
}

#[cfg(test)]
mod tests;
