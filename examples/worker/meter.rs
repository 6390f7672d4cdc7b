//! A source that reads meters: made-up readings, each with a number that says how far it is.
//!
//! A meter is a source partition, `{"meter": NAME}`, and the number of readings given of it is its offset,
//! `{"readings": N}`. After a restart a task asks for the offsets that were committed and goes on behind them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millrace_api::config::ConfigDef;
use millrace_api::{
    ConnectError, ConnectorContext, Datum, Execution, Field, Header, OffsetMap, Plugin, Properties,
    Schema, SchemaType, SourceBatch, SourceConnector, SourceContext, SourcePartition, SourceRecord,
    SourceTask, Struct, Value,
};
use millrace_config::Config;

/// The keys of the connector.
#[derive(Debug, Clone, Config)]
pub(crate) struct MeterConfig {
    /// The topic that gets the readings.
    #[config(name = "topic", importance = high, non_empty)]
    topic: String,
    /// The names of the meters.
    #[config(name = "meters", importance = high)]
    meters: Vec<String>,
    /// How many readings of each meter there are.
    #[config(name = "readings", default = 1000, range(0..))]
    readings: i64,
    /// Milliseconds between two readings of a meter.
    #[config(name = "interval.ms", default = 1000, range(1..))]
    interval_ms: i64,
}

/// The connector: the meters are shared out between its tasks.
#[derive(Debug, Default)]
pub(crate) struct MeterSource {
    properties: Properties,
}

#[async_trait]
impl SourceConnector for MeterSource {
    fn plugin() -> Plugin {
        Plugin {
            class: "example.MeterSourceConnector",
            aliases: &[],
            version: env!("CARGO_PKG_VERSION"),
            execution: Execution::Async,
        }
    }

    fn definition(&self) -> ConfigDef {
        MeterConfig::definition()
    }

    /// What no single key tells.
    async fn validate(&self, properties: &Properties) -> Vec<(String, String)> {
        match MeterConfig::parse(properties) {
            Ok(config) if config.meters.is_empty() => {
                vec![("meters".to_owned(), "name at least one meter".to_owned())]
            }
            _ => Vec::new(),
        }
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
        let meters = parse(&self.properties)?.meters;
        let tasks = max_tasks.min(meters.len());
        let task = |number| {
            let own = meters.iter().skip(number).step_by(tasks);
            let own: Vec<&str> = own.map(String::as_str).collect();
            let mut task = self.properties.clone();
            task.insert("meters".to_owned(), own.join(","));
            task
        };
        Ok((0..tasks).map(task).collect())
    }

    fn task(&self) -> Box<dyn SourceTask> {
        Box::<MeterTask>::default()
    }
}

fn parse(properties: &Properties) -> Result<MeterConfig, ConnectError> {
    MeterConfig::parse(properties).map_err(|errors| ConnectError::config(errors.to_string()))
}

/// The task: some of the meters.
#[derive(Debug, Default)]
struct MeterTask {
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    config: MeterConfig,
    context: SourceContext,
    schema: Arc<Schema>,
    topic: Arc<str>,
    meters: Vec<Meter>,
}

#[derive(Debug)]
struct Meter {
    name: String,
    source: SourcePartition,
    /// Readings given.
    given: i64,
}

impl Meter {
    /// The meter where the offsets that were committed say it is.
    async fn resumed(name: String, context: &SourceContext) -> Result<Self, ConnectError> {
        let partition: OffsetMap = [("meter".to_owned(), name.as_str().into())]
            .into_iter()
            .collect();
        let source = SourcePartition::new(partition, |mark| {
            [("readings".to_owned(), mark.into())].into_iter().collect()
        });
        let offset = context.offset(source.partition()).await?;
        let given = offset.and_then(|offset| offset.get("readings")?.as_i64());
        Ok(Self {
            name,
            source,
            given: given.unwrap_or(0),
        })
    }
}

#[async_trait]
impl SourceTask for MeterTask {
    async fn start(
        &mut self,
        properties: &Properties,
        context: SourceContext,
    ) -> Result<(), ConnectError> {
        let config = parse(properties)?;
        let mut meters = Vec::new();
        for name in &config.meters {
            meters.push(Meter::resumed(name.clone(), &context).await?);
        }
        self.running = Some(Running {
            topic: config.topic.as_str().into(),
            schema: Arc::new(schema()?),
            config,
            context,
            meters,
        });
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<SourceBatch>, ConnectError> {
        match &mut self.running {
            Some(running) => running.poll().await,
            None => Err(ConnectError::connect("the task is not started")),
        }
    }
}

impl Running {
    /// The next reading of each meter, after a while.
    async fn poll(&mut self) -> Result<Option<SourceBatch>, ConnectError> {
        let interval = Duration::from_millis(self.config.interval_ms as u64);
        tokio::select! {
            // A task that is to pause or stop must not be waited for.
            () = self.context.interrupted() => return Ok(None),
            () = tokio::time::sleep(interval) => {}
        }
        let mut batch = SourceBatch::new();
        let end = self.config.readings;
        for meter in self.meters.iter_mut().filter(|meter| meter.given < end) {
            meter.given += 1;
            batch.push_record(record(meter, &self.topic, &self.schema)?);
        }
        Ok((!batch.is_empty()).then_some(batch))
    }
}

fn record(
    meter: &Meter,
    topic: &Arc<str>,
    schema: &Arc<Schema>,
) -> Result<SourceRecord, ConnectError> {
    let mut value = Struct::new(Arc::clone(schema));
    value.put("meter", Value::String(meter.name.clone()))?;
    value.put("watts", Value::Int64(meter.given * 100))?;
    Ok(SourceRecord {
        topic: Arc::clone(topic),
        partition: None,
        key: Datum::new(Schema::string(), Value::String(meter.name.clone())),
        value: Datum::new(Arc::clone(schema), Value::Struct(value)),
        timestamp: None,
        headers: vec![Header {
            name: "unit".to_owned(),
            schema: Some(Schema::string()),
            value: Value::String("mW".to_owned()),
        }],
        source: meter.source.clone(),
        mark: meter.given,
    })
}

fn schema() -> Result<Schema, ConnectError> {
    let field = |name: &str, ty| Field {
        name: name.to_owned(),
        schema: Arc::new(Schema::new(ty)),
    };
    let fields = vec![
        field("meter", SchemaType::String),
        field("watts", SchemaType::Int64),
    ];
    Ok(Schema::structure(fields)?.named("reading"))
}
