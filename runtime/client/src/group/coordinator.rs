//! The node that looks after a group, and the connections to it.
//!
//! Membership has a lane of its own: a JoinGroup waits for the other members, and a broker works on one request of a
//! connection at a time. Offsets take another, so that a commit does not wait behind a join.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::Request;

use super::answers::Failure;
use crate::cluster::{Cluster, Lane};
use crate::error::ClientError;

/// A JoinGroup is answered when the rebalance is over; the answer itself may take this much longer.
const GRACE: Duration = Duration::from_secs(5);

/// Finds a group's coordinator and talks to it.
#[derive(Debug)]
pub struct Coordinator {
    group: String,
    members: Lane,
    offsets: Lane,
    node: Mutex<Option<i32>>,
}

impl Coordinator {
    /// The coordinator of `group`, not looked for yet.
    #[must_use]
    pub fn new(cluster: &Cluster, group: &str) -> Self {
        Coordinator {
            group: group.to_owned(),
            members: cluster.lane(),
            offsets: cluster.lane(),
            node: Mutex::new(None),
        }
    }

    /// The group's id.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.group
    }

    /// Sends a request about offsets, looking for the coordinator first if it is not known.
    ///
    /// # Errors
    /// Where the coordinator is not found or does not answer. A code in the answer is the caller's to look at; for
    /// one that says that the coordinator has moved it calls [`Coordinator::forget`].
    pub async fn offsets<R: Request>(&self, request: &R) -> Result<R::Response, ClientError> {
        let node = match self.known() {
            Some(node) => node,
            None => self.locate(&self.offsets).await?,
        };
        let answer = async { self.offsets.connection(node).await?.call(request).await }.await;
        if answer.is_err() {
            self.forget();
        }
        answer
    }

    /// The coordinator has moved: the next request looks for it anew.
    pub fn forget(&self) {
        *self.node.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The version in which offsets requests of type `R` go out.
    ///
    /// # Errors
    /// Where the coordinator is not found, or does not speak a version that this client speaks.
    pub async fn offsets_version<R: Request>(&self) -> Result<i16, ClientError> {
        let node = match self.known() {
            Some(node) => node,
            None => self.locate(&self.offsets).await?,
        };
        self.offsets.connection(node).await?.version::<R>()
    }

    pub(super) async fn find(&self) -> Result<(), Failure> {
        self.locate(&self.members).await.map_err(failure)?;
        Ok(())
    }

    pub(super) async fn call<R: Request>(&self, request: &R) -> Result<R::Response, Failure> {
        let wait = self.members.cluster().config().request_timeout();
        self.call_within(request, wait).await
    }

    /// A call that may take as long as a rebalance.
    pub(super) async fn call_patiently<R: Request>(
        &self,
        request: &R,
        patience: Duration,
    ) -> Result<R::Response, Failure> {
        let wait = self.members.cluster().config().request_timeout();
        self.call_within(request, wait.max(patience.saturating_add(GRACE)))
            .await
    }

    /// Gives up what is under way: the broker drops what it still holds for a closed connection.
    pub(super) fn disconnect(&self) {
        self.members.close();
    }

    async fn call_within<R: Request>(
        &self,
        request: &R,
        wait: Duration,
    ) -> Result<R::Response, Failure> {
        let node = self
            .known()
            .ok_or_else(|| Failure::Retriable("it is not known".to_owned()))?;
        let answer = async {
            let connection = self.members.connection(node).await?;
            connection
                .call_at(connection.version::<R>()?, request, wait)
                .await
        };
        answer.await.map_err(failure)
    }

    async fn locate(&self, lane: &Lane) -> Result<i32, ClientError> {
        let node = lane.coordinator_of(&self.group).await?.id;
        *self.node.lock().unwrap_or_else(PoisonError::into_inner) = Some(node);
        Ok(node)
    }

    fn known(&self) -> Option<i32> {
        *self.node.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failure(error: ClientError) -> Failure {
    match error {
        ClientError::UnsupportedVersion { .. } => Failure::Refused(ErrorCode::UNSUPPORTED_VERSION),
        ClientError::Coordinator { code, .. } if !code.is_retriable() => Failure::Refused(code),
        other => Failure::Retriable(other.to_string()),
    }
}
