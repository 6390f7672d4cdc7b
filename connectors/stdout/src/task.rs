//! The task: prints each batch in large writes on the blocking pool, because a reader may make a writer wait.
//!
//! Once nobody reads standard output any more, the task fails and commits nothing past what was printed. Without
//! records it notices that at an empty `put`.

use std::io;

use async_trait::async_trait;
use millrace_api::{
    ConnectError, Properties, SinkBatch, SinkContext, SinkOffsets, SinkRow, SinkTask,
    TopicPartition,
};

use crate::colors::Palette;
use crate::config::{Format, StdoutConfig};
use crate::flume::FlumeLines;
use crate::json;
use crate::output::Output;
use crate::sink::parse;
use crate::text::TextLines;

/// Bytes of lines after which they are written.
const WRITE: usize = 256 << 10;

/// Prints records to standard output.
#[derive(Debug, Default)]
pub struct StdoutSinkTask {
    output: Output,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    output: Output,
    lines: Lines,
    buffer: Vec<u8>,
    /// The offsets behind what was printed.
    printed: SinkOffsets,
    /// Nobody reads any more.
    closed: bool,
}

#[derive(Debug)]
enum Lines {
    Text(TextLines),
    Json(StdoutConfig),
    Flume(FlumeLines),
}

impl Lines {
    fn new(config: StdoutConfig, is_terminal: bool) -> Self {
        let palette = Palette(config.color.applies(is_terminal));
        match config.format {
            Format::Text => Self::Text(TextLines::new(config, palette)),
            Format::Json => Self::Json(config),
            Format::Flume => Self::Flume(FlumeLines::new(config.max_bytes)),
        }
    }

    fn append(&self, row: &SinkRow<'_>, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        match self {
            Self::Json(config) => json::append(config, row, out),
            Self::Text(lines) => lines.append(row, out).map_err(not_text),
            Self::Flume(lines) => lines.append(row, out).map_err(not_text),
        }
    }
}

fn not_text(error: io::Error) -> ConnectError {
    ConnectError::data("cannot write a record as text").caused_by(error)
}

#[async_trait]
impl SinkTask for StdoutSinkTask {
    async fn start(
        &mut self,
        properties: &Properties,
        _context: SinkContext,
    ) -> Result<(), ConnectError> {
        let config = parse(properties)?;
        self.running = Some(Running {
            lines: Lines::new(config, self.output.is_terminal()),
            output: self.output.clone(),
            buffer: Vec::new(),
            printed: SinkOffsets::new(),
            closed: false,
        });
        Ok(())
    }

    async fn put(&mut self, batch: &SinkBatch) -> Result<(), ConnectError> {
        self.running()?.put(batch).await
    }

    async fn pre_commit(&mut self, mut offsets: SinkOffsets) -> Result<SinkOffsets, ConnectError> {
        let running = self.running()?;
        if running.closed {
            offsets.retain(|partition, offset| match running.printed.get(partition) {
                Some(printed) => {
                    *offset = (*offset).min(*printed);
                    true
                }
                None => false,
            });
        }
        Ok(offsets)
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<(), ConnectError> {
        let running = self.running()?;
        for partition in partitions {
            running.printed.remove(partition);
        }
        Ok(())
    }

    async fn stop(&mut self) {
        self.running = None;
    }
}

impl StdoutSinkTask {
    /// A task that prints to `output`.
    pub fn new(output: Output) -> Self {
        Self {
            output,
            running: None,
        }
    }

    fn running(&mut self) -> Result<&mut Running, ConnectError> {
        self.running
            .as_mut()
            .ok_or_else(|| ConnectError::connect("the task is not started"))
    }
}

impl Running {
    async fn put(&mut self, batch: &SinkBatch) -> Result<(), ConnectError> {
        if self.closed || (batch.is_empty() && self.output.is_closed()) {
            return Err(self.reader_left());
        }
        self.buffer.clear();
        for row in batch.rows() {
            self.lines.append(&row, &mut self.buffer)?;
            if self.buffer.len() >= WRITE {
                self.write().await?;
            }
        }
        self.write().await?;
        self.note_printed(batch);
        Ok(())
    }

    async fn write(&mut self) -> Result<(), ConnectError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let lines = std::mem::take(&mut self.buffer);
        let output = self.output.clone();
        let (lines, result) = tokio::task::spawn_blocking(move || {
            let result = output.print(&lines);
            (lines, result)
        })
        .await
        .map_err(|error| {
            ConnectError::connect("cannot run on the blocking pool").caused_by(error)
        })?;
        self.buffer = lines;
        self.buffer.clear();
        self.buffer.shrink_to(2 * WRITE);
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(self.reader_left()),
            result => result.map_err(|error| {
                ConnectError::connect("cannot write to standard output").caused_by(error)
            }),
        }
    }

    fn reader_left(&mut self) -> ConnectError {
        self.closed = true;
        ConnectError::connect(
            "cannot print: the reader of standard output is gone; start the worker anew with another one",
        )
    }

    fn note_printed(&mut self, batch: &SinkBatch) {
        for run in batch.runs() {
            let Some(last) = run
                .end
                .checked_sub(1)
                .and_then(|last| batch.packed().get(last))
            else {
                continue;
            };
            let partition = TopicPartition {
                topic: run.topic.clone(),
                partition: run.partition,
            };
            self.printed.insert(partition, last.mark + 1);
        }
    }
}

#[cfg(test)]
mod tests;
