//! The producer's id, under which brokers recognise batches that come twice.

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{InitProducerIdRequest, InitProducerIdResponse};

use crate::cluster::Lane;
use crate::error::ClientError;
use crate::producer::partition::ProducerId;

/// Where the producer stands with its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    /// It needs one and has none yet.
    Missing,
    /// It is being asked for.
    Asked,
    /// It has one.
    Given(ProducerId),
    /// It does without.
    Unwanted,
}

/// Asks any broker for a new id.
pub(super) async fn ask(lane: &Lane) -> Result<ProducerId, ClientError> {
    let connection = lane.any().await?;
    let request = InitProducerIdRequest {
        transactional_id: None,
        // Has no meaning without a transactional id; brokers check it all the same.
        transaction_timeout_ms: i32::MAX,
        producer_id: -1,
        producer_epoch: -1,
    };
    let InitProducerIdResponse {
        error_code,
        producer_id,
        producer_epoch,
        ..
    } = connection.call(&request).await?;
    match error_code {
        ErrorCode::NONE => Ok(ProducerId {
            id: producer_id,
            epoch: producer_epoch,
        }),
        code => Err(ClientError::refused(
            "cannot obtain a producer id",
            code,
            None,
        )),
    }
}
