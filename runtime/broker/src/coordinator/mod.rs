//! The classic consumer-group coordinator: who is in a group, what each member works on, how far it came.
//!
//! Three layers, each knowing only the one below:
//!
//! * [`service`] is the shell: locks, timers, appends to `__consumer_offsets`, waiting for the disk.
//! * [`groups`] and [`group`] are the state machine. It never does I/O, never reads a clock and draws no random
//!   numbers: a step takes a request and the time ([`Now`]) and gives back changes to append and answers to send
//!   ([`group::Effects`]), and says when it wants to be called again ([`group::Group::deadline`]).
//! * [`record`] is the form of those changes on disk: Kafka's own keys and values, so that a log directory can move
//!   between the two brokers and Kafka's dump tool reads it.
//!
//! A group lives on one partition of `__consumer_offsets`, chosen by the hash of its id ([`partition::of_group`]).
//! Replaying that partition rebuilds its groups, generation and members included: a restart costs no rebalance.
//!
//! Connect's worker groups go through the same code: the protocol type and the metadata are opaque here, but for the
//! subscription prefix of the `consumer` protocol, which is read to know the topics a group still uses.

pub(crate) mod group;
pub(crate) mod groups;
pub(crate) mod partition;
pub(crate) mod record;
mod service;
mod settings;
mod time;

#[cfg(test)]
mod tests;

pub(crate) use service::{CommittedOffset, GroupCoordinator, GroupFigures, GroupView};
pub(crate) use settings::GroupSettings;
pub(crate) use time::Now;
