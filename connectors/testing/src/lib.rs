//! Connectors that exist to test others: those of Kafka's own system tests (contract connectors-transforms,
//! section 4.3), under their Java names and with their output on standard output, a generator of data for
//! demonstrations and load, and a source and a sink that fail on command.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod datagen;
mod fault;
mod mock;
mod pace;
mod picky;
mod printer;
mod properties;
mod schema_source;
mod sequence;
mod verifiable;

pub use datagen::DataGenerator;
pub use fault::{FaultBoard, FaultSink, FaultSource};
pub use mock::{MockSink, MockSource};
pub use picky::PickySink;
pub use printer::Output;
pub use schema_source::SchemaSource;
pub use verifiable::{VerifiableSink, VerifiableSource};
