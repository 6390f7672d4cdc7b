//! What a group of workers remembers, in three topics that Kafka Connect's workers read and write too (contract
//! connect-internals, section 1).
//!
//! - [`log`]: a topic read to its end, then followed;
//! - [`ensure`]: the topics are made, or found to be what they must be;
//! - [`configs`]: configurations, tasks, target states, session keys;
//! - [`offsets`]: how far each source has got;
//! - [`statuses`]: the states of connectors and tasks, and the topics that connectors use.

pub(crate) mod config_state;
pub(crate) mod configs;
pub(crate) mod ensure;
pub(crate) mod log;
pub(crate) mod offsets;
pub(crate) mod session_key;
pub(crate) mod status_record;
pub(crate) mod statuses;
