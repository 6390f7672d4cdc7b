//! Where a reset leads.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use millrace_client::admin::Place;

use crate::{plan::read_text, tools::run::Usage};

/// One way to choose new offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scenario {
    Earliest,
    Latest,
    /// What is committed, or the end.
    Current,
    Offset(i64),
    /// By so many records from what is committed.
    Shift(i64),
    /// The first record of this time or later, in milliseconds; the end where there is none.
    Time(i64),
    File(Plan),
}

/// New offsets by group, as an export wrote them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Plan(BTreeMap<String, BTreeMap<Place, i64>>);

impl Plan {
    /// Reads `topic,partition,offset` lines, which are of the one group that was named, or
    /// `group,topic,partition,offset` lines.
    pub(super) fn read(path: &Path, groups: &[String]) -> Result<Self, Usage> {
        let text = read_text(path).map_err(|problem| Usage::new(problem.to_string()))?;
        Self::parse(&text, groups).map_err(|why| Usage::new(format!("{}: {why}", path.display())))
    }

    fn parse(text: &str, groups: &[String]) -> Result<Self, String> {
        let mut plan = Self::default();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let wrong = || {
                let shape = "topic,partition,offset or group,topic,partition,offset";
                format!("line {}: expected {shape}: {line}", index + 1)
            };
            let fields: Vec<&str> = line
                .split(',')
                .map(|field| field.trim().trim_matches('"'))
                .collect();
            let (group, topic, partition, offset) = match (fields.as_slice(), groups) {
                ([topic, partition, offset], [group]) => (group.as_str(), topic, partition, offset),
                ([group, topic, partition, offset], _) => (*group, topic, partition, offset),
                _ => return Err(wrong()),
            };
            let partition: i32 = partition.parse().map_err(|_| wrong())?;
            let offset: i64 = offset.parse().map_err(|_| wrong())?;
            let place = (Arc::from(*topic), partition);
            plan.0
                .entry(group.to_owned())
                .or_default()
                .insert(place, offset);
        }
        Ok(plan)
    }

    /// The new offsets of a group.
    pub(super) fn of(&self, group: &str) -> BTreeMap<Place, i64> {
        self.0.get(group).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Plan;

    #[test]
    fn lines_name_places_and_offsets() {
        let one = ["g".to_owned()];
        let plan = Plan::parse("orders,0,5\n\"shop\",1,7\n\n", &one).unwrap();
        assert_eq!(plan.of("g")[&(Arc::from("orders"), 0)], 5);
        assert_eq!(plan.of("g").len(), 2);
        let two = ["g".to_owned(), "h".to_owned()];
        let plan = Plan::parse("h,orders,0,5", &two).unwrap();
        assert_eq!((plan.of("g").len(), plan.of("h").len()), (0, 1));
        for wrong in ["orders,0", "orders,x,1", "orders,0,5"] {
            assert!(Plan::parse(wrong, &two).is_err(), "{wrong}");
        }
    }
}
