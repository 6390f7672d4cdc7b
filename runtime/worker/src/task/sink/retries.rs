//! Records from retry topics: not before they are due, and under the topic that they came from.
//!
//! A topic's records are due in their order. At the first one that is not, its partition is paused and taken up again
//! when it is; the other partitions go on meanwhile.

use std::sync::Arc;
use std::time::Duration;

use millrace_api::{ConnectError, Row, TopicPartition};
use millrace_client::consumer::Fetched;

use super::{SinkLoop, consume_error, their};
use crate::pipeline::FirstPlace;

impl SinkLoop<'_> {
    /// Cuts what was fetched from a retry topic at the first record that is not due. False if nothing is left.
    pub(super) fn cut_at_due(&mut self, fetched: &mut Fetched) -> Result<bool, ConnectError> {
        let delay = self
            .retries
            .as_ref()
            .and_then(|retries| retries.delay(&fetched.topic));
        let Some(delay) = delay else { return Ok(true) };
        let now_ms = self.context.clock.now_ms();
        let early = fetched
            .rows
            .iter()
            .find(|row| row.timestamp.saturating_add(delay) > now_ms)
            .map(|row| (row.offset, row.timestamp.saturating_add(delay)));
        let Some((offset, due_ms)) = early else {
            return Ok(true);
        };
        let partition = TopicPartition {
            topic: Arc::clone(&fetched.topic),
            partition: fetched.partition,
        };
        let theirs = their(&partition);
        self.consumer.seek(&theirs, offset).map_err(consume_error)?;
        self.consumer.pause(&[theirs]).map_err(consume_error)?;
        // A clock that was set back must not hold records up for longer than their delay.
        let wait = (due_ms - now_ms).clamp(0, delay).unsigned_abs();
        let due = self.now() + Duration::from_millis(wait);
        self.waiting.insert(partition, due);
        fetched.rows.retain(|row| row.offset < offset);
        fetched.next_offset = offset;
        Ok(!fetched.rows.is_empty())
    }

    /// Takes up the partitions whose next record is due.
    pub(super) fn release_due(&mut self) -> Result<(), ConnectError> {
        let (now, before) = (self.now(), self.waiting.len());
        let assigned = self.delivery.assigned();
        self.waiting
            .retain(|partition, due| *due > now && assigned.contains(partition));
        match self.waiting.len() == before {
            true => Ok(()),
            false => self.apply_pauses(),
        }
    }

    /// When the next record of a retry topic is due.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.waiting.values().min().copied()
    }
}

/// The rows of a batch from a retry topic by the topic they came from first, with the times they had.
pub(super) fn by_first_topic(
    fetched: &Fetched,
    rows: impl Iterator<Item = Row>,
) -> Vec<(Arc<str>, Vec<Row>)> {
    let mut parts: Vec<(Arc<str>, Vec<Row>)> = Vec::new();
    for (mut row, packed) in rows.zip(&fetched.rows) {
        let headers = packed.headers.of(&fetched.data).unwrap_or_default();
        let topic = match FirstPlace::read(headers) {
            Some(place) => {
                row.timestamp = place.timestamp.unwrap_or(-1);
                place.topic
            }
            None => Arc::clone(&fetched.topic),
        };
        match parts.last_mut() {
            Some((last, rows)) if *last == topic => rows.push(row),
            _ => parts.push((topic, vec![row])),
        }
    }
    parts
}
