//! What a group of workers says and decides: the `connect` protocol of Kafka's group coordinator.
//!
//! - [`work`]: connectors and tasks as things to hand out;
//! - [`protocol`]: the bytes that members and leader exchange, in versions 0 to 2;
//! - [`eager`] and [`cooperative`]: who gets what, as pure functions of what the members report, the configured work
//!   and the time;
//! - [`member`]: both of these behind the client's group membership.
//!
//! Facts: contract connect-internals, section 2 (KIP-415, KIP-507).

pub(crate) mod cooperative;
pub(crate) mod eager;
pub(crate) mod member;
pub(crate) mod protocol;
#[cfg(test)]
mod tests;
pub(crate) mod work;
