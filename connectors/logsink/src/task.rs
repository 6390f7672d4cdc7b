//! The task: logs each record of a batch, on a thread of its own, because appenders may wait.

use async_trait::async_trait;
use log::{MetadataBuilder, Record};
use millrace_api::{
    ConnectError, Properties, SinkBatch, SinkContext, SinkOffsets, SinkRow, SinkTask,
};

use crate::config::LogConfig;
use crate::event::Events;

/// Logs records.
#[derive(Debug, Default)]
pub(crate) struct LogSinkTask {
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    events: Events,
    /// Kept, because fresh memory is dear.
    message: String,
    has_met_itself: bool,
}

#[async_trait]
impl SinkTask for LogSinkTask {
    async fn start(
        &mut self,
        properties: &Properties,
        context: SinkContext,
    ) -> Result<(), ConnectError> {
        let config = LogConfig::read(properties)?;
        self.running = Some(Running {
            events: Events::new(&config, context.id().connector.clone()),
            message: String::new(),
            has_met_itself: false,
        });
        Ok(())
    }

    async fn put(&mut self, batch: &SinkBatch) -> Result<(), ConnectError> {
        let running = self
            .running
            .as_mut()
            .ok_or_else(|| ConnectError::connect("the task is not started"))?;
        let mut rows = batch.rows();
        for (start, run) in batch.runs_with_start() {
            let target = running.events.target(&run.topic);
            for row in rows.by_ref().take(run.end - start) {
                running.log(&row, &target);
            }
        }
        Ok(())
    }

    async fn pre_commit(&mut self, offsets: SinkOffsets) -> Result<SinkOffsets, ConnectError> {
        log::logger().flush();
        Ok(offsets)
    }

    async fn stop(&mut self) {
        self.running = None;
    }
}

impl Running {
    fn log(&mut self, row: &SinkRow<'_>, target: &str) {
        let level = self.events.level(row);
        let logger = log::logger();
        let metadata = MetadataBuilder::new().level(level).target(target).build();
        if level > log::max_level() || !logger.enabled(&metadata) {
            return;
        }
        if Events::is_own(row, target) {
            if !std::mem::replace(&mut self.has_met_itself, true) {
                log::warn!(
                    "the events of {target} come back as records of {}: they are not logged again; have the appender of \
                     that topic leave this target out",
                    row.topic()
                );
            }
            return;
        }
        self.events.message(row, &mut self.message);
        let (topic, partition, offset) = (&**row.topic(), row.partition(), row.offset());
        let place = [
            ("topic", log::kv::Value::from(topic)),
            ("partition", log::kv::Value::from(partition)),
            ("offset", log::kv::Value::from(offset)),
        ];
        logger.log(
            &Record::builder()
                .metadata(metadata)
                .args(format_args!("{}", self.message))
                .key_values(&place)
                .build(),
        );
        if self.message.capacity() > 1 << 20 {
            self.message = String::new();
        }
    }
}
