//! One attempt to take records through their steps, and the records that failed in it.
//!
//! Nobody is told of a failure before the attempt is over: one that is made again meets the same records once more.

use millrace_api::{ConnectError, ConsumedRecord};

use super::brought::Brought;
use super::policy::{ErrorPolicy, Stage};

/// The record that a step failed at.
#[derive(Debug)]
pub(crate) enum Subject {
    /// As it was consumed.
    Consumed(Box<ConsumedRecord>),
    /// Of a source.
    Brought(Box<Brought>),
}

/// A record that failed at a step.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) stage: Stage,
    /// The class of the step.
    pub(crate) class: &'static str,
    pub(crate) subject: Subject,
    pub(crate) error_class: &'static str,
    pub(crate) message: String,
    pub(crate) trace: String,
}

/// One attempt.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    policy: &'a ErrorPolicy,
    may_retry: bool,
    reports: Vec<Report>,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(policy: &'a ErrorPolicy, may_retry: bool) -> Self {
        Self {
            policy,
            may_retry,
            reports: Vec::new(),
        }
    }

    /// The failures of which someone is to be told, of consumed records in the order of their offsets.
    pub(crate) fn into_reports(mut self) -> Vec<Report> {
        self.reports
            .sort_by(|a, b| a.subject.order().cmp(&b.subject.order()));
        self.reports
    }

    /// A step of `class` has failed at a record: `Ok` leaves the record out.
    ///
    /// # Errors
    /// A retriable error where the attempt ends, to be made again. With tolerance `none`, what fails the task.
    pub(crate) fn failed(
        &mut self,
        stage: Stage,
        class: &'static str,
        subject: impl FnOnce() -> Subject,
        error: ConnectError,
    ) -> Result<(), ConnectError> {
        if error.is_retriable() && self.may_retry {
            return Err(error);
        }
        let policy = self.policy;
        if let Some((metrics, clock)) = &policy.counts {
            metrics.failed(clock.now_ms(), policy.log, policy.tolerate);
        }
        if policy.tolerate && !policy.reports() {
            return Ok(());
        }
        let subject = subject();
        let place = subject.place();
        let place = match place.is_empty() {
            true => place,
            false => format!(", {place}"),
        };
        if policy.reports() {
            self.reports.push(Report {
                stage,
                class,
                subject,
                error_class: error.java_class(),
                message: error.to_string(),
                trace: error.trace(),
            });
        }
        if policy.tolerate {
            return Ok(());
        }
        let name = stage.name();
        let text = format!(
            "Tolerance exceeded in error handler: task {} failed executing stage '{name}' with class '{class}'{place}: {error}; set errors.tolerance=all to leave such records out",
            policy.task
        );
        Err(ConnectError::connect(text).caused_by(error))
    }
}

impl Subject {
    /// A record of which nothing is known.
    pub(crate) fn unknown() -> Self {
        Self::Brought(Box::default())
    }

    fn order(&self) -> Option<(&str, i32, i64)> {
        match self {
            Self::Consumed(record) => Some((&record.topic, record.partition, record.offset)),
            Self::Brought(_) => None,
        }
    }

    /// Where the record comes from.
    fn place(&self) -> String {
        match self {
            Self::Consumed(record) => consumed(record),
            Self::Brought(record) => record.place(),
        }
    }
}

/// A consumed record as Java's log names it.
fn consumed(record: &ConsumedRecord) -> String {
    let time = match record.timestamp {
        Some(ms) if !record.log_append_time => {
            format!(", timestamp={ms}, timestampType=CreateTime")
        }
        None if !record.log_append_time => {
            ", timestamp=-1, timestampType=NoTimestampType".to_owned()
        }
        _ => String::new(),
    };
    format!(
        "where consumed record is {{topic='{}', partition={}, offset={}{time}}}",
        record.topic, record.partition, record.offset
    )
}

impl Report {
    /// What the log says of it, as in Java: the error, the step, and the record if asked for.
    pub(super) fn line(&self, policy: &ErrorPolicy) -> String {
        let record = match (&self.subject, policy.include_messages) {
            (_, false) => String::new(),
            (Subject::Consumed(record), true) => format!(", {}", consumed(record)),
            (Subject::Brought(record), true) => {
                format!(", where source record is = {}", record.content())
            }
        };
        format!(
            "Error encountered in task {}. Executing stage '{}' with class '{}'{record}. {}",
            policy.task,
            self.stage.name(),
            self.class,
            self.trace.trim_end()
        )
    }

    /// Logs it, if the policy says so.
    pub(crate) fn log(&self, policy: &ErrorPolicy) {
        if policy.log {
            let task = &policy.task;
            let target = format!("connector.{}.task.{}", task.connector, task.task);
            log::error!(target: &target, "{}", self.line(policy));
        }
    }
}

#[cfg(test)]
mod tests {
    use millrace_api::TaskId;
    use millrace_testkit::properties;

    use super::*;

    fn policy(settings: &[(&str, &str)]) -> ErrorPolicy {
        let settings = properties(settings);
        let task = TaskId {
            connector: "c".into(),
            task: 1,
        };
        ErrorPolicy::new(task, &settings)
    }

    fn record() -> Subject {
        Subject::Consumed(Box::new(ConsumedRecord {
            topic: "t".into(),
            partition: 2,
            offset: 7,
            timestamp: Some(99),
            log_append_time: false,
            key: None,
            value: None,
            headers: bytes::Bytes::new(),
        }))
    }

    fn fail(attempt: &mut Attempt<'_>, error: ConnectError) -> Result<(), ConnectError> {
        attempt.failed(Stage::ValueConverter, "a.B", record, error)
    }

    #[test]
    fn what_is_logged_names_the_record_only_if_asked_to() {
        for (include, expected) in [
            ("false", ""),
            (
                "true",
                ", where consumed record is {topic='t', partition=2, offset=7, timestamp=99, timestampType=CreateTime}",
            ),
        ] {
            let policy = policy(&[
                ("errors.tolerance", "all"),
                ("errors.log.enable", "true"),
                ("errors.log.include.messages", include),
            ]);
            let mut attempt = policy.attempt(false);
            fail(&mut attempt, ConnectError::data("bad")).unwrap();
            let reports = attempt.into_reports();
            assert_eq!(
                reports[0].line(&policy),
                format!(
                    "Error encountered in task c-1. Executing stage 'VALUE_CONVERTER' with class 'a.B'{expected}. org.apache.kafka.connect.errors.DataException: bad"
                )
            );
        }
    }

    #[test]
    fn without_tolerance_the_task_fails_and_the_record_is_reported() {
        let policy = policy(&[("errors.log.enable", "true")]);
        let mut attempt = policy.attempt(false);
        let error = fail(&mut attempt, ConnectError::data("bad")).unwrap_err();
        let text = error.to_string();
        assert_eq!(
            text,
            "Tolerance exceeded in error handler: task c-1 failed executing stage 'VALUE_CONVERTER' with class 'a.B', where consumed record is {topic='t', partition=2, offset=7, timestamp=99, timestampType=CreateTime}: bad; set errors.tolerance=all to leave such records out"
        );
        assert!(!error.is_retriable());
        assert_eq!(attempt.into_reports().len(), 1);
    }

    #[test]
    fn an_error_that_may_pass_ends_an_attempt_that_may_be_made_again() {
        let policy = policy(&[("errors.tolerance", "all"), ("errors.log.enable", "true")]);
        let mut attempt = policy.attempt(true);
        let error = fail(&mut attempt, ConnectError::retriable("away")).unwrap_err();
        assert!(error.is_retriable());
        assert!(attempt.into_reports().is_empty());
        let mut last = policy.attempt(false);
        fail(&mut last, ConnectError::retriable("away")).unwrap();
        assert_eq!(last.into_reports().len(), 1);
    }

    #[test]
    fn nothing_is_kept_where_nobody_is_told() {
        let policy = policy(&[("errors.tolerance", "all")]);
        let mut attempt = policy.attempt(false);
        let untouched = || -> Subject { panic!("nobody asks for the record") };
        attempt
            .failed(
                Stage::Transformation,
                "a.B",
                untouched,
                ConnectError::data("bad"),
            )
            .unwrap();
        assert!(attempt.into_reports().is_empty());
    }
}
