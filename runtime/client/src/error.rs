//! Why a request to a broker failed.

use std::time::Duration;

use millrace_wire::codec::{DecodeError, EncodeError};
use millrace_wire::error_code::ErrorCode;
use millrace_wire::link::LinkError;
use millrace_wire::messages::ApiKey;
use thiserror::Error;

use crate::security::SecurityError;

/// A request that has no answer, or one that says no.
#[derive(Debug, Clone, Error)]
pub enum ClientError {
    /// The connection could not be opened, or broke.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// Certificates or keys of this client cannot be used.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// The broker and this client do not agree on who the client is.
    #[error("cannot authenticate with {address}: {reason}")]
    Authentication {
        /// Host and port of the broker.
        address: String,
        /// What is wrong, and which setting it depends on.
        reason: String,
    },
    /// The connection ended before anything but the versions was answered: often the listener expects another protocol.
    #[error("{cause}; {advice}")]
    Unwelcome {
        /// How it ended.
        cause: LinkError,
        /// Which setting may be wrong.
        advice: &'static str,
    },
    /// No answer came in time; the connection was closed.
    #[error("no answer from {address} to {} within {} ms", api.name(), timeout.as_millis())]
    Timeout {
        /// Host and port of the broker.
        address: String,
        /// The request.
        api: ApiKey,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// The broker and Millrace have no version of the request in common.
    #[error("{address} does not support {} in a version that this client speaks", api.name())]
    UnsupportedVersion {
        /// Host and port of the broker.
        address: String,
        /// The request.
        api: ApiKey,
    },
    /// The request cannot be said in the version that the broker supports.
    #[error("cannot encode {} for {address}: {source}", api.name())]
    Encode {
        /// Host and port of the broker.
        address: String,
        /// The request.
        api: ApiKey,
        /// What does not fit.
        source: EncodeError,
    },
    /// The bytes of the answer are not what was asked for; the connection was closed.
    #[error("cannot read the answer of {address} to {}: {source}", api.name())]
    Decode {
        /// Host and port of the broker.
        address: String,
        /// The request.
        api: ApiKey,
        /// What is wrong with them.
        source: DecodeError,
    },
    /// The answer belongs to another request; the connection was closed.
    #[error("{address} answered request {received} where {sent} was due")]
    Correlation {
        /// Host and port of the broker.
        address: String,
        /// Number of the request.
        sent: i32,
        /// Number in the answer.
        received: i32,
    },
    /// The broker refused the request.
    #[error("{doing}: {code}{}", detail.as_ref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Refused {
        /// What was asked for, as in "cannot create topic orders".
        doing: String,
        /// Kafka's code.
        code: ErrorCode,
        /// What the broker said beside the code.
        detail: Option<String>,
    },
    /// None of the brokers could be reached.
    #[error("cannot reach any broker of {bootstrap}: {last}")]
    NoBroker {
        /// The configured servers.
        bootstrap: String,
        /// The last error.
        last: Box<ClientError>,
    },
    /// The node is not part of the cluster as far as its metadata says.
    #[error("node {0} is not in the cluster's metadata")]
    UnknownNode(i32),
    /// A group has no coordinator at the moment.
    #[error("cannot find the coordinator of group {group}: {code}")]
    Coordinator {
        /// The group.
        group: String,
        /// Kafka's code.
        code: ErrorCode,
    },
}

impl ClientError {
    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Link(error) => !matches!(
                error,
                LinkError::AnswerSize { .. } | LinkError::FileRange(_) | LinkError::Tls { .. }
            ),
            Self::Timeout { .. } | Self::UnknownNode(_) | Self::Unwelcome { .. } => true,
            Self::NoBroker { last, .. } => !last.is_about_security(),
            Self::Refused { code, .. } | Self::Coordinator { code, .. } => code.is_retriable(),
            Self::UnsupportedVersion { .. }
            | Self::Security(_)
            | Self::Authentication { .. }
            | Self::Encode { .. }
            | Self::Decode { .. }
            | Self::Correlation { .. } => false,
        }
    }

    /// Whether the connection is gone, so that nobody knows if the request took effect.
    #[must_use]
    pub fn is_disconnect(&self) -> bool {
        matches!(
            self,
            Self::Link(_)
                | Self::Unwelcome { .. }
                | Self::Timeout { .. }
                | Self::Decode { .. }
                | Self::Correlation { .. }
        ) && !self.is_about_security()
    }

    /// Whether encryption or authentication failed in a way that lasts until somebody changes a setting, a certificate
    /// or an account.
    #[must_use]
    pub fn is_about_security(&self) -> bool {
        match self {
            Self::Link(error) => matches!(error, LinkError::Tls { .. }),
            Self::Security(_) | Self::Authentication { .. } => true,
            Self::NoBroker { last, .. } => last.is_about_security(),
            _ => false,
        }
    }

    /// The broker's code, where it gave one.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } | Self::Coordinator { code, .. } => Some(*code),
            _ => None,
        }
    }

    pub(crate) fn refused(
        doing: impl Into<String>,
        code: ErrorCode,
        detail: Option<String>,
    ) -> Self {
        Self::Refused {
            doing: doing.into(),
            code,
            detail,
        }
    }
}
