//! Divisions that Kafka's Java client 4.1 made of random groups, step by step as members and partitions come and go.
//!
//! A line of `java.txt` is
//! `ASSIGNOR|STEP|TOPIC=COUNT ..|MEMBER;INSTANCE;TOPICS;OWNED;GENERATION;USER-DATA ..|MEMBER;PARTITIONS ..`,
//! with `-` where there is nothing. Where members subscribe to different topics, or more of them have one partition
//! above the others than may keep it, sticky assignors are free to choose: then only the numbers are compared.

use super::*;

struct Division {
    assignor: Assignor,
    counts: PartitionCounts,
    members: Vec<Consumer>,
    result: Assignments,
}

impl Division {
    fn read(line: &str) -> Self {
        let parts: Vec<&str> = line.split('|').collect();
        let words = |part: usize| parts[part].split_whitespace();
        let count = |text: &str| {
            let (topic, count) = text.split_once('=').unwrap();
            (topic.to_owned(), count.parse().unwrap())
        };
        let held = |text: &str| {
            let (member, held) = text.split_once(';').unwrap();
            (member.to_owned(), partitions(held))
        };
        let mut members: Vec<Consumer> = words(3).map(member).collect();
        sort(&mut members);
        Self {
            assignor: Assignor::named(parts[0]).unwrap(),
            counts: words(2).map(count).collect(),
            members,
            result: words(4).map(held).collect(),
        }
    }

    fn is_free_to_choose(&self) -> bool {
        if matches!(self.assignor, Assignor::Range | Assignor::RoundRobin) {
            return false;
        }
        let all: i32 = self.counts.values().sum();
        let (least, above) = (
            all as usize / self.members.len(),
            all as usize % self.members.len(),
        );
        let had = |member: &&Consumer| {
            let before = user_data::decode_previous(member.user_data.as_ref());
            member.owned.len().max(before.partitions.len()) > least
        };
        !equal::is_equal(&self.members) || self.members.iter().filter(had).count() > above
    }
}

fn partitions(text: &str) -> Vec<TopicPartition> {
    text.split(',')
        .filter_map(|name| name.split_once(':'))
        .map(|(topic, number)| TopicPartition::new(topic, number.parse().unwrap()))
        .collect()
}

fn bytes(hex: &str) -> Option<Bytes> {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (hex != "-").then(|| (0..hex.len()).step_by(2).map(byte).collect())
}

fn member(text: &str) -> Consumer {
    let parts: Vec<&str> = text.split(';').collect();
    Consumer {
        member_id: parts[0].to_owned(),
        instance_id: (parts[1] != "-").then(|| parts[1].to_owned()),
        topics: parts[2].split(',').map(str::to_owned).collect(),
        owned: partitions(parts[3]),
        generation: parts[4].parse().unwrap(),
        user_data: bytes(parts[5]),
    }
}

/// How many each member has, the least first; cooperative members that wait for others are not full yet.
fn loads(assignments: &Assignments) -> Vec<usize> {
    let mut loads: Vec<usize> = assignments.values().map(Vec::len).collect();
    loads.sort_unstable();
    loads
}

fn divisions() -> impl Iterator<Item = (&'static str, Division)> {
    let lines = include_str!("java.txt").lines();
    lines.map(|line| (line, Division::read(line)))
}

#[test]
fn partitions_are_divided_as_java_does() {
    for (line, division) in divisions() {
        let mut ours = division
            .assignor
            .assign(&division.members, &division.counts);
        ours.values_mut().for_each(|held| held.sort());
        if !division.is_free_to_choose() {
            assert_eq!(ours, division.result, "{line}");
        } else if division.assignor == Assignor::Sticky {
            assert_eq!(loads(&ours), loads(&division.result), "{line}");
        }
    }
}

#[test]
fn what_members_tell_each_other_is_the_same_byte_for_byte() {
    for (line, division) in divisions() {
        for member in &division.members {
            let last = match division.assignor {
                Assignor::Sticky => user_data::decode_previous(member.user_data.as_ref()),
                _ => LastAssignment {
                    generation: member.generation,
                    ..LastAssignment::default()
                },
            };
            let told = division.assignor.user_data(&last);
            assert_eq!(told, member.user_data, "{} in {line}", member.member_id);
        }
    }
}
