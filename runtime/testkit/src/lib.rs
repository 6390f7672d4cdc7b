//! Runs a connector without a worker, and holds the suite that every connector passes.
//!
//! [`SourceRun`] and [`SinkRun`] drive one task the way a worker does: a connector is started, its first task polled or
//! fed, what is acknowledged is committed, and everything is stopped again. [`conformance`] runs such tasks through what
//! a worker may do to them, given a fixture that knows the connector's system. [`free_port`] gives a port to those that
//! listen, [`properties`] makes properties of pairs.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod conformance;
mod hold;
mod offsets;
mod ports;
mod properties;
mod sink;
mod source;

pub use hold::longest_hold;
pub use offsets::MemoryOffsets;
pub use ports::free_port;
pub use properties::properties;
pub use sink::{SinkRun, TextSinkBatch};
pub use source::{Polled, SourceRun};
