//! One consumer group, as a state machine without I/O.
//!
//! * [`Group::join`], [`Group::sync`], [`Group::heartbeat`], [`Group::leave`]: what members ask ([`request`]).
//! * [`Group::tick`]: what time does to them; [`Group::deadline`] says when to call it next.
//! * [`offsets`]: what the group has committed, and when that expires.
//! * [`Effects`]: what each step asks of the world.
//!
//! A step changes the membership at once and hands the new generation out as a [`Change`]; if that cannot be stored,
//! [`Group::not_stored`] takes it back by starting another rebalance. Offsets go the other way round: they are
//! checked, stored, and only then applied.
//!
//! Facts: Apache Kafka, `group-coordinator/.../classic/ClassicGroup.java` and `GroupMetadataManager.java` (behaviour
//! only), checked against a running 4.1.
//!
//! [`Change`]: crate::coordinator::record::Change

mod commit;
mod effects;
mod join;
mod liveness;
mod member;
mod members;
mod offsets;
mod rebalance;
mod request;
mod state;
mod static_join;
mod store;
mod subscription;
mod sync;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use millrace_wire::error_code::ErrorCode;

pub(crate) use effects::{Answer, Effects, JoinAnswer, SyncAnswer, Ticket};
pub(crate) use member::Member;
pub(crate) use offsets::Offsets;
pub(crate) use request::{
    CommitOffset, CommitRequest, JoinRequest, MemberRef, Protocol, SyncRequest,
};
pub(crate) use state::State;

use members::Members;
use rebalance::JoinPhase;

use super::{GroupSettings, Now};

/// The protocol type of consumers, whose metadata starts with the topics they subscribe to.
const CONSUMER: &str = "consumer";

/// What every step is given beside its request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step<'a> {
    pub(crate) settings: &'a GroupSettings,
    pub(crate) now: Now,
}

/// A consumer group: its members, its generation, its offsets.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    id: String,
    state: State,
    /// When the group entered its state, wall clock; -1 if an old record did not say.
    state_ms: i64,
    generation: i32,
    /// Set by the first member, kept when the last has left.
    protocol_type: Option<String>,
    protocol: Option<String>,
    leader: Option<String>,
    members: Members,
    /// Ids that were handed out and did not join yet, with the moment they lapse.
    handed_out: HashMap<String, Duration>,
    /// Set while the group is preparing a rebalance.
    join_phase: Option<JoinPhase>,
    /// When members that have not asked for their assignment are given up.
    sync_ends: Option<Duration>,
    /// The topics of the current generation's subscriptions; `None` if they cannot be known.
    topics: Option<BTreeSet<String>>,
    offsets: Offsets,
    /// The log tells of the group: it exists, even empty, until a tombstone ends it.
    is_stored: bool,
}

impl Group {
    /// A group without members or offsets.
    pub(crate) fn new(id: &str, now: Now) -> Group {
        Group {
            id: id.to_owned(),
            state: State::Empty,
            state_ms: now.wall_ms,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: Members::default(),
            handed_out: HashMap::new(),
            join_phase: None,
            sync_ends: None,
            topics: None,
            offsets: Offsets::default(),
            is_stored: false,
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    #[cfg(test)]
    pub(crate) fn generation(&self) -> i32 {
        self.generation
    }

    /// `consumer`, `connect`, …; empty for a group that only keeps offsets.
    pub(crate) fn protocol_type(&self) -> &str {
        self.protocol_type.as_deref().unwrap_or_default()
    }

    /// The protocol chosen for the current generation.
    pub(crate) fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// The members in the order they joined.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter()
    }

    pub(crate) fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    /// Nothing of the group is left: no member, no id that could become one, nothing in the log.
    pub(crate) fn is_void(&self) -> bool {
        self.state == State::Empty && self.handed_out.is_empty() && !self.is_stored
    }

    /// A client can see the group: it is more than some ids that were handed out.
    pub(crate) fn is_visible(&self) -> bool {
        self.state != State::Empty || self.is_stored
    }

    fn uses_consumer_protocol(&self) -> bool {
        self.protocol_type() == CONSUMER
    }

    fn enter(&mut self, state: State, now: Now) {
        self.state = state;
        self.state_ms = now.wall_ms;
    }

    fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    /// Checks that a request comes from a member as it is known now.
    fn check_member(&self, member: &MemberRef) -> Result<(), ErrorCode> {
        if let Some(instance) = &member.instance_id {
            return match self.members.id_of_instance(instance) {
                None => Err(ErrorCode::UNKNOWN_MEMBER_ID),
                Some(id) if id != member.member_id => Err(ErrorCode::FENCED_INSTANCE_ID),
                Some(_) => Ok(()),
            };
        }
        if self.members.contains(&member.member_id) {
            Ok(())
        } else {
            Err(ErrorCode::UNKNOWN_MEMBER_ID)
        }
    }
}
