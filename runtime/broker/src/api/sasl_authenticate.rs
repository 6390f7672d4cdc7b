//! SaslAuthenticate (36): there was no handshake before it, for there are no listeners that have one.

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{SaslAuthenticateRequest, SaslAuthenticateResponse};

use crate::call::Ctx;

pub(crate) async fn handle(
    _: &Ctx<'_>,
    _: i16,
    _: SaslAuthenticateRequest,
) -> SaslAuthenticateResponse {
    SaslAuthenticateResponse {
        error_code: ErrorCode::ILLEGAL_SASL_STATE,
        error_message: Some("This listener does not ask its clients who they are.".to_owned()),
        ..Default::default()
    }
}
