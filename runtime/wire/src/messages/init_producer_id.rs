//! InitProducerId (22): the identity of an idempotent or transactional producer.

use super::macros::api;
use crate::error_code::ErrorCode;

api! {
    InitProducerId(0-5, flexible 2+): InitProducerIdRequest => InitProducerIdResponse;

    /// Who wants an identity.
    struct InitProducerIdRequest {
        /// Set by a transactional producer.
        transactional_id: Option<String>,
        /// How long a transaction may stay open, in milliseconds.
        transaction_timeout_ms: i32,
        /// The producer's id so far, -1 for none.
        producer_id: i64 [3+] = -1,
        /// The producer's epoch so far, -1 for none.
        producer_epoch: i16 [3+] = -1,
    }

    /// The identity.
    struct InitProducerIdResponse {
        /// How long the client is to hold back, in milliseconds.
        throttle_time_ms: i32,
        /// What went wrong.
        error_code: ErrorCode,
        /// The producer's id.
        producer_id: i64 = -1,
        /// The producer's epoch.
        producer_epoch: i16,
    }
}
