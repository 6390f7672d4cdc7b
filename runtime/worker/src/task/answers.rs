//! What becomes of a source's records that are sent: the broker's answers, and the records that nobody takes.
//!
//! With `errors.tolerance=all` a record that cannot be stored is left out, whether the broker refuses it or the producer
//! does not even take it, as in Connect (contract connect-internals, section 3.1).

use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use millrace_api::{ConnectError, OffsetMap, SourceBatch, SourcePartition, SourceRun};
use millrace_client::producer::{Ack, AckSink, ProduceError};
use millrace_wire::error_code::ErrorCode;

use super::commit::Committer;
use super::guard::panicked;
use super::handle::Failure;
use super::refused::Refused;
use crate::actor::panic_text;
use crate::pipeline::{Brought, ErrorPolicy, Stage, Subject};

/// The class of the step in which records are stored.
const PRODUCER: &str = "org.apache.kafka.clients.producer.KafkaProducer";

/// Hears the broker's answers.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) committer: Arc<Committer>,
    pub(super) failure: Failure,
    pub(super) policy: ErrorPolicy,
    /// Where refused records wait for their dead letters, if there is a queue for them.
    pub(super) refused: Option<Refused>,
}

impl Answers {
    /// Whether a record that the producer does not take is left out: the fault is its own or its topic's.
    pub(super) fn may_leave_out(&self, error: &ProduceError) -> bool {
        self.policy.tolerates()
            && match error {
                ProduceError::RecordTooLarge { .. }
                | ProduceError::UnknownPartition { .. }
                | ProduceError::Headers(_) => true,
                ProduceError::Topic { source, .. } => matches!(
                    source.code(),
                    Some(
                        ErrorCode::INVALID_TOPIC_EXCEPTION
                            | ErrorCode::TOPIC_AUTHORIZATION_FAILED
                            | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                    )
                ),
                _ => false,
            }
    }

    /// Leaves out a row that the producer does not take. What is too large, or malformed, for its topic is so for dead
    /// letters, too: these then hold no more than where it came from.
    pub(super) fn leave_out_row(
        &self,
        (batch, run): (&SourceBatch, &SourceRun),
        row: usize,
        ticket: u64,
        error: &ProduceError,
    ) -> Result<(), ConnectError> {
        let subject = || {
            let contents = match error {
                ProduceError::RecordTooLarge { .. } | ProduceError::Headers(_) => None,
                _ => batch.rows().get(row),
            };
            let bytes = |span| batch.bytes(span).map(<[u8]>::to_vec);
            let named = named(&run.topic, Some((&run.source, batch.mark_behind(row))));
            Subject::Brought(Box::new(Brought {
                timestamp: contents.map(|row| row.timestamp).filter(|ms| *ms >= 0),
                key: contents.and_then(|row| bytes(row.key)),
                value: contents.and_then(|row| bytes(row.value)),
                headers: contents
                    .and_then(|row| bytes(row.headers))
                    .unwrap_or_default(),
                records: 1,
                ..named
            }))
        };
        self.leave_out(&(ticket..ticket + 1), error, subject)
    }

    /// Records could not be stored, which is tolerated: all of a range for the same reason, of which the first one is
    /// reported.
    fn leave_out_refused(
        &self,
        tickets: &Range<u64>,
        error: &ProduceError,
    ) -> Result<(), ConnectError> {
        let subject = || {
            let in_flight = self.committer.in_flight();
            Subject::Brought(Box::new(Brought {
                records: tickets.end.saturating_sub(tickets.start),
                ..named(topic(error), in_flight.origin(tickets.start))
            }))
        };
        self.leave_out(tickets, error, subject)
    }

    fn leave_out(
        &self,
        tickets: &Range<u64>,
        error: &ProduceError,
        subject: impl FnOnce() -> Subject,
    ) -> Result<(), ConnectError> {
        let mut attempt = self.policy.attempt(false);
        let error = ConnectError::connect(error.to_string());
        let outcome = attempt.failed(Stage::KafkaProduce, PRODUCER, subject, error);
        let reports = attempt.into_reports();
        match (&outcome, &self.refused) {
            (Ok(()), Some(refused)) => {
                refused.add(tickets.clone(), reports);
                self.committer.wake();
            }
            (Ok(()), None) => {
                reports.iter().for_each(|report| report.log(&self.policy));
                self.committer.acknowledge(tickets.clone(), false);
            }
            (Err(_), _) => reports.iter().for_each(|report| report.log(&self.policy)),
        }
        outcome
    }

    /// Why the task fails: records could not be sent to `topic`, the first of them from `place`.
    pub(super) fn unsent(
        &self,
        topic: &str,
        error: ProduceError,
        place: Option<String>,
    ) -> ConnectError {
        let advice = match &error {
            ProduceError::RecordTooLarge { key, .. } => {
                format!(
                    "; raise producer.override.{key}, or set errors.tolerance=all to leave such records out"
                )
            }
            ProduceError::MessageTooLarge { .. }
            | ProduceError::UnknownPartition { .. }
            | ProduceError::Headers(_) => {
                "; set errors.tolerance=all to leave such records out".to_owned()
            }
            _ => String::new(),
        };
        let place = place.map_or_else(String::new, |place| format!(", {place}"));
        let text = format!(
            "task {} cannot send records to topic '{topic}'{place}: {error}{advice}",
            self.committer.id()
        );
        ConnectError::connect(text).caused_by(error)
    }

    fn hear(&self, tickets: Range<u64>, result: Result<Ack, &ProduceError>) {
        match result {
            Ok(ack) => self
                .committer
                .stored(tickets, ack.partition, ack.base_offset),
            Err(error)
                if self.policy.tolerates() && self.leave_out_refused(&tickets, error).is_ok() => {}
            Err(error) => {
                let in_flight = self.committer.in_flight();
                let place = in_flight
                    .origin(tickets.start)
                    .map(|(source, mark)| origin(source, mark));
                drop(in_flight);
                self.failure
                    .set(self.unsent(topic(error), error.clone(), place));
                self.committer.wake();
            }
        }
    }
}

impl AckSink for Answers {
    fn acknowledged(&self, tickets: Range<u64>, result: Result<Ack, &ProduceError>) {
        // The connector hears of it in there, on a thread that others send on, too.
        let heard = AssertUnwindSafe(|| self.hear(tickets, result));
        if let Err(panic) = std::panic::catch_unwind(heard) {
            let text = panic_text(panic.as_ref());
            self.failure.set(panicked(format!(
                "task {} panicked in acknowledged: {text}",
                self.committer.id()
            )));
            self.committer.wake();
        }
    }
}

/// Names a record by the offset behind it.
pub(super) fn origin(source: &SourcePartition, mark: i64) -> String {
    let partition = serde_json::to_string(source.partition()).unwrap_or_default();
    let offset = serde_json::to_string(&source.offset(mark)).unwrap_or_default();
    format!("near source partition {partition} and offset {offset}")
}

/// A record's topic and the place that it comes from, as far as it is known.
fn named(topic: &str, place: Option<(&SourcePartition, i64)>) -> Brought {
    let text = |map: &OffsetMap| serde_json::to_string(map).unwrap_or_default();
    let (partition, offset) = place.map_or_else(Default::default, |(source, mark)| {
        (text(source.partition()), text(&source.offset(mark)))
    });
    Brought {
        topic: topic.to_owned(),
        partition,
        offset,
        ..Brought::default()
    }
}

/// The topic that records were for, where the error knows it.
fn topic(error: &ProduceError) -> &str {
    match error {
        ProduceError::Topic { topic, .. }
        | ProduceError::NotReady { topic }
        | ProduceError::UnknownPartition { topic, .. }
        | ProduceError::Refused { topic, .. }
        | ProduceError::MessageTooLarge { topic, .. }
        | ProduceError::Expired { topic, .. } => topic,
        _ => "",
    }
}
