//! What runs beside Millrace, from the registries: Apache Kafka, Kafka Connect's workers, and other programs that run to
//! their end.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a tool of the tests"
)]

pub mod connect;
pub mod install;
pub mod kafka;
pub mod output;
