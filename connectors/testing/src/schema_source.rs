//! Gives structs whose schema says much, or changes from record to record, to try converters and registries.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_api::config::ConfigDef;
use millrace_api::{
    ConnectError, ConnectorContext, Datum, Execution, Field, Plugin, Properties, Schema,
    SchemaType, SourceBatch, SourceConnector, SourceContext, SourcePartition, SourceRecord,
    SourceTask, Struct, Value,
};
use serde_json::json;

use crate::pace::Pace;
use crate::printer::{Output, Printer};
use crate::verifiable::with_ids;
use crate::{properties, sequence};

/// Records of one batch at most.
const BATCH: usize = 500;

/// The connector: `tasks.max` tasks, each of which writes to the partition of its number.
#[derive(Debug, Default)]
pub struct SchemaSource {
    properties: Properties,
    output: Output,
}

impl SchemaSource {
    /// The same, printing to `output` instead of standard output.
    pub fn printing_to(output: Output) -> Self {
        Self {
            properties: Properties::new(),
            output,
        }
    }
}

#[async_trait]
impl SourceConnector for SchemaSource {
    fn plugin() -> Plugin {
        Plugin {
            class: "org.apache.kafka.connect.tools.SchemaSourceConnector",
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
        Box::new(SchemaSourceTask {
            output: self.output.clone(),
            running: None,
        })
    }
}

#[derive(Debug)]
struct SchemaSourceTask {
    output: Output,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    context: SourceContext,
    pace: Pace,
    printer: Printer,
    next: i64,
    end: i64,
    records: Records,
}

/// How the records of a task look.
#[derive(Debug)]
struct Records {
    id: i32,
    topic: Arc<str>,
    source: SourcePartition,
    partitions: i64,
    key: Arc<Schema>,
    first: Arc<Schema>,
    /// The schema of every second record, if they differ.
    second: Option<Arc<Schema>>,
}

#[async_trait]
impl SourceTask for SchemaSourceTask {
    async fn start(
        &mut self,
        properties: &Properties,
        context: SourceContext,
    ) -> Result<(), ConnectError> {
        let records = Records::new(properties)?;
        let throughput: i64 = properties::number(properties, "throughput")?;
        self.running = Some(Running {
            next: sequence::next(&context, &records.source).await?,
            context,
            pace: Pace::new(throughput as f64),
            printer: Printer::start(self.output.clone()),
            end: properties::number(properties, "num.messages")?,
            records,
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
            running.printer.finish().await;
        }
    }
}

impl Running {
    async fn poll(&mut self) -> Result<Option<SourceBatch>, ConnectError> {
        let left = usize::try_from(self.end - self.next).unwrap_or(0);
        if left == 0 {
            self.context.interrupted().await;
            return Ok(None);
        }
        self.printer.room().await;
        let count = self.pace.due(BATCH.min(left), &self.context).await;
        let mut batch = SourceBatch::new();
        for _ in 0..count {
            batch.push_record(self.records.record(self.next)?);
            self.printer
                .print(&json!({"task": self.records.id, "seqno": self.next}));
            self.next += 1;
        }
        Ok((count > 0).then_some(batch))
    }
}

impl Records {
    fn new(properties: &Properties) -> Result<Self, ConnectError> {
        let id: i32 = properties::number(properties, "id")?;
        let partitions: i64 = properties::number_or(properties, "partition.count", 1)?;
        if partitions < 1 {
            return Err(ConnectError::connect(format!(
                "'partition.count' must be at least 1, not {partitions}"
            )));
        }
        let multiple = properties::flag(properties, "multiple.schema");
        Ok(Self {
            id,
            topic: properties::required(properties, "topic")?.into(),
            source: sequence::partition(id.into()),
            partitions,
            key: Schema::string(),
            first: Arc::new(value_schema(1)?),
            second: multiple
                .then(|| value_schema(2).map(Arc::new))
                .transpose()?,
        })
    }

    fn record(&self, seqno: i64) -> Result<SourceRecord, ConnectError> {
        let second = self.second.as_ref().filter(|_| seqno % 2 == 1);
        let schema = second.unwrap_or(&self.first);
        let mut value = Struct::new(Arc::clone(schema));
        value.put("boolean", Value::Boolean(true))?;
        value.put("int", Value::Int32(12))?;
        value.put("long", Value::Int64(12))?;
        value.put("float", Value::Float32(12.2))?;
        value.put("double", Value::Float64(12.2))?;
        value.put(
            "partitioning",
            Value::Int32((seqno % self.partitions) as i32),
        )?;
        value.put("id", Value::Int32(self.id))?;
        value.put("seqno", Value::Int64(seqno))?;
        if second.is_some() {
            value.put("string", Value::String("def".to_owned()))?;
        }
        Ok(SourceRecord {
            topic: Arc::clone(&self.topic),
            partition: Some(self.id),
            key: Datum::new(Arc::clone(&self.key), Value::String("key".to_owned())),
            value: Datum::new(Arc::clone(schema), Value::Struct(value)),
            timestamp: None,
            headers: Vec::new(),
            source: self.source.clone(),
            mark: seqno,
        })
    }
}

/// The struct `record`; version 2 has the text `string` before `id`.
fn value_schema(version: i32) -> Result<Schema, ConnectError> {
    let field = |name: &str, schema: Schema| Field {
        name: name.to_owned(),
        schema: Arc::new(schema),
    };
    let of = |name: &str, ty| field(name, Schema::new(ty));
    let mut fields = vec![
        of("boolean", SchemaType::Boolean),
        of("int", SchemaType::Int32),
        of("long", SchemaType::Int64),
        of("float", SchemaType::Float32),
        of("double", SchemaType::Float64),
        of("partitioning", SchemaType::Int32),
    ];
    if version == 2 {
        let text = Schema::new(SchemaType::String).with_default(Value::String("abc".to_owned()));
        fields.push(field("string", text));
    }
    fields.push(of("id", SchemaType::Int32));
    fields.push(of("seqno", SchemaType::Int64));
    Ok(Schema::structure(fields)?
        .named("record")
        .versioned(version))
}

#[cfg(test)]
mod tests {
    use millrace_testkit::{MemoryOffsets, SourceRun};

    use super::*;

    #[tokio::test]
    async fn every_second_record_has_the_second_schema() {
        let properties: Properties = [
            ("topic", "t"),
            ("num.messages", "5"),
            ("throughput", "-1"),
            ("multiple.schema", "TRUE"),
            ("partition.count", "2"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        let mut run = SourceRun::start(
            SchemaSource::default(),
            &properties,
            &MemoryOffsets::default(),
        )
        .await
        .unwrap();
        let batch = run.poll().await.unwrap().unwrap();
        assert_eq!(batch.len(), 5);
        let (start, only) = batch.runs_with_start().next().unwrap();
        assert_eq!(only.partition, Some(0));
        let versions = (0..5).map(|row| match batch.value(only, start, row) {
            millrace_api::Cell::Value(datum) => datum.schema.as_ref().unwrap().version.unwrap(),
            other => panic!("{other:?}"),
        });
        assert_eq!(versions.collect::<Vec<_>>(), [1, 2, 1, 2, 1]);
        run.pause();
        assert!(run.poll().await.unwrap().is_none());
        run.stop().await;
    }
}
