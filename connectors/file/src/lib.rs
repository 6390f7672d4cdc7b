//! FileStreamSource and FileStreamSink: lines of a file to a topic and back.
//!
//! Configuration, offsets and text forms are those of Kafka's connectors of the same names (contract
//! connectors-transforms, sections 4.1 and 4.2), so that their configurations run unchanged. Positions are bytes, a
//! full batch leaves no line behind, and a file that is cut or replaced is noticed: there Kafka's own go wrong.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods))]

mod config;
mod sink;
mod source;

pub use config::{SinkConfig, SourceConfig};
pub use sink::{FileStreamSink, FileStreamSinkTask};
pub use source::{FileStreamSource, FileStreamSourceTask};
