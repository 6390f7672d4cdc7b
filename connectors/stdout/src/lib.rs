//! The stdout sink: prints records as text, as JSON lines or as Flume logs them.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods))]

mod colors;
mod config;
mod flume;
mod json;
mod output;
mod sink;
mod task;
mod text;

pub use colors::Color;
pub use config::{Format, StdoutConfig};
pub use output::Output;
pub use sink::StdoutSink;
pub use task::StdoutSinkTask;
