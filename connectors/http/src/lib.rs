//! HTTP connectors: a sink that sends records to a server, and what its sources share with it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods))]

mod charset;
mod client;
mod clock;
mod form;
mod listener;
mod refused;
mod retry;
mod sink;
mod source;
mod template;

pub use listener::HttpListener;
pub use sink::HttpSink;
pub use source::HttpSource;
