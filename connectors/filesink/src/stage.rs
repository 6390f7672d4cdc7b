//! Gathering a batch: each record's line is appended to the file of its folder.

use millrace_api::{ConnectError, ConsumedRecord, SinkBatch, SinkRow, SinkRun, TopicPartition};
use tokio::time::Instant;

use crate::format::Shape;
use crate::pending::Pending;
use crate::store::{Partition, Store};
use crate::template::Template;

/// What a record becomes.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(crate) template: Template,
    pub(crate) shape: Shape,
    /// Whether a record that cannot be written is set aside instead of ending the task.
    pub(crate) sets_aside: bool,
}

/// A record that cannot be written.
#[derive(Debug)]
pub(crate) struct Errant {
    pub(crate) partition: TopicPartition,
    pub(crate) record: ConsumedRecord,
    pub(crate) error: ConnectError,
}

/// The file of the record before: the next one of the same second is mostly in the same.
#[derive(Debug, Default)]
struct Near {
    second: Option<i64>,
    number: Option<u64>,
    folder: String,
}

impl Store {
    /// Gathers a batch. Records that have come before are left out, so that a batch may be given again.
    ///
    /// # Errors
    /// When a record cannot be written and nothing sets it aside; those before it are gathered.
    pub(crate) fn stage(
        &mut self,
        batch: &SinkBatch,
        lines: &Lines,
        now: Instant,
    ) -> Result<Vec<Errant>, ConnectError> {
        self.calls += 1;
        for state in self.partitions.values_mut() {
            state.floor = state.position;
        }
        let mut errant = Vec::new();
        let mut rows = batch.rows();
        for (start, run) in batch.runs_with_start() {
            let partition = of(run);
            let mut near = Near::default();
            for row in rows.by_ref().take(run.end - start) {
                match self.stage_row(&partition, row, lines, &mut near, now) {
                    Ok(()) => self.reach(&partition, row.offset() + 1),
                    Err(error) if lines.sets_aside => {
                        errant.push(Errant {
                            partition: partition.clone(),
                            record: row.consumed(),
                            error,
                        });
                        self.reach(&partition, row.offset() + 1);
                    }
                    Err(error) => {
                        self.reach(&partition, row.offset());
                        return Err(error);
                    }
                }
            }
        }
        for state in self.partitions.values_mut() {
            state.is_skipping = false;
        }
        Ok(errant)
    }

    fn reach(&mut self, partition: &TopicPartition, offset: i64) {
        if let Some(state) = self.partitions.get_mut(partition)
            && !state.is_skipping
        {
            state.position = Some(
                state
                    .position
                    .map_or(offset, |position| position.max(offset)),
            );
        }
    }

    fn stage_row(
        &mut self,
        partition: &TopicPartition,
        row: SinkRow<'_>,
        lines: &Lines,
        near: &mut Near,
        now: Instant,
    ) -> Result<(), ConnectError> {
        let Some(state) = self.partitions.get_mut(partition) else {
            return Ok(());
        };
        if !state.wants(partition, row.offset()) {
            return Ok(());
        }
        let second = row
            .timestamp()
            .map(|timestamp| timestamp.div_euclid(1000))
            .or(Some(i64::MIN));
        if near.number.is_none() || near.second != second || !lines.template.is_shared() {
            lines.template.fill(row, &mut near.folder)?;
            near.second = second;
            near.number = state.folders.get(near.folder.as_str()).copied();
        }
        // A folder that was ahead when the partition was opened has this record already.
        if let Some(&last) = state.ahead.get(near.folder.as_str())
            && row.offset() <= last
        {
            return Ok(());
        }
        let number = self.file_of(partition, row.offset(), near, lines, now);
        let Some(file) = number.and_then(|number| self.pending.get_mut(&number)) else {
            return Ok(());
        };
        if let Err(error) = lines.shape.append(row, &mut file.input) {
            self.drop_empty(near);
            return Err(error);
        }
        file.last = row.offset();
        file.records += 1;
        file.used = self.calls;
        Ok(())
    }

    /// The file for a record at `offset`: the one at hand, or a new one where there is none or it is full. Records of one
    /// offset stay together, or the journal could not tell them apart.
    fn file_of(
        &mut self,
        partition: &TopicPartition,
        offset: i64,
        near: &mut Near,
        lines: &Lines,
        now: Instant,
    ) -> Option<u64> {
        if let Some(number) = near.number
            && let Some(file) = self.pending.get(&number)
        {
            let is_full = file.records >= self.rules.roll_records
                || file.bytes(self.rules.compression) >= self.rules.roll_bytes;
            if !is_full || file.last == offset {
                return Some(number);
            }
            self.seal(number);
        }
        near.number = self.create(partition, &near.folder, offset, now);
        if let Some(number) = near.number
            && let Some(file) = self.pending.get_mut(&number)
        {
            file.input.extend_from_slice(lines.shape.head());
        }
        near.number
    }
}

impl Store {
    /// A file whose first record could not be written has not begun.
    fn drop_empty(&mut self, near: &mut Near) {
        let Some(number) = near.number else { return };
        let is_empty = |file: &Pending| file.records == 0;
        if self.pending.get(&number).is_some_and(is_empty) {
            self.seal(number);
            self.pending.remove(&number);
            near.number = None;
        }
    }
}

impl Partition {
    /// Whether a record is to be written: it has not come before, and is not read again from elsewhere.
    fn wants(&mut self, partition: &TopicPartition, offset: i64) -> bool {
        if self.is_skipping {
            return false;
        }
        if let Some(expected) = self.expected.take()
            && offset < expected
        {
            log::warn!(
                "{partition} goes on at offset {offset}, though its files have all up to {expected}: the topic was made \
                 anew, and its records are written from there"
            );
            self.position = None;
            self.floor = None;
            self.ahead.clear();
        }
        self.floor.is_none_or(|floor| offset >= floor)
    }
}

/// The partition that the records of a run came from.
fn of(run: &SinkRun) -> TopicPartition {
    TopicPartition {
        topic: run.original_topic.as_ref().unwrap_or(&run.topic).clone(),
        partition: run.partition,
    }
}
