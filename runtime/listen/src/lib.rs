//! What sources that listen share: binding a port, TLS by rustls with certificates from PEM files, and which topics
//! senders may name. It knows no protocol: what is spoken on a connection is the connector's.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods))]
#![warn(missing_docs)]

mod bind;
mod reach;
pub mod tls;
pub mod topics;

pub use bind::{Address, bind};
pub use reach::{Transport, host_fault, port_fault};
