//! One member of a group.

use std::time::Duration;

use bytes::Bytes;

use super::effects::Ticket;
use super::request::{JoinRequest, Protocol};
use crate::call::IN_PROCESS;
use crate::coordinator::Now;
use crate::coordinator::record::MemberValue;

/// How long a new member may wait in a join: it knows no id yet, so it cannot heartbeat, and a lost connection is not
/// seen here.
const NEW_MEMBER_JOIN_TIMEOUT: Duration = Duration::from_secs(300);

/// A member and what it last told.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) session_timeout_ms: i32,
    pub(crate) rebalance_timeout_ms: i32,
    /// In order of preference.
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) assignment: Bytes,
    /// When the member counts as lost, unless it is waiting for an answer.
    pub(crate) session_ends: Duration,
    /// It has never been part of a complete generation.
    pub(crate) is_new: bool,
    /// It was told its generation and has not asked for its assignment.
    pub(crate) owes_sync: bool,
    /// The join waiting for the others.
    pub(crate) join: Option<Ticket>,
    /// The sync waiting for the leader.
    pub(crate) sync: Option<Ticket>,
}

impl Member {
    /// A member that just joined for the first time, under `id`.
    pub(crate) fn new(id: String, request: JoinRequest, ticket: Ticket, now: Now) -> Member {
        Member {
            id,
            instance_id: request.instance_id,
            client_id: request.client_id,
            client_host: request.client_host,
            session_timeout_ms: request.session_timeout_ms,
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            protocols: request.protocols,
            assignment: Bytes::new(),
            session_ends: now.monotonic + NEW_MEMBER_JOIN_TIMEOUT,
            is_new: true,
            owes_sync: false,
            join: Some(ticket),
            sync: None,
        }
    }

    /// A member as it was stored with its group's generation; its session starts afresh. A member of the broker's own
    /// process went with that process: nobody has to wait for it.
    pub(crate) fn restore(value: MemberValue, protocol: Option<&str>, now: Now) -> Member {
        let is_gone = value.client_host == IN_PROCESS;
        Member {
            session_ends: now.after_ms(if is_gone { 0 } else { value.session_timeout_ms }),
            id: value.member_id,
            instance_id: value.instance_id,
            client_id: value.client_id,
            client_host: value.client_host,
            session_timeout_ms: value.session_timeout_ms,
            rebalance_timeout_ms: value.rebalance_timeout_ms,
            protocols: vec![Protocol {
                name: protocol.unwrap_or_default().to_owned(),
                metadata: value.subscription,
            }],
            assignment: value.assignment,
            is_new: false,
            owes_sync: false,
            join: None,
            sync: None,
        }
    }

    /// The form in which the member is stored with its generation.
    pub(crate) fn store(&self, protocol: Option<&str>) -> MemberValue {
        MemberValue {
            member_id: self.id.clone(),
            instance_id: self.instance_id.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            session_timeout_ms: self.session_timeout_ms,
            subscription: protocol.map(|name| self.metadata(name)).unwrap_or_default(),
            assignment: self.assignment.clone(),
        }
    }

    /// Takes over what a repeated join says.
    pub(crate) fn update(&mut self, request: JoinRequest) {
        self.session_timeout_ms = request.session_timeout_ms;
        self.rebalance_timeout_ms = request.rebalance_timeout_ms;
        self.protocols = request.protocols;
        self.client_id = request.client_id;
        self.client_host = request.client_host;
    }

    /// What the member says for `protocol`; empty if it does not offer it.
    pub(crate) fn metadata(&self, protocol: &str) -> Bytes {
        self.protocols
            .iter()
            .find(|offer| offer.name == protocol)
            .map(|offer| offer.metadata.clone())
            .unwrap_or_default()
    }

    pub(crate) fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|offer| offer.name == protocol)
    }

    /// Starts the session anew, as every sign of life does.
    pub(crate) fn renew_session(&mut self, now: Now) {
        self.session_ends = now.after_ms(self.session_timeout_ms);
    }

    /// When the member would be lost. One that waits for our answer cannot heartbeat and is not lost, unless it is
    /// new: then nobody would ever notice that it went away.
    pub(crate) fn lost_at(&self) -> Option<Duration> {
        let waits = self.join.is_some() || self.sync.is_some();
        (self.is_new || !waits).then_some(self.session_ends)
    }
}
