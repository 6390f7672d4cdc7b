//! Log: each record becomes an event of the worker's logging, on a target of its own, so that any log4rs appender is a
//! sink. It does the work of Flume's logger sink.
//!
//! The `log` facade is handed a record's value as message, and topic, partition and offset as key-values. Appenders may
//! wait for a disk or a network, so that the task has a thread of its own.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods))]

mod config;
mod connector;
mod event;
mod level;
mod task;

pub use connector::LogSink;
