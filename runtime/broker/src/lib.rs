//! The included Kafka-compatible broker.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods))]
#![allow(dead_code, unused_imports)]

mod config;
mod coordinator;
mod durable_file;
mod producer_ids;
