//! A sink that writes a batch as a whole or refuses it as a whole, so that it can be seen what becomes of the others
//! where one record is at fault.
//!
//! It appends a line a record to a file: topic, partition and offset, a tab, the value. A batch is one write.

use std::fs::{File, OpenOptions};
use std::io::Write as _;

use async_trait::async_trait;
use millrace_api::config::{Config, ConfigDef, ConfigEnum};
use millrace_api::{
    Cell, ConnectError, ConnectorContext, Execution, FailedPut, Plugin, Properties, SinkBatch,
    SinkConnector, SinkContext, SinkRow, SinkTask,
};

/// What the sink says of a batch that it has refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
enum Leaves {
    /// None of its records is written.
    #[default]
    Nothing,
    /// The records in front of the refused one are written, and may be written again.
    Repeatable,
    /// The same, but nobody knows which.
    Unknown,
}

#[derive(Debug, Clone, Config)]
struct PickyConfig {
    /// The file to append to.
    #[config(name = "file", importance = high, non_empty)]
    file: String,
    /// A batch is refused if one of its values has this text; empty for none.
    #[config(name = "refuse", default = "")]
    refuse: String,
    /// What a refused batch leaves behind: nothing, repeatable or unknown.
    #[config(name = "leaves", default = "nothing")]
    leaves: Leaves,
    /// The first so many batches fail with an error that may pass.
    #[config(name = "busy", default = 0, range(0..=1_000_000))]
    busy: i32,
}

fn parse(properties: &Properties) -> Result<PickyConfig, ConnectError> {
    PickyConfig::parse(properties).map_err(|errors| ConnectError::config(errors.to_string()))
}

/// Refuses batches with a certain text in them.
#[derive(Debug, Default)]
pub struct PickySink {
    properties: Properties,
}

#[async_trait]
impl SinkConnector for PickySink {
    fn plugin() -> Plugin {
        Plugin {
            class: "millrace.PickySinkConnector",
            aliases: &[],
            version: env!("CARGO_PKG_VERSION"),
            execution: Execution::Thread,
        }
    }

    fn definition(&self) -> ConfigDef {
        PickyConfig::definition()
    }

    async fn start(
        &mut self,
        properties: &Properties,
        _context: ConnectorContext,
    ) -> Result<(), ConnectError> {
        parse(properties)?;
        self.properties = properties.clone();
        Ok(())
    }

    async fn task_configs(&self, max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        Ok(vec![self.properties.clone(); max_tasks])
    }

    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(PickySinkTask::default())
    }
}

#[derive(Debug, Default)]
struct PickySinkTask {
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    config: PickyConfig,
    file: File,
    /// Batches that are still to fail.
    busy: i32,
}

#[async_trait]
impl SinkTask for PickySinkTask {
    #[expect(
        clippy::disallowed_methods,
        reason = "the task has a thread of its own"
    )]
    async fn start(
        &mut self,
        properties: &Properties,
        _context: SinkContext,
    ) -> Result<(), ConnectError> {
        let config = parse(properties)?;
        let opened = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&config.file);
        let file = opened.map_err(|error| {
            ConnectError::connect(format!("cannot open {}", config.file)).caused_by(error)
        })?;
        self.running = Some(Running {
            busy: config.busy,
            config,
            file,
        });
        Ok(())
    }

    fn failed_put(&self) -> FailedPut {
        match self.running.as_ref().map(|running| running.config.leaves) {
            Some(Leaves::Nothing) => FailedPut::Nothing,
            Some(Leaves::Repeatable) => FailedPut::Repeatable,
            Some(Leaves::Unknown) | None => FailedPut::Unknown,
        }
    }

    async fn put(&mut self, batch: &SinkBatch) -> Result<(), ConnectError> {
        let Some(running) = &mut self.running else {
            return Err(ConnectError::connect("cannot write before the start"));
        };
        if batch.is_empty() {
            return Ok(());
        }
        if running.busy > 0 {
            running.busy -= 1;
            return Err(ConnectError::retriable("busy"));
        }
        running.write(batch)
    }

    async fn stop(&mut self) {
        self.running = None;
    }
}

impl Running {
    fn write(&mut self, batch: &SinkBatch) -> Result<(), ConnectError> {
        let mut lines = Vec::new();
        let refused = batch.rows().find(|row| {
            let value = shown(row.value());
            let refused = !self.config.refuse.is_empty() && value.contains(&self.config.refuse);
            if !refused {
                lines.extend_from_slice(line(row, &value).as_bytes());
            }
            refused
        });
        if refused.is_none() || self.config.leaves != Leaves::Nothing {
            self.file.write_all(&lines).map_err(|error| {
                ConnectError::connect(format!("cannot write to {}", self.config.file))
                    .caused_by(error)
            })?;
        }
        match refused {
            None => Ok(()),
            Some(_) => Err(ConnectError::data(format!(
                "the destination refused a batch of {} records because of '{}'",
                batch.len(),
                self.config.refuse
            ))),
        }
    }
}

fn shown(cell: Cell<'_>) -> String {
    match cell {
        Cell::Null => "null".to_owned(),
        Cell::Text(bytes) | Cell::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Cell::Value(datum) => datum.value.to_string(),
    }
}

fn line(row: &SinkRow<'_>, value: &str) -> String {
    format!(
        "{}-{}@{}\t{value}\n",
        row.topic(),
        row.partition(),
        row.offset()
    )
}
