//! The Kafka wire format: messages, frames, record batches, compression, links and the clock.
