//! Why a request to the herder failed, in the terms of its answer.

use super::host::CallError;

/// What kind of failure it is; each has one HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request cannot be fulfilled as it is (400).
    BadRequest,
    /// It is switched off (403).
    Forbidden,
    /// What it names does not exist (404).
    NotFound,
    /// It conflicts with what is there (409).
    Conflict,
    /// It cannot be answered yet (503).
    Unavailable,
    /// Another worker has to answer: the message is its URL.
    Elsewhere,
    /// Anything else (500).
    Internal,
}

/// A failed request with the text that its sender sees.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct HerderError {
    /// What kind of failure it is.
    pub kind: Kind,
    /// The text.
    pub message: String,
}

impl HerderError {
    /// A request that cannot be fulfilled as it is.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::BadRequest,
            message: message.into(),
        }
    }

    /// A request for something that is switched off.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Forbidden,
            message: message.into(),
        }
    }

    /// A request for something that does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::NotFound,
            message: message.into(),
        }
    }

    /// A request that conflicts with what is there.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Conflict,
            message: message.into(),
        }
    }

    /// A request for the worker at a URL.
    pub(crate) fn elsewhere(url: impl Into<String>) -> Self {
        Self {
            kind: Kind::Elsewhere,
            message: url.into(),
        }
    }

    /// Any other failure.
    pub fn internal(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Internal,
            message: message.into(),
        }
    }

    /// No connector of that name.
    pub(crate) fn no_connector(name: &str) -> Self {
        Self::not_found(format!("Connector {name} not found"))
    }
}

impl From<CallError> for HerderError {
    fn from(error: CallError) -> Self {
        Self::internal(error.to_string())
    }
}
