//! What a step asks of the world: changes to append, answers to send.

use bytes::Bytes;
use millrace_wire::error_code::ErrorCode;

use crate::coordinator::record::Change;

/// Names a request whose answer is awaited; drawn by the shell, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ticket(pub(crate) u64);

/// The outcome of a step, in the order in which it came about.
///
/// The answers may leave only when the changes are stored: the shell appends `changes` as one batch, waits as the
/// broker's durability asks, and then sends.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) changes: Vec<Change>,
    pub(crate) answers: Vec<(Ticket, Answer)>,
}

/// The answer to a join or a sync that waited for other members.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Join(JoinAnswer),
    Sync(SyncAnswer),
}

/// The answer to a join.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JoinAnswer {
    pub(crate) outcome: Result<(), ErrorCode>,
    /// -1 where there is none to tell.
    pub(crate) generation: i32,
    pub(crate) protocol_type: Option<String>,
    pub(crate) protocol: Option<String>,
    pub(crate) leader: String,
    /// The leader is to keep the assignment it knows (version 9).
    pub(crate) skip_assignment: bool,
    pub(crate) member_id: String,
    /// Every member with its metadata; empty for all but the leader.
    pub(crate) members: Vec<JoinedMember>,
}

/// A member as the leader sees it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JoinedMember {
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) metadata: Bytes,
}

/// The answer to a sync.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SyncAnswer {
    pub(crate) outcome: Result<(), ErrorCode>,
    pub(crate) protocol_type: Option<String>,
    pub(crate) protocol: Option<String>,
    pub(crate) assignment: Bytes,
}

impl JoinAnswer {
    /// A refusal that echoes the member id.
    pub(crate) fn refused(member_id: &str, error: ErrorCode) -> JoinAnswer {
        JoinAnswer {
            outcome: Err(error),
            generation: -1,
            protocol_type: None,
            protocol: None,
            leader: String::new(),
            skip_assignment: false,
            member_id: member_id.to_owned(),
            members: Vec::new(),
        }
    }
}

impl SyncAnswer {
    /// A refusal.
    pub(crate) fn refused(error: ErrorCode) -> SyncAnswer {
        SyncAnswer {
            outcome: Err(error),
            protocol_type: None,
            protocol: None,
            assignment: Bytes::new(),
        }
    }
}

impl Answer {
    /// The same answer after its change could not be stored: the request failed.
    pub(crate) fn failed(&self, error: ErrorCode) -> Answer {
        match self {
            Answer::Join(join) => Answer::Join(JoinAnswer::refused(&join.member_id, error)),
            Answer::Sync(_) => Answer::Sync(SyncAnswer::refused(error)),
        }
    }
}

impl Effects {
    pub(crate) fn join(&mut self, ticket: Ticket, answer: JoinAnswer) {
        self.answers.push((ticket, Answer::Join(answer)));
    }

    pub(crate) fn refuse_join(&mut self, ticket: Ticket, member_id: &str, error: ErrorCode) {
        self.join(ticket, JoinAnswer::refused(member_id, error));
    }

    pub(crate) fn sync(&mut self, ticket: Ticket, answer: SyncAnswer) {
        self.answers.push((ticket, Answer::Sync(answer)));
    }

    pub(crate) fn refuse_sync(&mut self, ticket: Ticket, error: ErrorCode) {
        self.sync(ticket, SyncAnswer::refused(error));
    }
}
