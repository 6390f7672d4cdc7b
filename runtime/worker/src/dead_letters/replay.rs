//! Replaying: giving letters, whole or edited, back to the topics they came from.
//!
//! Letters go out partition by partition of the queue, in their order, in parts of bounded size. Each part is claimed in
//! the journal, sent, and settled when the broker has acknowledged it (see [`super::journal`]).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use millrace_client::Topic;
use millrace_client::producer::{ProduceError, Producer, RecordRef};
use millrace_wire::uuid::Uuid;
use serde_json::{Value, json};

use super::edit::Edit;
use super::journal::{Journal, Part};
use super::letter::{Letter, member};
use super::scan::{self, Scan};
use super::{DeadLetterError, DeadLetterQueues, Fate, Filter};

/// Letters and bytes that are sent before anyone waits for the broker.
const PART_LETTERS: usize = 500;
const PART_BYTES: usize = 4 << 20;
/// Letters that a dry run shows.
const SHOWN: usize = 100;
/// The header of a replayed record: `<queue>-<partition>@<offset>`.
const ORIGIN: &str = "__millrace.replayed.from";

/// What is to be replayed, and how.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    /// Which letters.
    pub filter: Filter,
    /// The topic that they go to; without it each goes to where it came from.
    pub to: Option<String>,
    /// What is changed in their values, in this order.
    pub edits: Vec<Edit>,
    /// The most letters that are replayed.
    pub limit: Option<usize>,
    /// Says what would be done, and does nothing.
    pub dry_run: bool,
    /// Sends letters in doubt again: those of a replay that did not come to its end.
    pub take_over: bool,
}

/// What a replay has come to.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Letters that the filter chose.
    pub chosen: usize,
    /// Letters that were sent and acknowledged, or would be; by topic.
    pub replayed: BTreeMap<String, usize>,
    /// Letters that were replayed before.
    pub before: usize,
    /// Letters in doubt, left alone.
    pub in_doubt: usize,
    /// In a dry run, the first letters as they would be sent.
    pub shown: Vec<Value>,
}

impl Outcome {
    /// Letters that were sent, or would be.
    #[must_use]
    pub fn total(&self) -> usize {
        self.replayed.values().sum()
    }

    /// As JSON.
    #[must_use]
    pub fn json(&self, queue: &str, dry_run: bool) -> Value {
        let mut document = json!({
            "queue": queue,
            "dryRun": dry_run,
            "chosen": self.chosen,
            "replayed": self.total(),
            "topics": self.replayed,
            "replayedBefore": self.before,
            "inDoubt": self.in_doubt,
        });
        if dry_run {
            document["records"] = self.shown.clone().into();
        }
        document
    }
}

impl DeadLetterQueues {
    /// Replays letters of a queue.
    ///
    /// # Errors
    /// The first letter that has no way back, cannot be edited, or is not taken. What was sent before stays sent, and is
    /// kept in the journal.
    pub async fn replay(&self, queue: &str, replay: &Replay) -> Result<Outcome, DeadLetterError> {
        let topic = self.queue(queue).await?;
        let journal = match replay.dry_run {
            true => Journal::unread(Journal::look(self).await?),
            false => Journal::open(self).await?,
        };
        let mut run = Run {
            queues: self,
            replay,
            producer: (!replay.dry_run).then(|| self.producer()),
            journal,
            id: Uuid::random()?.to_string(),
            parts: 0,
            targets: HashMap::new(),
            outcome: Outcome::default(),
        };
        for partition in scan::partitions(&topic, &replay.filter) {
            run.partition(&topic, partition).await?;
        }
        if let Some(producer) = &run.producer {
            producer.close(std::time::Duration::from_secs(5)).await;
        }
        Ok(run.outcome)
    }
}

/// A letter on its way.
struct Outgoing {
    letter: Letter,
    target: Arc<Topic>,
    partition: Option<i32>,
    value: Option<Bytes>,
    headers: Vec<u8>,
}

struct Run<'a> {
    queues: &'a DeadLetterQueues,
    replay: &'a Replay,
    /// None in a dry run.
    producer: Option<Producer>,
    journal: Journal,
    id: String,
    parts: u64,
    targets: HashMap<String, Arc<Topic>>,
    outcome: Outcome,
}

impl Run<'_> {
    async fn partition(
        &mut self,
        queue: &Arc<Topic>,
        partition: i32,
    ) -> Result<(), DeadLetterError> {
        let fates = self.journal.entries.fates(queue, partition);
        let wanted = self.replay.filter.offsets();
        let mut scan = Scan::begin(self.queues, &queue.name, partition, wanted).await?;
        let (mut part, mut bytes) = (Vec::new(), 0);
        while let Some(fetched) = scan.next().await? {
            for row in &fetched.rows {
                let letter = Letter::read(&fetched, row);
                if self.is_enough(part.len()) || !self.replay.filter.chooses(&letter) {
                    continue;
                }
                self.outcome.chosen += 1;
                match fates.fate(letter.offset) {
                    Fate::Replayed => self.outcome.before += 1,
                    Fate::InDoubt if !self.replay.take_over => self.outcome.in_doubt += 1,
                    Fate::Waiting | Fate::InDoubt => {
                        bytes += letter.size();
                        part.push(self.prepare(letter).await?);
                    }
                }
                if part.len() >= PART_LETTERS || bytes >= PART_BYTES {
                    self.send(queue, partition, std::mem::take(&mut part))
                        .await?;
                    bytes = 0;
                }
            }
            if self.is_enough(part.len()) {
                break;
            }
        }
        self.send(queue, partition, part).await
    }

    fn is_enough(&self, waiting: usize) -> bool {
        let limit = self.replay.limit;
        limit.is_some_and(|limit| self.outcome.total() + waiting >= limit)
    }

    /// Finds out where a letter goes, and edits it.
    async fn prepare(&mut self, letter: Letter) -> Result<Outgoing, DeadLetterError> {
        let origin = letter.cause.topic.as_ref();
        let Some(name) = self.replay.to.as_ref().or(origin).cloned() else {
            return Err(DeadLetterError::NoTarget {
                queue: letter.queue.to_string(),
                partition: letter.partition,
                offset: letter.offset,
            });
        };
        let target = self.target(&name).await?;
        // Where it came from it goes back to its partition, among the records that it belongs to.
        let partition = letter.cause.partition.filter(|partition| {
            letter.cause.topic.as_ref() == Some(&name) && target.partition(*partition).is_some()
        });
        let edited = self
            .replay
            .edits
            .iter()
            .try_fold(letter.value.clone(), |value, edit| edit.apply(value));
        let value = edited.map_err(|source| DeadLetterError::Edit {
            queue: letter.queue.to_string(),
            partition: letter.partition,
            offset: letter.offset,
            source,
        })?;
        let from = format!("{}-{}@{}", letter.queue, letter.partition, letter.offset);
        Ok(Outgoing {
            headers: letter.section_with(ORIGIN, &from),
            letter,
            target,
            partition,
            value,
        })
    }

    async fn target(&mut self, name: &str) -> Result<Arc<Topic>, DeadLetterError> {
        if let Some(known) = self.targets.get(name) {
            return Ok(Arc::clone(known));
        }
        let found = self.queues.find(name).await?;
        let topic = found.ok_or_else(|| DeadLetterError::NoTopic(name.to_owned()))?;
        self.targets.insert(name.to_owned(), Arc::clone(&topic));
        Ok(topic)
    }

    /// Claims, sends and settles a part.
    async fn send(
        &mut self,
        queue: &Topic,
        partition: i32,
        part: Vec<Outgoing>,
    ) -> Result<(), DeadLetterError> {
        if part.is_empty() {
            return Ok(());
        }
        let Some(producer) = &self.producer else {
            part.iter().for_each(|outgoing| self.outcome.show(outgoing));
            return Ok(());
        };
        let place = Part::new(queue, partition, &self.id, self.parts);
        self.parts += 1;
        let offsets: Vec<i64> = part.iter().map(|outgoing| outgoing.letter.offset).collect();
        let fates = self
            .journal
            .claim(
                self.queues,
                producer,
                &place,
                &offsets,
                self.replay.take_over,
            )
            .await?;
        let mut mine = Vec::new();
        for (outgoing, fate) in part.iter().zip(fates) {
            match fate {
                Fate::Waiting => mine.push(outgoing),
                Fate::Replayed => self.outcome.before += 1,
                Fate::InDoubt => self.outcome.in_doubt += 1,
            }
        }
        let (delivered, failed) = deliver(producer, &mine).await;
        Journal::settle(self.queues, producer, &place, &delivered).await?;
        for outgoing in mine {
            if delivered.binary_search(&outgoing.letter.offset).is_ok() {
                self.outcome.count(outgoing);
            }
        }
        match failed {
            None => Ok(()),
            Some((topic, source)) => Err(DeadLetterError::writing(&topic, source)),
        }
    }
}

/// The offsets of what was delivered, and the first error with its topic.
type Answers = (Vec<i64>, Option<(String, ProduceError)>);

/// Sends letters and waits for the broker: the offsets of those delivered, ascending, and the first error.
async fn deliver(producer: &Producer, part: &[&Outgoing]) -> Answers {
    let answers: Arc<Mutex<Answers>> = Arc::default();
    for outgoing in part {
        let record = RecordRef {
            timestamp: outgoing.letter.timestamp.unwrap_or(-1),
            key: outgoing.letter.key.as_deref(),
            value: outgoing.value.as_deref(),
            headers: &outgoing.headers,
        };
        let topic = Arc::clone(&outgoing.target.name);
        let (name, offset) = (topic.to_string(), outgoing.letter.offset);
        let heard = Arc::clone(&answers);
        let done = move |result: Result<_, ProduceError>| {
            let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            match result {
                Ok(_) => heard.0.push(offset),
                Err(error) => drop(heard.1.get_or_insert((name, error))),
            }
        };
        let taken = producer.send_then(&topic, outgoing.partition, record, done);
        if let Err(error) = taken.await {
            let mut heard = answers.lock().unwrap_or_else(PoisonError::into_inner);
            heard.1.get_or_insert((topic.to_string(), error));
            break;
        }
    }
    producer.flush().await;
    let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut delivered, failed) = std::mem::take(&mut *answers);
    delivered.sort_unstable();
    (delivered, failed)
}

impl Outcome {
    fn count(&mut self, outgoing: &Outgoing) {
        let name = outgoing.target.name.to_string();
        *self.replayed.entry(name).or_default() += 1;
    }

    fn show(&mut self, outgoing: &Outgoing) {
        self.count(outgoing);
        if self.shown.len() < SHOWN {
            let letter = &outgoing.letter;
            let mut shown = json!({
                "partition": letter.partition,
                "offset": letter.offset,
                "to": &*outgoing.target.name,
                "toPartition": outgoing.partition,
            });
            if let Some(object) = shown.as_object_mut() {
                member(object, "before", letter.value.as_deref());
                member(object, "after", outgoing.value.as_deref());
            }
            self.shown.push(shown);
        }
    }
}
