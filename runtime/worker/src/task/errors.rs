//! What a task does about records that fail: tells the log and the dead letter queue.

use std::sync::Arc;
use std::time::Duration;

use millrace_api::{ConnectError, ConsumedRecord, ErrantRecord};
use millrace_wire::clock::Clock;

use crate::pipeline::{DeadLetters, ErrorPolicy, Report, Stage, Subject};

/// The class of the step in which a sink writes.
const SINK_TASK: &str = "org.apache.kafka.connect.sink.SinkTask";

/// The failed records of a task.
#[derive(Debug)]
pub(super) struct Errors {
    pub(super) policy: ErrorPolicy,
    dead_letters: Option<DeadLetters>,
    clock: Arc<dyn Clock>,
}

impl Errors {
    pub(super) fn new(
        policy: ErrorPolicy,
        dead_letters: Option<DeadLetters>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            policy,
            dead_letters,
            clock,
        }
    }

    /// Tells of records that failed.
    pub(super) async fn report(&mut self, reports: Vec<Report>) {
        self.tell(reports, false).await;
    }

    /// Tells of records that failed and that nobody else has any more: if they cannot be stored the task is to fail.
    pub(super) async fn keep(&mut self, reports: Vec<Report>) {
        self.tell(reports, true).await;
    }

    async fn tell(&mut self, reports: Vec<Report>, precious: bool) {
        for report in reports {
            report.log(&self.policy);
            if let Some(dead_letters) = &mut self.dead_letters {
                let now_ms = self.clock.now_ms();
                dead_letters.send(&report, now_ms, precious).await;
            }
        }
    }

    /// Whether failed records go anywhere.
    pub(super) fn has_dead_letters(&self) -> bool {
        self.dead_letters.is_some()
    }

    /// Waits until dead letters are stored or given up.
    ///
    /// # Errors
    /// When one is lost that must not be.
    pub(super) async fn stored(&self) -> Result<(), ConnectError> {
        let Some(dead_letters) = &self.dead_letters else {
            return Ok(());
        };
        dead_letters.flush().await;
        dead_letters.lost().map_or(Ok(()), Err)
    }

    /// Handles the records that a sink has reported.
    ///
    /// # Errors
    /// With tolerance `none`, what fails the task.
    pub(super) async fn errant(&mut self, records: Vec<ErrantRecord>) -> Result<(), ConnectError> {
        let mut attempt = self.policy.attempt(false);
        let outcome = records.into_iter().try_for_each(|errant| {
            let subject = || Subject::Consumed(Box::new(errant.record));
            attempt.failed(Stage::TaskPut, SINK_TASK, subject, errant.error)
        });
        let reports = attempt.into_reports();
        self.report(reports).await;
        outcome
    }

    /// Handles a record that the sink refuses.
    ///
    /// # Errors
    /// With tolerance `none`, what fails the task.
    pub(super) async fn refused(
        &mut self,
        record: ConsumedRecord,
        error: ConnectError,
    ) -> Result<(), ConnectError> {
        let mut attempt = self.policy.attempt(false);
        let subject = || Subject::Consumed(Box::new(record));
        let outcome = attempt.failed(Stage::TaskPut, SINK_TASK, subject, error);
        let reports = attempt.into_reports();
        self.keep(reports).await;
        outcome
    }

    /// Waits up to `timeout` until dead letters are stored or given up; false if some are still on their way.
    ///
    /// # Errors
    /// When one is lost that must not be.
    pub(super) async fn settled(&self, timeout: Duration) -> Result<bool, ConnectError> {
        let stored = tokio::time::timeout(timeout, self.stored()).await;
        stored.map_or(Ok(false), |stored| stored.map(|()| true))
    }

    /// Lets go of the dead letter queue.
    pub(super) async fn close(&self, timeout: Duration) {
        if let Some(dead_letters) = &self.dead_letters {
            dead_letters.close(timeout).await;
        }
    }
}
