//! Drives the first task of a source.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use millrace_api::{
    BatchAcks, Cell, ConnectError, ConnectorContext, OffsetListener, OffsetMap, Properties,
    SourceBatch, SourceConnector, SourceContext, SourceTask, TaskId,
};
use tokio::sync::watch;

use crate::MemoryOffsets;
use crate::hold::within;

/// Longer than any connector may take to answer, on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// One record as it was polled.
#[derive(Clone, Debug, PartialEq)]
pub struct Polled {
    /// The topic to write to.
    pub topic: String,
    /// The value as text; none for null.
    pub value: Option<String>,
    /// The source partition.
    pub partition: OffsetMap,
    /// The offset to resume from behind this record.
    pub offset: OffsetMap,
}

/// A started source connector with its first task.
pub struct SourceRun<C> {
    connector: C,
    task: Box<dyn SourceTask>,
    running: watch::Sender<bool>,
    commits: Arc<Commits>,
    /// Polled and not yet acknowledged.
    in_flight: Vec<Polled>,
    /// For each record in flight, whom to tell of its acknowledgement: the row, of the batch that asked.
    listening: Vec<Option<(Arc<dyn BatchAcks>, usize)>>,
    /// The offset that the next acknowledged record is said to have.
    next_offset: i64,
}

impl<C: SourceConnector> SourceRun<C> {
    /// Starts `connector` and its first task, which finds `offsets` committed.
    ///
    /// # Errors
    /// What the connector or the task refuses.
    pub async fn start(
        mut connector: C,
        properties: &Properties,
        offsets: &MemoryOffsets,
    ) -> Result<Self, ConnectError> {
        let name: Arc<str> = Arc::from("test");
        connector
            .start(properties, ConnectorContext::new(Arc::clone(&name), || {}))
            .await?;
        let task_properties = connector.task_configs(1).await?.into_iter().next();
        let task_properties =
            task_properties.ok_or_else(|| ConnectError::connect("the connector has no task"))?;
        let (running, is_running) = watch::channel(true);
        let commits = Arc::new(Commits {
            offsets: offsets.clone(),
            counts: Mutex::default(),
        });
        let context = SourceContext::new(
            TaskId {
                connector: name,
                task: 0,
            },
            Arc::new(offsets.clone()),
            is_running,
        )
        .with_offset_listener(Arc::clone(&commits) as _);
        let mut task = connector.task();
        task.start(&task_properties, context).await?;
        Ok(Self {
            connector,
            task,
            running,
            commits,
            in_flight: Vec::new(),
            listening: Vec::new(),
            next_offset: 0,
        })
    }

    /// One poll of the task.
    ///
    /// # Errors
    /// What the task says.
    pub async fn poll(&mut self) -> Result<Option<SourceBatch>, ConnectError> {
        let batch = within(PATIENCE, "poll", self.task.poll()).await?;
        self.taken(batch.as_ref());
        Ok(batch)
    }

    /// Polls until `count` records have come, and returns all that came.
    ///
    /// # Errors
    /// What the task says, or that the records did not come in time.
    pub async fn poll_records(&mut self, count: usize) -> Result<Vec<Polled>, ConnectError> {
        let before = self.in_flight.len();
        let polling = async {
            while self.in_flight.len() - before < count {
                let batch = self.task.poll().await?;
                self.taken(batch.as_ref());
            }
            Ok(())
        };
        tokio::select! {
            result = polling => result?,
            () = tokio::time::sleep(PATIENCE) => {
                let came = self.in_flight.len() - before;
                return Err(ConnectError::connect(format!("only {came} of {count} records came in {PATIENCE:?}")));
            }
        }
        Ok(self.in_flight[before..].to_vec())
    }

    /// A batch was polled.
    fn taken(&mut self, batch: Option<&SourceBatch>) {
        if let Some(batch) = batch {
            self.commits.lock().polled += batch.len() as u64;
            self.in_flight.extend(records(batch));
            let rows = 0..batch.len();
            self.listening
                .extend(rows.map(|row| Some((Arc::clone(batch.acks()?), row))));
        }
    }

    /// Acknowledges the first `count` records in flight and commits their offsets, as a worker does. They are said to be
    /// in partition 0, at one offset after the other.
    pub async fn acknowledge(&mut self, count: usize) {
        for listening in self.listening.drain(..count) {
            if let Some((acks, row)) = listening {
                acks.stored_at(row..row + 1, 0, self.next_offset);
                acks.acknowledged(row..row + 1, true);
            }
            self.next_offset += 1;
        }
        for record in self.in_flight.drain(..count) {
            self.commits.answered(&record);
        }
        self.task.commit().await;
    }

    /// Asks the task to pause; `poll` returns soon.
    pub fn pause(&self) {
        self.running.send_replace(false);
    }

    /// Lets the task go on.
    pub fn resume(&self) {
        self.running.send_replace(true);
    }

    /// The task, to be called at will.
    pub fn task(&mut self) -> &mut dyn SourceTask {
        self.task.as_mut()
    }

    /// Stops task and connector.
    pub async fn stop(mut self) {
        self.pause();
        within(PATIENCE, "stopping the task", self.task.stop()).await;
        within(PATIENCE, "stopping the connector", self.connector.stop()).await;
    }
}

impl<C: std::fmt::Debug> std::fmt::Debug for SourceRun<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceRun")
            .field("connector", &self.connector)
            .finish_non_exhaustive()
    }
}

/// Commits the offsets of records, and between them those that no record bears.
#[derive(Debug)]
struct Commits {
    offsets: MemoryOffsets,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Records that were polled.
    polled: u64,
    /// Those of them that were acknowledged.
    answered: u64,
    /// Partitions and offsets that no record bears, each with the count of records that come before it.
    waiting: VecDeque<(u64, OffsetMap, OffsetMap)>,
}

impl Commits {
    /// The next record was acknowledged.
    fn answered(&self, record: &Polled) {
        self.offsets
            .commit(&record.partition, record.offset.clone());
        let mut counts = self.lock();
        counts.answered += 1;
        self.commit_waiting(&mut counts);
    }

    fn commit_waiting(&self, counts: &mut Counts) {
        let answered = counts.answered;
        while let Some((_, partition, offset)) = counts
            .waiting
            .pop_front_if(|(before, ..)| *before <= answered)
        {
            self.offsets.commit(&partition, offset);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OffsetListener for Commits {
    fn commit_offset(&self, partition: OffsetMap, offset: OffsetMap) {
        let mut counts = self.lock();
        let before = counts.polled;
        counts.waiting.push_back((before, partition, offset));
        self.commit_waiting(&mut counts);
    }
}

/// The records of a batch, with their text.
fn records(batch: &SourceBatch) -> Vec<Polled> {
    let mut records = Vec::with_capacity(batch.len());
    for (start, run) in batch.runs_with_start() {
        for index in start..run.end {
            records.push(Polled {
                topic: run.topic.to_string(),
                value: text(batch.value(run, start, index)),
                partition: run.source.partition().clone(),
                offset: run.source.offset(batch.rows()[index].mark),
            });
        }
    }
    records
}

fn text(cell: Cell<'_>) -> Option<String> {
    match cell {
        Cell::Null => None,
        Cell::Text(bytes) | Cell::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Cell::Value(datum) => Some(datum.value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use millrace_api::{OffsetListener, OffsetMap};

    use super::{Commits, Polled};
    use crate::MemoryOffsets;

    fn map(key: &str, value: i64) -> OffsetMap {
        [(key.to_owned(), value.into())].into_iter().collect()
    }

    #[test]
    fn an_offset_that_no_record_bears_waits_for_the_records_before_it() {
        let commits = Commits {
            offsets: MemoryOffsets::default(),
            counts: Mutex::default(),
        };
        let record = |offset| Polled {
            topic: "t".to_owned(),
            value: None,
            partition: map("file", 1),
            offset: map("position", offset),
        };
        let is_committed = |file, position| {
            let all = commits.offsets.all();
            all.contains(&(map("file", file), map("position", position)))
        };
        commits.commit_offset(map("file", 0), map("position", 7));
        assert!(is_committed(0, 7));
        commits.lock().polled += 2;
        commits.commit_offset(map("file", 1), map("position", 9));
        commits.lock().polled += 1;
        commits.answered(&record(1));
        assert!(is_committed(1, 1));
        commits.answered(&record(2));
        assert!(is_committed(1, 9));
        commits.answered(&record(10));
        assert!(is_committed(1, 10));
    }
}
