//! Drives a task of the sink as a worker does, with a dead letter queue that a test can read.
#![allow(unreachable_pub)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use millrace_api::{
    Column, ConnectError, ConnectorContext, Datum, EncodedHeaders, Properties, Row, SinkBatch,
    SinkConnector, SinkContext, SinkOffsets, SinkRun, SinkTask, Span, TaskId, TopicPartition,
    encode_header,
};
use millrace_http::HttpSink;
use tokio::sync::watch;

use crate::server::Server;

/// The longest wait for what must happen.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A record that a test sends.
#[derive(Debug, Clone, Default)]
pub struct Given {
    pub key: Option<String>,
    pub value: Option<String>,
    pub datum: Option<Datum>,
    pub headers: Vec<(&'static str, &'static str)>,
}

/// A record with this value.
pub fn value(value: &str) -> Given {
    Given {
        value: Some(value.to_owned()),
        ..Given::default()
    }
}

/// A record with key and value.
pub fn keyed(key: &str, text: &str) -> Given {
    Given {
        key: Some(key.to_owned()),
        ..value(text)
    }
}

/// A record with a value of Connect's data model.
pub fn datum(value: millrace_api::Value) -> Given {
    Given {
        datum: Some(Datum::schemaless(value)),
        ..Given::default()
    }
}

/// A started task.
pub struct Driven {
    task: Box<dyn SinkTask>,
    context: SinkContext,
    _running: watch::Sender<bool>,
    next: BTreeMap<i32, i64>,
    /// Offsets and reasons of records that went to the dead letter queue.
    pub dead: Vec<(i64, String)>,
}

pub fn partition(number: i32) -> TopicPartition {
    TopicPartition {
        topic: "orders".into(),
        partition: number,
    }
}

/// A configuration for `server`, quick to retry.
pub fn config(server: &Server, pairs: &[(&str, &str)]) -> Properties {
    let url = server.url();
    let defaults = [
        ("http.api.url", url.as_str()),
        ("retry.backoff.ms", "10"),
        ("errors.tolerance", "all"),
    ];
    let all = defaults.iter().chain(pairs);
    all.map(|(key, value)| ((*key).to_owned(), value.replace("SERVER", &url)))
        .collect()
}

impl Driven {
    /// A task that has somebody to report failed records to.
    pub async fn start(server: &Server, pairs: &[(&str, &str)]) -> Self {
        Self::of(&config(server, pairs), true).await.unwrap()
    }

    pub async fn of(properties: &Properties, reports: bool) -> Result<Self, ConnectError> {
        let mut connector = HttpSink::default();
        let name: Arc<str> = "sink".into();
        connector
            .start(properties, ConnectorContext::new(Arc::clone(&name), || {}))
            .await?;
        let (running, is_running) = watch::channel(true);
        let id = TaskId {
            connector: name,
            task: 0,
        };
        let context = SinkContext::new(id, is_running);
        let context = match reports {
            true => context.with_errant_records(),
            false => context,
        };
        let mut task = connector.task();
        task.start(&connector.task_configs(1).await?[0], context.clone())
            .await?;
        task.open(&[partition(0), partition(1)]).await?;
        Ok(Self {
            task,
            context,
            _running: running,
            next: BTreeMap::new(),
            dead: Vec::new(),
        })
    }

    /// Puts records of partition 0.
    pub async fn put(&mut self, records: &[Given]) -> Result<(), ConnectError> {
        let batch = self.batch(0, records);
        self.put_batch(&batch).await
    }

    /// Puts values of partition 0.
    pub async fn put_values<T: ToString>(&mut self, values: impl IntoIterator<Item = T>) {
        let records: Vec<_> = values
            .into_iter()
            .map(|text| value(&text.to_string()))
            .collect();
        self.put(&records).await.unwrap();
    }

    pub async fn put_batch(&mut self, batch: &SinkBatch) -> Result<(), ConnectError> {
        let outcome = self.task.put(batch).await;
        let reported = self.context.take_errant_records();
        let dead = reported.into_iter();
        self.dead
            .extend(dead.map(|errant| (errant.record.offset, errant.error.trace())));
        outcome
    }

    /// A batch of a partition, its values text or, where one has a datum, owned.
    pub fn batch(&mut self, number: i32, records: &[Given]) -> SinkBatch {
        let next = self.next.entry(number).or_default();
        let mut block = Vec::new();
        let mut add = |bytes: Option<&[u8]>| match bytes {
            None => Span::NULL,
            Some(bytes) => {
                let start = block.len() as u32;
                block.extend_from_slice(bytes);
                Span {
                    block: 0,
                    start,
                    len: bytes.len() as u32,
                }
            }
        };
        let mut rows = Vec::new();
        for record in records {
            let mut headers = Vec::new();
            if !record.headers.is_empty() {
                EncodedHeaders::begin(&mut headers, record.headers.len());
                for (name, value) in &record.headers {
                    encode_header(&mut headers, name.as_bytes(), Some(value.as_bytes()));
                }
            }
            rows.push(Row {
                key: add(record.key.as_ref().map(String::as_bytes)),
                value: add(record.value.as_ref().map(String::as_bytes)),
                headers: add(Some(&headers)),
                timestamp: 1_700_000_000_123 + *next,
                mark: *next,
            });
            *next += 1;
        }
        let owned = records.iter().any(|record| record.datum.is_some());
        let value = match owned {
            true => Column::Owned(
                records
                    .iter()
                    .map(|record| record.datum.clone().unwrap_or_default())
                    .collect(),
            ),
            false => Column::Text(None),
        };
        let mut batch = SinkBatch::new();
        batch.push_block(Bytes::from(block));
        batch.begin_run(SinkRun {
            end: 0,
            topic: "orders".into(),
            original_topic: None,
            partition: number,
            log_append_time: false,
            key: Column::Text(None),
            value,
            headers: None,
        });
        batch.extend(rows);
        batch
    }

    /// What would be committed now.
    pub async fn committed(&mut self) -> i64 {
        let offsets: SinkOffsets = self
            .next
            .iter()
            .map(|(number, next)| (partition(*number), *next))
            .collect();
        let safe = self.task.pre_commit(offsets).await.unwrap();
        safe[&partition(0)]
    }

    /// Goes on like a worker until all that was put is delivered or dead.
    pub async fn settle(&mut self) {
        let all = self.next[&0];
        let begun = Instant::now();
        while self.committed().await < all {
            assert!(
                begun.elapsed() < PATIENCE,
                "not delivered in time; dead: {:?}",
                self.dead
            );
            tokio::select! {
                () = self.context.woken() => {}
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
            }
            self.put_batch(&SinkBatch::new()).await.unwrap();
        }
    }

    /// Goes on like a worker until the task fails.
    pub async fn failure(&mut self) -> String {
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < PATIENCE, "the task does not fail");
            self.context.woken().await;
            if let Err(error) = self.put_batch(&SinkBatch::new()).await {
                return error.trace();
            }
        }
    }

    /// Which partitions were paused (true) or resumed since the last call.
    pub fn pauses(&self) -> Vec<bool> {
        self.context.take_request().pause.into_values().collect()
    }

    /// Goes on like a worker until partitions are paused or resumed, and says which of it.
    pub async fn resumed(&mut self) -> Vec<bool> {
        let begun = Instant::now();
        loop {
            let pauses = self.pauses();
            if !pauses.is_empty() {
                return pauses;
            }
            assert!(begun.elapsed() < PATIENCE, "nothing is resumed");
            tokio::time::sleep(Duration::from_millis(5)).await;
            self.put(&[]).await.unwrap();
        }
    }

    pub fn task(&mut self) -> &mut dyn SinkTask {
        self.task.as_mut()
    }
}
