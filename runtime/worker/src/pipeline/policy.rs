//! What happens when a record cannot be converted (contract connect-internals, section 3.3).

use std::sync::Arc;

use millrace_api::{ConnectError, Properties, TaskId};
use millrace_wire::clock::Clock;

use crate::metrics::ErrorMetrics;

/// The step that failed, as users know it from logs and dead letter headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Transformation,
    KeyConverter,
    ValueConverter,
    HeaderConverter,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Transformation => "TRANSFORMATION",
            Self::KeyConverter => "KEY_CONVERTER",
            Self::ValueConverter => "VALUE_CONVERTER",
            Self::HeaderConverter => "HEADER_CONVERTER",
        }
    }
}

/// `errors.tolerance` and `errors.log.*` of a connector.
#[derive(Clone, Debug)]
pub(crate) struct ErrorPolicy {
    task: TaskId,
    tolerate: bool,
    log: bool,
    counts: Option<(Arc<ErrorMetrics>, Arc<dyn Clock>)>,
}

impl ErrorPolicy {
    pub(crate) fn new(task: TaskId, connector: &Properties) -> Self {
        let is = |key: &str, wanted: &str| {
            connector
                .get(key)
                .is_some_and(|text| text.trim().eq_ignore_ascii_case(wanted))
        };
        Self {
            task,
            tolerate: is("errors.tolerance", "all"),
            log: is("errors.log.enable", "true"),
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

    /// Handles the failure of one record: `Ok` leaves it out.
    ///
    /// # Errors
    /// With tolerance `none`: what fails the task.
    pub(crate) fn handle(
        &self,
        stage: Stage,
        record: &str,
        error: ConnectError,
    ) -> Result<(), ConnectError> {
        if let Some((metrics, clock)) = &self.counts {
            metrics.failed(clock.now_ms(), self.log, self.tolerate);
        }
        let name = stage.name();
        if self.log {
            let target = format!("connector.{}.task.{}", self.task.connector, self.task.task);
            let task = &self.task;
            log::error!(target: &target, "Error encountered in task {task}. Executing stage '{name}', {record}. {error}");
        }
        if self.tolerate {
            return Ok(());
        }
        let text = format!(
            "Tolerance exceeded in error handler: stage {name}, {record}; set errors.tolerance=all to leave such records out"
        );
        Err(ConnectError::connect(text).caused_by(error))
    }
}
