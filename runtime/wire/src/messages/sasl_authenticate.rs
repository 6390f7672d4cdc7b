//! SaslAuthenticate (36): one message of a mechanism, and the broker's message back.

use bytes::Bytes;

use super::macros::api;
use crate::error_code::ErrorCode;

api! {
    SaslAuthenticate(0-2, flexible 2+): SaslAuthenticateRequest => SaslAuthenticateResponse;

    /// A message of the client.
    struct SaslAuthenticateRequest {
        /// What the mechanism says.
        auth_bytes: Bytes,
    }

    /// A message of the broker.
    struct SaslAuthenticateResponse {
        /// What went wrong.
        error_code: ErrorCode,
        /// The broker's words about it.
        error_message: Option<String>,
        /// What the mechanism says.
        auth_bytes: Bytes,
        /// After how many milliseconds the client must say again who it is; 0 for never.
        session_lifetime_ms: i64 [1+],
    }
}
