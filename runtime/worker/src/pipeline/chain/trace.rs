//! Taking records through a chain with someone looking on after each step.

use millrace_api::{FailedRecord, Records, Stage as When};

use super::Chain;

/// What a step has done.
pub(crate) struct Traced<'a> {
    /// The step's alias in `transforms`.
    pub(crate) alias: &'a str,
    /// Its class.
    pub(crate) class: &'static str,
    /// Whether its predicate has chosen any of the records.
    pub(crate) chosen: bool,
    /// Records that it could not change; they are left out.
    pub(crate) failed: Vec<FailedRecord>,
    /// The records behind the step.
    pub(crate) records: &'a Records,
}

impl Chain {
    /// Takes records through the steps, at `now_ms`, and shows them behind each.
    pub(crate) fn trace(
        &self,
        mut records: Records,
        now_ms: i64,
        mut see: impl FnMut(Traced<'_>),
    ) -> Records {
        records.set_stage(When {
            now_ms,
            task: Some(self.task.clone()),
        });
        for step in &*self.steps {
            let chosen = step.choose(&mut records);
            if chosen {
                step.transform.apply(&mut records);
            }
            records.choose(Vec::new());
            see(Traced {
                alias: &step.alias,
                class: step.class,
                chosen,
                failed: records.take_failed(),
                records: &records,
            });
        }
        records
    }

    /// The same task's chain without steps.
    pub(crate) fn without_steps(&self) -> Self {
        Self {
            steps: [].into(),
            task: self.task.clone(),
        }
    }
}
