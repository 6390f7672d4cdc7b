//! The dead letter queue of a sink: a topic for the records that it could not deliver, as they were consumed, with what
//! went wrong in their headers (contract connect-internals, section 3.3).

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use millrace_api::{
    ConnectError, ConsumedRecord, EncodedHeaders, Properties, TaskId, encode_header,
};
use millrace_client::ClientError;
use millrace_client::admin::{Admin, NewTopic};
use millrace_client::producer::{Ack, AckSink, ProduceError, Producer, RecordRef};
use millrace_wire::error_code::ErrorCode;

use super::attempt::{Report, Subject};
use super::policy::DEAD_LETTER_TOPIC;
use crate::metrics::ErrorMetrics;
use crate::task::Clients;

const REPLICATION_FACTOR: &str = "errors.deadletterqueue.topic.replication.factor";
const REPLICATION_FACTOR_DEFAULT: i16 = 3;
const CONTEXT_HEADERS: &str = "errors.deadletterqueue.context.headers.enable";

/// Sends dead letters.
pub(crate) struct DeadLetters {
    task: TaskId,
    topic: Arc<str>,
    /// Whether the headers say what went wrong.
    context: bool,
    producer: Producer,
    answers: Arc<dyn AckSink>,
    metrics: Arc<ErrorMetrics>,
    sent: u64,
}

impl DeadLetters {
    /// The dead letter queue that a sink's settings name, if they name one. Its topic is created where there is none.
    ///
    /// # Errors
    /// When the topic is not there and cannot be created.
    pub(crate) async fn open(
        task: &TaskId,
        connector: &Properties,
        clients: &Clients,
        metrics: &Arc<ErrorMetrics>,
    ) -> Result<Option<Self>, ConnectError> {
        let given = |key: &str| connector.get(key).map_or("", |text| text.trim());
        let topic = given(DEAD_LETTER_TOPIC);
        if topic.is_empty() {
            return Ok(None);
        }
        let admin = clients.admin(&clients.dead_letter_admin_settings(connector))?;
        let replicas = given(REPLICATION_FACTOR).parse().ok();
        prepare(&admin, topic, replicas).await.map_err(|error| {
            let text =
                format!("Could not initialize dead letter queue with topic={topic}: {error}");
            ConnectError::connect(text).caused_by(error)
        })?;
        let producer = clients.producer(&clients.dead_letter_producer_settings(task, connector))?;
        let topic: Arc<str> = topic.into();
        Ok(Some(Self {
            task: task.clone(),
            context: given(CONTEXT_HEADERS).eq_ignore_ascii_case("true"),
            producer,
            answers: Arc::new(Answers {
                topic: Arc::clone(&topic),
                metrics: Arc::clone(metrics),
            }),
            topic,
            metrics: Arc::clone(metrics),
            sent: 0,
        }))
    }

    /// Hands a dead letter to the producer. One that cannot be sent is logged and counted, and does not stop the task.
    pub(crate) async fn send(&mut self, report: &Report, now_ms: i64) {
        let Subject::Consumed(record) = &report.subject else {
            return;
        };
        self.metrics.dead_letters.increment();
        let headers = match self.context {
            true => self.with_context(record, report),
            false => record.headers.to_vec(),
        };
        if let Err(error) = self.append(record, &headers, now_ms).await {
            give_up(&self.topic, &self.metrics, 1, &error);
        }
    }

    async fn append(
        &mut self,
        record: &ConsumedRecord,
        headers: &[u8],
        now_ms: i64,
    ) -> Result<(), ProduceError> {
        let ticket = self.sent;
        self.sent += 1;
        loop {
            let mut rows = std::iter::once(RecordRef {
                timestamp: record.timestamp.unwrap_or(now_ms),
                key: record.key.as_deref(),
                value: record.value.as_deref(),
                headers,
            });
            let appended =
                self.producer
                    .append(&self.topic, None, &mut rows, ticket, &self.answers);
            match appended {
                Err(ProduceError::NotReady { .. }) => {
                    self.producer.ready(&self.topic).await?;
                }
                Ok(appended) if appended.rows == 0 => self.producer.room().await?,
                other => return other.map(|_| ()),
            }
        }
    }

    /// The record's own headers, then what went wrong with it.
    fn with_context(&self, record: &ConsumedRecord, report: &Report) -> Vec<u8> {
        let own = EncodedHeaders::new(&record.headers);
        let (partition, offset) = (record.partition.to_string(), record.offset.to_string());
        let task = self.task.task.to_string();
        let context = [
            ("topic", &*record.topic),
            ("partition", &partition),
            ("offset", &offset),
            ("connector.name", &self.task.connector),
            ("task.id", &task),
            ("stage", report.stage.name()),
            ("class.name", report.class),
            ("exception.class.name", report.error_class),
            ("exception.message", &report.message),
            ("exception.stacktrace", &report.trace),
        ];
        let mut section = Vec::new();
        EncodedHeaders::begin(&mut section, own.iter().count() + context.len());
        for (name, value) in own.iter() {
            encode_header(&mut section, name, value);
        }
        for (name, value) in context {
            let name = format!("__connect.errors.{name}");
            encode_header(&mut section, name.as_bytes(), Some(value.as_bytes()));
        }
        section
    }

    /// Waits until all dead letters so far are stored or given up.
    pub(crate) async fn flush(&self) {
        if self.sent > 0 {
            self.producer.flush().await;
        }
    }

    /// Waits up to `timeout` for dead letters on their way, and lets go of the producer.
    pub(crate) async fn close(&self, timeout: Duration) {
        self.producer.close(timeout).await;
    }
}

/// Creates the topic where there is none: one partition, as many replicas as asked for.
async fn prepare(admin: &Admin, name: &str, replicas: Option<i16>) -> Result<(), ClientError> {
    if admin.describe_topic(name).await?.is_some() {
        return Ok(());
    }
    log::info!("the dead letter topic {name} is not there and will be created");
    let mut topic = NewTopic {
        partitions: Some(1),
        replication_factor: replicas.or(Some(REPLICATION_FACTOR_DEFAULT)),
        ..NewTopic::new(name)
    };
    let mut created = admin.create_topic(&topic).await;
    // Nobody asked for three replicas: a cluster that has not so many nodes gives what it has.
    if replicas.is_none() && is(&created, ErrorCode::INVALID_REPLICATION_FACTOR) {
        log::warn!(
            "the dead letter topic {name} gets the cluster's default number of replicas, for it has not the nodes for {REPLICATION_FACTOR_DEFAULT}; {REPLICATION_FACTOR} asks for another"
        );
        topic.replication_factor = None;
        created = admin.create_topic(&topic).await;
    }
    match is(&created, ErrorCode::TOPIC_ALREADY_EXISTS) {
        true => Ok(()),
        false => created,
    }
}

fn is(outcome: &Result<(), ClientError>, wanted: ErrorCode) -> bool {
    matches!(outcome, Err(ClientError::Refused { code, .. }) if *code == wanted)
}

fn give_up(topic: &str, metrics: &ErrorMetrics, records: u64, error: &ProduceError) {
    metrics.dead_letters_failed.add(records);
    log::error!("Could not produce message to dead letter queue. topic={topic}: {error}");
}

/// Hears the broker's answers.
struct Answers {
    topic: Arc<str>,
    metrics: Arc<ErrorMetrics>,
}

impl AckSink for Answers {
    fn acknowledged(&self, tickets: Range<u64>, result: Result<Ack, &ProduceError>) {
        if let Err(error) = result {
            let records = tickets.end.saturating_sub(tickets.start);
            give_up(&self.topic, &self.metrics, records, error);
        }
    }
}

impl std::fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeadLetters")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}
