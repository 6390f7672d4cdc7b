//! Membership of a classic Kafka group, for whatever protocol the group carries.
//!
//! A group hands out work in generations. Each member joins with metadata of its own, the coordinator names one of
//! them leader, the leader divides the work, and every member gets its part when it syncs; heartbeats keep it a
//! member until the next rebalance. Consumers carry `consumer` this way and Connect's workers carry `connect`: to
//! this module the metadata and the assignments are bytes.
//!
//! - [`machine`]: the member as a pure state machine: it is told what happened and when, and says what to do next;
//! - `driver`: the task that does it over a connection to the coordinator;
//! - [`Membership`]: the owner's handle on that task, and the events that come back;
//! - [`coordinator`]: who coordinates the group, found again when it moves.
//!
//! The rules are those of Kafka's group coordinator for JoinGroup 0-9, SyncGroup 0-5, Heartbeat 0-4 and LeaveGroup
//! 0-5 (KIP-62, 345, 394, 559, 800, 814).

mod answers;
pub mod coordinator;
mod driver;
mod error;
pub mod machine;
mod membership;
mod protocol;
mod requests;

pub use answers::Failure;
pub use error::GroupError;
pub use machine::Settings;
pub use membership::{Event, Identity, Joined, Membership};
pub use protocol::{AssignError, GroupProtocol, Member, Offer};

#[cfg(test)]
mod tests;
