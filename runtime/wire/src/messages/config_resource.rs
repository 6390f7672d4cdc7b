//! What a configuration can belong to, by the codes that the configuration APIs share.

/// A topic, by its name.
pub const TOPIC: i8 = 2;
/// A node, by its id in digits; the empty name stands for all nodes.
pub const BROKER: i8 = 4;
/// The log levels of a node, by its id in digits.
pub const BROKER_LOGGER: i8 = 8;
/// A subscription to metrics of clients, by its name.
pub const CLIENT_METRICS: i8 = 16;
/// A group, by its id.
pub const GROUP: i8 = 32;
