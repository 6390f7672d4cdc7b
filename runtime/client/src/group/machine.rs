//! The member as a pure state machine: no clock, no network, no waiting.
//!
//! [`Machine::next`] says what to do, the driver does it and reports back with the method named for the answer. At
//! most one request is in flight at a time, so an answer always belongs to the state that asked.
//!
//! ```text
//!            join                    prepared                 answer             answer
//! Outside ─────────▶ Joining ◀────────────────── Preparing   Joining ──▶ Assigning ──▶ Syncing ──▶ Stable
//!                                                    ▲                   (leader only)               │
//!                                                    └── heartbeat says a rebalance is on, owner ────┘
//! ```
//!
//! `Preparing` gives the owner time to finish with what it holds: the member goes on heartbeating until the owner
//! is ready. `Lost` is the same wait for a member that the coordinator has already dropped. `Failed` waits for the
//! owner to try again.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use log::{info, warn};
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, SyncGroupRequest,
};

use super::error::GroupError;
use super::membership::{Event, Identity};
use super::protocol::Member;
use super::requests;

/// Who the member is and how patient it is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `group.id`.
    pub group_id: String,
    /// `group.instance.id`: set for static members.
    pub instance_id: Option<String>,
    /// What the group carries: `consumer` or `connect`.
    pub protocol_type: &'static str,
    /// `session.timeout.ms`: silence after which the coordinator drops the member.
    pub session_timeout: Duration,
    /// How long a rebalance waits for this member (`max.poll.interval.ms`, `rebalance.timeout.ms`), and how long its
    /// owner may be silent.
    pub rebalance_timeout: Duration,
    /// `heartbeat.interval.ms`.
    pub heartbeat_interval: Duration,
    /// The pause before a generation's first heartbeat; each further one is twice as long, up to the interval. A
    /// protocol whose rebalances often follow each other hears sooner of the next by a short one.
    pub first_heartbeat: Duration,
    /// First and longest wait before trying again.
    pub retry_backoff: (Duration, Duration),
}

/// What the driver is to do next.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Find the group's coordinator, then call [`Machine::found`].
    Find,
    /// Add the protocol's offers, send, then call [`Machine::joined`].
    Join(JoinGroupRequest),
    /// Let the protocol divide the work, then call [`Machine::assigned`].
    Assign {
        /// The protocol that the coordinator chose.
        protocol: String,
        /// All members with what they offered for it.
        members: Vec<Member>,
    },
    /// Send, then call [`Machine::synced`].
    Sync(SyncGroupRequest),
    /// Send, then call [`Machine::beaten`].
    Heartbeat(HeartbeatRequest),
    /// Send once without caring for the answer, then call [`Machine::left`].
    Leave(LeaveGroupRequest),
    /// Tell the owner, then ask again.
    Tell(Event),
    /// Nothing before that time (on the monotonic clock) or the owner's next wish.
    Wait(Option<Duration>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Outside,
    Preparing,
    Lost,
    Joining,
    Assigning,
    Syncing,
    Stable,
    Failed,
}

/// One member of one group.
#[derive(Debug)]
pub struct Machine {
    pub(super) settings: Settings,
    pub(super) state: State,
    pub(super) identity: Identity,
    pub(super) coordinator: bool,
    /// Told to the owner in this order, before anything else is done.
    pub(super) events: VecDeque<Event>,
    /// Numbers the times the owner is asked to give up what it holds.
    round: u64,
    /// Why the next JoinGroup is sent, for the coordinator's log.
    pub(super) join_reason: String,
    /// JoinGroup is on its way with offers already made.
    pub(super) join_sent: bool,
    /// The owner changed its mind while a join was under way: one more rebalance follows.
    pub(super) rejoin_after: Option<String>,
    /// What the leader is still to divide.
    pub(super) to_assign: Option<(String, Vec<Member>)>,
    /// What the leader assigned and the coordinator is still to hear.
    pub(super) assignments: Vec<(String, Bytes)>,
    pub(super) leader: String,
    leaving: Option<String>,
    pub(super) next_heartbeat: Duration,
    /// The pause before the heartbeat after that.
    pub(super) heartbeat_pause: Duration,
    not_before: Duration,
    pub(super) failures: u32,
}

impl Machine {
    /// A member outside its group.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let identity = Identity::outside(settings.instance_id.clone());
        Machine {
            settings,
            state: State::Outside,
            identity,
            coordinator: false,
            events: VecDeque::new(),
            round: 0,
            join_reason: String::new(),
            join_sent: false,
            rejoin_after: None,
            to_assign: None,
            assignments: Vec::new(),
            leader: String::new(),
            leaving: None,
            next_heartbeat: Duration::ZERO,
            heartbeat_pause: Duration::ZERO,
            not_before: Duration::ZERO,
            failures: 0,
        }
    }

    /// The member's id and generation, to be sent along with commits.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Who and how patient the member is.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The owner wants to be a member; also the way back from a failure.
    pub fn join(&mut self) {
        if matches!(self.state, State::Outside | State::Failed) {
            self.state = State::Joining;
        }
    }

    /// The owner wants a new generation: its metadata or the work changed.
    pub fn rejoin(&mut self, reason: &str) {
        match self.state {
            State::Stable => self.prepare(reason),
            State::Joining if !self.join_sent => {}
            State::Joining | State::Assigning | State::Syncing => {
                self.rejoin_after = Some(reason.to_owned())
            }
            State::Outside | State::Preparing | State::Lost | State::Failed => {}
        }
    }

    /// The owner has given up what it must for rebalance number `round`.
    pub fn prepared(&mut self, round: u64) {
        if round == self.round && matches!(self.state, State::Preparing | State::Lost) {
            self.state = State::Joining;
        }
    }

    /// The owner wants out. The coordinator is told, unless it does not know the member; static members just go, and
    /// keep their place until their session ends.
    pub fn leave(&mut self, reason: &str) {
        self.leaving = self.leaves_aloud().then(|| reason.to_owned());
        self.state = State::Outside;
        self.join_sent = false;
        self.rejoin_after = None;
        self.events.clear();
    }

    /// The owner has not come back in time: gives up its place so that others get the work.
    pub fn overdue(&mut self) {
        if !matches!(self.state, State::Stable | State::Preparing) {
            return;
        }
        warn!(
            "group {}: its owner was silent for {:?}, leaving; a consumer takes smaller batches or raises max.poll.interval.ms",
            self.settings.group_id, self.settings.rebalance_timeout
        );
        let reason = "consumer poll timeout has expired".to_owned();
        self.leaving = self.leaves_aloud().then_some(reason);
        self.lose(true);
    }

    /// Whether the owner's silence counts: while it holds, or is asked to give up, an assignment.
    #[must_use]
    pub fn watches_owner(&self) -> bool {
        matches!(self.state, State::Stable | State::Preparing)
    }

    /// Whether there is nothing left to do for a member that wants out.
    #[must_use]
    pub fn is_outside(&self) -> bool {
        self.state == State::Outside && self.leaving.is_none()
    }

    /// What to do now. `now` is on the monotonic clock.
    pub fn next(&mut self, now: Duration) -> Step {
        if let Some(event) = self.events.pop_front() {
            return Step::Tell(event);
        }
        if let Some(reason) = &self.leaving {
            if self.coordinator {
                return Step::Leave(requests::leave(&self.settings, &self.identity, reason));
            }
            self.left();
        }
        if matches!(self.state, State::Outside | State::Failed | State::Lost) {
            return Step::Wait(None);
        }
        if now < self.not_before {
            return Step::Wait(Some(self.not_before));
        }
        if !self.coordinator {
            return Step::Find;
        }
        match self.state {
            State::Joining => {
                self.join_sent = true;
                Step::Join(requests::join(
                    &self.settings,
                    &self.identity,
                    &self.join_reason,
                ))
            }
            State::Assigning => self.assign_step(),
            State::Syncing => Step::Sync(requests::sync(
                &self.settings,
                &self.identity,
                &self.assignments,
            )),
            _ if now < self.next_heartbeat => Step::Wait(Some(self.next_heartbeat)),
            _ => Step::Heartbeat(requests::heartbeat(&self.settings, &self.identity)),
        }
    }

    /// LeaveGroup was sent, or could not be.
    pub fn left(&mut self) {
        self.leaving = None;
        self.identity.forget_member();
    }

    fn assign_step(&mut self) -> Step {
        match self.to_assign.take() {
            Some((protocol, members)) => Step::Assign { protocol, members },
            None => {
                self.state = State::Syncing;
                Step::Sync(requests::sync(
                    &self.settings,
                    &self.identity,
                    &self.assignments,
                ))
            }
        }
    }

    /// Asks the owner to give up what it must; heartbeats go on meanwhile.
    pub(super) fn prepare(&mut self, reason: &str) {
        info!("group {}: rejoining: {reason}", self.settings.group_id);
        self.join_reason = reason.to_owned();
        self.state = State::Preparing;
        self.round += 1;
        self.events
            .push_back(Event::Rebalance { round: self.round });
    }

    /// The coordinator has given the work to others: tells the owner, who joins again when it is done with it.
    pub(super) fn lose(&mut self, forget_member: bool) {
        if self.leaving.is_none() {
            self.identity.forget(forget_member);
        }
        self.state = State::Lost;
        self.round += 1;
        self.events.push_back(Event::Lost { round: self.round });
    }

    pub(super) fn refuse(&mut self, code: ErrorCode) {
        let group = self.settings.group_id.clone();
        self.fail(match (code, &self.settings.instance_id) {
            (ErrorCode::FENCED_INSTANCE_ID, Some(instance)) => GroupError::Fenced {
                group,
                instance: instance.clone(),
            },
            _ => GroupError::Refused { group, code },
        });
    }

    pub(super) fn fail(&mut self, error: GroupError) {
        self.identity.forget_member();
        self.state = State::Failed;
        self.events.push_back(Event::Failed(error));
    }

    pub(super) fn lose_coordinator(&mut self, now: Duration) {
        self.coordinator = false;
        self.back_off(now);
    }

    pub(super) fn back_off(&mut self, now: Duration) {
        let (first, longest) = self.settings.retry_backoff;
        self.not_before = now
            + first
                .saturating_mul(1 << self.failures.min(16))
                .min(longest);
        self.failures = self.failures.saturating_add(1);
    }

    fn leaves_aloud(&self) -> bool {
        !self.identity.member_id.is_empty() && self.settings.instance_id.is_none()
    }
}
