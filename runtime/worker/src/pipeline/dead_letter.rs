//! The dead letter queue of a connector: a topic for the records that it could not handle, with what went wrong in their
//! headers (contract connect-internals, section 3.3). Those of a sink are as they were consumed; those of a source are as
//! it has brought them, with the source position.
//!
//! Where Kafka Connect goes on although a dead letter could not be stored, so does this; but a record that nobody else
//! has any more is never given up: one that a sink refuses, one on its way to a retry topic, one of a source.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use millrace_api::{
    ConnectError, ConsumedRecord, EncodedHeaders, Properties, TaskId, encode_header,
};
use millrace_client::ClientError;
use millrace_client::admin::{Admin, NewTopic};
use millrace_client::producer::{Ack, AckSink, ProduceError, Producer, RecordRef};
use millrace_wire::error_code::ErrorCode;

use super::attempt::{Report, Subject};
use super::brought::Brought;
use super::policy::DEAD_LETTER_TOPIC;
use super::retry_topics::{FirstPlace, RetryTopics, without_place};
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
    /// Hears of the letters that must not be lost.
    strict: Arc<dyn AckSink>,
    lost: Lost,
    /// Where records wait before they come to the queue.
    retries: Option<Arc<RetryTopics>>,
    metrics: Arc<ErrorMetrics>,
    sent: u64,
}

impl DeadLetters {
    /// The dead letter queue that a connector's settings name, if they name one. Its topic is created where there is none.
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
            let text = unopened(topic, task, &error);
            ConnectError::connect(text).caused_by(error)
        })?;
        let producer = clients.producer(&clients.dead_letter_producer_settings(task, connector))?;
        let topic: Arc<str> = topic.into();
        let lost = Lost::default();
        Ok(Some(Self {
            task: task.clone(),
            context: given(CONTEXT_HEADERS).eq_ignore_ascii_case("true"),
            producer,
            answers: Arc::new(Answers {
                topic: Arc::clone(&topic),
                metrics: Arc::clone(metrics),
                lost: None,
            }),
            strict: Arc::new(Answers {
                topic: Arc::clone(&topic),
                metrics: Arc::clone(metrics),
                lost: Some(lost.clone()),
            }),
            lost,
            retries: None,
            topic,
            metrics: Arc::clone(metrics),
            sent: 0,
        }))
    }

    /// The same behind retry topics, which are created where they are not there.
    ///
    /// # Errors
    /// When one of them is not there and cannot be created.
    pub(crate) async fn after(
        self,
        retries: &Arc<RetryTopics>,
        connector: &Properties,
        clients: &Clients,
    ) -> Result<Self, ConnectError> {
        let admin = clients.admin(&clients.dead_letter_admin_settings(connector))?;
        let replicas = connector.get(REPLICATION_FACTOR);
        let replicas = replicas.and_then(|text| text.trim().parse().ok());
        for topic in retries.names() {
            prepare(&admin, topic, replicas).await.map_err(|error| {
                ConnectError::connect(unopened(topic, &self.task, &error)).caused_by(error)
            })?;
        }
        Ok(Self {
            retries: Some(Arc::clone(retries)),
            ..self
        })
    }

    /// Hands a dead letter to the producer. One that cannot be sent is logged and counted; one that is `precious` fails
    /// the task at [`DeadLetters::lost`].
    pub(crate) async fn send(&mut self, report: &Report, now_ms: i64, precious: bool) {
        let (topic, letter, precious) = match &report.subject {
            Subject::Consumed(record) => match self.next_round(record, report, now_ms) {
                Some((topic, letter)) => (topic, letter, true),
                None => (
                    Arc::clone(&self.topic),
                    self.of_sink(record, report),
                    precious,
                ),
            },
            Subject::Brought(record) => (
                Arc::clone(&self.topic),
                self.of_source(record, report),
                precious,
            ),
        };
        if topic == self.topic {
            self.metrics.dead_letters.increment();
        }
        if let Err(error) = self.append(&topic, &letter, now_ms, precious).await {
            give_up(&topic, &self.metrics, 1, &error);
            if precious {
                self.lost.set(&topic, &error);
            }
        }
    }

    async fn append(
        &mut self,
        topic: &Arc<str>,
        letter: &Letter<'_>,
        now_ms: i64,
        precious: bool,
    ) -> Result<(), ProduceError> {
        let ticket = self.sent;
        self.sent += 1;
        let answers = if precious {
            &self.strict
        } else {
            &self.answers
        };
        loop {
            let mut rows = std::iter::once(RecordRef {
                timestamp: letter.timestamp.unwrap_or(now_ms),
                key: letter.key,
                value: letter.value,
                headers: &letter.headers,
            });
            let appended = self
                .producer
                .append(topic, None, &mut rows, ticket, answers);
            match appended {
                Err(ProduceError::NotReady { .. }) => {
                    self.producer.ready(topic).await?;
                }
                Ok(appended) if appended.rows == 0 => self.producer.room().await?,
                other => return other.map(|_| ()),
            }
        }
    }

    fn of_sink<'a>(&self, record: &'a ConsumedRecord, report: &Report) -> Letter<'a> {
        let first = self.retries.as_ref().map_or_else(
            || FirstPlace::of(record),
            |retries| retries.first_place(record),
        );
        let (partition, offset) = (first.partition.to_string(), first.offset.to_string());
        let place = [
            ("__connect.errors.topic", &*first.topic),
            ("__connect.errors.partition", &partition),
            ("__connect.errors.offset", &offset),
        ];
        Letter {
            timestamp: first.timestamp,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: match self.retries {
                Some(_) => self.headers(&without_place(&record.headers), &place, report),
                None => self.headers(&record.headers, &place, report),
            },
        }
    }

    /// The retry topic that a record goes to next, if any is left, and what goes there.
    fn next_round<'a>(
        &self,
        record: &'a ConsumedRecord,
        report: &Report,
        now_ms: i64,
    ) -> Option<(Arc<str>, Letter<'a>)> {
        let retries = self.retries.as_ref()?;
        let topic = retries.next(&record.topic)?;
        let reason = format!("{}: {}", report.stage.name(), report.message);
        let letter = Letter {
            timestamp: Some(now_ms),
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: retries
                .first_place(record)
                .section(&record.headers, &reason),
        };
        Some((Arc::clone(topic), letter))
    }

    fn of_source<'a>(&self, record: &'a Brought, report: &Report) -> Letter<'a> {
        let records = record.records.to_string();
        let place = [
            ("__connect.errors.topic", &*record.topic),
            ("__millrace.errors.source.partition", &record.partition),
            ("__millrace.errors.source.offset", &record.offset),
            ("__millrace.errors.source.records", &records),
        ];
        // Only where the contents of several are gone is their number news.
        let known = if record.records > 1 { 4 } else { 3 };
        Letter {
            timestamp: record.timestamp,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: self.headers(&record.headers, &place[..known], report),
        }
    }

    /// The record's own headers, then where it came from and what went wrong with it.
    fn headers(&self, own: &[u8], place: &[(&str, &str)], report: &Report) -> Vec<u8> {
        if !self.context {
            return own.to_vec();
        }
        let task = self.task.task.to_string();
        let why = [
            ("connector.name", &*self.task.connector),
            ("task.id", &task),
            ("stage", report.stage.name()),
            ("class.name", report.class),
            ("exception.class.name", report.error_class),
            ("exception.message", &report.message),
            ("exception.stacktrace", &report.trace),
        ];
        let own = EncodedHeaders::new(own);
        let mut section = Vec::new();
        EncodedHeaders::begin(&mut section, own.iter().count() + place.len() + why.len());
        for (name, value) in own.iter() {
            encode_header(&mut section, name, value);
        }
        for (name, value) in place {
            encode_header(&mut section, name.as_bytes(), Some(value.as_bytes()));
        }
        for (name, value) in why {
            let name = format!("__connect.errors.{name}");
            encode_header(&mut section, name.as_bytes(), Some(value.as_bytes()));
        }
        section
    }

    /// Why a letter is lost that must not be.
    pub(crate) fn lost(&self) -> Option<ConnectError> {
        self.lost.reason(&self.task)
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

/// Why the queue cannot be used, and which setting to change.
fn unopened(topic: &str, task: &TaskId, error: &ClientError) -> String {
    let advice = match error.code() {
        Some(ErrorCode::INVALID_REPLICATION_FACTOR) => {
            format!("set {REPLICATION_FACTOR} to the number of nodes at most (1 on a single node)")
        }
        Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED | ErrorCode::CLUSTER_AUTHORIZATION_FAILED) => {
            "create the topic, or let the worker's user create topics (admin.override.*)".to_owned()
        }
        Some(ErrorCode::INVALID_TOPIC_EXCEPTION) => {
            format!("set {DEAD_LETTER_TOPIC} to a name that a topic can have")
        }
        _ => "see that the brokers can be reached (bootstrap.servers), and restart the task"
            .to_owned(),
    };
    format!(
        "Could not initialize dead letter queue with topic={topic}: {error}; task {task} needs it; {advice}"
    )
}

fn is(outcome: &Result<(), ClientError>, wanted: ErrorCode) -> bool {
    matches!(outcome, Err(ClientError::Refused { code, .. }) if *code == wanted)
}

fn give_up(topic: &str, metrics: &ErrorMetrics, records: u64, error: &ProduceError) {
    metrics.dead_letters_failed.add(records);
    log::error!("Could not produce message to dead letter queue. topic={topic}: {error}");
}

/// A letter as the producer takes it.
struct Letter<'a> {
    timestamp: Option<i64>,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: Vec<u8>,
}

/// Why a letter is lost that must not be: the first such failure.
#[derive(Clone, Debug, Default)]
struct Lost(Arc<Mutex<Option<LostIn>>>);

/// The topic that did not take it, and why.
type LostIn = (Arc<str>, ProduceError);

impl Lost {
    fn set(&self, topic: &Arc<str>, error: &ProduceError) {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.get_or_insert_with(|| (Arc::clone(topic), error.clone()));
    }

    /// Stays, so that nothing behind the letter is committed any more.
    fn reason(&self, task: &TaskId) -> Option<ConnectError> {
        let slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (topic, error) = slot.clone()?;
        let text = format!(
            "{error}; task {task} could not store a failed record in topic '{topic}' and stops, for it would be lost; let the topic take it ({DEAD_LETTER_TOPIC}, producer.override.*) and restart the task"
        );
        Some(ConnectError::connect(text).caused_by(error))
    }
}

/// Hears the broker's answers.
struct Answers {
    topic: Arc<str>,
    metrics: Arc<ErrorMetrics>,
    /// Where it is noted that a letter is lost, if it matters.
    lost: Option<Lost>,
}

impl AckSink for Answers {
    fn acknowledged(&self, tickets: Range<u64>, result: Result<Ack, &ProduceError>) {
        if let Err(error) = result {
            let records = tickets.end.saturating_sub(tickets.start);
            give_up(&self.topic, &self.metrics, records, error);
            if let Some(lost) = &self.lost {
                lost.set(&self.topic, error);
            }
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
