//! Counts from 0, one number a record, and prints each record when it is made and when it is acknowledged.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use millrace_api::config::ConfigDef;
use millrace_api::{
    BatchAcks, ConnectError, ConnectorContext, Datum, ExactlyOnceSupport, Execution, Field, Plugin,
    Properties, Schema, SchemaType, SourceBatch, SourceConnector, SourceContext, SourcePartition,
    SourceRecord, SourceTask, Struct, Value,
};
use serde_json::json;

use crate::pace::{Pace, now_ms};
use crate::printer::{Output, Printer};
use crate::{properties, sequence};

/// Records of one batch at most.
const BATCH: usize = 500;

/// The connector: `tasks.max` tasks, each of which counts for itself.
#[derive(Debug, Default)]
pub struct VerifiableSource {
    properties: Properties,
    output: Output,
}

impl VerifiableSource {
    /// The same, printing to `output` instead of standard output.
    pub fn printing_to(output: Output) -> Self {
        Self {
            properties: Properties::new(),
            output,
        }
    }
}

#[async_trait]
impl SourceConnector for VerifiableSource {
    fn plugin() -> Plugin {
        Plugin {
            class: "org.apache.kafka.connect.tools.VerifiableSourceConnector",
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

    fn task(&self) -> Box<dyn SourceTask> {
        Box::new(VerifiableSourceTask {
            output: self.output.clone(),
            running: None,
        })
    }

    fn exactly_once_support(&self, _properties: &Properties) -> Option<ExactlyOnceSupport> {
        Some(ExactlyOnceSupport::Supported)
    }
}

/// The properties of `count` tasks, each with its `id`.
pub(crate) fn with_ids(properties: &Properties, count: usize) -> Vec<Properties> {
    (0..count)
        .map(|id| {
            let mut task = properties.clone();
            task.insert("id".to_owned(), id.to_string());
            task
        })
        .collect()
}

#[derive(Debug)]
struct VerifiableSourceTask {
    output: Output,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    context: SourceContext,
    pace: Pace,
    next: i64,
    source: SourcePartition,
    topic: Arc<str>,
    about: Arc<About>,
    schemas: Schemas,
}

/// What every printed line says of the task.
#[derive(Debug)]
struct About {
    name: String,
    id: i32,
    topic: Arc<str>,
    printer: Printer,
}

#[derive(Debug)]
struct Schemas {
    key: Arc<Schema>,
    value: Arc<Schema>,
    /// Values are structs that say all that is printed.
    complete: bool,
}

#[async_trait]
impl SourceTask for VerifiableSourceTask {
    async fn start(
        &mut self,
        properties: &Properties,
        context: SourceContext,
    ) -> Result<(), ConnectError> {
        let id: i32 = properties::number(properties, "id")?;
        let throughput: i64 = properties::number(properties, "throughput")?;
        let topic: Arc<str> = properties::required(properties, "topic")?.into();
        let source = sequence::partition(id.into());
        self.running = Some(Running {
            next: sequence::next(&context, &source).await?,
            context,
            pace: Pace::new(throughput as f64),
            source,
            about: Arc::new(About {
                name: properties.get("name").cloned().unwrap_or_default(),
                id,
                topic: Arc::clone(&topic),
                printer: Printer::start(self.output.clone()),
            }),
            topic,
            schemas: Schemas::new(properties::flag(properties, "complete.record.data"))?,
        });
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<SourceBatch>, ConnectError> {
        match &mut self.running {
            Some(running) => running.poll().await,
            None => Err(ConnectError::connect(
                "cannot poll a task that is not started",
            )),
        }
    }

    async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.about.printer.flush().await;
        }
    }
}

impl Running {
    async fn poll(&mut self) -> Result<Option<SourceBatch>, ConnectError> {
        self.about.printer.room().await;
        let count = self.pace.due(BATCH, &self.context).await;
        if count == 0 {
            return Ok(None);
        }
        let (first, now) = (self.next, now_ms());
        let mut batch = SourceBatch::new();
        for seqno in first..first + count as i64 {
            batch.push_record(self.record(seqno, now)?);
            self.about.print(seqno, now, false);
        }
        self.next += count as i64;
        batch.notify(Arc::new(Committed {
            about: Arc::clone(&self.about),
            first,
        }));
        Ok(Some(batch))
    }

    fn record(&self, seqno: i64, now: i64) -> Result<SourceRecord, ConnectError> {
        Ok(SourceRecord {
            topic: Arc::clone(&self.topic),
            partition: None,
            key: Datum::new(Arc::clone(&self.schemas.key), Value::Int32(self.about.id)),
            value: self.schemas.value(&self.about, seqno, now)?,
            timestamp: None,
            headers: Vec::new(),
            source: self.source.clone(),
            mark: seqno,
        })
    }
}

impl Schemas {
    fn new(complete: bool) -> Result<Self, ConnectError> {
        let of = |ty| Arc::new(Schema::new(ty));
        let field = |name: &str, ty| Field {
            name: name.to_owned(),
            schema: of(ty),
        };
        let value = if complete {
            Arc::new(Schema::structure(vec![
                field("name", SchemaType::String),
                field("task", SchemaType::Int32),
                field("topic", SchemaType::String),
                field("time_ms", SchemaType::Int64),
                field("seqno", SchemaType::Int64),
            ])?)
        } else {
            of(SchemaType::Int64)
        };
        Ok(Self {
            key: of(SchemaType::Int32),
            value,
            complete,
        })
    }

    fn value(&self, about: &About, seqno: i64, now: i64) -> Result<Datum, ConnectError> {
        if !self.complete {
            return Ok(Datum::new(Arc::clone(&self.value), Value::Int64(seqno)));
        }
        let mut value = Struct::new(Arc::clone(&self.value));
        value.put("name", Value::String(about.name.clone()))?;
        value.put("task", Value::Int32(about.id))?;
        value.put("topic", Value::String(about.topic.to_string()))?;
        value.put("time_ms", Value::Int64(now))?;
        value.put("seqno", Value::Int64(seqno))?;
        Ok(Datum::new(Arc::clone(&self.value), Value::Struct(value)))
    }
}

impl About {
    fn print(&self, seqno: i64, now: i64, committed: bool) {
        let mut line = json!({
            "name": self.name,
            "task": self.id,
            "topic": &*self.topic,
            "time_ms": now,
            "seqno": seqno,
        });
        if committed {
            line["committed"] = true.into();
        }
        self.printer.print(&line);
    }
}

/// Prints the records of a batch again as they are acknowledged.
#[derive(Debug)]
struct Committed {
    about: Arc<About>,
    first: i64,
}

impl BatchAcks for Committed {
    fn acknowledged(&self, rows: Range<usize>, stored: bool) {
        if !stored {
            return;
        }
        let now = now_ms();
        for row in rows {
            self.about.print(self.first + row as i64, now, true);
        }
    }
}
