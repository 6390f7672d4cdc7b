//! Links: what a client sends requests over.
//!
//! A [`Dial`] opens a [`Link`], and [`Link::call`] is all there is. Requests take effect in the
//! order in which their futures are first polled; a link answers in that order too. TCP is
//! [`TcpDial`], with TLS on top if it is asked for; the broker has a link in memory of its own.

mod receive;
mod stream;
mod tcp;
mod tls;
mod waiters;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use thiserror::Error;

use crate::frame::Frame;

pub use tcp::{TcpDial, TcpOptions};
pub use tls::Tls;

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// The peer answers.
    Expected,
    /// The peer never answers (Produce with `acks=0`); the call ends with the sending.
    None,
}

/// The answer of one call: response header and body in one buffer, without the size prefix.
/// `None` where no reply was expected.
pub type CallFuture = Pin<Box<dyn Future<Output = Result<Option<Bytes>, LinkError>> + Send>>;

/// An open way to one broker.
pub trait Link: Send + Sync + fmt::Debug {
    /// Sends a request. It takes effect in the order of the first poll among the calls of a link.
    ///
    /// Dropping the future before it is done gives the answer up; a link that has sent only a part
    /// of the request by then closes.
    fn call(&self, request: Frame, reply: Reply) -> CallFuture;

    /// Whether the link is of no more use.
    fn is_closed(&self) -> bool;

    /// Ends the link; calls under way fail with [`LinkError::Closed`].
    fn close(&self);
}

/// Opens links.
#[async_trait]
pub trait Dial: Send + Sync + fmt::Debug {
    /// Opens a link to `host:port`.
    async fn dial(&self, host: &str, port: u16) -> Result<Arc<dyn Link>, LinkError>;

    /// Opens an encrypted link to `host:port`. What never leaves the process needs no encryption; any other dial that
    /// cannot encrypt refuses.
    async fn dial_tls(&self, host: &str, port: u16, tls: &Tls) -> Result<Arc<dyn Link>, LinkError> {
        if self.is_in_memory() {
            return self.dial(host, port).await;
        }
        Err(LinkError::Tls {
            address: format!("{host}:{port}"),
            reason: format!("there is no way to use {tls:?} with {self:?}"),
        })
    }

    /// Whether the peer takes requests in the caller's task, by reference, rather than over a socket.
    fn is_in_memory(&self) -> bool {
        false
    }
}

/// Why a link could not be opened or broke. After any of these but [`LinkError::FileRange`] the
/// link is closed, and whether the request took effect is not known.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LinkError {
    /// Nobody answered, or the name did not resolve.
    #[error("cannot connect to {address}: {reason}")]
    Connect {
        /// Host and port.
        address: String,
        /// What the system said.
        reason: String,
    },
    /// Opening took longer than allowed.
    #[error("cannot connect to {address} within {timeout_ms} ms")]
    ConnectTimeout {
        /// Host and port.
        address: String,
        /// The limit.
        timeout_ms: u64,
    },
    /// The link was closed, by either side.
    #[error("connection to {address} was closed")]
    Closed {
        /// Host and port.
        address: String,
    },
    /// Sending or receiving failed.
    #[error("connection to {address} broke: {reason}")]
    Broken {
        /// Host and port.
        address: String,
        /// What the system said.
        reason: String,
    },
    /// Both sides could not agree on encryption, or one does not believe the other's certificate. It stays so until
    /// somebody changes a setting or a certificate.
    #[error("cannot encrypt the connection to {address}: {reason}")]
    Tls {
        /// Host and port.
        address: String,
        /// What is wrong, and which setting it depends on.
        reason: String,
    },
    /// The peer announced an answer of more bytes than allowed, or fewer than none.
    #[error("{address} announced an answer of {size} bytes, the limit is {limit}{}", hint(*size))]
    AnswerSize {
        /// Host and port.
        address: String,
        /// The announced size.
        size: i32,
        /// The limit.
        limit: usize,
    },
    /// A part of the request lies in a file that cannot be read; nothing was sent.
    #[error("cannot read the request's file range: {0}")]
    FileRange(String),
}

/// What the first bytes of other protocols are, where Kafka's have the size of an answer.
fn hint(size: i32) -> &'static str {
    match size.to_be_bytes() {
        // A record of TLS: an alert or a handshake, version 3.x.
        [0x15 | 0x16, 3, ..] => {
            "; that is how TLS begins: if the listener is encrypted, set security.protocol to SSL or SASL_SSL"
        }
        [b'H', b'T', b'T', b'P'] => "; that is how HTTP begins: it is no Kafka listener",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
