//! A sink that adds up amounts, and reports the records that have none, so that the others of a batch go through.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use async_trait::async_trait;
use millrace_api::config::ConfigDef;
use millrace_api::{
    Cell, ConnectError, ConnectorContext, Execution, Plugin, Properties, SinkBatch, SinkConnector,
    SinkContext, SinkRow, SinkTask, utf8_lossy,
};
use millrace_config::Config;

/// The keys of the connector.
#[derive(Debug, Clone, Config)]
pub(crate) struct LedgerConfig {
    /// The file that gets a line for each amount: the name and the sum so far.
    #[config(name = "ledger.file", importance = high, non_empty)]
    file: String,
}

/// The connector: one task.
#[derive(Debug, Default)]
pub(crate) struct LedgerSink {
    properties: Properties,
}

#[async_trait]
impl SinkConnector for LedgerSink {
    fn plugin() -> Plugin {
        Plugin {
            class: "example.LedgerSinkConnector",
            aliases: &[],
            version: env!("CARGO_PKG_VERSION"),
            // It waits for the disk, on a thread of its own.
            execution: Execution::Thread,
        }
    }

    fn definition(&self) -> ConfigDef {
        LedgerConfig::definition()
    }

    async fn start(
        &mut self,
        properties: &Properties,
        _context: ConnectorContext,
    ) -> Result<(), ConnectError> {
        self.properties = properties.clone();
        Ok(())
    }

    async fn task_configs(&self, _max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        Ok(vec![self.properties.clone()])
    }

    fn task(&self) -> Box<dyn SinkTask> {
        Box::<LedgerTask>::default()
    }
}

/// The task.
#[derive(Default)]
struct LedgerTask {
    path: PathBuf,
    sum: f64,
    context: Option<SinkContext>,
}

impl LedgerTask {
    /// The line of a record: a name, a blank, an amount.
    fn line(&mut self, row: &SinkRow<'_>) -> Result<String, ConnectError> {
        let text = match row.value() {
            Cell::Text(text) => utf8_lossy(text),
            Cell::Value(datum) => datum.value.to_string(),
            Cell::Null | Cell::Bytes(_) => String::new(),
        };
        let (name, amount) = text.rsplit_once(' ').unwrap_or((&text, ""));
        let amount: f64 = amount
            .parse()
            .map_err(|_| ConnectError::data(format!("\"{amount}\" is no amount")))?;
        self.sum += amount;
        Ok(format!("{name} {}\n", self.sum))
    }
}

#[async_trait]
impl SinkTask for LedgerTask {
    async fn start(
        &mut self,
        properties: &Properties,
        context: SinkContext,
    ) -> Result<(), ConnectError> {
        let config = LedgerConfig::parse(properties)
            .map_err(|errors| ConnectError::config(errors.to_string()))?;
        self.path = config.file.into();
        self.context = Some(context);
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "the task has its own thread")]
    async fn put(&mut self, batch: &SinkBatch) -> Result<(), ConnectError> {
        let mut lines = String::new();
        for row in batch.rows() {
            match self.line(&row) {
                Ok(line) => lines.push_str(&line),
                Err(error) => match self.context.as_ref().and_then(SinkContext::errant_records) {
                    Some(errant) => errant.report(&row, error),
                    None => return Err(error),
                },
            }
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path);
        let written = file.and_then(|mut file| file.write_all(lines.as_bytes()));
        written.map_err(|error| ConnectError::connect("cannot write the ledger").caused_by(error))
    }
}
