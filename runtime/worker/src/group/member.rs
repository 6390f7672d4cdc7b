//! A worker as a member of its group: what it offers, and how it divides the work when it leads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use millrace_client::group::{AssignError, GroupProtocol, Joined, Member, Offer};
use millrace_wire::clock::Clock;

use super::cooperative::{Cooperative, Round};
use super::eager;
use super::protocol::{Assignment, CONFIG_MISMATCH, Metadata, Version};
use super::work::{Item, Work};

/// What the configurations say, as far as the worker has read them.
pub(crate) trait Configured: Send + Sync + std::fmt::Debug {
    /// The offset behind the last configuration record, and all connectors and tasks.
    fn configured(&self) -> (i64, Work);
}

/// Who had the work before.
pub(crate) trait Predecessors: Send + Sync + std::fmt::Debug {
    /// The ids of the workers that connectors and tasks were last said to be at.
    fn workers(&self) -> BTreeSet<String>;
}

/// What the leader knows of the others since it last divided the work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Roster {
    /// Each member's URL and its work, by member id.
    pub(crate) members: BTreeMap<String, (String, Work)>,
}

impl Roster {
    /// The URL of the member that has an item.
    pub(crate) fn owner(&self, item: &Item) -> Option<&str> {
        let mut members = self.members.values();
        members
            .find(|(_, work)| work.contains(item))
            .map(|(url, _)| url.as_str())
    }
}

#[derive(Debug)]
struct Inner {
    /// What this worker has, as it reports it; none before its first assignment.
    allocation: Option<Assignment>,
    leader: Cooperative,
    /// Set by a division, taken when its generation is complete here.
    divided: Option<Roster>,
    /// Whether the last division's generation was completed here.
    was_delivered: bool,
    roster: Roster,
}

/// The `connect` protocol of one worker.
#[derive(Debug)]
pub(crate) struct ConnectProtocol {
    url: String,
    best: Version,
    max_delay: Duration,
    configured: Arc<dyn Configured>,
    predecessors: Arc<dyn Predecessors>,
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

impl ConnectProtocol {
    pub(crate) fn new(
        url: String,
        best: Version,
        max_delay: Duration,
        configured: Arc<dyn Configured>,
        predecessors: Arc<dyn Predecessors>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            url,
            best,
            max_delay,
            configured,
            predecessors,
            clock,
            inner: Mutex::new(Inner {
                allocation: None,
                leader: Cooperative::new(max_delay),
                divided: None,
                was_delivered: false,
                roster: Roster::default(),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this worker reports that it has from now on.
    pub(crate) fn report(&self, last: &Assignment, held: &Work) {
        self.lock().allocation = Some(Assignment {
            assigned: held.clone(),
            revoked: Work::new(),
            ..last.clone()
        });
    }

    /// This worker has nothing any more.
    pub(crate) fn report_nothing(&self) {
        self.lock().allocation = None;
    }

    /// A generation is complete here. What a leader remembers ends with its leadership.
    pub(crate) fn completed(&self, joined: &Joined) {
        let mut inner = self.lock();
        let divided = inner.divided.take();
        if joined.is_leader() {
            inner.was_delivered = divided.is_some();
            if let Some(roster) = divided {
                inner.roster = roster;
            }
        } else {
            inner.leader = Cooperative::new(self.max_delay);
            inner.was_delivered = false;
            inner.roster = Roster::default();
        }
    }

    /// Who has what, if this worker leads.
    pub(crate) fn roster(&self) -> Roster {
        self.lock().roster.clone()
    }

    fn divide(
        &self,
        version: Version,
        leader: &str,
        members: &BTreeMap<String, Metadata>,
    ) -> Vec<(String, Bytes)> {
        let (config_offset, configured) = self.configured.configured();
        let farthest = members
            .values()
            .map(|member| member.config_offset)
            .max()
            .unwrap_or(config_offset);
        let mut template = Assignment {
            leader: leader.to_owned(),
            leader_url: self.url.clone(),
            config_offset,
            ..Assignment::default()
        };
        if config_offset < farthest {
            template.error = CONFIG_MISMATCH;
            template.config_offset = farthest;
            let bytes = template.encode(version);
            let all = members.keys().map(|id| (id.clone(), bytes.clone()));
            return all.collect();
        }
        let mut inner = self.lock();
        let (shares, assignments) = if version == Version::Eager {
            let shares = eager::divide(members.keys().map(String::as_str), &configured);
            let whole = |(id, work): (&String, &Work)| {
                let assigned = work.clone();
                let assignment = Assignment {
                    assigned,
                    ..template.clone()
                };
                (id.clone(), assignment)
            };
            let assignments: Vec<_> = shares.iter().map(whole).collect();
            (shares, assignments)
        } else {
            let held = |member: &Metadata| {
                let allocation = member.allocation.as_ref();
                allocation.map_or_else(Work::new, |held| held.assigned.clone())
            };
            let reported = members
                .iter()
                .map(|(id, member)| (id.clone(), held(member)))
                .collect();
            let was_delivered = inner.was_delivered;
            let living: BTreeSet<&str> = members
                .values()
                .map(|member| worker_id(&member.url))
                .collect();
            let mut before = self.predecessors.workers().into_iter();
            let is_one_missing = before.any(|worker| !living.contains(&*worker));
            let division = inner.leader.divide(Round {
                reported: &reported,
                configured: &configured,
                was_delivered,
                is_one_missing,
                now: self.clock.monotonic(),
            });
            let delay_ms = i32::try_from(division.delay.as_millis()).unwrap_or(i32::MAX);
            let change = |(id, change): (String, super::cooperative::Change)| {
                let assignment = Assignment {
                    assigned: change.assigned,
                    revoked: change.revoked,
                    delay_ms,
                    ..template.clone()
                };
                (id, assignment)
            };
            let assignments = division.changes.into_iter().map(change).collect();
            (division.shares, assignments)
        };
        inner.was_delivered = false;
        let url = |id: &String| members.get(id).map_or("", |member| &member.url).to_owned();
        inner.divided = Some(Roster {
            members: shares
                .into_iter()
                .map(|(id, work)| (id.clone(), (url(&id), work)))
                .collect(),
        });
        let encoded = assignments
            .into_iter()
            .map(|(id, assignment)| (id, assignment.encode(version)));
        encoded.collect()
    }
}

/// The worker's id by its URL: host and port.
pub(crate) fn worker_id(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.trim_end_matches('/')
}

#[async_trait]
impl GroupProtocol for ConnectProtocol {
    fn protocol_type(&self) -> &'static str {
        "connect"
    }

    fn offers(&self) -> Vec<Offer> {
        let (config_offset, _) = self.configured.configured();
        let metadata = Metadata {
            url: self.url.clone(),
            config_offset,
            allocation: self.lock().allocation.clone(),
        };
        let offer = |version: Version| Offer {
            name: version.name().to_owned(),
            metadata: metadata.encode(version),
        };
        self.best.offered().map(offer).collect()
    }

    async fn assign(
        &self,
        protocol: &str,
        own: &str,
        members: Vec<Member>,
    ) -> Result<Vec<(String, Bytes)>, AssignError> {
        let refused = |reason: String| AssignError {
            reason,
            retriable: false,
        };
        let version = Version::named(protocol)
            .ok_or_else(|| refused(format!("the protocol {protocol} is not known")))?;
        let mut known = BTreeMap::new();
        for member in members {
            let metadata = Metadata::decode(&member.metadata)
                .map_err(|error| refused(format!("member {}: {error}", member.id)))?;
            known.insert(member.id, metadata);
        }
        Ok(self.divide(version, own, &known))
    }
}
