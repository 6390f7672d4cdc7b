//! Reading topics: subscriptions, positions, fetches and commits.

pub mod assignor;
mod protocol;
mod topic_partition;

pub use topic_partition::TopicPartition;
