//! The way of one record through converters and transforms, written down step by step. Nothing leaves the worker.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use millrace_api::{
    EncodedHeaders, Origin, Properties, RecordView, Records, Row, Side, SinkBatch, SourceBatch,
    SourceRecord, Span, TaskId, utf8_lossy,
};
use serde_json::json;

use super::shown::{DatumShown, ErrorShown, HeaderShown, RecordShown, StepShown, Trace, bounded};
use crate::pipeline::{Attempt, Decoder, ErrorPolicy, Fetched, Traced, encode};
use crate::task::Converters;

/// A record as it lies in a topic.
#[derive(Debug, Clone)]
pub(super) struct Raw {
    pub(super) topic: Arc<str>,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) timestamp: i64,
    pub(super) log_append_time: bool,
    pub(super) key: Option<Bytes>,
    pub(super) value: Option<Bytes>,
    pub(super) headers: Bytes,
}

/// Takes records through the steps of one connector.
pub(super) struct Walk {
    converters: Converters,
    /// The same without transforms: they are taken one by one.
    plain: Converters,
    policy: ErrorPolicy,
}

impl Walk {
    pub(super) fn new(task: TaskId, converters: Converters) -> Self {
        let plain = Converters {
            chain: converters.chain.without_steps(),
            ..converters.clone()
        };
        // Failures are gathered, whatever the connector would do with them.
        let settings: Properties = [("errors.tolerance", "all"), ("errors.log.enable", "true")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        Self {
            converters,
            plain,
            policy: ErrorPolicy::new(task, &settings),
        }
    }

    /// The way of a source's record into a topic.
    pub(super) fn source(&self, record: SourceRecord, now_ms: i64) -> Trace {
        let origin = json!({
            "source_partition": record.source.partition(),
            "source_offset": record.source.offset(record.mark),
        });
        let records = Records::from(SourceBatch::from_records([record]));
        let mut steps = vec![read(RecordShown::of(&records))];
        let records = self.transform(records, now_ms, &mut steps);
        let outcome = match (last(&steps), records.views().next()) {
            (Some("failed"), _) => "failed",
            (_, None) => "dropped",
            _ => {
                steps.push(self.encode(&records, now_ms));
                match last(&steps) {
                    Some("failed") => "failed",
                    _ => "sent",
                }
            }
        };
        Trace {
            origin,
            outcome,
            steps,
        }
    }

    /// The way of a topic's record to a sink.
    pub(super) fn sink(&self, record: &Raw, now_ms: i64) -> Trace {
        let origin = json!({
            "topic": &*record.topic, "partition": record.partition, "offset": record.offset,
        });
        let raw = vec![record.shown()];
        let mut steps = vec![read(raw.clone())];
        let (batch, error) = self.decode(record);
        let records = Records::from(batch);
        let after = RecordShown::of(&records);
        steps.push(StepShown {
            outcome: if error.is_some() { "failed" } else { "changed" },
            error,
            before: raw,
            after,
            ..step("convert")
        });
        if last(&steps) == Some("failed") {
            let outcome = "failed";
            return Trace {
                origin,
                outcome,
                steps,
            };
        }
        let records = self.transform(records, now_ms, &mut steps);
        let outcome = match (last(&steps), records.views().next()) {
            (Some("failed"), _) => "failed",
            (_, None) => "dropped",
            _ => "delivered",
        };
        Trace {
            origin,
            outcome,
            steps,
        }
    }

    fn transform(&self, records: Records, now_ms: i64, steps: &mut Vec<StepShown>) -> Records {
        let mut before = RecordShown::of(&records);
        let mut is_over = before.is_empty();
        self.converters.chain.trace(records, now_ms, |traced| {
            if is_over {
                return;
            }
            let shown = transformed(&traced, before.clone());
            before.clone_from(&shown.after);
            is_over = shown.after.is_empty();
            steps.push(shown);
        })
    }

    /// Converts what the transforms have left.
    fn encode(&self, records: &Records, now_ms: i64) -> StepShown {
        let batch = SourceBatch::from_records(records.views().filter_map(|view| owned(&view)));
        let mut attempt = self.policy.attempt(false);
        let encoded = encode(batch, &self.plain, now_ms, &mut attempt);
        let failed = error_of(attempt);
        let mut after = Vec::new();
        if let Ok(encoded) = encoded {
            let batch = &encoded.batch;
            for (start, run) in batch.runs_with_start() {
                let rows = start..run.end;
                for index in rows.filter(|row| encoded.dropped.binary_search(row).is_err()) {
                    let row = &batch.rows()[index];
                    let headers = batch.bytes(row.headers).unwrap_or_default();
                    after.push(RecordShown {
                        topic: run.topic.to_string(),
                        partition: run.partition,
                        timestamp: (row.timestamp >= 0).then_some(row.timestamp),
                        key: DatumShown::raw(batch.bytes(row.key)),
                        value: DatumShown::raw(batch.bytes(row.value)),
                        headers: raw_headers(headers),
                    });
                }
            }
        }
        let (before, not_shown) = bounded(records.views());
        after.truncate(before.len());
        StepShown {
            outcome: if failed.is_some() {
                "failed"
            } else {
                "changed"
            },
            error: failed,
            before,
            after,
            not_shown,
            ..step("convert")
        }
    }

    fn decode(&self, record: &Raw) -> (SinkBatch, Option<ErrorShown>) {
        let mut data = BytesMut::new();
        let mut span = |bytes: Option<&[u8]>| match bytes {
            None => Span::NULL,
            Some(bytes) => {
                let start = data.len() as u32;
                data.extend_from_slice(bytes);
                Span {
                    block: 0,
                    start,
                    len: bytes.len() as u32,
                }
            }
        };
        let mut rows = vec![Row {
            key: span(record.key.as_deref()),
            value: span(record.value.as_deref()),
            headers: span(Some(&record.headers)),
            timestamp: record.timestamp,
            mark: record.offset,
        }];
        let fetched = Fetched {
            topic: Arc::clone(&record.topic),
            original_topic: None,
            partition: record.partition,
            log_append_time: record.log_append_time,
            data: data.freeze(),
        };
        let mut batch = SinkBatch::new();
        let mut attempt = self.policy.attempt(false);
        let decoder = Decoder::new(self.plain.clone());
        let outcome = decoder.decode(fetched, &mut rows, &mut batch, &mut attempt);
        let error = error_of(attempt).or_else(|| {
            outcome.err().map(|error| ErrorShown {
                stage: "VALUE_CONVERTER",
                class: error.java_class().to_owned(),
                message: error.to_string(),
            })
        });
        (batch, error)
    }
}

impl Raw {
    fn shown(&self) -> RecordShown {
        RecordShown {
            topic: self.topic.to_string(),
            partition: Some(self.partition),
            timestamp: (self.timestamp >= 0).then_some(self.timestamp),
            key: DatumShown::raw(self.key.as_deref()),
            value: DatumShown::raw(self.value.as_deref()),
            headers: raw_headers(&self.headers),
        }
    }
}

impl RecordShown {
    /// The records that are not left out.
    fn of(records: &Records) -> Vec<Self> {
        bounded(records.views()).0
    }
}

/// A record of a source as one that is owned.
pub(super) fn owned(view: &RecordView<'_>) -> Option<SourceRecord> {
    let Origin::Source(source) = view.origin() else {
        return None;
    };
    Some(SourceRecord {
        topic: Arc::clone(view.topic()),
        partition: view.partition(),
        key: view.datum(Side::Key),
        value: view.datum(Side::Value),
        timestamp: view.timestamp(),
        headers: view.headers().unwrap_or_default(),
        source: source.clone(),
        mark: view.mark(),
    })
}

fn transformed(traced: &Traced<'_>, before: Vec<RecordShown>) -> StepShown {
    let (after, not_shown) = bounded(traced.records.views());
    let error = traced.failed.first().map(|failed| ErrorShown {
        stage: "TRANSFORMATION",
        class: failed.error.java_class().to_owned(),
        message: failed.error.to_string(),
    });
    let outcome = match (&error, traced.chosen) {
        (Some(_), _) => "failed",
        (None, false) => "skipped",
        (None, true) if after.is_empty() => "dropped",
        (None, true) if after == before => "unchanged",
        (None, true) => "changed",
    };
    StepShown {
        name: Some(traced.alias.to_owned()),
        class: Some(traced.class.to_owned()),
        outcome,
        error,
        before,
        after,
        not_shown,
        ..step("transform")
    }
}

fn error_of(attempt: Attempt<'_>) -> Option<ErrorShown> {
    let report = attempt.into_reports().into_iter().next()?;
    Some(ErrorShown {
        stage: report.stage.name(),
        class: report.error_class.to_owned(),
        message: report.message,
    })
}

fn raw_headers(section: &[u8]) -> Vec<HeaderShown> {
    let shown = |(name, value): (&[u8], Option<&[u8]>)| HeaderShown {
        name: utf8_lossy(name),
        datum: DatumShown::raw(value),
    };
    EncodedHeaders::new(section).iter().map(shown).collect()
}

fn last(steps: &[StepShown]) -> Option<&'static str> {
    steps.last().map(|step| step.outcome)
}

fn read(after: Vec<RecordShown>) -> StepShown {
    StepShown {
        outcome: "read",
        after,
        ..step("read")
    }
}

fn step(step: &'static str) -> StepShown {
    StepShown {
        step,
        name: None,
        class: None,
        outcome: "unchanged",
        error: None,
        before: Vec::new(),
        after: Vec::new(),
        not_shown: 0,
    }
}
