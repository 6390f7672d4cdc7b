//! A line on the terminal that tells how far long work has come. Where standard error is no terminal, it is silent.

use std::fmt::Write;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// How often the line is drawn in a second at most.
const DRAWS_PER_SECOND: u8 = 5;

/// The line; it is wiped off when dropped.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A line that counts `what`, up to `total` where that is known.
    pub(crate) fn counting(what: &'static str, total: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(
            total,
            ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND),
        );
        let template = if total.is_some() {
            "{bar:30} {human_pos} of {human_len} {msg}, {rate}/s, {eta} left"
        } else {
            "{human_pos} {msg}, {rate}/s, {elapsed}"
        };
        // A template that does not parse leaves the default look.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.with_key("rate", rate));
        }
        bar.set_message(what);
        Self(bar)
    }

    /// A line that is never shown: the terminal belongs to something else.
    pub(crate) fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    /// So many more.
    pub(crate) fn add(&self, count: u64) {
        self.0.inc(count);
    }
}

/// Whole ones: fractions of records are noise.
fn rate(state: &ProgressState, out: &mut dyn Write) {
    // What draws the line has nowhere to tell an error to.
    write!(out, "{}", HumanCount(state.per_sec() as u64)).unwrap_or_default();
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
