//! FindCoordinator (10): on one node the answer is this node, once its groups are readable.
//!
//! Versions 0 to 3 ask for one key, version 4 and above for several. Transactions are not served: their clients get an
//! error that is final, since they would retry a missing coordinator until they time out.

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};

use crate::call::Ctx;
use crate::coordinator::GroupCoordinator;

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

pub(crate) async fn handle(
    ctx: &Ctx<'_>,
    version: i16,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let found = find(ctx, request.key_type).await;
    if version >= 4 {
        let coordinators = request.coordinator_keys.into_iter();
        return FindCoordinatorResponse {
            coordinators: coordinators
                .map(|key| coordinator(ctx, key, found))
                .collect(),
            ..Default::default()
        };
    }
    let only = coordinator(ctx, request.key, found);
    FindCoordinatorResponse {
        error_code: only.error_code,
        error_message: only.error_message,
        node_id: only.node_id,
        host: only.host,
        port: only.port,
        ..Default::default()
    }
}

async fn find(ctx: &Ctx<'_>, key_type: i8) -> Result<(), ErrorCode> {
    match key_type {
        GROUP => GroupCoordinator::ready(ctx.core).await.map(|_| ()),
        TRANSACTION => Err(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
        _ => Err(ErrorCode::INVALID_REQUEST),
    }
}

fn coordinator(ctx: &Ctx<'_>, key: String, found: Result<(), ErrorCode>) -> Coordinator {
    let Err(error_code) = found else {
        let advertised = &ctx.connection.advertised;
        return Coordinator {
            key,
            node_id: ctx.core.config.node_id,
            host: advertised.host.clone(),
            port: i32::from(advertised.port),
            error_code: ErrorCode::NONE,
            error_message: None,
        };
    };
    let message = match error_code {
        ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED => {
            "the included broker has no transactions"
        }
        other => other.text(),
    };
    Coordinator {
        key,
        node_id: -1,
        host: String::new(),
        port: -1,
        error_code,
        error_message: Some(message.to_owned()),
    }
}
