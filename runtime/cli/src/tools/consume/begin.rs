//! Where reading begins: at what a group has committed, at an offset of a partition, or at a time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::bail;
use millrace_client::{
    Cluster,
    admin::{Admin, OffsetSpec, Place},
    consumer::{Consumer, TopicPartition},
};
use millrace_wire::clock;

use crate::tools::{run::Usage, time, topics::pattern};

/// How long to wait for a topic that is not there.
const TOPIC_WITHIN: Duration = Duration::from_secs(5);

/// What is read.
#[derive(Debug)]
pub(super) enum Topics<'a> {
    Named(&'a str),
    Matching(&'a str),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// As the group says.
    Committed,
    /// In one partition.
    Partition { index: i32, at: At },
    /// At the first records of this time or later, in milliseconds.
    Time(i64),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum At {
    Offset(i64),
    Earliest,
    Latest,
}

impl Begin {
    pub(super) fn from_options(
        partition: Option<i32>,
        offset: Option<&str>,
        time: Option<&str>,
    ) -> Result<Self, Usage> {
        match (partition, time) {
            (_, Some(_)) if partition.is_some() => Err(Usage::new(
                "--from-time is for all partitions; begin in one partition by --offset",
            )),
            (_, Some(text)) => Ok(Self::Time(time::instant_ms(
                text,
                clock::system().now_ms(),
            )?)),
            (Some(index), None) if index >= 0 => {
                let at = offset.map_or(Ok(At::Latest), At::parse)?;
                Ok(Self::Partition { index, at })
            }
            (Some(index), None) => Err(Usage::new(format!("--partition {index} cannot be"))),
            (None, None) => Ok(Self::Committed),
        }
    }

    /// Tells the consumer.
    pub(super) async fn begin(
        &self,
        consumer: &mut Consumer,
        cluster: &Cluster,
        topics: &Topics<'_>,
        from_beginning: bool,
    ) -> anyhow::Result<()> {
        match (self, topics) {
            (Self::Committed, Topics::Named(topic)) => Ok(consumer.subscribe(&[topic])?),
            (Self::Committed, Topics::Matching(pattern)) => {
                // Commas stand between alternatives, as in Kafka's tools.
                Ok(consumer.subscribe_pattern(&pattern.replace(',', "|"))?)
            }
            (Self::Partition { index, at }, Topics::Named(topic)) => {
                let partition = self::partition(cluster, topic, *index).await?;
                consumer.assign(std::slice::from_ref(&partition));
                match at {
                    At::Offset(offset) => consumer.seek(&partition, *offset)?,
                    At::Latest if !from_beginning => consumer.seek_to_end(&[partition])?,
                    At::Earliest | At::Latest => consumer.seek_to_beginning(&[partition])?,
                }
                Ok(())
            }
            (Self::Partition { .. }, Topics::Matching(_)) => {
                Err(Usage::new("--partition needs --topic").into())
            }
            (Self::Time(ms), topics) => at_time(consumer, cluster, topics, *ms).await,
        }
    }
}

impl At {
    fn parse(text: &str) -> Result<Self, Usage> {
        match text.to_ascii_lowercase().as_str() {
            "earliest" => Ok(Self::Earliest),
            "latest" => Ok(Self::Latest),
            number => match number.parse() {
                Ok(offset) if offset >= 0 => Ok(Self::Offset(offset)),
                _ => Err(Usage::new(format!(
                    "--offset {text} is no offset: expected earliest, latest or a number from 0"
                ))),
            },
        }
    }
}

async fn partition(cluster: &Cluster, topic: &str, index: i32) -> anyhow::Result<TopicPartition> {
    let name: Arc<str> = topic.into();
    let known = cluster.topic(&name, false, TOPIC_WITHIN).await?;
    if known.partition(index).is_none() {
        let count = known.partitions.len();
        bail!("topic {topic} has no partition {index}, it has {count}");
    }
    Ok(TopicPartition::new(name, index))
}

/// Reads from the first record of a time on in every partition; from the end where none is that young.
async fn at_time(
    consumer: &mut Consumer,
    cluster: &Cluster,
    topics: &Topics<'_>,
    ms: i64,
) -> anyhow::Result<()> {
    let admin = Admin::new(cluster);
    let places = places(cluster, &admin, topics).await?;
    let asked = |spec| -> BTreeMap<Place, OffsetSpec> {
        places.iter().map(|place| (place.clone(), spec)).collect()
    };
    let found = admin.list_offsets(&asked(OffsetSpec::AtTime(ms))).await?;
    let ends = admin.list_offsets(&asked(OffsetSpec::Latest)).await?;
    let name = |(topic, index): &Place| TopicPartition::new(Arc::clone(topic), *index);
    consumer.assign(&places.iter().map(name).collect::<Vec<_>>());
    for place in &places {
        let offset = |offsets: &BTreeMap<Place, millrace_client::admin::FoundOffset>| {
            offsets.get(place).and_then(|found| found.offset)
        };
        let begin = offset(&found).or_else(|| offset(&ends)).unwrap_or(0);
        consumer.seek(&name(place), begin)?;
    }
    Ok(())
}

async fn places(
    cluster: &Cluster,
    admin: &Admin,
    topics: &Topics<'_>,
) -> anyhow::Result<Vec<Place>> {
    let found = match topics {
        Topics::Named(name) => vec![
            cluster
                .topic(&Arc::from(*name), false, TOPIC_WITHIN)
                .await?,
        ],
        Topics::Matching(text) => {
            let pattern = pattern(text)?;
            let mut found = admin.list_topics().await?;
            found.retain(|topic| !topic.is_internal && pattern.is_match(&topic.name));
            if found.is_empty() {
                bail!("no topic matches {text}");
            }
            found
        }
    };
    let of = |topic: &Arc<millrace_client::cluster::Topic>| {
        let name = Arc::clone(&topic.name);
        let indices: Vec<i32> = topic
            .partitions
            .iter()
            .map(|partition| partition.index)
            .collect();
        indices
            .into_iter()
            .map(move |index| (Arc::clone(&name), index))
    };
    Ok(found.iter().flat_map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::{At, Begin};

    #[test]
    fn options_say_where() {
        let begin = |partition, offset, time| Begin::from_options(partition, offset, time);
        assert_eq!(begin(None, None, None).unwrap(), Begin::Committed);
        assert_eq!(begin(None, None, Some("5")).unwrap(), Begin::Time(5));
        let at = |at| Begin::Partition { index: 2, at };
        assert_eq!(begin(Some(2), None, None).unwrap(), at(At::Latest));
        assert_eq!(
            begin(Some(2), Some("EARLIEST"), None).unwrap(),
            at(At::Earliest)
        );
        assert_eq!(
            begin(Some(2), Some("17"), None).unwrap(),
            at(At::Offset(17))
        );
        assert!(begin(Some(2), Some("-1"), None).is_err());
        assert!(begin(Some(-2), None, None).is_err());
        assert!(begin(Some(2), None, Some("5")).is_err());
    }
}
