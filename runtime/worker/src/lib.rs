//! The Connect runtime and its REST API.
//!
//! [`Worker::builder`] puts a worker together: plugins, configuration, how brokers are reached. A started worker runs
//! connectors and their tasks and answers REST as Kafka Connect's standalone worker does (contract connect-rest).
//! REST and the herder run on the control runtime; connectors and tasks on the data runtime or on threads of their
//! own, so that a connector that hangs costs itself only.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods))]

mod actor;
mod causes;
pub mod config;
pub mod dead_letters;
mod group;
mod groups;
pub mod herder;
pub mod logging;
mod metrics;
mod pipeline;
pub mod preview;
mod providers;
pub mod registry;
pub mod rest;
pub mod store;
pub mod task;
mod validation;
mod worker;

pub use config::WorkerConfig;
pub use metrics::{Condition, Flow, FlowStage, MemoryUse, Unread, UnreadPart, WorkerMetrics};
pub use providers::{ConfigProviders, ProviderError, Resolved};
pub use validation::{Verdict, Verdicts};
pub use worker::{Builder, DistributedWorker, StartError, Worker};
