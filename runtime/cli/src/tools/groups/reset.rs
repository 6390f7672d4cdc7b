//! Setting where groups go on: chosen, shown, and with `--execute` committed.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use millrace_client::admin::{Admin, OffsetSpec, Place};
use millrace_wire::error_code::ErrorCode;
use serde_json::{Value, json};

use super::{scenario::Scenario, scope::Scope};
use crate::{
    banner,
    tools::{
        stdout::{print, print_json},
        table::{Column, Table},
    },
};

type Offsets = BTreeMap<Place, i64>;

#[derive(Debug)]
pub(super) struct Reset {
    pub(super) scenario: Scenario,
    /// Empty for all topics that the group has committed offsets of.
    pub(super) scopes: Vec<Scope>,
    pub(super) execute: bool,
    pub(super) dry_run: bool,
    pub(super) export: bool,
    pub(super) json: bool,
}

impl Reset {
    pub(super) async fn run(&self, admin: &Admin, groups: &[String]) -> anyhow::Result<()> {
        if !self.execute && !self.dry_run && !self.export {
            banner::note("nothing is set without --execute: this is what would be");
        }
        let mut chosen = Vec::new();
        for group in groups {
            inactive(admin, group).await?;
            chosen.push((group.as_str(), self.choose(admin, group).await?));
        }
        if self.execute {
            for (group, offsets) in chosen.iter().filter(|(_, offsets)| !offsets.is_empty()) {
                admin.alter_group_offsets(group, offsets).await?;
            }
        }
        Ok(self.print(&chosen)?)
    }

    async fn choose(&self, admin: &Admin, group: &str) -> anyhow::Result<Offsets> {
        if let Scenario::File(plan) = &self.scenario {
            return bounded(admin, plan.of(group)).await;
        }
        let committed: Offsets = admin
            .group_offsets(group)
            .await?
            .into_iter()
            .map(|(place, committed)| (place, committed.offset))
            .collect();
        let places = if self.scopes.is_empty() {
            committed.keys().cloned().collect()
        } else {
            Scope::places(admin, &self.scopes).await?
        };
        match &self.scenario {
            Scenario::Earliest => find(admin, &places, OffsetSpec::Earliest).await,
            Scenario::Latest => find(admin, &places, OffsetSpec::Latest).await,
            Scenario::Time(ms) => {
                let mut found = find(admin, &places, OffsetSpec::Latest).await?;
                found.extend(find(admin, &places, OffsetSpec::AtTime(*ms)).await?);
                Ok(found)
            }
            Scenario::Current => {
                let mut found = find(admin, &places, OffsetSpec::Latest).await?;
                let known = committed
                    .into_iter()
                    .filter(|(place, _)| places.contains(place));
                found.extend(known);
                Ok(found)
            }
            Scenario::Offset(offset) => {
                bounded(
                    admin,
                    places.into_iter().map(|place| (place, *offset)).collect(),
                )
                .await
            }
            Scenario::Shift(by) => {
                let mut wanted = Offsets::new();
                for place in places {
                    let Some(offset) = committed.get(&place) else {
                        let (topic, partition) = place;
                        bail!(
                            "group {group} has committed nothing of {topic}-{partition} to shift from"
                        );
                    };
                    wanted.insert(place, offset.saturating_add(*by));
                }
                bounded(admin, wanted).await
            }
            Scenario::File(_) => Ok(Offsets::new()),
        }
    }

    fn print(&self, chosen: &[(&str, Offsets)]) -> Result<(), crate::tools::stdout::OutputError> {
        let rows = chosen.iter().flat_map(|(group, offsets)| {
            offsets
                .iter()
                .map(move |((topic, partition), offset)| (*group, &**topic, *partition, *offset))
        });
        if self.json {
            let document = |(group, topic, partition, offset)| json!({"group": group, "topic": topic, "partition": partition, "newOffset": offset});
            return print_json(&Value::Array(rows.map(document).collect()));
        }
        if self.export {
            let one = chosen.len() == 1;
            let line = |(group, topic, partition, offset)| match one {
                true => format!("{topic},{partition},{offset}\n"),
                false => format!("{group},{topic},{partition},{offset}\n"),
            };
            return print(rows.map(line).collect::<String>());
        }
        let mut table = Table::new(&[
            Column("GROUP", 30),
            Column("TOPIC", 30),
            Column("PARTITION", 10),
            Column("NEW-OFFSET", 15),
        ]);
        for (group, topic, partition, offset) in rows {
            let cells = [
                group.to_owned(),
                topic.to_owned(),
                partition.to_string(),
                offset.to_string(),
            ];
            table.row(cells.to_vec());
        }
        print(format!("\n{}", table.to_text()))
    }
}

/// Offsets that are set while members read would be overwritten by their next commit.
async fn inactive(admin: &Admin, group: &str) -> anyhow::Result<()> {
    let description = match admin.describe_group(group).await {
        Ok(description) => description,
        Err(error) if error.code() == Some(ErrorCode::GROUP_ID_NOT_FOUND) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if description.members.is_empty() {
        return Ok(());
    }
    bail!(
        "offsets can only be reset while group '{group}' is inactive, but its state is {}: stop its members first",
        description.state
    )
}

/// Looks up what `spec` says of each partition; those that it says nothing of are left out.
async fn find(
    admin: &Admin,
    places: &BTreeSet<Place>,
    spec: OffsetSpec,
) -> anyhow::Result<Offsets> {
    let asked = places.iter().map(|place| (place.clone(), spec)).collect();
    let found = admin.list_offsets(&asked).await?;
    Ok(found
        .into_iter()
        .filter_map(|(place, found)| Some((place, found.offset?)))
        .collect())
}

/// Offsets that are not in the log are moved to its nearer end.
async fn bounded(admin: &Admin, wanted: Offsets) -> anyhow::Result<Offsets> {
    let places: BTreeSet<Place> = wanted.keys().cloned().collect();
    let first = find(admin, &places, OffsetSpec::Earliest).await?;
    let end = find(admin, &places, OffsetSpec::Latest).await?;
    let mut offsets = Offsets::new();
    for (place, offset) in wanted {
        let low = first.get(&place).copied().unwrap_or(0);
        let high = end.get(&place).copied().unwrap_or(i64::MAX).max(low);
        let inside = offset.clamp(low, high);
        if inside != offset {
            let (topic, partition) = &place;
            banner::note(&format!(
                "offset {offset} is not in {topic}-{partition}, which has {low} to {high}: {inside} is taken"
            ));
        }
        offsets.insert(place, inside);
    }
    Ok(offsets)
}
