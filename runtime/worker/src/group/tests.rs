use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::cooperative::{Cooperative, Division, Round};
use super::eager;
use super::protocol::{Assignment, Metadata, Version};
use super::work::{Item, Work};

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn work(connectors: &[&str], tasks: &[(&str, u32)]) -> Work {
    let tasks = tasks
        .iter()
        .map(|(name, task)| Item::Task((*name).into(), *task));
    connectors
        .iter()
        .map(|name| Item::Connector((*name).into()))
        .chain(tasks)
        .collect()
}

fn assignment(assigned: Work, revoked: Work, delay_ms: i32, error: i16) -> Assignment {
    Assignment {
        error,
        leader: "w1-id".to_owned(),
        leader_url: "http://w1:8083/".to_owned(),
        config_offset: 7,
        assigned,
        revoked,
        delay_ms,
    }
}

/// The vectors were made by the Java classes.
#[test]
fn bytes_are_those_of_kafka_connect() {
    let assigned = assignment(work(&["a"], &[("a", 0), ("a", 1)]), Work::new(), 0, 0);
    let assigned_bytes = "00020000000577312d6964000f687474703a2f2f77313a383038332f00000000000000070000000100016100000003ffffffff00000000000000010000000000000000";
    let first = "000f687474703a2f2f77313a383038332f0000000000000007";
    let metadata = |allocation| Metadata {
        url: "http://w1:8083/".to_owned(),
        config_offset: 7,
        allocation,
    };
    let cases = [
        (
            Version::Sessioned,
            metadata(None),
            format!("0002{first}ffffffff"),
        ),
        (
            Version::Compatible,
            metadata(None),
            format!("0001{first}ffffffff"),
        ),
        (Version::Eager, metadata(None), format!("0000{first}")),
        (
            Version::Sessioned,
            metadata(Some(assigned.clone())),
            format!("0002{first}00000043{assigned_bytes}"),
        ),
    ];
    for (version, metadata, expected) in cases {
        let bytes = hex(&expected);
        assert_eq!(metadata.encode(version), bytes);
        assert_eq!(Metadata::decode(&bytes).unwrap(), metadata);
    }
    let revoking = assignment(Work::new(), work(&["b"], &[("b", 0)]), 300_000, 0);
    let eager = assignment(work(&["a"], &[("a", 0)]), Work::new(), 0, 1);
    for (version, assignment, expected) in [
        (Version::Sessioned, assigned, assigned_bytes),
        (
            Version::Compatible,
            revoking,
            "00010000000577312d6964000f687474703a2f2f77313a383038332f000000000000000700000000\
             0000000100016200000002ffffffff00000000000493e0",
        ),
        (
            Version::Eager,
            eager,
            "00000001000577312d6964000f687474703a2f2f77313a383038332f0000000000000007\
             0000000100016100000002ffffffff00000000",
        ),
    ] {
        let bytes = hex(expected);
        assert_eq!(assignment.encode(version), bytes);
        assert_eq!(Assignment::decode(&bytes).unwrap(), assignment);
    }
}

#[test]
fn what_is_cut_off_is_an_error_and_not_a_panic() {
    let whole =
        assignment(work(&["a"], &[("a", 0)]), work(&["b"], &[]), 5, 0).encode(Version::Sessioned);
    for len in 0..whole.len() {
        drop(Assignment::decode(&whole[..len]));
        drop(Metadata::decode(&whole[..len]));
    }
    // The delay and what is revoked may be missing.
    assert!(Assignment::decode(&whole[..whole.len() - 4]).is_ok());
}

#[test]
fn the_eager_division_deals_in_turns() {
    let configured = work(&["a", "b", "c"], &[("a", 0), ("a", 1), ("b", 0)]);
    let shares = eager::divide(["w2", "w1"].into_iter(), &configured);
    assert_eq!(shares["w1"], work(&["a", "c"], &[("a", 1)]));
    assert_eq!(shares["w2"], work(&["b"], &[("a", 0), ("b", 0)]));
}

/// A group of members whose leader is asked again and again.
struct Group {
    leader: Cooperative,
    members: BTreeMap<String, Work>,
    configured: Work,
    now: Duration,
    delivered: bool,
    is_one_missing: bool,
}

impl Group {
    fn new(max_delay_ms: u64, connectors: u32, tasks: u32) -> Self {
        let mut configured = Work::new();
        for connector in 0..connectors {
            let name: std::sync::Arc<str> = format!("c{connector}").into();
            configured.insert(Item::Connector(name.clone()));
            configured.extend((0..tasks).map(|task| Item::Task(name.clone(), task)));
        }
        Self {
            leader: Cooperative::new(Duration::from_millis(max_delay_ms)),
            members: BTreeMap::new(),
            configured,
            now: Duration::from_secs(1),
            delivered: false,
            is_one_missing: false,
        }
    }

    /// One generation; the members do what they are told.
    fn round(&mut self) -> Division {
        let division = self.leader.divide(Round {
            is_one_missing: self.is_one_missing,
            reported: &self.members,
            configured: &self.configured,
            was_delivered: self.delivered,
            now: self.now,
        });
        self.members.clone_from(&division.shares);
        self.delivered = true;
        division
    }

    /// Generations until nothing is revoked; the delay of the last.
    fn settle(&mut self) -> Duration {
        loop {
            let division = self.round();
            if division
                .changes
                .values()
                .all(|change| change.revoked.is_empty())
            {
                return division.delay;
            }
        }
    }

    fn join(&mut self, id: &str) {
        self.members.insert(id.to_owned(), Work::new());
    }

    /// How many connectors and tasks the members have, each sorted.
    fn loads(&self) -> (Vec<usize>, Vec<usize>) {
        let mut counts: [Vec<usize>; 2] = [true, false].map(|kind| {
            let of_kind = |share: &Work| {
                share
                    .iter()
                    .filter(|item| item.is_connector() == kind)
                    .count()
            };
            self.members.values().map(of_kind).collect()
        });
        counts.iter_mut().for_each(|counts| counts.sort_unstable());
        let [connectors, tasks] = counts;
        (connectors, tasks)
    }
}

#[test]
fn a_group_that_starts_waits_a_moment_for_the_workers_that_it_had() {
    let mut group = Group::new(300_000, 2, 4);
    group.is_one_missing = true;
    group.join("w1");
    assert_eq!(group.round().delay, Duration::from_secs(1));
    group.now += Duration::from_millis(200);
    group.join("w2");
    let division = group.round();
    assert_eq!(division.delay, Duration::from_millis(800));
    assert_eq!(group.loads(), (vec![0, 0], vec![0, 0]));
    group.is_one_missing = false;
    group.join("w3");
    assert_eq!(group.settle(), Duration::ZERO);
    assert_eq!(group.loads(), (vec![0, 1, 1], vec![2, 3, 3]));
    // Who is missing later is no matter of the start.
    group.is_one_missing = true;
    assert_eq!(group.settle(), Duration::ZERO);

    let mut alone = Group::new(300_000, 1, 1);
    alone.is_one_missing = true;
    alone.join("w1");
    assert_eq!(alone.round().delay, Duration::from_secs(1));
    alone.now += Duration::from_secs(1);
    assert_eq!(alone.round().delay, Duration::ZERO);
    assert_eq!(alone.loads(), (vec![1], vec![1]));
}

#[test]
fn lost_work_waits_for_its_member_and_then_moves() {
    let mut group = Group::new(300_000, 2, 4);
    group.join("w1");
    group.join("w2");
    assert_eq!(group.settle(), Duration::ZERO);
    assert_eq!(group.loads(), (vec![1, 1], vec![4, 4]));
    let kept = group.members["w1"].clone();
    group.members.remove("w2");
    assert_eq!(group.round().delay, Duration::from_secs(300));
    assert_eq!(group.members["w1"], kept);
    group.now += Duration::from_secs(150);
    assert_eq!(group.round().delay, Duration::from_secs(150));
    group.now += Duration::from_secs(150);
    assert_eq!(group.round().delay, Duration::ZERO);
    assert_eq!(group.loads(), (vec![2], vec![8]));
}

#[test]
fn a_member_that_comes_back_in_time_gets_its_own_back_and_nothing_else_moves() {
    let mut group = Group::new(300_000, 2, 4);
    group.join("w1");
    group.join("w2");
    group.settle();
    let before = group.members.clone();
    group.members.remove("w2");
    group.round();
    group.now += Duration::from_secs(100);
    group.join("w2-again");
    let division = group.round();
    assert_eq!(division.delay, Duration::from_secs(200));
    assert!(
        division
            .changes
            .values()
            .all(|change| change.assigned.is_empty() && change.revoked.is_empty())
    );
    group.now += Duration::from_secs(200);
    let division = group.round();
    assert!(
        division
            .changes
            .values()
            .all(|change| change.revoked.is_empty())
    );
    assert_eq!(group.members["w2-again"], before["w2"]);
    assert_eq!(group.members["w1"], before["w1"]);
}

#[test]
fn joins_after_revocations_wait_longer_each_time() {
    let mut group = Group::new(300_000, 3, 4);
    group.join("w1");
    group.settle();
    assert_eq!(group.loads(), (vec![3], vec![12]));
    group.join("w2");
    group.round();
    group.join("w3");
    let division = group.round();
    assert!(division.delay > Duration::ZERO);
    assert!(
        division
            .changes
            .values()
            .all(|change| change.revoked.is_empty())
    );
    assert_eq!(group.loads(), (vec![0, 1, 2], vec![3, 3, 6]));
    group.now += division.delay;
    group.join("w4");
    group.round();
    group.round();
    assert_eq!(group.loads(), (vec![0, 1, 1, 1], vec![3, 3, 3, 3]));

    let mut group = Group::new(0, 3, 4);
    group.join("w1");
    group.settle();
    for (id, expected) in [
        ("w2", (vec![1, 2], vec![6, 6])),
        ("w3", (vec![1, 1, 1], vec![4, 4, 4])),
    ] {
        group.join(id);
        group.settle();
        assert_eq!(group.loads(), expected);
    }
}

#[test]
fn a_division_that_was_not_delivered_is_made_anew_without_a_delay() {
    let mut group = Group::new(300_000, 2, 4);
    group.join("w1");
    group.join("w2");
    group.round();
    group.members.values_mut().for_each(Work::clear);
    group.delivered = false;
    assert_eq!(group.round().delay, Duration::ZERO);
    assert_eq!(group.loads(), (vec![1, 1], vec![4, 4]));
    // One member did not hear, and is there still.
    group.members.values_mut().for_each(Work::clear);
    assert_eq!(group.round().delay, Duration::ZERO);
    assert_eq!(group.loads(), (vec![1, 1], vec![4, 4]));
}

#[test]
fn what_two_members_have_is_taken_from_both_and_given_to_one() {
    let mut group = Group::new(300_000, 1, 1);
    group.join("w1");
    group.settle();
    let held = group.members["w1"].clone();
    group.members.insert("w2".to_owned(), held.clone());
    let division = group.round();
    assert!(
        division
            .changes
            .values()
            .all(|change| change.revoked == held)
    );
    group.settle();
    assert_eq!(group.loads(), (vec![0, 1], vec![0, 1]));
}

#[derive(Debug, Clone)]
enum Step {
    Join(u8),
    Leave(u8),
    Connectors(u8),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..5u8).prop_map(Step::Join),
        (0..5u8).prop_map(Step::Leave),
        (0..6u8).prop_map(Step::Connectors),
        (0..20_000u64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    /// Whatever members come and go and whatever is configured: nothing is ever given to two, nothing that is not
    /// configured is given to anyone, no delay is longer than allowed, and once all is quiet all work is divided evenly.
    #[test]
    fn divisions_are_sound_and_even_in_the_end(steps in steps(), max_delay_ms in prop_oneof![Just(0u64), 1..10_000u64]) {
        let mut group = Group::new(max_delay_ms, 3, 2);
        group.join("w9");
        for step in steps {
            match step {
                Step::Join(id) => { group.members.entry(format!("w{id}")).or_default(); }
                Step::Leave(id) => { group.members.remove(&format!("w{id}")); }
                Step::Connectors(count) => {
                    group.configured = Group::new(0, u32::from(count), 2).configured;
                }
                Step::Wait(ms) => group.now += Duration::from_millis(ms),
            }
            let before = group.members.clone();
            let division = group.round();
            prop_assert!(division.delay <= Duration::from_millis(max_delay_ms));
            let mut seen = BTreeSet::new();
            for (id, share) in &division.shares {
                for item in share {
                    prop_assert!(seen.insert(item.clone()), "{item:?} twice");
                    prop_assert!(group.configured.contains(item));
                    // Nothing goes to a new owner in the round that takes it from the old one.
                    let others = before.iter().filter(|(other, _)| *other != id);
                    prop_assert!(others.into_iter().all(|(_, work)| !work.contains(item)));
                }
            }
        }
        for _ in 0..30 {
            group.now += Duration::from_secs(60);
            group.round();
        }
        let all: Work = group.members.values().flatten().cloned().collect();
        prop_assert_eq!(&all, &group.configured);
        let (connectors, tasks) = group.loads();
        for loads in [connectors, tasks] {
            prop_assert!(loads[loads.len() - 1] - loads[0] <= 1, "{loads:?}");
        }
    }
}
