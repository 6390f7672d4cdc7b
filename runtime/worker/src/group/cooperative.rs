//! The incremental division (KIP-415): who keeps what, who gives up what, who takes up what.
//!
//! One round is a pure function of what the members report, the configured work, the time, and what the leader
//! remembers of earlier rounds ([`Cooperative`]), which is lost with leadership. Work moves in two rounds: one revokes
//! it, the next assigns it. Work of a member that is gone waits up to `scheduled.rebalance.max.delay.ms` for its
//! return.
//!
//! Where a whole group starts, its workers come one by one. The first would get everything, start it and give most of it
//! up again; so nothing is dealt out for a moment while workers that had the work before are missing. That is our own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::work::{Item, Work};

/// The base of the pause between revocations in consecutive rounds, in milliseconds.
const BACKOFF_BASE_MS: u64 = 40;

/// How long a group that starts waits for the workers that it had, at most.
const GATHER: Duration = Duration::from_secs(1);

/// What the leader remembers between rounds.
#[derive(Debug)]
pub(crate) struct Cooperative {
    max_delay: Duration,
    previous: Work,
    previously_revoked: Work,
    previous_members: BTreeSet<String>,
    /// When lost work is dealt out, or revocations may go on; none where nothing is scheduled.
    scheduled: Option<Duration>,
    delay: Duration,
    /// Members that had nothing while lost work waited: they may be its owners come back.
    candidates: BTreeSet<String>,
    revoked_in_previous: bool,
    successive: u32,
    start: Start,
}

/// How far the start of a group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Before,
    /// Until then others are waited for.
    Gathering(Duration),
    Over,
}

/// What is known at the beginning of a round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round<'a> {
    /// What each member says that it has.
    pub(crate) reported: &'a BTreeMap<String, Work>,
    /// All work that there is.
    pub(crate) configured: &'a Work,
    /// Whether the last division reached its members as far as the leader knows.
    pub(crate) was_delivered: bool,
    /// Whether a worker is missing that had some of the work before the group started.
    pub(crate) is_one_missing: bool,
    /// Monotonic time.
    pub(crate) now: Duration,
}

/// The outcome for one member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) assigned: Work,
    pub(crate) revoked: Work,
}

/// The outcome of a round.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Division {
    /// What changes for each member.
    pub(crate) changes: BTreeMap<String, Change>,
    /// What each has when the round is over.
    pub(crate) shares: BTreeMap<String, Work>,
    /// When all join again; zero for not at all.
    pub(crate) delay: Duration,
}

impl Cooperative {
    /// A leader without a past.
    pub(crate) fn new(max_delay: Duration) -> Self {
        Self {
            max_delay,
            previous: Work::new(),
            previously_revoked: Work::new(),
            previous_members: BTreeSet::new(),
            scheduled: None,
            delay: Duration::ZERO,
            candidates: BTreeSet::new(),
            revoked_in_previous: false,
            successive: 0,
            start: Start::Before,
        }
    }

    /// Divides the work of one generation.
    pub(crate) fn divide(&mut self, round: Round<'_>) -> Division {
        if !round.was_delivered {
            self.previous.clear();
        }
        if let Some(delay) = self.gathers(&round) {
            let nothing = |id: &String| (id.clone(), Work::new());
            let changes = |id: &String| (id.clone(), Change::default());
            return Division {
                changes: round.reported.keys().map(changes).collect(),
                shares: round.reported.keys().map(nothing).collect(),
                delay,
            };
        }
        let active: Work = round.reported.values().flatten().cloned().collect();
        let revoked = std::mem::take(&mut self.previously_revoked);
        if !revoked.is_disjoint(&active) {
            self.previous.clone_from(&active);
        }
        let gone: Work = &self.previous - round.configured;
        let lost: Work = &(&self.previous - &active) - &gone;
        let created: Work = &(round.configured - &self.previous) - &active;
        let stale: Work = &(&active - round.configured) | &duplicated(round.reported);

        let mut shares: BTreeMap<String, Work> = round
            .reported
            .iter()
            .map(|(id, work)| (id.clone(), work - &stale))
            .collect();
        let mut new = created;
        let still_lost = self.handle_lost(&round, &lost, &mut shares, &mut new);
        let surplus = self.balance(&round, &shares);
        for (id, work) in &surplus {
            if let Some(share) = shares.get_mut(id) {
                *share = &*share - work;
            }
        }
        deal(&mut shares, &new);

        let mut changes = BTreeMap::new();
        for (id, share) in &shares {
            let reported = &round.reported[id];
            let change = Change {
                assigned: share - reported,
                revoked: reported - share,
            };
            self.previously_revoked.extend(change.revoked.clone());
            changes.insert(id.clone(), change);
        }
        self.previous = shares.values().flatten().cloned().collect();
        self.previous.extend(still_lost);
        self.previous_members = shares.keys().cloned().collect();
        Division {
            changes,
            shares,
            delay: self.delay,
        }
    }

    /// For how long nothing is dealt out yet because the group has just started; none when it is to be.
    fn gathers(&mut self, round: &Round<'_>) -> Option<Duration> {
        let is_new = round.reported.values().all(Work::is_empty);
        let end = match self.start {
            Start::Before => round.now + GATHER.min(self.max_delay),
            Start::Gathering(end) => end,
            Start::Over => return None,
        };
        if is_new && round.is_one_missing && round.now < end && !round.configured.is_empty() {
            self.start = Start::Gathering(end);
            return Some(end - round.now);
        }
        self.start = Start::Over;
        None
    }

    /// Decides about work that nobody has any more: it waits, goes to those who may have come back, or is dealt out
    /// like new work. Gives what goes on waiting.
    fn handle_lost(
        &mut self,
        round: &Round<'_>,
        lost: &Work,
        shares: &mut BTreeMap<String, Work>,
        new: &mut Work,
    ) -> Work {
        let nothing = Work::new();
        let waits_for_nothing = lost.is_empty() && self.scheduled.is_none();
        if waits_for_nothing || (lost.is_empty() && !self.revoked_in_previous) {
            self.reset_delay();
            return nothing;
        }
        let nobody_left = self
            .previous_members
            .iter()
            .all(|id| round.reported.contains_key(id));
        if (self.scheduled.is_none() && nobody_left) || self.max_delay.is_zero() {
            new.extend(lost.iter().cloned());
            return nothing;
        }
        match self.scheduled {
            Some(at) if round.now >= at => {
                let back: Vec<String> = self
                    .candidates
                    .iter()
                    .filter(|id| shares.contains_key(*id))
                    .cloned()
                    .collect();
                if back.is_empty() {
                    new.extend(lost.iter().cloned());
                } else {
                    hand_back(lost, &back, shares);
                }
                self.reset_delay();
                self.revoked_in_previous = false;
                nothing
            }
            scheduled => {
                let idle = shares.iter().filter(|(_, share)| share.is_empty());
                self.candidates.extend(idle.map(|(id, _)| id.clone()));
                self.delay = scheduled.map_or(self.max_delay, |at| at.saturating_sub(round.now));
                self.scheduled = Some(round.now + self.delay);
                lost.clone()
            }
        }
    }

    fn reset_delay(&mut self) {
        self.delay = Duration::ZERO;
        self.scheduled = None;
        self.candidates.clear();
    }

    /// What is revoked so that others get their part; nothing while a delay runs.
    fn balance(
        &mut self,
        round: &Round<'_>,
        shares: &BTreeMap<String, Work>,
    ) -> BTreeMap<String, Work> {
        if !self.delay.is_zero() {
            self.revoked_in_previous = false;
            return BTreeMap::new();
        }
        let mut surplus = surplus(round.configured, shares, true);
        for (id, tasks) in self::surplus(round.configured, shares, false) {
            surplus.entry(id).or_default().extend(tasks);
        }
        if surplus.is_empty() {
            if self.revoked_in_previous {
                self.revoked_in_previous = false;
                self.successive = 0;
            }
            return surplus;
        }
        if !self.revoked_in_previous {
            self.revoked_in_previous = true;
            return surplus;
        }
        self.successive = self.successive.saturating_add(1);
        let pause = Duration::from_millis(BACKOFF_BASE_MS.saturating_pow(self.successive));
        self.delay = pause.min(self.max_delay);
        if self.delay.is_zero() {
            return surplus;
        }
        self.scheduled = Some(round.now + self.delay);
        BTreeMap::new()
    }
}

/// What more than one member says that it has.
fn duplicated(reported: &BTreeMap<String, Work>) -> Work {
    let mut seen = BTreeSet::new();
    let items = reported.values().flatten();
    items.filter(|item| !seen.insert(*item)).cloned().collect()
}

/// Gives lost work to members in turns, connectors and tasks each beginning with the first.
fn hand_back(lost: &Work, back: &[String], shares: &mut BTreeMap<String, Work>) {
    let (connectors, tasks): (Vec<&Item>, Vec<&Item>) =
        lost.iter().partition(|item| item.is_connector());
    for items in [connectors, tasks] {
        for (item, id) in items.into_iter().zip(back.iter().cycle()) {
            shares.entry(id.clone()).or_default().insert(item.clone());
        }
    }
}

/// What members of one kind of work have beyond an even part.
fn surplus(
    configured: &Work,
    shares: &BTreeMap<String, Work>,
    connectors: bool,
) -> BTreeMap<String, Work> {
    let of_kind = |item: &&Item| item.is_connector() == connectors;
    let total = configured.iter().filter(of_kind).count();
    let members = shares.len().max(1);
    let floor = total / members;
    let mut extras = total % members;
    let mut surplus = BTreeMap::new();
    for (id, share) in shares {
        let held: Vec<&Item> = share.iter().filter(of_kind).collect();
        if held.len() <= floor {
            continue;
        }
        let keeps = if extras > 0 { floor + 1 } else { floor };
        extras = extras.saturating_sub(1);
        let given_up = held.len().saturating_sub(keeps);
        if given_up > 0 {
            let given_up = held.into_iter().take(given_up).cloned();
            surplus.insert(id.clone(), given_up.collect());
        }
    }
    surplus
}

/// Deals work to the members that have least of its kind.
fn deal(shares: &mut BTreeMap<String, Work>, new: &Work) {
    for connectors in [true, false] {
        let mut by_load: BTreeSet<(usize, String)> = shares
            .iter()
            .map(|(id, share)| {
                let held = share
                    .iter()
                    .filter(|item| item.is_connector() == connectors);
                (held.count(), id.clone())
            })
            .collect();
        for item in new.iter().filter(|item| item.is_connector() == connectors) {
            let Some((load, id)) = by_load.pop_first() else {
                return;
            };
            if let Some(share) = shares.get_mut(&id) {
                share.insert(item.clone());
            }
            by_load.insert((load + 1, id));
        }
    }
}
