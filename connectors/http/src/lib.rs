//! HTTP connectors: a sink that sends records to a server, and what its sources share with it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods))]
