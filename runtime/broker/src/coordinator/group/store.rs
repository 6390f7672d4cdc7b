//! What of a group is stored, and how it comes back.

use super::member::Member;
use super::members::Members;
use super::{Effects, Group, State};
use crate::coordinator::Now;
use crate::coordinator::record::{Change, GroupValue, OffsetValue};

impl Group {
    /// Asks for the current generation to be stored.
    pub(super) fn store(&mut self, effects: &mut Effects) {
        self.is_stored = true;
        effects.changes.push(Change::Group {
            group: self.id.clone(),
            value: Some(GroupValue {
                protocol_type: self.protocol_type().to_owned(),
                generation: self.generation,
                protocol: self.protocol.clone(),
                leader: self.leader.clone(),
                state_ms: self.state_ms,
                members: self
                    .members
                    .iter()
                    .map(|member| member.store(self.protocol()))
                    .collect(),
            }),
        });
    }

    /// Takes over a stored generation; sessions start at `now`.
    pub(crate) fn restore(&mut self, value: GroupValue, now: Now) {
        self.is_stored = true;
        self.state = if value.members.is_empty() {
            State::Empty
        } else {
            State::Stable
        };
        self.state_ms = value.state_ms;
        self.generation = value.generation;
        self.protocol_type = Some(value.protocol_type).filter(|name| !name.is_empty());
        self.protocol = value.protocol;
        self.leader = value.leader;
        self.members = Members::default();
        for member in value.members {
            self.members
                .insert(Member::restore(member, self.protocol.as_deref(), now));
        }
        self.topics = self.subscribed_topics();
        self.join_phase = None;
        self.sync_ends = None;
    }

    /// Forgets the generation, keeping the offsets: what a tombstone of the group says.
    pub(crate) fn forget_generation(&mut self, now: Now) {
        let offsets = std::mem::take(&mut self.offsets);
        *self = Group::new(&self.id, now);
        self.is_stored = !offsets.is_empty();
        self.offsets = offsets;
    }

    /// Sets, or forgets, an offset that is stored.
    pub(crate) fn apply_offset(
        &mut self,
        topic: String,
        partition: i32,
        value: Option<OffsetValue>,
    ) {
        self.is_stored |= value.is_some();
        self.offsets.set(topic, partition, value);
    }
}
