//! The stdout sink: prints records as text or as JSON lines.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods))]

mod config;
mod json;
mod output;
mod sink;
mod task;
mod text;

pub use config::{Format, StdoutConfig};
pub use output::Output;
pub use sink::StdoutSink;
pub use task::StdoutSinkTask;
