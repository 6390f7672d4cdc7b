//! The files of a task: which partitions it holds, how far each has come, and which files are not complete.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::time::Duration;

use millrace_api::{ConnectError, SinkOffsets, TopicPartition};
use tokio::time::Instant;

use crate::config::{Compression, FileSinkConfig};
use crate::failure::Failure;
use crate::journal::{Journal, Journals, Move};
use crate::names;
use crate::pending::Pending;
use crate::recovery::{self, Recovered};

/// Files that are not complete at most; beyond, those that were not written to for longest are completed.
const PENDING_MAX: usize = 10_000;
/// Folders of a partition that are ahead of its offset at most; beyond, all of its files are completed.
const AHEAD_MAX: usize = 10_000;

/// What the configuration says of files.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) compression: Compression,
    level: Option<i32>,
    extension: String,
    pub(crate) roll_bytes: u64,
    pub(crate) roll_records: i64,
    roll_age: Option<Duration>,
    open_files_max: usize,
    layout: String,
}

impl Rules {
    pub(crate) fn new(config: &FileSinkConfig) -> Self {
        let unbounded = |limit: i64| if limit == 0 { i64::MAX } else { limit };
        Self {
            compression: config.compression,
            level: config.level,
            extension: config.extension(),
            roll_bytes: unbounded(config.roll_bytes).unsigned_abs(),
            roll_records: unbounded(config.roll_records),
            roll_age: config.roll_age(),
            open_files_max: usize::try_from(config.open_files_max).unwrap_or(1),
            layout: config.layout(),
        }
    }
}

/// How far a partition has come.
#[derive(Debug, Default)]
pub(crate) struct Partition {
    /// What the names of its files begin with.
    name: String,
    /// Behind all records that are in files, complete or not.
    pub(crate) position: Option<i64>,
    /// The same when the batch at hand came: records before it have come before.
    pub(crate) floor: Option<i64>,
    /// Where the consumer was asked to go on, until its first record comes.
    pub(crate) expected: Option<i64>,
    /// The records of the batch at hand are read again from elsewhere.
    pub(crate) is_skipping: bool,
    /// Folders that have records behind the offset in the journal, and the last of each.
    pub(crate) ahead: BTreeMap<String, i64>,
    /// The file of each folder that takes records.
    pub(crate) folders: HashMap<Box<str>, u64>,
    /// Committed files that are still to be renamed.
    moves: Vec<Move>,
}

/// The files of a task.
pub(crate) struct Store {
    pub(crate) rules: Rules,
    journals: Journals,
    owner: String,
    pub(crate) partitions: BTreeMap<TopicPartition, Partition>,
    /// Assigned, but not opened yet.
    unopened: BTreeSet<TopicPartition>,
    pub(crate) pending: HashMap<u64, Pending>,
    last_number: u64,
    /// Calls so far.
    pub(crate) calls: u64,
}

impl Store {
    /// The files of a task that calls itself `owner`, which no other does.
    pub(crate) fn new(directory: &Path, connector: &str, owner: String, rules: Rules) -> Self {
        Self {
            rules,
            journals: Journals::new(directory, connector),
            owner,
            partitions: BTreeMap::new(),
            unopened: BTreeSet::new(),
            pending: HashMap::new(),
            last_number: 0,
            calls: 0,
        }
    }

    /// Partitions were assigned.
    pub(crate) fn assign(&mut self, partitions: &[TopicPartition]) {
        self.unopened.extend(partitions.iter().cloned());
    }

    /// Whether partitions wait to be opened.
    pub(crate) fn has_unopened(&self) -> bool {
        !self.unopened.is_empty()
    }

    /// Opens what waits for it, and returns where the consumer is to go on. With `amid` records of such a partition may
    /// be at hand already; they are then read again.
    pub(crate) fn open(&mut self, amid: bool) -> Result<SinkOffsets, Failure> {
        let waiting: Vec<_> = self.unopened.iter().cloned().collect();
        let opened = recovery::open(&self.journals, &self.owner, &self.rules.layout, &waiting)?;
        self.unopened.clear();
        let mut rewind = SinkOffsets::new();
        for (partition, Recovered { next, ahead }) in opened {
            if let Some(next) = next {
                rewind.insert(partition.clone(), next);
            }
            let state = Partition {
                name: names::partition(&partition.topic, partition.partition),
                position: next,
                expected: next,
                is_skipping: amid && next.is_some(),
                ahead,
                ..Partition::default()
            };
            self.partitions.insert(partition, state);
        }
        Ok(rewind)
    }

    /// A new file of a partition, for a record at `offset`.
    pub(crate) fn create(
        &mut self,
        partition: &TopicPartition,
        folder: &str,
        offset: i64,
        now: Instant,
    ) -> Option<u64> {
        let state = self.partitions.get_mut(partition)?;
        self.last_number += 1;
        let number = self.last_number;
        let name = format!("{}+{}+{number}.part", state.name, self.owner);
        let path = self.journals.path(&name);
        let file = Pending::new(partition.clone(), folder, (name, path), offset, now);
        self.pending.insert(number, file);
        state.folders.insert(folder.into(), number);
        Some(number)
    }

    /// A file takes no more records.
    pub(crate) fn seal(&mut self, number: u64) {
        let Some(file) = self.pending.get_mut(&number) else {
            return;
        };
        file.is_sealed = true;
        if let Some(state) = self.partitions.get_mut(&file.partition)
            && state.folders.get(&file.folder) == Some(&number)
        {
            state.folders.remove(&file.folder);
        }
    }

    /// Files of partitions that are `chosen` take no more records.
    pub(crate) fn seal_all(&mut self, chosen: impl Fn(&TopicPartition) -> bool) {
        let files = self.pending.iter();
        let numbers: Vec<u64> = files
            .filter(|(_, file)| chosen(&file.partition))
            .map(|(number, _)| *number)
            .collect();
        for number in numbers {
            self.seal(number);
        }
    }

    /// Writes what was gathered, and completes files that are full, old or too many. What fails is tried again at the
    /// next call.
    pub(crate) fn flush(&mut self, now: Instant) -> Result<(), Failure> {
        self.rename_committed()?;
        let dirty = self.pending.iter().filter(|(_, file)| file.is_dirty());
        let dirty: Vec<u64> = dirty.map(|(number, _)| *number).collect();
        for number in dirty {
            self.make_room(number)?;
            if let Some(file) = self.pending.get_mut(&number) {
                file.flush(self.rules.compression, self.rules.level)?;
            }
        }
        self.seal_due(now);
        self.complete()
    }

    /// Keeps the number of open files bounded before `number` is opened.
    fn make_room(&mut self, number: u64) -> Result<(), Failure> {
        let is_open = |file: &&mut Pending| file.is_open();
        if self.pending.get(&number).is_some_and(Pending::is_open) {
            return Ok(());
        }
        let mut open: Vec<&mut Pending> = self.pending.values_mut().filter(is_open).collect();
        let surplus = (open.len() + 1).saturating_sub(self.rules.open_files_max);
        open.sort_by_key(|file| file.used);
        for file in open.into_iter().take(surplus) {
            file.rest(self.rules.compression, self.rules.level)?;
        }
        Ok(())
    }

    fn seal_due(&mut self, now: Instant) {
        let (rules, limit) = (&self.rules, self.rules.roll_bytes);
        let is_due = |file: &Pending| {
            let age = now.saturating_duration_since(file.begun);
            rules.roll_age.is_some_and(|most| age >= most)
                || file.bytes(rules.compression) >= limit
                || file.records >= rules.roll_records
        };
        let due = self
            .pending
            .iter()
            .filter(|(_, file)| !file.is_sealed && is_due(file));
        let mut due: Vec<u64> = due.map(|(number, _)| *number).collect();
        if self.pending.len() > PENDING_MAX {
            let mut by_use: Vec<(u64, u64)> = self
                .pending
                .iter()
                .map(|(number, file)| (file.used, *number))
                .collect();
            by_use.sort_unstable();
            let surplus = self.pending.len() - PENDING_MAX * 9 / 10;
            due.extend(by_use.into_iter().take(surplus).map(|(_, number)| number));
        }
        for number in due {
            self.seal(number);
        }
        let crowded: BTreeSet<TopicPartition> = self
            .partitions
            .iter()
            .filter(|(_, state)| state.ahead.len() > AHEAD_MAX)
            .map(|(partition, _)| partition.clone())
            .collect();
        if !crowded.is_empty() {
            self.seal_all(|partition| crowded.contains(partition));
        }
    }

    /// Completes all files that take no more records, one partition after the other; returns the first error.
    fn complete(&mut self) -> Result<(), Failure> {
        let mut sealed: BTreeMap<TopicPartition, Vec<u64>> = BTreeMap::new();
        for (number, file) in &self.pending {
            if file.is_sealed {
                let numbers = sealed.entry(file.partition.clone()).or_default();
                numbers.push(*number);
            }
        }
        let mut outcome = Ok(());
        for (partition, mut numbers) in sealed {
            numbers.sort_unstable();
            outcome = outcome.and(self.complete_of(&partition, &numbers));
        }
        outcome
    }

    /// Commits files of one partition.
    fn complete_of(&mut self, partition: &TopicPartition, numbers: &[u64]) -> Result<(), Failure> {
        let next = self.resume(partition, |number| !numbers.contains(&number));
        let Some(state) = self.partitions.get(partition) else {
            return Ok(());
        };
        let (mut ahead, mut moves) = (state.ahead.clone(), state.moves.clone());
        for number in numbers {
            let Some(file) = self.pending.get_mut(number) else {
                continue;
            };
            file.finish(self.rules.compression, self.rules.level)?;
            let name = names::complete(&state.name, file.first, file.last, &self.rules.extension);
            let to = match &*file.folder {
                "" => name,
                folder => format!("{folder}/{name}"),
            };
            self.journals.make_parent(&self.journals.target(&to))?;
            ahead.insert(file.folder.to_string(), file.last);
            moves.push(Move {
                from: file.name.clone(),
                to,
            });
        }
        ahead.retain(|_, last| next.is_none_or(|next| *last >= next));
        let journal = Journal {
            owner: self.owner.clone(),
            layout: self.rules.layout.clone(),
            next,
            ahead,
            moves,
        };
        self.commit(partition, &state.name, &journal)?;
        for number in numbers {
            self.pending.remove(number);
        }
        if let Some(state) = self.partitions.get_mut(partition) {
            state.ahead = journal.ahead;
            state.moves = journal.moves;
        }
        self.rename_committed()
    }

    /// Replaces the journal of a partition, as long as this task is its owner.
    fn commit(
        &self,
        partition: &TopicPartition,
        name: &str,
        journal: &Journal,
    ) -> Result<(), Failure> {
        let _lock = self.journals.lock()?;
        let found = self.journals.read(name)?;
        if found.is_none_or(|found| found.owner != self.owner) {
            return Err(Failure::TakenOver {
                partition: partition.to_string(),
                path: self.journals.path(""),
            });
        }
        self.journals.write(name, journal)
    }

    /// Gives committed files their names.
    fn rename_committed(&mut self) -> Result<(), Failure> {
        for state in self.partitions.values_mut() {
            if !state.moves.is_empty() {
                self.journals.move_files(&state.moves)?;
                state.moves.clear();
            }
        }
        Ok(())
    }

    /// From where a partition is read again when its files that `count` are thrown away.
    fn resume(&self, partition: &TopicPartition, count: impl Fn(u64) -> bool) -> Option<i64> {
        let own = self
            .pending
            .iter()
            .filter(|(number, file)| file.partition == *partition && count(**number));
        let first = own.map(|(_, file)| file.first).min();
        let position = self.partitions.get(partition)?.position;
        first.map_or(position, |first| {
            Some(position.map_or(first, |position| position.min(first)))
        })
    }

    /// What of `offset` may be committed for a partition; nothing where it was not opened.
    pub(crate) fn safe(&self, partition: &TopicPartition, offset: i64) -> Option<i64> {
        let state = self.partitions.get(partition)?;
        let own = self.pending.values();
        let first = own
            .filter(|file| file.partition == *partition)
            .map(|file| file.first)
            .min();
        let behind = first.unwrap_or(offset);
        // While it is read again from elsewhere, what was given says nothing.
        (!state.is_skipping && state.expected.is_none()).then_some(behind.min(offset))
    }

    /// Partitions are gone: their files are completed, or thrown away if that fails.
    pub(crate) fn close(
        &mut self,
        partitions: &[TopicPartition],
        now: Instant,
    ) -> Result<(), ConnectError> {
        self.seal_all(|partition| partitions.contains(partition));
        let outcome = self.flush(now);
        for partition in partitions {
            self.partitions.remove(partition);
            self.unopened.remove(partition);
        }
        let lost = self
            .pending
            .extract_if(|_, file| partitions.contains(&file.partition));
        for (_, file) in lost {
            file.discard();
        }
        outcome.map_err(ConnectError::from)
    }
}
