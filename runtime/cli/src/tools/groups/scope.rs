//! Which partitions are meant: `TOPIC`, or `TOPIC:0,1`.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::bail;
use millrace_client::{
    admin::{Admin, Place},
    cluster::Topic,
};

use crate::tools::run::Usage;

/// A topic, and the partitions of it that were named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tools) struct Scope {
    topic: String,
    partitions: Option<Vec<i32>>,
}

impl Scope {
    pub(in crate::tools) fn parse_all(texts: &[String]) -> Result<Vec<Self>, Usage> {
        texts.iter().map(|text| Self::parse(text)).collect()
    }

    fn parse(text: &str) -> Result<Self, Usage> {
        let Some((topic, partitions)) = text.split_once(':') else {
            return Ok(Self {
                topic: text.to_owned(),
                partitions: None,
            });
        };
        let numbers: Result<Vec<i32>, _> = partitions
            .split(',')
            .map(|number| number.trim().parse())
            .collect();
        match numbers {
            Ok(numbers) if numbers.iter().all(|number| *number >= 0) => Ok(Self {
                topic: topic.to_owned(),
                partitions: Some(numbers),
            }),
            _ => Err(Usage::new(format!(
                "--topic {text}: expected TOPIC or TOPIC:0,1"
            ))),
        }
    }

    /// All partitions of several scopes.
    pub(in crate::tools) async fn places(
        admin: &Admin,
        scopes: &[Self],
    ) -> anyhow::Result<BTreeSet<Place>> {
        let topics = admin.list_topics().await?;
        let mut places = BTreeSet::new();
        for scope in scopes {
            let Some(topic) = topics.iter().find(|topic| *topic.name == *scope.topic) else {
                bail!("topic {} does not exist", scope.topic);
            };
            places.extend(scope.partitions_of(topic)?);
        }
        Ok(places)
    }

    fn partitions_of(&self, topic: &Arc<Topic>) -> anyhow::Result<Vec<Place>> {
        let all = topic.partitions.iter().map(|partition| partition.index);
        let wanted = self.partitions.clone().unwrap_or_else(|| all.collect());
        if let Some(unknown) = wanted
            .iter()
            .find(|index| topic.partition(**index).is_none())
        {
            bail!(
                "topic {} has no partition {unknown}, it has {}",
                topic.name,
                topic.partitions.len()
            );
        }
        Ok(wanted
            .into_iter()
            .map(|index| (Arc::clone(&topic.name), index))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::Scope;

    #[test]
    fn partitions_may_be_named() {
        let scope = |topic: &str, partitions: Option<Vec<i32>>| Scope {
            topic: topic.to_owned(),
            partitions,
        };
        assert_eq!(Scope::parse("orders").unwrap(), scope("orders", None));
        assert_eq!(
            Scope::parse("orders:0, 2").unwrap(),
            scope("orders", Some(vec![0, 2]))
        );
        for wrong in ["orders:", "orders:x", "orders:-1"] {
            assert!(Scope::parse(wrong).is_err(), "{wrong}");
        }
    }
}
