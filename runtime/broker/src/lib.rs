//! The included Kafka-compatible broker.
