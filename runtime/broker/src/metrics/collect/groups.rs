//! Groups: their states, members, offsets and lag.

use std::collections::BTreeMap;

use millrace_wire::metrics::Exposition;

use super::Scrape;
use crate::coordinator::GroupFigures;
use crate::metrics::families::{
    GROUP_LAG, GROUP_LAG_SUM, GROUP_MEMBERS, GROUP_OFFSET, GROUP_OFFSET_SUM, GROUP_STATE, GROUPS,
    GROUPS_COMPLETING, GROUPS_EMPTY, GROUPS_PREPARING, GROUPS_STABLE, OFFSETS,
};

/// A committed offset, and how far it is behind.
struct Position<'a> {
    group: &'a str,
    topic: &'a str,
    partition: String,
    offset: i64,
    lag: i64,
}

pub(super) fn collect(scrape: &Scrape<'_>, into: &mut Exposition) {
    let groups = scrape.broker.core.groups.figures();
    into.single(&GROUPS, groups.len());
    for (family, state) in [
        (&GROUPS_EMPTY, "Empty"),
        (&GROUPS_PREPARING, "PreparingRebalance"),
        (&GROUPS_COMPLETING, "CompletingRebalance"),
        (&GROUPS_STABLE, "Stable"),
    ] {
        let count = groups.iter().filter(|group| group.state == state).count();
        into.single(family, count);
    }
    let offsets: usize = groups.iter().map(|group| group.offsets.len()).sum();
    into.single(&OFFSETS, offsets);
    let mut states = into.family(&GROUP_STATE);
    for group in &groups {
        states.add(&[&group.id, group.state], 1_u64);
    }
    let mut members = into.family(&GROUP_MEMBERS);
    for group in &groups {
        members.add(&[&group.id], group.members);
    }
    positions(&positions_of(scrape, &groups), into);
}

/// The offsets of partitions that are there.
fn positions_of<'a>(scrape: &Scrape<'_>, groups: &'a [GroupFigures]) -> Vec<Position<'a>> {
    let mut positions = Vec::new();
    for group in groups {
        for (topic, partition, offset) in &group.offsets {
            let known = scrape.broker.core.topics.get(topic);
            let Some(known) = known.as_ref().and_then(|known| known.partition(*partition)) else {
                continue;
            };
            positions.push(Position {
                group: &group.id,
                topic,
                partition: partition.to_string(),
                offset: *offset,
                lag: known.log.high_watermark().saturating_sub(*offset).max(0),
            });
        }
    }
    positions
}

fn positions(positions: &[Position<'_>], into: &mut Exposition) {
    let mut sums: BTreeMap<(&str, &str), (i64, i64)> = BTreeMap::new();
    let mut offsets = into.family(&GROUP_OFFSET);
    for at in positions {
        offsets.add(&[at.group, at.topic, &at.partition], at.offset);
        let (offset, lag) = sums.entry((at.group, at.topic)).or_default();
        *offset = offset.saturating_add(at.offset);
        *lag = lag.saturating_add(at.lag);
    }
    let mut lags = into.family(&GROUP_LAG);
    for at in positions {
        lags.add(&[at.group, at.topic, &at.partition], at.lag);
    }
    let mut offset_sums = into.family(&GROUP_OFFSET_SUM);
    for ((group, topic), (offset, _)) in &sums {
        offset_sums.add(&[group, topic], *offset);
    }
    let mut lag_sums = into.family(&GROUP_LAG_SUM);
    for ((group, topic), (_, lag)) in &sums {
        lag_sums.add(&[group, topic], *lag);
    }
}
