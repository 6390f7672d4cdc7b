//! Prints each record that it gets, and prints it again when its offset is about to be committed.

use std::collections::BTreeMap;

use async_trait::async_trait;
use millrace_api::config::ConfigDef;
use millrace_api::{
    Cell, ConnectError, ConnectorContext, Datum, Execution, Plugin, Properties, SinkBatch,
    SinkConnector, SinkContext, SinkOffsets, SinkTask, TopicPartition, Value, utf8_lossy,
};
use serde_json::{Value as Json, json};

use super::source::with_ids;
use crate::pace::now_ms;
use crate::printer::{Output, Printer};
use crate::properties;

/// Records that may wait to be printed as flushed; more ask for a commit.
const UNFLUSHED_MAX: usize = 100_000;
/// Records after which other tasks get a turn.
const STEP: usize = 100;

/// The connector: `tasks.max` tasks.
#[derive(Debug, Default)]
pub struct VerifiableSink {
    properties: Properties,
    output: Output,
}

impl VerifiableSink {
    /// The same, printing to `output` instead of standard output.
    pub fn printing_to(output: Output) -> Self {
        Self {
            properties: Properties::new(),
            output,
        }
    }
}

#[async_trait]
impl SinkConnector for VerifiableSink {
    fn plugin() -> Plugin {
        Plugin {
            class: "org.apache.kafka.connect.tools.VerifiableSinkConnector",
            aliases: &[],
            version: env!("CARGO_PKG_VERSION"),
            execution: Execution::Async,
        }
    }

    fn definition(&self) -> ConfigDef {
        ConfigDef::default()
    }

    async fn start(
        &mut self,
        properties: &Properties,
        _context: ConnectorContext,
    ) -> Result<(), ConnectError> {
        self.properties = properties.clone();
        Ok(())
    }

    async fn task_configs(&self, max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        Ok(with_ids(&self.properties, max_tasks))
    }

    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(VerifiableSinkTask {
            output: self.output.clone(),
            running: None,
        })
    }
}

#[derive(Debug)]
struct VerifiableSinkTask {
    output: Output,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    context: SinkContext,
    name: String,
    id: i64,
    printer: Printer,
    unflushed: BTreeMap<TopicPartition, Vec<Json>>,
}

#[async_trait]
impl SinkTask for VerifiableSinkTask {
    async fn start(
        &mut self,
        properties: &Properties,
        context: SinkContext,
    ) -> Result<(), ConnectError> {
        self.running = Some(Running {
            context,
            name: properties.get("name").cloned().unwrap_or_default(),
            id: properties::number(properties, "id")?,
            printer: Printer::start(self.output.clone()),
            unflushed: BTreeMap::new(),
        });
        Ok(())
    }

    async fn put(&mut self, batch: &SinkBatch) -> Result<(), ConnectError> {
        let running = self.running()?;
        for (number, row) in batch.rows().enumerate() {
            if number % STEP == STEP - 1 {
                tokio::task::yield_now().await;
            }
            let line = json!({
                "name": running.name,
                "task": json_of(row.key()),
                "sinkTask": running.id,
                "topic": &**row.topic(),
                "time_ms": now_ms(),
                "seqno": json_of(row.value()),
                "offset": row.offset(),
            });
            running.printer.print(&line);
            let partition = TopicPartition {
                topic: row.topic().clone(),
                partition: row.partition(),
            };
            running.unflushed.entry(partition).or_default().push(line);
        }
        if running.unflushed.values().map(Vec::len).sum::<usize>() > UNFLUSHED_MAX {
            running.context.request_commit();
        }
        running.printer.room().await;
        Ok(())
    }

    async fn pre_commit(&mut self, offsets: SinkOffsets) -> Result<SinkOffsets, ConnectError> {
        let running = self.running()?;
        running.printer.flush().await;
        let now = now_ms();
        for partition in offsets.keys() {
            for mut line in running.unflushed.remove(partition).unwrap_or_default() {
                line["time_ms"] = now.into();
                line["flushed"] = true.into();
                running.printer.print(&line);
            }
        }
        running.printer.room().await;
        Ok(offsets)
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<(), ConnectError> {
        let running = self.running()?;
        for partition in partitions {
            running.unflushed.remove(partition);
        }
        Ok(())
    }

    async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.printer.finish().await;
        }
    }
}

impl VerifiableSinkTask {
    fn running(&mut self) -> Result<&mut Running, ConnectError> {
        self.running
            .as_mut()
            .ok_or_else(|| ConnectError::connect("the task is not started"))
    }
}

/// A key or a value as JSON.
fn json_of(cell: Cell<'_>) -> Json {
    match cell {
        Cell::Null => Json::Null,
        Cell::Text(bytes) | Cell::Bytes(bytes) => utf8_lossy(bytes).into(),
        Cell::Value(Datum { value, .. }) => json_of_value(value),
    }
}

fn json_of_value(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Int8(number) => (*number).into(),
        Value::Int16(number) => (*number).into(),
        Value::Int32(number) | Value::Date(number) | Value::Time(number) => (*number).into(),
        Value::Int64(number) | Value::Timestamp(number) => (*number).into(),
        // JSON has no other numbers; as in Java, what is none is its name.
        Value::Float32(_) | Value::Float64(_) => match value.to_string().parse::<f64>() {
            Ok(number) if number.is_finite() => number.into(),
            _ => value.to_string().into(),
        },
        Value::Boolean(truth) => (*truth).into(),
        Value::String(text) => text.as_str().into(),
        Value::Bytes(bytes) => utf8_lossy(bytes).into(),
        Value::Decimal(number) => number.to_string().into(),
        Value::Array(items) => items.iter().map(json_of_value).collect(),
        Value::Map(entries) => entries
            .iter()
            .map(|(key, value)| (text_of(&json_of_value(key)), json_of_value(value)))
            .collect(),
        Value::Struct(fields) => fields
            .iter()
            .map(|(field, value)| (field.name.clone(), json_of_value(value)))
            .collect(),
    }
}

fn text_of(json: &Json) -> String {
    json.as_str()
        .map_or_else(|| json.to_string(), str::to_owned)
}
