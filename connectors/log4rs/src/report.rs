//! The lines that tell of dropped lines: sent like others, so that whoever reads the topic knows how many are missing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use log::{Level, Record};

use crate::form::Form;
use crate::line::Draft;

/// Tells of dropped lines, each of them once.
#[derive(Debug)]
pub(crate) struct Report {
    form: Arc<Form>,
    /// The least time between two reports.
    interval: Duration,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    lines: u64,
    /// When the last report was made, by the monotonic clock.
    at: Option<Duration>,
}

impl Report {
    pub(crate) fn new(form: Arc<Form>, interval: Duration) -> Self {
        Self {
            form,
            interval,
            told: Mutex::default(),
        }
    }

    /// Makes the line that tells of the dropped lines nobody was told of and hands it to `send`, which says whether it takes
    /// it; not again within the interval unless it is `urgent`. The answer is how many lines were told of now.
    pub(crate) fn tell(
        &self,
        dropped: u64,
        now: Duration,
        urgent: bool,
        send: impl FnOnce(&Draft<'_>) -> bool,
    ) -> u64 {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let count = dropped.saturating_sub(told.lines);
        let is_due = told
            .at
            .is_none_or(|at| now.saturating_sub(at) >= self.interval);
        if count == 0 || !(urgent || is_due) {
            return 0;
        }
        let pairs = [("dropped", count)];
        let text = format_args!("{count} lines dropped");
        let line = Record::builder()
            .level(Level::Warn)
            .target(env!("CARGO_CRATE_NAME"))
            .key_values(&pairs)
            .args(text)
            .build();
        let taken = self.form.with(&line, |draft| {
            send(&Draft {
                exempt: true,
                ..*draft
            })
        });
        if !matches!(taken, Ok(true)) {
            return 0;
        }
        (told.lines, told.at) = (dropped, Some(now));
        count
    }
}
