//! The Kafka wire format: messages, frames, record batches, compression, links and the clock.
//! Beside it what everybody above needs: buffer pools, the count of what is held, on whose behalf lines are logged,
//! and the primitives of metrics.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod batch;
pub mod clock;
pub mod codec;
pub mod compression;
pub mod crc;
pub mod error_code;
pub mod frame;
mod header;
pub mod held;
pub mod link;
pub mod log_scope;
pub mod messages;
pub mod metrics;
pub mod pool;
pub mod records;
pub mod uuid;
pub mod varint;
