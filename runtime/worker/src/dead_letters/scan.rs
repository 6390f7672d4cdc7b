//! Reading a partition from an offset to the end that it has now.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use millrace_client::Topic;
use millrace_client::admin::{OffsetSpec, Place};
use millrace_client::consumer::{Consumer, Fetched, TopicPartition};

use super::{DeadLetterError, DeadLetterQueues, Filter};

/// How long nothing may come before the reading is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one poll waits.
const POLL: Duration = Duration::from_secs(1);

/// The partitions that a filter chooses.
pub(super) fn partitions(topic: &Topic, filter: &Filter) -> Vec<i32> {
    let all = topic.partitions.iter().map(|partition| partition.index);
    all.filter(|index| filter.partition.is_none_or(|asked| asked == *index))
        .collect()
}

/// The reading of one partition.
pub(super) struct Scan {
    consumer: Consumer,
    partition: TopicPartition,
    /// Behind the last record that was handed out.
    position: i64,
    end: i64,
}

impl Scan {
    /// Reads the offsets in `wanted` of what there is now.
    pub(super) async fn begin(
        queues: &DeadLetterQueues,
        topic: &Arc<str>,
        partition: i32,
        wanted: Range<i64>,
    ) -> Result<Self, DeadLetterError> {
        let there = queues.extent(topic, partition).await?;
        let position = there.start.max(wanted.start);
        let mut consumer = queues.consumer();
        let place = TopicPartition::new(Arc::clone(topic), partition);
        consumer.assign(std::slice::from_ref(&place));
        let sought = consumer.seek(&place, position);
        sought.map_err(|source| DeadLetterError::reading(topic, source))?;
        Ok(Self {
            consumer,
            partition: place,
            position,
            end: there.end.min(wanted.end),
        })
    }

    /// The next records; none behind the last.
    pub(super) async fn next(&mut self) -> Result<Option<Fetched>, DeadLetterError> {
        let mut waited = Duration::ZERO;
        loop {
            // Behind the last record there may be marks of transactions, which are never handed out.
            let known = self.consumer.known_position(&self.partition);
            self.position = self.position.max(known.unwrap_or(0));
            if self.position >= self.end {
                return Ok(None);
            }
            match self.consumer.poll(POLL).await {
                Ok(Some(mut fetched)) => {
                    self.position = fetched.next_offset;
                    fetched.rows.retain(|row| row.offset < self.end);
                    return Ok(Some(fetched));
                }
                Ok(None) => waited += POLL,
                Err(error) if error.is_retriable() => {
                    waited += POLL;
                    tokio::time::sleep(POLL).await;
                }
                Err(error) => return Err(DeadLetterError::reading(&self.partition.topic, error)),
            }
            if waited >= PATIENCE {
                return Err(DeadLetterError::Stalled {
                    topic: self.partition.topic.to_string(),
                    seconds: PATIENCE.as_secs(),
                });
            }
        }
    }

    /// Goes on behind what was read, to the end that there is now.
    pub(super) async fn extend(
        &mut self,
        queues: &DeadLetterQueues,
    ) -> Result<(), DeadLetterError> {
        let (topic, partition) = (&self.partition.topic, self.partition.partition);
        self.end = queues.extent(topic, partition).await?.end;
        Ok(())
    }
}

impl DeadLetterQueues {
    /// The first offset and the one behind the last.
    pub(super) async fn extent(
        &self,
        topic: &Arc<str>,
        partition: i32,
    ) -> Result<Range<i64>, DeadLetterError> {
        let start = self.offset(topic, partition, OffsetSpec::Earliest).await?;
        let end = self.offset(topic, partition, OffsetSpec::Latest).await?;
        Ok(start..end.max(start))
    }

    async fn offset(
        &self,
        topic: &Arc<str>,
        partition: i32,
        spec: OffsetSpec,
    ) -> Result<i64, DeadLetterError> {
        let place: Place = (Arc::clone(topic), partition);
        let asked = [(place.clone(), spec)].into();
        let found = self.admin.list_offsets(&asked).await;
        let found = found.map_err(|source| DeadLetterError::reading(topic, source))?;
        let offset = found.get(&place).and_then(|found| found.offset);
        Ok(offset.unwrap_or(0))
    }
}
