//! The state machine driven step by step: a table of groups, a clock that stands still, a list instead of a log.

mod joining;
mod offsets;
mod random;
mod rebalancing;
mod restart;
mod statics;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use millrace_wire::error_code::ErrorCode;

use super::group::{
    Answer, CommitOffset, CommitRequest, Effects, Group, JoinAnswer, JoinRequest, MemberRef,
    Protocol, State, Step, SyncAnswer, SyncRequest, Ticket,
};
use super::groups::Groups;
use super::record::Change;
use super::{GroupSettings, Now};

const GROUP: &str = "g";
const SESSION_MS: i32 = 10_000;
const REBALANCE_MS: i32 = 30_000;

/// The coordinator with everything around it replaced by values.
struct Bench {
    groups: Groups,
    settings: GroupSettings,
    now: Now,
    tickets: u64,
    waiting: BTreeSet<Ticket>,
    answers: BTreeMap<Ticket, Answer>,
    log: Vec<Change>,
}

impl Bench {
    fn new() -> Bench {
        Bench {
            groups: Groups::default(),
            settings: GroupSettings::default(),
            now: Now {
                wall_ms: 1_000_000,
                monotonic: Duration::from_secs(100),
            },
            tickets: 0,
            waiting: BTreeSet::new(),
            answers: BTreeMap::new(),
            log: Vec::new(),
        }
    }

    /// A bench with a stable group in generation 1 of dynamic members, the first of them the leader.
    fn stable(members: usize) -> (Bench, Vec<String>) {
        let mut bench = Bench::new();
        let ids: Vec<String> = (0..members).map(|_| bench.admit()).collect();
        bench.settings.initial_rebalance_delay = Duration::from_secs(1);
        for id in &ids {
            bench.rejoin(id);
        }
        bench.pass(Duration::from_secs(2));
        bench.settings.initial_rebalance_delay = Duration::ZERO;
        bench.sync_all(&ids, 1);
        assert_eq!(bench.group().state(), State::Stable);
        (bench, ids)
    }

    fn step(&self) -> Step<'_> {
        Step {
            settings: &self.settings,
            now: self.now,
        }
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.waiting.insert(ticket);
        ticket
    }

    /// Does what the shell does: stores the changes, sends the answers.
    fn take(&mut self, effects: Effects) {
        self.log.extend(effects.changes);
        for (ticket, answer) in effects.answers {
            assert!(self.waiting.remove(&ticket), "{ticket:?} is answered twice");
            self.answers.insert(ticket, answer);
        }
    }

    fn join_group(&mut self, group: &str, request: JoinRequest) -> Ticket {
        let ticket = self.ticket();
        let mut effects = Effects::default();
        let step = Step {
            settings: &self.settings,
            now: self.now,
        };
        self.groups.join(group, request, ticket, step, &mut effects);
        self.take(effects);
        ticket
    }

    fn join(&mut self, request: JoinRequest) -> Ticket {
        let fresh = format!("u{}", self.tickets);
        self.join_group(GROUP, JoinRequest { fresh, ..request })
    }

    /// Gets an id for a new dynamic member.
    fn admit(&mut self) -> String {
        let ticket = self.join(dynamic());
        let answer = self.joined(ticket);
        assert_eq!(answer.outcome, Err(ErrorCode::MEMBER_ID_REQUIRED));
        answer.member_id
    }

    fn rejoin(&mut self, id: &str) -> Ticket {
        self.join(JoinRequest {
            member_id: id.to_owned(),
            ..dynamic()
        })
    }

    fn sync(&mut self, request: SyncRequest) -> Ticket {
        let ticket = self.ticket();
        let mut effects = Effects::default();
        let step = Step {
            settings: &self.settings,
            now: self.now,
        };
        self.groups.sync(GROUP, request, ticket, step, &mut effects);
        self.take(effects);
        ticket
    }

    /// Everyone syncs, the first as leader with an assignment for each that is its own id.
    fn sync_all(&mut self, ids: &[String], generation: i32) {
        let leader = self.group_leader();
        for id in ids {
            let assignments = if *id == leader {
                ids.iter()
                    .map(|id| (id.clone(), Bytes::from(id.clone())))
                    .collect()
            } else {
                BTreeMap::new()
            };
            self.sync(SyncRequest {
                assignments,
                ..sync(id, generation)
            });
        }
    }

    fn group_leader(&self) -> String {
        self.answers
            .values()
            .rev()
            .find_map(|answer| match answer {
                Answer::Join(join) if join.outcome.is_ok() => Some(join.leader.clone()),
                _ => None,
            })
            .unwrap()
    }

    fn heartbeat(&mut self, id: &str, generation: i32) -> Result<(), ErrorCode> {
        self.heartbeat_as(&member(id), generation)
    }

    fn heartbeat_as(&mut self, member: &MemberRef, generation: i32) -> Result<(), ErrorCode> {
        let step = Step {
            settings: &self.settings,
            now: self.now,
        };
        self.groups.heartbeat(GROUP, member, generation, step)
    }

    fn leave(&mut self, members: &[MemberRef]) -> Vec<Result<(), ErrorCode>> {
        let mut effects = Effects::default();
        let step = Step {
            settings: &self.settings,
            now: self.now,
        };
        let outcomes = self
            .groups
            .leave(GROUP, members, step, &mut effects)
            .unwrap();
        self.take(effects);
        outcomes
    }

    fn commit_to(
        &mut self,
        group: &str,
        request: CommitRequest,
    ) -> Result<Vec<Result<(), ErrorCode>>, ErrorCode> {
        let mut changes = Vec::new();
        let step = Step {
            settings: &self.settings,
            now: self.now,
        };
        let outcome = self.groups.commit(group, request, true, step, &mut changes);
        self.apply(changes);
        outcome
    }

    fn apply(&mut self, changes: Vec<Change>) {
        for change in changes {
            self.log.push(change.clone());
            let step = Step {
                settings: &self.settings,
                now: self.now,
            };
            self.groups.apply(change, step);
        }
    }

    /// Lets time pass, calling the group whenever it asked to be called.
    fn pass(&mut self, time: Duration) {
        let end = self.now.monotonic + time;
        loop {
            let due = self.groups.deadline(GROUP).filter(|due| *due <= end);
            let to = due.unwrap_or(end).max(self.now.monotonic);
            self.now.wall_ms += (to - self.now.monotonic).as_millis() as i64;
            self.now.monotonic = to;
            if due.is_none() {
                return;
            }
            self.tick();
            let next = self.groups.deadline(GROUP);
            assert!(
                next.is_none_or(|next| next > to),
                "a tick leaves its work undone"
            );
        }
    }

    fn tick(&mut self) {
        let mut effects = Effects::default();
        let step = Step {
            settings: &self.settings,
            now: self.now,
        };
        self.groups.tick(GROUP, step, &mut effects);
        self.take(effects);
    }

    fn group(&self) -> &Group {
        self.groups.get(GROUP).unwrap()
    }

    fn waits(&self, ticket: Ticket) -> bool {
        self.waiting.contains(&ticket)
    }

    fn joined(&self, ticket: Ticket) -> JoinAnswer {
        match self.answers.get(&ticket) {
            Some(Answer::Join(join)) => join.clone(),
            other => panic!("no join answer for {ticket:?} but {other:?}"),
        }
    }

    fn synced(&self, ticket: Ticket) -> SyncAnswer {
        match self.answers.get(&ticket) {
            Some(Answer::Sync(sync)) => sync.clone(),
            other => panic!("no sync answer for {ticket:?} but {other:?}"),
        }
    }

    /// A new coordinator that has read the log of this one.
    fn restarted(&self) -> Bench {
        let mut bench = Bench {
            now: self.now,
            ..Bench::new()
        };
        for change in &self.log {
            let (key, value) = change.encode();
            let read = Change::decode(&key, value.as_deref()).unwrap().unwrap();
            assert_eq!(&read, change);
            bench.groups.apply(
                read,
                Step {
                    settings: &self.settings,
                    now: self.now,
                },
            );
        }
        bench
    }
}

/// A join of a new dynamic consumer.
fn dynamic() -> JoinRequest {
    JoinRequest {
        member_id: String::new(),
        instance_id: None,
        fresh: "u".into(),
        client_id: "c".into(),
        client_host: "/127.0.0.1".into(),
        session_timeout_ms: SESSION_MS,
        rebalance_timeout_ms: REBALANCE_MS,
        protocol_type: "consumer".into(),
        protocols: protocols(&["range"]),
        two_phase: true,
        can_skip_assignment: true,
    }
}

/// Offers whose metadata subscribe to the topic `t`.
fn protocols(names: &[&str]) -> Vec<Protocol> {
    names
        .iter()
        .map(|name| Protocol {
            name: (*name).to_owned(),
            metadata: subscription("t"),
        })
        .collect()
}

fn subscription(topic: &str) -> Bytes {
    let mut bytes = vec![0, 0, 0, 0, 0, 1, 0, topic.len() as u8];
    bytes.extend_from_slice(topic.as_bytes());
    bytes.into()
}

fn sync(id: &str, generation: i32) -> SyncRequest {
    SyncRequest {
        member: member(id),
        generation,
        protocol_type: Some("consumer".into()),
        protocol: Some("range".into()),
        assignments: BTreeMap::new(),
    }
}

fn member(id: &str) -> MemberRef {
    MemberRef {
        member_id: id.to_owned(),
        instance_id: None,
    }
}

fn commit(member: MemberRef, generation: i32, offset: i64) -> CommitRequest {
    CommitRequest {
        member,
        generation,
        retention_ms: None,
        offsets: vec![CommitOffset {
            topic: "t".into(),
            partition: 0,
            offset,
            leader_epoch: -1,
            metadata: String::new(),
        }],
    }
}
