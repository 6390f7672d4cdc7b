//! Kafka client: producer, consumer, admin calls and group membership.
