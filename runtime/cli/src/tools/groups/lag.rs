//! How far a group has read each partition, how far it could, and who reads it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use millrace_client::{
    ClientError,
    admin::{Admin, GroupDescription, GroupMember, OffsetSpec, Place},
};
use serde_json::{Value, json};

/// A partition of a group, or a member that reads none.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) place: Option<Place>,
    pub(super) committed: Option<i64>,
    pub(super) leader_epoch: Option<i32>,
    pub(super) end: Option<i64>,
    pub(super) member: Option<Reader>,
}

/// Who reads it.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    id: String,
    host: String,
    client_id: String,
}

impl Reader {
    fn of(member: &GroupMember) -> Self {
        Self {
            id: member.member_id.clone(),
            host: member.client_host.clone(),
            client_id: member.client_id.clone(),
        }
    }
}

impl Row {
    pub(super) fn lag(&self) -> Option<i64> {
        Some(self.end? - self.committed?)
    }

    /// Texts for the columns from TOPIC on; `-` where there is nothing.
    pub(super) fn cells(&self, verbose: bool) -> Vec<String> {
        let number = |number: Option<i64>| number.map_or_else(dash, |number| number.to_string());
        let mut cells = match &self.place {
            Some((topic, partition)) => vec![topic.to_string(), partition.to_string()],
            None => vec![dash(), dash()],
        };
        if verbose {
            cells.push(number(self.leader_epoch.map(i64::from)));
        }
        cells.extend([number(self.committed), number(self.end), number(self.lag())]);
        cells.extend(match &self.member {
            Some(member) => [
                member.id.clone(),
                member.host.clone(),
                member.client_id.clone(),
            ],
            None => [dash(), dash(), dash()],
        });
        cells
    }

    pub(super) fn document(&self, group: &str) -> Value {
        let place = self.place.as_ref();
        let member = self.member.as_ref();
        json!({
            "group": group,
            "topic": place.map(|(topic, _)| &**topic),
            "partition": place.map(|(_, partition)| partition),
            "currentOffset": self.committed,
            "logEndOffset": self.end,
            "lag": self.lag(),
            "consumerId": member.map(|member| &member.id),
            "host": member.map(|member| &member.host),
            "clientId": member.map(|member| &member.client_id),
        })
    }
}

fn dash() -> String {
    "-".to_owned()
}

/// All partitions that the group has committed or its members read, in order, then the members that read none.
pub(super) async fn rows(
    admin: &Admin,
    group: &str,
    description: &GroupDescription,
) -> Result<Vec<Row>, ClientError> {
    let committed = admin.group_offsets(group).await?;
    let mut readers: BTreeMap<Place, Reader> = BTreeMap::new();
    let mut idle = Vec::new();
    for member in &description.members {
        let partitions = member.assigned_partitions().unwrap_or_default();
        if partitions.is_empty() {
            idle.push(Reader::of(member));
        }
        let read = partitions
            .into_iter()
            .map(|place| (place, Reader::of(member)));
        readers.extend(read);
    }
    let places: BTreeSet<Place> = committed.keys().chain(readers.keys()).cloned().collect();
    let ends = ends(admin, &places).await;
    let row = |place: Place| Row {
        committed: committed.get(&place).map(|committed| committed.offset),
        leader_epoch: committed
            .get(&place)
            .and_then(|committed| committed.leader_epoch),
        end: ends.get(&place).copied(),
        member: readers.get(&place).cloned(),
        place: Some(place),
    };
    let without = |member| Row {
        place: None,
        committed: None,
        leader_epoch: None,
        end: None,
        member: Some(member),
    };
    Ok(places
        .into_iter()
        .map(row)
        .chain(idle.into_iter().map(without))
        .collect())
}

/// The ends of partitions; one of a topic that is gone has none.
async fn ends(admin: &Admin, places: &BTreeSet<Place>) -> BTreeMap<Place, i64> {
    let known: BTreeSet<Arc<str>> = match admin.list_topics().await {
        Ok(topics) => topics.iter().map(|topic| Arc::clone(&topic.name)).collect(),
        Err(_) => BTreeSet::new(),
    };
    let asked = places
        .iter()
        .filter(|(topic, _)| known.contains(topic))
        .map(|place| (place.clone(), OffsetSpec::Latest))
        .collect();
    let found = admin.list_offsets_each(&asked, false).await;
    found
        .into_iter()
        .filter_map(|(place, found)| Some((place, found.ok()?.offset?)))
        .collect()
}
