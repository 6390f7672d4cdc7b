//! SaslHandshake (17): the client names the mechanism by which it is going to say who it is.

use super::macros::api;
use crate::error_code::ErrorCode;

api! {
    SaslHandshake(0-1): SaslHandshakeRequest => SaslHandshakeResponse;

    /// How the client is going to say who it is.
    struct SaslHandshakeRequest {
        /// The mechanism.
        mechanism: String,
    }

    /// Whether the broker takes the mechanism.
    struct SaslHandshakeResponse {
        /// What went wrong.
        error_code: ErrorCode,
        /// The mechanisms that the broker takes.
        mechanisms: Vec<String>,
    }
}
