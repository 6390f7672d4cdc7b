//! What a group carries: the seam between membership and its two users, the consumer and Connect's workers.

use async_trait::async_trait;
use bytes::Bytes;
use thiserror::Error;

/// One way of dividing the work that a member offers, with what the leader must know about the member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Name of the protocol, `range` or `sessioned` for example.
    pub name: String,
    /// The member's metadata in that protocol's own encoding.
    pub metadata: Bytes,
}

/// A member of the generation, as its leader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The id the coordinator gave it.
    pub id: String,
    /// Its `group.instance.id`, if it is a static member.
    pub instance_id: Option<String>,
    /// Its metadata for the chosen protocol.
    pub metadata: Bytes,
}

/// The leader could not divide the work.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct AssignError {
    /// What went wrong, as a lower-case fragment.
    pub reason: String,
    /// Whether joining again may help, as it does when a broker was away.
    pub retriable: bool,
}

/// The protocol a group carries. Called from the membership task, never while the owner's callbacks run.
#[async_trait]
pub trait GroupProtocol: Send + Sync + 'static {
    /// The group's protocol type, `consumer` or `connect`.
    fn protocol_type(&self) -> &'static str;

    /// What this member offers at its next join, best first.
    fn offers(&self) -> Vec<Offer>;

    /// Divides the work between the members of a generation. Called on the leader only, `own` is its member id.
    ///
    /// # Errors
    /// [`AssignError`] if the work cannot be divided; a retriable one makes the member join again.
    async fn assign(
        &self,
        protocol: &str,
        own: &str,
        members: Vec<Member>,
    ) -> Result<Vec<(String, Bytes)>, AssignError>;
}
