//! Syslog: a source of the messages that hosts and devices send, by UDP, TCP and TLS.
//!
//! ```text
//! datagram ─────────────▶ ┐
//! connection ─▶ frames ─▶ ├ message ─▶ maker: topic, key, value, headers ─▶ queue ─▶ poll ─▶ worker
//!      ▲                  ┘                                                   │                 │
//!      └── reads on while there is room ◀──────────── room in bytes ◀─────────┴── acknowledged ◀┘
//! ```
//!
//! Syslog has no answers: a sender never hears whether a message is stored. What is received counts against a budget of
//! bytes until the broker has acknowledged it. Where the budget is used up, connections are not read, which senders
//! notice, and datagrams are dropped and counted. Facts: RFC 3164, RFC 5424 (messages), RFC 5426 (UDP), RFC 6587 (TCP),
//! RFC 5425 (TLS).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods))]

mod batch;
mod clock;
mod config;
mod connector;
mod maker;
mod message;
mod parcel;
mod queue;
mod receive;
mod route;
mod structure;
mod tally;
mod task;
mod template;
mod text;

pub use connector::Syslog;
