//! One fetch: sent, parked at the broker, answered or given up.

use std::sync::Arc;
use std::time::Duration;

use millrace_wire::messages::{FetchRequest, FetchResponse};
use tokio::sync::oneshot;

use crate::cluster::Lane;
use crate::error::ClientError;
use crate::in_step::in_step;

/// Topic ids take the place of names from this version on.
const IDS_FROM: i16 = 13;
/// A fetch that came to an end.
#[derive(Debug)]
pub(in crate::consumer) struct FetchDone {
    pub(super) node: i32,
    /// None where it was given up.
    pub(super) result: Option<Result<FetchResponse, ClientError>>,
}

/// How long a fetch that is sent now may wait for records, so that those of idle consumers end together.
pub(super) fn max_wait(most: Duration, now: Duration) -> i32 {
    let wait = in_step(now, most).as_micros().div_ceil(1000);
    i32::try_from(wait).unwrap_or(i32::MAX)
}

pub(super) async fn fetch(
    lane: Arc<Lane>,
    node: i32,
    request: FetchRequest,
    with_ids: bool,
) -> Result<FetchResponse, ClientError> {
    let connection = lane.connection(node).await?;
    let highest = if with_ids { i16::MAX } else { IDS_FROM - 1 };
    let version = connection.version_up_to::<FetchRequest>(highest)?;
    let park = Duration::from_millis(request.max_wait_ms.unsigned_abs().into());
    let wait = lane
        .cluster()
        .config()
        .request_timeout()
        .saturating_add(park);
    connection.call_at(version, &request, wait).await
}

/// The end of a call, or of its being given up: the broker keeps what follows on its connection waiting, so that goes, too.
pub(super) async fn or_given_up(
    given_up: Option<oneshot::Receiver<()>>,
    lane: Arc<Lane>,
    node: i32,
    call: impl Future<Output = Result<FetchResponse, ClientError>>,
) -> FetchDone {
    let result = match given_up {
        None => Some(call.await),
        Some(given_up) => tokio::select! {
            biased;
            result = call => Some(result),
            Ok(()) = given_up => None,
        },
    };
    if result.is_none() {
        lane.disconnect(node).await;
    }
    FetchDone { node, result }
}
