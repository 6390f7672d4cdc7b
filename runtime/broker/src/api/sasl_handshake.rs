//! SaslHandshake (17): no listener asks its clients who they are, and says so, as Kafka's plain listeners do.

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{SaslHandshakeRequest, SaslHandshakeResponse};

use crate::call::Ctx;

pub(crate) async fn handle(_: &Ctx<'_>, _: i16, _: SaslHandshakeRequest) -> SaslHandshakeResponse {
    SaslHandshakeResponse {
        error_code: ErrorCode::ILLEGAL_SASL_STATE,
        ..Default::default()
    }
}
