//! What a rebalance does to a consumer, step by step.
//!
//! The membership task says that something is on; this turns it into steps that the next polls take in order. A step
//! that tells the user comes before the one that acts on it: the user is done with a revocation when they poll again.

use std::collections::BTreeSet;

use super::Consumer;
use super::error::ConsumeError;
use super::fetched::Fetched;
use super::partitions::Stage;
use super::protocol::decode_assignment;
use super::topic_partition::TopicPartition;
use crate::group::{Event, GroupError, Joined};

/// What a poll brings.
#[derive(Debug)]
pub enum Polled {
    /// Records.
    Batch(Fetched),
    /// Partitions that are new.
    Assigned(Vec<TopicPartition>),
    /// Partitions that are given up when the consumer polls again.
    Revoked(Vec<TopicPartition>),
    /// Partitions that others may have already.
    Lost(Vec<TopicPartition>),
}

/// A step of a rebalance.
#[derive(Debug)]
pub(super) enum Change {
    /// Positions are committed, if the consumer does that by itself.
    Commit,
    Tell(Polled),
    Release(Vec<TopicPartition>),
    Adopt(Vec<TopicPartition>),
    /// What has to be given up for this round is given up.
    Prepared(u64),
    /// One more rebalance hands on what was given up in this one.
    Rejoin(&'static str),
    /// The next poll is an error, the one after it joins again, unless another has this member's place for good.
    Fail(GroupError),
    Join,
}

impl Consumer {
    /// Turns what the membership says into steps.
    pub(super) fn heed(&mut self, event: Event) {
        match event {
            // The place may be lost by the time the owner hears of the rebalance.
            Event::Rebalance { round } if self.has_lost_its_place() => {
                self.heed(Event::Lost { round })
            }
            Event::Rebalance { round } => {
                let given_up = self.to_give_up();
                self.changes.push_back(Change::Commit);
                self.tell_and_release(given_up, Polled::Revoked);
                self.changes.push_back(Change::Prepared(round));
            }
            Event::Lost { round } => {
                let all = self.partitions.names();
                self.tell_and_release(all, Polled::Lost);
                self.changes.push_back(Change::Prepared(round));
            }
            Event::Joined(joined) => self.heed_assignment(joined),
            Event::Failed(error) => {
                let all = self.partitions.names();
                self.tell_and_release(all, Polled::Lost);
                self.changes.push_back(Change::Fail(error));
                self.changes.push_back(Change::Join);
            }
        }
    }

    fn has_lost_its_place(&self) -> bool {
        self.side
            .as_ref()
            .is_some_and(|side| side.membership.identity().generation < 0)
    }

    /// Before a rebalance: everything, or if members keep theirs only what is no longer subscribed.
    fn to_give_up(&self) -> Vec<TopicPartition> {
        let Some(side) = &self.side else {
            return Vec::new();
        };
        let mut partitions = self.partitions.names();
        if side.protocol.is_cooperative() {
            let topics = side.protocol.topics();
            partitions.retain(|partition| !topics.contains(&partition.topic));
        }
        partitions
    }

    fn heed_assignment(&mut self, joined: Joined) {
        let Some(side) = &self.side else { return };
        if joined.is_leader() {
            // The other members' topics are to be watched too, and some may not be there yet.
            self.metadata.ask();
        } else {
            side.protocol.follow();
        }
        let assigned = match decode_assignment(joined.assignment) {
            Ok(assigned) => assigned,
            Err(error) => {
                let reason = format!("the assignment cannot be read: {error}");
                let group = self.config.group_id.clone().unwrap_or_default();
                return self.heed(Event::Failed(GroupError::Assignment { group, reason }));
            }
        };
        side.protocol.assigned(assigned.clone(), joined.generation);
        let held: BTreeSet<TopicPartition> = self.partitions.names().into_iter().collect();
        let kept: BTreeSet<&TopicPartition> = assigned
            .iter()
            .filter(|partition| held.contains(*partition))
            .collect();
        let gone: Vec<_> = held
            .iter()
            .filter(|partition| !kept.contains(partition))
            .cloned()
            .collect();
        let added: Vec<_> = assigned
            .iter()
            .filter(|partition| !held.contains(*partition))
            .cloned()
            .collect();
        if !gone.is_empty() {
            self.changes.push_back(Change::Commit);
            self.tell_and_release(gone, Polled::Revoked);
            self.changes
                .push_back(Change::Rejoin("partitions were given up for other members"));
        }
        if !added.is_empty() {
            self.changes.push_back(Change::Adopt(added.clone()));
            self.changes
                .push_back(Change::Tell(Polled::Assigned(added)));
        }
    }

    fn tell_and_release(
        &mut self,
        partitions: Vec<TopicPartition>,
        how: fn(Vec<TopicPartition>) -> Polled,
    ) {
        if !partitions.is_empty() {
            self.changes
                .push_back(Change::Tell(how(partitions.clone())));
            self.changes.push_back(Change::Release(partitions));
        }
    }

    /// Takes the steps up to the next one that the user is told of.
    pub(super) async fn take_steps(&mut self) -> Result<Option<Polled>, ConsumeError> {
        while let Some(change) = self.changes.front() {
            if matches!(change, Change::Commit) {
                // Only when it is done the step is taken: a poll may be dropped meanwhile.
                self.commit_before_change().await;
            }
            let Some(change) = self.changes.pop_front() else {
                break;
            };
            match change {
                Change::Commit => {}
                Change::Tell(polled) => return Ok(Some(polled)),
                Change::Release(partitions) => {
                    self.partitions.remove(&partitions);
                    self.declare_owned();
                }
                Change::Adopt(partitions) => self.partitions.add(partitions, Stage::Committed),
                Change::Fail(error) => {
                    // Joining again would only throw out the successor in turn.
                    if matches!(error, GroupError::Fenced { .. }) {
                        self.changes.push_front(Change::Fail(error.clone()));
                    }
                    return Err(error.into());
                }
                Change::Prepared(round) => {
                    self.with_membership(|membership| membership.prepared(round))
                }
                Change::Rejoin(reason) => {
                    self.with_membership(|membership| membership.rejoin(reason))
                }
                Change::Join => self.with_membership(crate::group::Membership::join),
            }
        }
        Ok(None)
    }

    /// What is held now goes along with the next join.
    fn declare_owned(&self) {
        if let Some(side) = &self.side {
            let generation = side.membership.identity().generation;
            side.protocol.own(self.partitions.names(), generation);
        }
    }

    fn with_membership(&self, act: impl FnOnce(&crate::group::Membership)) {
        if let Some(side) = &self.side {
            act(&side.membership);
        }
    }
}
