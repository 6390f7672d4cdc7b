//! Connectors that do wrong, in each of their calls: the status says what happened, REST and the neighbours are
//! unharmed, a restart recovers, and nothing that was acknowledged is lost.
//!
//! One worker runs a connector for each fault, all at once, beside a healthy pipeline.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and end on a failed expectation"
)]

mod bench;

mod commands;
mod connectors;
mod tasks;
