//! Offsets of a sink that the brokers know: beginnings, ends, and what was written when.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::bail;
use millrace_client::admin::{Admin, OffsetSpec, Place};
use serde_json::Value;

use super::{
    super::{
        client::{Workers, of},
        show::word,
    },
    change::{Change, Count},
    place::{sink_entry, sink_offset, sink_place},
};
use crate::tools::{groups::Scope, run::Usage, server::Server};

/// How long one call may take with its repetitions.
const CALL_LIMIT: Duration = Duration::from_secs(30);

type Offsets = BTreeMap<Place, i64>;

/// Where a sink shall go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    Earliest,
    Latest,
    /// The first record of this time or later, in milliseconds.
    Time(i64),
    Offset(i64),
    Shift(i64),
}

/// The brokers of the workers.
#[derive(Debug)]
pub(super) struct Brokers(Admin);

impl Brokers {
    /// Connects to those that were named, by option or by the context.
    ///
    /// # Errors
    /// As [`Server::admin`].
    pub(super) async fn of(workers: &Workers, server: &Server) -> anyhow::Result<Self> {
        let admin = match (&server.bootstrap_server, workers.bootstrap_servers()) {
            (None, Some(servers)) => server.admin_at(servers, CALL_LIMIT).await?,
            _ => server.admin(CALL_LIMIT).await?.1,
        };
        Ok(Self(admin))
    }

    /// The change that a choice comes to.
    ///
    /// # Errors
    /// A connector that is no sink, topics that are not there, brokers that do not answer.
    pub(super) async fn change(
        &self,
        workers: &Workers,
        name: &str,
        now: &[Value],
        choice: Choice,
        topics: &[String],
    ) -> anyhow::Result<Change> {
        let info = workers.get(&of(name, "")?).await?;
        if info["type"] == "source" {
            return Err(Usage::new(format!(
                "{name} is a source: only its connector knows what its offsets mean; write them into a file \
                 (`millrace connectors offsets show {name} --json`), change them and set them with --from-file"
            ))
            .into());
        }
        let committed: Offsets = now
            .iter()
            .filter_map(|entry| Some((sink_place(entry)?, sink_offset(entry)?)))
            .collect();
        let places = self.places(&info["config"], &committed, topics).await?;
        if places.is_empty() {
            bail!("{name} has committed no offsets, and names no topics; name one by --topic");
        }
        let first = self.find(&places, OffsetSpec::Earliest).await?;
        let end = self.find(&places, OffsetSpec::Latest).await?;
        let at_time = match choice {
            Choice::Time(ms) => self.find(&places, OffsetSpec::AtTime(ms)).await?,
            _ => Offsets::new(),
        };
        let mut wanted = Vec::new();
        let mut counts = Vec::new();
        for place in places {
            let low = first.get(&place).copied().unwrap_or(0);
            let high = end.get(&place).copied().unwrap_or(low).max(low);
            let old = committed.get(&place).copied();
            let found = at_time.get(&place).copied();
            let new = choose(choice, old, low, high, found);
            counts.push(Count::of(old, new, low, high));
            wanted.push(sink_entry(&place, new));
        }
        Ok(Change::Alter { wanted, counts })
    }

    /// The partitions that are meant: those named, or all of the configuration and all committed.
    async fn places(
        &self,
        config: &Value,
        committed: &Offsets,
        topics: &[String],
    ) -> anyhow::Result<BTreeSet<Place>> {
        if !topics.is_empty() {
            return Scope::places(&self.0, &Scope::parse_all(topics)?).await;
        }
        let mut places: BTreeSet<Place> = committed.keys().cloned().collect();
        for topic in word(config, "topics").split(',').map(str::trim) {
            if let Some(topic) = self.0.describe_topic(topic).await? {
                let all = topic.partitions.iter();
                places.extend(all.map(|partition| (topic.name.clone(), partition.index)));
            }
        }
        Ok(places)
    }

    async fn find(&self, places: &BTreeSet<Place>, spec: OffsetSpec) -> anyhow::Result<Offsets> {
        let asked = places.iter().map(|place| (place.clone(), spec)).collect();
        let found = self.0.list_offsets(&asked).await?;
        Ok(found
            .into_iter()
            .filter_map(|(place, found)| Some((place, found.offset?)))
            .collect())
    }
}

/// The new offset of a partition that has offsets from `low` to `high`.
fn choose(choice: Choice, old: Option<i64>, low: i64, high: i64, at_time: Option<i64>) -> i64 {
    let wanted = match choice {
        Choice::Earliest => low,
        Choice::Latest => high,
        // Nothing was written since then.
        Choice::Time(_) => at_time.unwrap_or(high),
        Choice::Offset(offset) => offset,
        // A sink that has committed nothing begins at the beginning.
        Choice::Shift(by) => old.unwrap_or(low).saturating_add(by),
    };
    wanted.clamp(low, high)
}

#[cfg(test)]
mod tests {
    use super::{Choice, choose};

    #[test]
    fn choices_stay_in_the_log() {
        let cases = [
            (Choice::Earliest, Some(7), None, 5),
            (Choice::Latest, None, None, 20),
            (Choice::Time(1), Some(7), Some(9), 9),
            (Choice::Time(1), Some(7), None, 20),
            (Choice::Offset(3), Some(7), None, 5),
            (Choice::Offset(99), Some(7), None, 20),
            (Choice::Shift(-1), Some(7), None, 6),
            (Choice::Shift(-9), Some(7), None, 5),
            (Choice::Shift(2), None, None, 7),
        ];
        for (choice, old, at_time, expected) in cases {
            assert_eq!(choose(choice, old, 5, 20, at_time), expected, "{choice:?}");
        }
    }
}
