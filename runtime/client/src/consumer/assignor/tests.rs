use super::*;
use proptest::prelude::*;

fn member(id: &str, topics: &[&str]) -> Consumer {
    Consumer {
        member_id: id.into(),
        topics: topics.iter().map(|topic| (*topic).into()).collect(),
        generation: -1,
        ..Consumer::default()
    }
}

fn divide(assignor: Assignor, mut members: Vec<Consumer>, counts: &PartitionCounts) -> Assignments {
    sort(&mut members);
    assignor.assign(&members, counts)
}

fn counts(topics: &[(&str, i32)]) -> PartitionCounts {
    topics
        .iter()
        .map(|(topic, count)| ((*topic).into(), *count))
        .collect()
}

/// `C0: t0-0 t0-1 | C1: t0-2`
fn text(assignments: &Assignments) -> String {
    let member = |(id, partitions): (&String, &Vec<TopicPartition>)| {
        let mut line = format!("{id}:");
        for partition in partitions {
            line.push_str(&format!(" {partition}"));
        }
        line
    };
    assignments
        .iter()
        .map(member)
        .collect::<Vec<_>>()
        .join(" | ")
}

#[test]
fn range_cuts_each_topic_into_runs() {
    let members = vec![member("C1", &["t0", "t1"]), member("C0", &["t1", "t0"])];
    let assigned = divide(Assignor::Range, members, &counts(&[("t0", 3), ("t1", 3)]));
    assert_eq!(text(&assigned), "C0: t0-0 t0-1 t1-0 t1-1 | C1: t0-2 t1-2");
}

#[test]
fn range_leaves_members_without_partitions_empty() {
    let members = vec![
        member("a", &["t"]),
        member("b", &["t"]),
        member("c", &["missing"]),
    ];
    let assigned = divide(Assignor::Range, members, &counts(&[("t", 1)]));
    assert_eq!(text(&assigned), "a: t-0 | b: | c:");
}

#[test]
fn static_members_come_first() {
    let mut stable = member("z", &["t"]);
    stable.instance_id = Some("i".into());
    let assigned = divide(
        Assignor::Range,
        vec![member("a", &["t"]), stable],
        &counts(&[("t", 1)]),
    );
    assert_eq!(text(&assigned), "a: | z: t-0");
}

#[test]
fn round_robin_deals_partitions_out() {
    let members = vec![member("C0", &["t0", "t1"]), member("C1", &["t0", "t1"])];
    let assigned = divide(
        Assignor::RoundRobin,
        members,
        &counts(&[("t0", 3), ("t1", 3)]),
    );
    assert_eq!(text(&assigned), "C0: t0-0 t0-2 t1-1 | C1: t0-1 t1-0 t1-2");
}

#[test]
fn round_robin_passes_over_members_that_do_not_subscribe() {
    let members = vec![
        member("C0", &["t0"]),
        member("C1", &["t0", "t1"]),
        member("C2", &["t0", "t1", "t2"]),
    ];
    let assigned = divide(
        Assignor::RoundRobin,
        members,
        &counts(&[("t0", 1), ("t1", 2), ("t2", 3)]),
    );
    assert_eq!(
        text(&assigned),
        "C0: t0-0 | C1: t1-0 | C2: t1-1 t2-0 t2-1 t2-2"
    );
}

/// Plays rebalances until nothing is withheld: what a group of cooperative members does.
fn settle(members: &mut [Consumer], counts: &PartitionCounts) -> usize {
    for round in 1..10 {
        let assigned = divide(Assignor::CooperativeSticky, members.to_vec(), counts);
        let mut given_up = false;
        for member in members.iter_mut() {
            let new = assigned[&member.member_id].clone();
            given_up |= member
                .owned
                .iter()
                .any(|partition| !new.contains(partition));
            member.owned = new;
            member.generation = round;
        }
        if !given_up {
            return usize::try_from(round).unwrap();
        }
    }
    panic!("the group never settles");
}

#[test]
fn a_newcomer_gets_partitions_only_after_they_are_given_up() {
    let counts = counts(&[("t", 4)]);
    let mut first = member("a", &["t"]);
    first.owned = (0..4)
        .map(|number| TopicPartition::new("t", number))
        .collect();
    first.generation = 1;
    let mut members = [first, member("b", &["t"])];
    let assigned = divide(Assignor::CooperativeSticky, members.to_vec(), &counts);
    assert_eq!(text(&assigned), "a: t-0 t-1 | b:");
    assert_eq!(settle(&mut members, &counts), 2);
    assert_eq!(members[0].owned.len(), 2);
    assert_eq!(members[1].owned.len(), 2);
}

#[test]
fn a_stale_claim_counts_for_nobody_else() {
    let mut stale = member("a", &["t"]);
    stale.owned = vec![TopicPartition::new("t", 0)];
    stale.generation = 1;
    let mut holder = member("b", &["t"]);
    holder.owned = vec![TopicPartition::new("t", 0), TopicPartition::new("t", 1)];
    holder.generation = 2;
    let assigned = divide(
        Assignor::CooperativeSticky,
        vec![stale, holder],
        &counts(&[("t", 2)]),
    );
    assert!(assigned["b"].len() + assigned["a"].len() <= 2);
    assert!(
        !assigned["a"]
            .iter()
            .any(|partition| assigned["b"].contains(partition))
    );
}

/// One rebalance of members that give up everything before it.
fn rebalance(members: &mut [Consumer], counts: &PartitionCounts, generation: i32) {
    let assigned = divide(Assignor::Sticky, members.to_vec(), counts);
    for member in members.iter_mut() {
        let last = LastAssignment {
            partitions: assigned[&member.member_id].clone(),
            generation,
        };
        member.user_data = Assignor::Sticky.user_data(&last);
        member.owned = last.partitions;
    }
}

#[test]
fn sticky_members_get_back_what_they_gave_up() {
    let counts = counts(&[("t", 6)]);
    let mut members = vec![member("a", &["t"]), member("b", &["t"])];
    rebalance(&mut members, &counts, 1);
    let before: Vec<_> = members.iter().map(|member| member.owned.clone()).collect();
    members.push(member("0", &["t"]));
    rebalance(&mut members, &counts, 2);
    for (member, before) in members.iter().zip(&before) {
        assert_eq!(member.owned.len(), 2);
        assert!(member.owned.iter().all(|kept| before.contains(kept)));
    }
    assert_eq!(members[2].owned.len(), 2);
}

fn group() -> impl Strategy<Value = (Vec<Consumer>, PartitionCounts)> {
    let topics = ["t0", "t1", "t2"];
    let members =
        proptest::collection::vec(proptest::sample::subsequence(topics.to_vec(), 1..=3), 1..6);
    (members, proptest::collection::vec(0..7i32, 3)).prop_map(move |(members, sizes)| {
        let members = members
            .iter()
            .enumerate()
            .map(|(index, topics)| member(&format!("m{index}"), topics))
            .collect();
        (
            members,
            topics
                .iter()
                .zip(sizes)
                .map(|(topic, size)| ((*topic).into(), size))
                .collect(),
        )
    })
}

proptest! {
    #[test]
    fn every_partition_goes_to_one_subscriber((mut members, counts) in group(), which in 0..4) {
        let assigned = match which {
            0 => divide(Assignor::Range, members.clone(), &counts),
            1 => divide(Assignor::RoundRobin, members.clone(), &counts),
            2 => divide(Assignor::Sticky, members.clone(), &counts),
            _ => {
                settle(&mut members, &counts);
                members.iter().map(|member| (member.member_id.clone(), member.owned.clone())).collect()
            }
        };
        let mut seen = std::collections::BTreeSet::new();
        for member in &members {
            for partition in &assigned[&member.member_id] {
                prop_assert!(member.topics.iter().any(|topic| **topic == *partition.topic));
                prop_assert!(seen.insert(partition.clone()), "{partition} twice");
            }
        }
        let wanted = |topic: &String| members.iter().any(|member| member.topics.contains(topic));
        let expected: i32 = counts.iter().filter(|(topic, _)| wanted(topic)).map(|(_, count)| *count).sum();
        prop_assert_eq!(seen.len(), usize::try_from(expected).unwrap());
    }

    #[test]
    fn members_with_the_same_topics_differ_by_at_most_one(members in 1..7usize, count in 0..20i32, left in 0..7usize) {
        let mut group: Vec<_> = (0..members).map(|index| member(&format!("m{index}"), &["t"])).collect();
        let counts = counts(&[("t", count)]);
        settle(&mut group, &counts);
        group.truncate(members.saturating_sub(left).max(1));
        settle(&mut group, &counts);
        let loads: Vec<usize> = group.iter().map(|member| member.owned.len()).collect();
        prop_assert!(loads.iter().max().unwrap() - loads.iter().min().unwrap() <= 1, "{:?}", loads);
    }
}
