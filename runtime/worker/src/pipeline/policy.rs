//! What the `errors.*` settings of a connector ask for (contract connect-internals, section 3.3).

use std::sync::Arc;
use std::time::Duration;

use millrace_api::{Properties, TaskId};
use millrace_wire::clock::Clock;

use super::attempt::Attempt;
use super::retry::Retry;
use crate::metrics::ErrorMetrics;

/// The step that failed, as users know it from logs and dead letter headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Transformation,
    KeyConverter,
    ValueConverter,
    HeaderConverter,
    KafkaProduce,
    TaskPut,
}

impl Stage {
    /// Its name in Java.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Transformation => "TRANSFORMATION",
            Self::KeyConverter => "KEY_CONVERTER",
            Self::ValueConverter => "VALUE_CONVERTER",
            Self::HeaderConverter => "HEADER_CONVERTER",
            Self::KafkaProduce => "KAFKA_PRODUCE",
            Self::TaskPut => "TASK_PUT",
        }
    }
}

/// The name of the topic for dead letters; empty for none.
pub(super) const DEAD_LETTER_TOPIC: &str = "errors.deadletterqueue.topic.name";

/// The most records of one batch that a sink may refuse one by one.
pub(super) const BISECTION_MAX: &str = "errors.bisection.max.records";
pub(super) const BISECTION_MAX_DEFAULT: i64 = 100;

/// How a task treats records that fail.
#[derive(Clone, Debug)]
pub(crate) struct ErrorPolicy {
    pub(super) task: TaskId,
    pub(super) tolerate: bool,
    pub(super) log: bool,
    /// Whether what is logged names the record.
    pub(super) include_messages: bool,
    /// Whether a record that fails goes to a topic for dead letters.
    dead_letters: bool,
    bisection_max: usize,
    /// Longest time to try again; none for ever.
    retry_timeout: Option<Duration>,
    retry_delay_max: Duration,
    pub(super) counts: Option<(Arc<ErrorMetrics>, Arc<dyn Clock>)>,
}

impl ErrorPolicy {
    /// The policy of a task by its connector's settings, which have been validated.
    pub(crate) fn new(task: TaskId, connector: &Properties) -> Self {
        let given = |key: &str| connector.get(key).map(|text| text.trim());
        let is = |key: &str, wanted: &str| {
            given(key).is_some_and(|text| text.eq_ignore_ascii_case(wanted))
        };
        let ms = |key: &str, default: i64| -> i64 {
            given(key)
                .and_then(|text| text.parse().ok())
                .unwrap_or(default)
        };
        let delay_max = u64::try_from(ms("errors.retry.delay.max.ms", 60_000)).unwrap_or(0);
        Self {
            task,
            tolerate: is("errors.tolerance", "all"),
            log: is("errors.log.enable", "true"),
            include_messages: is("errors.log.include.messages", "true"),
            dead_letters: given(DEAD_LETTER_TOPIC).is_some_and(|topic| !topic.is_empty()),
            bisection_max: usize::try_from(ms(BISECTION_MAX, BISECTION_MAX_DEFAULT)).unwrap_or(0),
            retry_timeout: u64::try_from(ms("errors.retry.timeout", 0))
                .ok()
                .map(Duration::from_millis),
            retry_delay_max: Duration::from_millis(delay_max),
            counts: None,
        }
    }

    /// The same, which counts what it handles.
    pub(crate) fn counted(self, metrics: Arc<ErrorMetrics>, clock: Arc<dyn Clock>) -> Self {
        Self {
            counts: Some((metrics, clock)),
            ..self
        }
    }

    /// Whether failed records are left out rather than failing the task.
    pub(crate) fn tolerates(&self) -> bool {
        self.tolerate
    }

    /// Whether anyone is told of failed records.
    pub(crate) fn reports(&self) -> bool {
        self.log || self.dead_letters
    }

    /// Whether failed records are left out and have a place to go to.
    pub(crate) fn sets_aside(&self) -> bool {
        self.tolerate && self.dead_letters
    }

    /// The most records of one batch that may be set aside because the sink refuses them one by one.
    pub(crate) fn bisection_max(&self) -> usize {
        self.bisection_max
    }

    /// The time for trying again what begins at `now`.
    pub(crate) fn retry(&self, now: Duration) -> Retry {
        let deadline = self
            .retry_timeout
            .map(|timeout| now.saturating_add(timeout));
        Retry::new(deadline, self.retry_delay_max)
    }

    /// An attempt to take records through their steps. Where it `may_retry`, an error that may pass ends it; else such a
    /// record fails like any other.
    pub(crate) fn attempt(&self, may_retry: bool) -> Attempt<'_> {
        Attempt::new(self, may_retry)
    }
}
