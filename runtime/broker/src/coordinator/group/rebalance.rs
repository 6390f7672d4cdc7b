//! From one generation to the next: who is waited for, for how long, and what the new generation is.

use std::collections::BTreeSet;
use std::time::Duration;

use super::subscription;
use super::{Effects, Group, State, Step};
use crate::coordinator::time::duration_ms;
use bytes::Bytes;
use millrace_wire::error_code::ErrorCode;

/// How soon absent static members are looked at again, should their rebalance timeout be zero.
const MIN_PATIENCE: Duration = Duration::from_secs(1);

/// The time in which members may join the next generation.
#[derive(Clone, Debug)]
pub(super) struct JoinPhase {
    pub(super) ends: Duration,
    /// Set while an empty group waits for its first members: how much longer it may, should more come.
    initial: Option<InitialDelay>,
}

#[derive(Clone, Debug)]
struct InitialDelay {
    left: Duration,
    new_member: bool,
}

impl JoinPhase {
    /// Someone joined: the initial delay, if it runs, is worth renewing.
    pub(super) fn note_new_member(&mut self) {
        if let Some(initial) = &mut self.initial {
            initial.new_member = true;
        }
    }
}

impl Group {
    /// Something changed: starts a rebalance unless one is being prepared.
    pub(super) fn rebalance(&mut self, step: Step<'_>, effects: &mut Effects) {
        match self.state {
            State::PreparingRebalance => self.complete_join_if_ready(step, effects),
            State::Empty => self.prepare_initial(step, effects),
            State::CompletingRebalance | State::Stable => {
                self.withdraw_assignments(step, effects);
                self.enter(State::PreparingRebalance, step.now);
                self.join_phase = Some(JoinPhase {
                    ends: step.now.monotonic + self.rebalance_timeout(),
                    initial: None,
                });
                self.complete_join_if_ready(step, effects);
            }
        }
    }

    /// A group read back with more members than it may have now rebalances, so that those above the limit go.
    pub(crate) fn begin_to_serve(&mut self, step: Step<'_>, effects: &mut Effects) {
        let (members, limit) = (self.members.len(), step.settings.max_size);
        if members > limit {
            log::info!(
                "group {}: has {members} members where {limit} are allowed, and rebalances",
                self.id
            );
            self.rebalance(step, effects);
        }
    }

    /// The first join of an empty group waits a little for others.
    fn prepare_initial(&mut self, step: Step<'_>, effects: &mut Effects) {
        let timeout = self.rebalance_timeout();
        let delay = step.settings.initial_rebalance_delay.min(timeout);
        self.enter(State::PreparingRebalance, step.now);
        self.join_phase = Some(JoinPhase {
            ends: step.now.monotonic + delay,
            initial: Some(InitialDelay {
                left: timeout - delay,
                new_member: false,
            }),
        });
        if delay.is_zero() {
            self.complete_join(step, effects);
        }
    }

    /// Nobody may wait longer than the most patient member.
    fn rebalance_timeout(&self) -> Duration {
        self.members
            .iter()
            .map(|member| duration_ms(member.rebalance_timeout_ms))
            .max()
            .unwrap_or_default()
    }

    /// Takes all assignments back. Syncs that wait are told why, and their sessions start anew: while they waited
    /// nobody counted on them.
    fn withdraw_assignments(&mut self, step: Step<'_>, effects: &mut Effects) {
        self.sync_ends = None;
        for member in self.members.iter_mut() {
            member.assignment = Bytes::new();
            member.owes_sync = false;
            if let Some(ticket) = member.sync.take() {
                member.renew_session(step.now);
                effects.refuse_sync(ticket, ErrorCode::REBALANCE_IN_PROGRESS);
            }
        }
    }

    /// Completes the join phase once everyone known has joined.
    pub(super) fn complete_join_if_ready(&mut self, step: Step<'_>, effects: &mut Effects) {
        let waits_for_first = self
            .join_phase
            .as_ref()
            .is_some_and(|phase| phase.initial.is_some());
        if self.state == State::PreparingRebalance
            && !waits_for_first
            && self.handed_out.is_empty()
            && self.members.iter().all(|member| member.join.is_some())
        {
            self.complete_join(step, effects);
        }
    }

    /// The time for joining is over.
    pub(super) fn end_join_phase(&mut self, step: Step<'_>, effects: &mut Effects) {
        let Some(phase) = &mut self.join_phase else {
            return;
        };
        if let Some(initial) = &mut phase.initial
            && initial.new_member
            && !initial.left.is_zero()
        {
            let delay = step.settings.initial_rebalance_delay.min(initial.left);
            initial.left -= delay;
            initial.new_member = false;
            phase.ends = step.now.monotonic + delay;
            return;
        }
        self.complete_join(step, effects);
    }

    /// Goes to the next generation with those who joined.
    fn complete_join(&mut self, step: Step<'_>, effects: &mut Effects) {
        let absent: Vec<String> = self
            .members
            .iter()
            .filter(|member| member.join.is_none() && member.instance_id.is_none())
            .map(|member| member.id.clone())
            .collect();
        for id in absent {
            self.remove_member(&id, effects);
        }
        if !self.members.is_empty() && !self.elect_leader() {
            // Only static members that keep away are left. Their sessions decide.
            self.join_phase = Some(JoinPhase {
                ends: step.now.monotonic + self.rebalance_timeout().max(MIN_PATIENCE),
                initial: None,
            });
            return;
        }
        self.join_phase = None;
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        if self.members.is_empty() {
            self.become_empty(step, effects);
        } else {
            self.begin_generation(step, effects);
        }
    }

    /// Keeps the leader if it joined, else takes the first member that did.
    fn elect_leader(&mut self) -> bool {
        let leader_joined = self
            .leader
            .as_deref()
            .and_then(|id| self.members.get(id))
            .is_some_and(|member| member.join.is_some());
        if leader_joined {
            return true;
        }
        let joined = self.members.iter().find(|member| member.join.is_some());
        match joined.map(|member| member.id.clone()) {
            Some(id) => {
                self.leader = Some(id);
                true
            }
            None => false,
        }
    }

    fn become_empty(&mut self, step: Step<'_>, effects: &mut Effects) {
        self.protocol = None;
        self.leader = None;
        self.topics = None;
        self.sync_ends = None;
        self.enter(State::Empty, step.now);
        self.store(effects);
    }

    /// Tells everyone the new generation and waits for them to ask for their assignments.
    fn begin_generation(&mut self, step: Step<'_>, effects: &mut Effects) {
        self.protocol = self.members.elect_protocol();
        self.topics = self.subscribed_topics();
        self.enter(State::CompletingRebalance, step.now);
        self.sync_ends = Some(step.now.monotonic + self.rebalance_timeout());
        let mut joined = Vec::with_capacity(self.members.len());
        for member in self.members.iter_mut() {
            member.owes_sync = true;
            member.is_new = false;
            member.renew_session(step.now);
            if let Some(ticket) = member.join.take() {
                joined.push((ticket, member.id.clone()));
            }
        }
        for (ticket, id) in joined {
            effects.join(ticket, self.joined(&id));
        }
    }

    /// The topics that the members subscribe to, where the protocol says so.
    pub(super) fn subscribed_topics(&self) -> Option<BTreeSet<String>> {
        let protocol = self.protocol.as_deref()?;
        if !self.uses_consumer_protocol() {
            return None;
        }
        let mut topics = BTreeSet::new();
        for member in self.members.iter() {
            topics.extend(subscription::topics(&member.metadata(protocol))?);
        }
        Some(topics)
    }

    /// Takes a member out and answers what it waits for; the caller rebalances.
    pub(super) fn remove_member(&mut self, id: &str, effects: &mut Effects) -> bool {
        let Some(member) = self.members.remove(id) else {
            return false;
        };
        if let Some(ticket) = member.join {
            effects.refuse_join(ticket, id, ErrorCode::UNKNOWN_MEMBER_ID);
        }
        if let Some(ticket) = member.sync {
            effects.refuse_sync(ticket, ErrorCode::UNKNOWN_MEMBER_ID);
        }
        if self.is_leader(id) {
            self.leader = self.members.iter().next().map(|member| member.id.clone());
        }
        true
    }

    /// The last step's changes could not be stored: the generation that was handed out does not count.
    pub(crate) fn not_stored(&mut self, step: Step<'_>, effects: &mut Effects) {
        if self.state == State::Stable {
            self.rebalance(step, effects);
        }
    }
}
