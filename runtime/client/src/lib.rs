//! Kafka client: producer, consumer, admin calls and group membership.
//!
//! A [`Cluster`] holds what clients share: connections and metadata. It works on any
//! [`millrace_wire::link::Dial`]: TCP, or the included broker's link in memory.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods))]

#[cfg(feature = "admin")]
pub mod admin;
pub mod backoff;
pub mod cluster;
pub mod config;
pub mod connection;
#[cfg(feature = "consumer")]
pub mod consumer;
#[cfg(any(feature = "consumer", feature = "producer"))]
mod contained;
mod error;
pub mod group;
mod in_step;
#[cfg(feature = "producer")]
pub mod producer;
mod security;

pub use cluster::{Cluster, Lane, Metadata, Topic};
pub use config::{ClusterConfig, MetadataRecovery};
pub use error::ClientError;
