//! The transforms of a connector, in order, each for the records that its predicate chooses.
//!
//! A chain takes a batch apart once, hands it from step to step, and puts it together again. A record that fails at a
//! step goes to the error policy; the steps behind it do not see it. An empty chain costs nothing.

mod build;
mod trace;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use millrace_api::{
    ConnectError, Origin, Predicate, RecordView, Records, SinkBatch, SourceBatch, Stage as When,
    TaskId, Transform,
};

use super::brought::{Heads, Lent};
use super::{Attempt, Stage, Subject};

pub(crate) use build::build;
pub(crate) use trace::Traced;

/// One transform with its predicate.
struct Step {
    alias: String,
    class: &'static str,
    transform: Box<dyn Transform>,
    predicate: Option<Box<dyn Predicate>>,
    negate: bool,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("alias", &self.alias)
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}

/// The steps of a task. Clones share them.
#[derive(Clone, Debug)]
pub struct Chain {
    steps: Arc<[Step]>,
    task: TaskId,
}

impl Chain {
    /// Transforms a source's records, read at `now_ms`. The rows that are left out come back beside them, ascending.
    ///
    /// # Errors
    /// When a record cannot be transformed, as [`Attempt::failed`] says.
    pub(crate) fn source(
        &self,
        batch: SourceBatch,
        now_ms: i64,
        attempt: &mut Attempt<'_>,
    ) -> Result<(SourceBatch, Vec<usize>), ConnectError> {
        if self.steps.is_empty() {
            return Ok((batch, Vec::new()));
        }
        Ok(self.run(batch.into(), now_ms, attempt)?.into_source())
    }

    /// Transforms records on their way to a sink, at `now_ms`; those that are left out are no longer in the batch.
    ///
    /// # Errors
    /// When a record cannot be transformed, as [`Attempt::failed`] says.
    pub(crate) fn sink(
        &self,
        batch: SinkBatch,
        now_ms: i64,
        attempt: &mut Attempt<'_>,
    ) -> Result<SinkBatch, ConnectError> {
        if self.steps.is_empty() || batch.is_empty() {
            return Ok(batch);
        }
        Ok(self.run(batch.into(), now_ms, attempt)?.into_sink())
    }

    fn run(
        &self,
        mut records: Records,
        now_ms: i64,
        attempt: &mut Attempt<'_>,
    ) -> Result<Records, ConnectError> {
        records.set_stage(When {
            now_ms,
            task: Some(self.task.clone()),
        });
        for step in &*self.steps {
            if step.choose(&mut records) {
                step.transform.apply(&mut records);
            }
            for failed in records.take_failed() {
                let subject = || {
                    records
                        .view(failed.row)
                        .map_or_else(Subject::unknown, subject)
                };
                attempt.failed(Stage::Transformation, step.class, subject, failed.error)?;
            }
        }
        Ok(records)
    }
}

impl Step {
    /// Chooses the records that the step works on; false if it works on none.
    fn choose(&self, records: &mut Records) -> bool {
        let Some(predicate) = &self.predicate else {
            records.choose(Vec::new());
            return true;
        };
        let mut chosen = vec![false; records.len()];
        predicate.choose(records, &mut chosen);
        if self.negate {
            chosen.iter_mut().for_each(|chosen| *chosen = !*chosen);
        }
        let (any, all) = (chosen.contains(&true), !chosen.contains(&false));
        records.choose(if all { Vec::new() } else { chosen });
        any
    }
}

/// The record that a step failed at.
fn subject(view: RecordView<'_>) -> Subject {
    match (view.consumed(), view.origin()) {
        (Some(record), _) => Subject::Consumed(Box::new(record)),
        (None, Origin::Source(source)) => {
            let headers = view.headers().unwrap_or_default();
            let lent = Lent {
                topic: view.topic(),
                source,
                mark: view.mark(),
                timestamp: view.timestamp(),
                key: view.key(),
                value: view.value(),
                headers: Heads::Owned(&headers),
            };
            lent.subject()
        }
        (None, Origin::Sink { .. }) => Subject::unknown(),
    }
}
