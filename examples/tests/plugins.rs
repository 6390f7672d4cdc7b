//! The tests that the worker's converters have beside them: an example that had tests would not be built as a program.
#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "tests end on a failed expectation, and register no plugins"
)]

#[path = "../worker/hex.rs"]
mod hex;
#[path = "../worker/pairs.rs"]
mod pairs;
