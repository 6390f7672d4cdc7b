//! The sink: appends the text of each value as a line.

mod connector;
mod output;
mod task;

pub use connector::FileStreamSink;
pub use task::FileStreamSinkTask;
