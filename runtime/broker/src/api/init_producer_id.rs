//! InitProducerId (22): an id for an idempotent producer. Transactions are not served.

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{InitProducerIdRequest, InitProducerIdResponse};

use crate::call::Ctx;

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    _version: i16,
    request: InitProducerIdRequest,
) -> InitProducerIdResponse {
    let refuse = |error_code| InitProducerIdResponse {
        error_code,
        producer_epoch: -1,
        ..Default::default()
    };
    match &request.transactional_id {
        Some(id) if id.is_empty() => return refuse(ErrorCode::INVALID_REQUEST),
        Some(_) => return refuse(refuse_transaction(ctx, &request)),
        None => {}
    }
    if (request.producer_id == -1) != (request.producer_epoch == -1) {
        return refuse(ErrorCode::INVALID_REQUEST);
    }
    match ctx.core.producer_ids.next().await {
        Ok(producer_id) => InitProducerIdResponse {
            producer_id,
            producer_epoch: 0,
            ..Default::default()
        },
        Err(error) => {
            log::error!("cannot reserve producer ids: {error}");
            refuse(ErrorCode::KAFKA_STORAGE_ERROR)
        }
    }
}

/// A final error: clients would retry a missing coordinator until they time out.
fn refuse_transaction(ctx: &Ctx<'_>, request: &InitProducerIdRequest) -> ErrorCode {
    let timeout_max = ctx.core.config.transaction_timeout_max_ms;
    if !(1..=timeout_max).contains(&request.transaction_timeout_ms) {
        return ErrorCode::INVALID_TRANSACTION_TIMEOUT;
    }
    ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED
}
