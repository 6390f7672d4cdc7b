//! The source: reads blocks of a file and hands lines on as ranges of them.

mod block;
mod connector;
mod input;
mod lines;
mod offsets;
mod stdin;
mod task;

mod watch;

pub use connector::FileStreamSource;
pub use task::FileStreamSourceTask;
