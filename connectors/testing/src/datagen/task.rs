//! The task: writes keys and values into one buffer a batch; rows are ranges of it.

use async_trait::async_trait;
use bytes::Bytes;
use millrace_api::{
    Column, ConnectError, Properties, Row, Schema, SourceBatch, SourceContext, SourceRun,
    SourceTask, Span,
};

use super::config::{self, DataGeneratorConfig};
use super::kinds::{self, Moment};
use super::random::{Keys, Random};
use crate::pace::{Pace, now_ms};
use crate::{properties, sequence};

/// Records of one batch at most; with the longest kind about half a megabyte.
const BATCH: usize = 2500;

/// Bytes to make room for by record, before the first batch has shown how many it takes.
const RECORD_BYTES: usize = 220;

#[derive(Debug, Default)]
pub(super) struct DataGeneratorTask {
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    context: SourceContext,
    config: DataGeneratorConfig,
    keys: Keys,
    /// What sets this task's records apart from another's.
    stream: u64,
    run: SourceRun,
    pace: Pace,
    next: i64,
}

#[async_trait]
impl SourceTask for DataGeneratorTask {
    async fn start(
        &mut self,
        properties: &Properties,
        context: SourceContext,
    ) -> Result<(), ConnectError> {
        let config = config::parse(properties)?;
        let id: i64 = properties::number_or(properties, "id", 0)?;
        let source = sequence::partition(id);
        self.running = Some(Running {
            next: sequence::next(&context, &source).await?,
            context,
            keys: Keys::new(config.keys, config.skew),
            stream: Random::of(config.seed as u64, id).bits(),
            run: SourceRun {
                end: 0,
                topic: config.topic.as_str().into(),
                partition: None,
                source,
                key: Column::Text(Some(Schema::string())),
                value: Column::Text(Some(Schema::string())),
                headers: None,
            },
            pace: Pace::new(bursts_per_second(&config)),
            config,
        });
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<SourceBatch>, ConnectError> {
        match &mut self.running {
            Some(running) => Ok(running.poll().await),
            None => Err(ConnectError::connect(
                "cannot poll a task that is not started",
            )),
        }
    }

    async fn stop(&mut self) {
        self.running = None;
    }
}

fn bursts_per_second(config: &DataGeneratorConfig) -> f64 {
    config.rate as f64 / f64::from(config.burst)
}

impl Running {
    async fn poll(&mut self) -> Option<SourceBatch> {
        let left = self.left();
        if left == 0 {
            self.context.interrupted().await;
            return None;
        }
        let burst = self.config.burst as usize;
        let bursts = self.pace.due((BATCH / burst).max(1), &self.context).await;
        let count = (bursts * burst).min(left);
        (count > 0).then(|| self.batch(count, now_ms()))
    }

    fn left(&self) -> usize {
        if self.config.records < 0 {
            return usize::MAX;
        }
        usize::try_from(self.config.records - self.next).unwrap_or(0)
    }

    fn batch(&mut self, count: usize, now_ms: i64) -> SourceBatch {
        let moment = Moment::at(now_ms);
        let mut text = Vec::with_capacity(count * RECORD_BYTES);
        let mut batch = SourceBatch::new();
        batch.begin_run(self.run.clone());
        let first = self.next;
        self.next += count as i64;
        batch.extend((first..self.next).map(|seqno| {
            let start = text.len();
            let random = Random::of(self.stream, seqno);
            let value = kinds::append(
                self.config.kind,
                &self.keys,
                random,
                seqno,
                &moment,
                &mut text,
            );
            Row {
                key: span(start, value),
                value: span(value, text.len()),
                headers: Span::EMPTY,
                timestamp: now_ms,
                mark: seqno,
            }
        }));
        batch.push_block(Bytes::from(text));
        batch
    }
}

/// A range of the batch's only block.
fn span(start: usize, end: usize) -> Span {
    Span {
        block: 0,
        start: start as u32,
        len: (end - start) as u32,
    }
}

#[cfg(test)]
mod tests {
    use millrace_testkit::{MemoryOffsets, SourceRun as TestRun, properties};

    use super::super::DataGenerator;

    async fn records(pairs: &[(&str, &str)], offsets: &MemoryOffsets, count: usize) -> Vec<String> {
        let properties = properties(
            [("topic", "t"), ("rate", "-1"), ("records", "20")]
                .iter()
                .chain(pairs),
        );
        let mut run = TestRun::start(DataGenerator::default(), &properties, offsets)
            .await
            .unwrap();
        let records = run.poll_records(count).await.unwrap();
        run.acknowledge(count).await;
        run.stop().await;
        records
            .into_iter()
            .map(|record| record.value.unwrap())
            .collect()
    }

    /// The same record at another time.
    fn timeless(record: &str) -> String {
        let time = record.find("\"time_ms\"").unwrap_or(record.len());
        record[..time].to_owned()
    }

    #[tokio::test]
    async fn a_restart_goes_on_with_the_next_record() {
        let whole = records(&[("kind", "orders")], &MemoryOffsets::default(), 20).await;
        let offsets = MemoryOffsets::default();
        let mut parts = records(&[("kind", "orders"), ("records", "7")], &offsets, 7).await;
        parts.extend(records(&[("kind", "orders")], &offsets, 13).await);
        let timeless = |records: Vec<String>| -> Vec<String> {
            records.iter().map(|record| timeless(record)).collect()
        };
        assert_eq!(timeless(whole), timeless(parts));
    }

    #[tokio::test]
    async fn objects_are_json_and_lines_have_nine_parts() {
        for kind in ["orders", "SENSORS"] {
            for record in records(&[("kind", kind)], &MemoryOffsets::default(), 20).await {
                let parsed: serde_json::Value = serde_json::from_str(&record).unwrap();
                assert!(parsed["time_ms"].is_i64(), "{record}");
            }
        }
        for record in records(&[], &MemoryOffsets::default(), 20).await {
            assert!(
                record.starts_with("10.") && record.ends_with('"'),
                "{record}"
            );
            assert_eq!(record.matches('"').count(), 6, "{record}");
        }
    }

    #[tokio::test]
    async fn what_is_wrong_is_named() {
        for (key, value) in [("kind", "weather"), ("skew", "-1"), ("topic", "")] {
            let properties = properties(&[("topic", "t"), (key, value)]);
            let started = TestRun::start(
                DataGenerator::default(),
                &properties,
                &MemoryOffsets::default(),
            )
            .await;
            let error = started
                .err()
                .unwrap_or_else(|| panic!("{key}={value} is taken"));
            assert!(error.trace().contains(key), "{}", error.trace());
        }
    }
}
