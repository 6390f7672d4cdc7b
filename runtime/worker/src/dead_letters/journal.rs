//! What has been replayed, in a compacted topic: it survives restarts, holds for all who replay, wherever they run, and
//! needs no permission on the queue itself. (A group's committed offsets would do for replays in order only, not for
//! those of a few chosen letters.)
//!
//! A replay works in parts. Before a part is sent it writes a claim of the part's letters, and reads the journal to its
//! end: a letter in an earlier claim is another's. When all is sent, the claim is replaced by what was delivered. A
//! claim that stays behind belongs to a replay that was killed: nobody knows whether those letters were delivered, so
//! they are in doubt until someone decides.
//!
//! Key: `{"topic":<id>,"queue":<name>,"partition":n,"run":<id>,"part":n}`; value:
//! `{"state":"claimed"|"delivered","offsets":[[first,last],…],"at":<ms>}`; a null value takes a claim back. The topic's id
//! keeps a queue apart from a later one of the same name.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use millrace_client::Topic;
use millrace_client::admin::NewTopic;
use millrace_client::producer::{Producer, RecordRef};
use millrace_wire::error_code::ErrorCode;
use serde::{Deserialize, Serialize};

use super::scan::Scan;
use super::spans::Spans;
use super::{DeadLetterError, DeadLetterQueues, Fate};

/// The topic of the journal.
pub const JOURNAL: &str = "__millrace_dead_letter_replays";

/// Which part of which replay.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Part {
    topic: String,
    queue: String,
    partition: i32,
    run: String,
    part: u64,
}

impl Part {
    pub(super) fn new(queue: &Topic, partition: i32, run: &str, part: u64) -> Self {
        Self {
            topic: queue.id.to_string(),
            queue: queue.name.to_string(),
            partition,
            run: run.to_owned(),
            part,
        }
    }

    fn is_of_same_queue(&self, other: &Self) -> bool {
        (&self.topic, &self.queue, self.partition) == (&other.topic, &other.queue, other.partition)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Claimed,
    Delivered,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    state: State,
    offsets: Vec<(i64, i64)>,
    at: i64,
}

/// An entry with its own offset in the journal.
#[derive(Debug)]
struct Kept {
    state: State,
    offsets: Spans,
    place: i64,
}

/// What the journal says.
#[derive(Debug, Default)]
pub(super) struct Entries {
    by_part: HashMap<Part, Kept>,
}

/// The journal as far as it has been read.
pub(super) struct Journal {
    /// None while nothing of it has been read.
    scan: Option<Scan>,
    pub(super) entries: Entries,
}

impl Journal {
    /// What the journal says now; nothing where it is not there.
    pub(super) async fn look(queues: &DeadLetterQueues) -> Result<Entries, DeadLetterError> {
        let mut journal = Self::unread(Entries::default());
        if queues.find(JOURNAL).await?.is_some() {
            journal.read(queues).await?;
        }
        Ok(journal.entries)
    }

    /// A journal that says this, and is not read.
    pub(super) fn unread(entries: Entries) -> Self {
        Self {
            scan: None,
            entries,
        }
    }

    /// Reads the journal, which is made if it is not there.
    pub(super) async fn open(queues: &DeadLetterQueues) -> Result<Self, DeadLetterError> {
        if queues.find(JOURNAL).await?.is_none() {
            let topic = NewTopic {
                partitions: Some(1),
                configs: [("cleanup.policy".to_owned(), "compact".to_owned())].into(),
                ..NewTopic::new(JOURNAL)
            };
            match queues.admin.create_topic(&topic).await {
                Err(error) if error.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) => {}
                created => created.map_err(|source| DeadLetterError::Journal {
                    topic: JOURNAL,
                    source,
                })?,
            }
        }
        let mut journal = Self::unread(Entries::default());
        journal.read(queues).await?;
        Ok(journal)
    }

    /// Reads on to the end that there is now.
    async fn read(&mut self, queues: &DeadLetterQueues) -> Result<(), DeadLetterError> {
        let scan = match &mut self.scan {
            Some(scan) => {
                scan.extend(queues).await?;
                scan
            }
            none => none.insert(Scan::begin(queues, &JOURNAL.into(), 0, 0..i64::MAX).await?),
        };
        while let Some(fetched) = scan.next().await? {
            for row in &fetched.rows {
                let (key, value) = (row.key.of(&fetched.data), row.value.of(&fetched.data));
                self.entries.take(key, value, row.offset);
            }
        }
        Ok(())
    }

    /// Claims letters and says what became of each: those that wait are this part's to send. With `take_over` those in
    /// doubt are, too.
    pub(super) async fn claim(
        &mut self,
        queues: &DeadLetterQueues,
        producer: &Producer,
        part: &Part,
        offsets: &[i64],
        take_over: bool,
    ) -> Result<Vec<Fate>, DeadLetterError> {
        let place = write(queues, producer, part, Some((State::Claimed, offsets))).await?;
        self.read(queues).await?;
        let fates = self.entries.against(part, offsets, place);
        let fate = |offset: &i64| match fates.fate(*offset) {
            Fate::InDoubt if take_over => Fate::Waiting,
            fate => fate,
        };
        Ok(offsets.iter().map(fate).collect())
    }

    /// Replaces the claim by what was delivered.
    pub(super) async fn settle(
        queues: &DeadLetterQueues,
        producer: &Producer,
        part: &Part,
        delivered: &[i64],
    ) -> Result<(), DeadLetterError> {
        let entry = (!delivered.is_empty()).then_some((State::Delivered, delivered));
        write(queues, producer, part, entry).await.map(drop)
    }
}

impl Entries {
    /// What became of the letters of a partition, as far as the journal has been read.
    pub(super) fn fates(&self, queue: &Topic, partition: i32) -> Fates {
        let mut fates = Fates::default();
        let place = Part::new(queue, partition, "", 0);
        for (_, kept) in self.of_queue(&place) {
            let spans = match kept.state {
                State::Delivered => &mut fates.delivered,
                State::Claimed => &mut fates.claimed,
            };
            for (first, last) in kept.offsets.iter() {
                spans.add(first, last);
            }
        }
        fates
    }

    fn of_queue(&self, place: &Part) -> impl Iterator<Item = (&Part, &Kept)> {
        let entries = self.by_part.iter();
        entries.filter(|(part, _)| part.is_of_same_queue(place))
    }

    /// What stands against a claim at `place`: what was delivered, and what others have claimed before.
    fn against(&self, part: &Part, offsets: &[i64], place: i64) -> Fates {
        let mut fates = Fates::default();
        let (first, last) = (offsets.first().copied(), offsets.last().copied());
        let (first, last) = (first.unwrap_or(0), last.unwrap_or(0));
        for (other, kept) in self.of_queue(part) {
            let spans = match kept.state {
                State::Delivered => &mut fates.delivered,
                State::Claimed if other.run != part.run && kept.place < place => &mut fates.claimed,
                State::Claimed => continue,
            };
            for (from, to) in kept.offsets.iter() {
                if from <= last && to >= first {
                    spans.add(from, to);
                }
            }
        }
        fates
    }

    /// Takes in a record of the journal; what is no entry is passed over.
    fn take(&mut self, key: Option<&[u8]>, value: Option<&[u8]>, place: i64) {
        let Some(part) = key.and_then(|key| serde_json::from_slice::<Part>(key).ok()) else {
            return;
        };
        let Some(value) = value else {
            self.by_part.remove(&part);
            return;
        };
        let Ok(entry) = serde_json::from_slice::<Entry>(value) else {
            return;
        };
        let mut offsets = Spans::default();
        for (first, last) in entry.offsets {
            offsets.add(first, last.max(first));
        }
        let kept = Kept {
            state: entry.state,
            offsets,
            place,
        };
        self.by_part.insert(part, kept);
    }
}

/// What became of letters of a partition.
#[derive(Debug, Default)]
pub(super) struct Fates {
    delivered: Spans,
    claimed: Spans,
}

impl Fates {
    /// What became of a letter.
    pub(super) fn fate(&self, offset: i64) -> Fate {
        if self.delivered.has(offset) {
            Fate::Replayed
        } else if self.claimed.has(offset) {
            Fate::InDoubt
        } else {
            Fate::Waiting
        }
    }

    /// How many of these offsets are replayed, and how many in doubt.
    pub(super) fn counts(&self, there: &Range<i64>) -> (i64, i64) {
        let (mut delivered, mut touched) = (Spans::default(), Spans::default());
        let mut add = |all: &Spans, is_delivered: bool| {
            for (first, last) in all.iter() {
                let (first, last) = (first.max(there.start), last.min(there.end - 1));
                if first <= last {
                    touched.add(first, last);
                    if is_delivered {
                        delivered.add(first, last);
                    }
                }
            }
        };
        add(&self.delivered, true);
        add(&self.claimed, false);
        (delivered.count(), touched.count() - delivered.count())
    }
}

async fn write(
    queues: &DeadLetterQueues,
    producer: &Producer,
    part: &Part,
    entry: Option<(State, &[i64])>,
) -> Result<i64, DeadLetterError> {
    let key = serde_json::to_vec(part).unwrap_or_default();
    let value = entry.map(|(state, offsets)| {
        let offsets: Spans = offsets.iter().copied().collect();
        let entry = Entry {
            state,
            offsets: offsets.iter().collect(),
            at: queues.cluster.clock().now_ms(),
        };
        serde_json::to_vec(&entry).unwrap_or_default()
    });
    let record = RecordRef {
        timestamp: -1,
        key: Some(&key),
        value: value.as_deref(),
        headers: &[],
    };
    let journal: Arc<str> = JOURNAL.into();
    let stored = producer.send(&journal, Some(0), record).await;
    let stored = stored.map_err(|source| DeadLetterError::writing(JOURNAL, source))?;
    Ok(stored.offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(run: &str, number: u64) -> Part {
        Part {
            topic: "id".to_owned(),
            queue: "dead".to_owned(),
            partition: 0,
            run: run.to_owned(),
            part: number,
        }
    }

    /// A journal of these records, at their index.
    fn journal(records: &[(Part, Option<&str>)]) -> Entries {
        let mut entries = Entries::default();
        for (place, (part, value)) in (0..).zip(records) {
            let key = serde_json::to_vec(part).unwrap();
            let value = value.as_ref().map(|value| value.as_bytes());
            entries.take(Some(&key), value, place);
        }
        entries
    }

    const CLAIM: &str = r#"{"state":"claimed","offsets":[[0,4]],"at":1}"#;
    const SOME: &str = r#"{"state":"delivered","offsets":[[0,1],[3,3]],"at":1}"#;

    fn fates<const N: usize>(journal: &Entries, offsets: [i64; N]) -> [Fate; N] {
        let fates = journal.against(&part("me", 0), &[0, 9], i64::MAX);
        offsets.map(|offset| fates.fate(offset))
    }

    #[test]
    fn a_letter_waits_is_in_doubt_or_replayed() {
        let fates = |records: &[_]| fates(&journal(records), [0, 2, 3, 9]);
        let (waits, doubt, done) = (Fate::Waiting, Fate::InDoubt, Fate::Replayed);
        assert_eq!(fates(&[]), [waits; 4]);
        let claimed = (part("a", 0), Some(CLAIM));
        assert_eq!(
            fates(std::slice::from_ref(&claimed)),
            [doubt, doubt, doubt, waits]
        );
        let settled = (part("a", 0), Some(SOME));
        assert_eq!(
            fates(&[claimed.clone(), settled]),
            [done, waits, done, waits]
        );
        let taken_back = (part("a", 0), None);
        assert_eq!(fates(&[claimed, taken_back]), [waits; 4]);
    }

    #[test]
    fn of_two_claims_the_earlier_one_holds() {
        let journal = journal(&[(part("a", 0), Some(CLAIM)), (part("b", 0), Some(CLAIM))]);
        let fate = |run, place| journal.against(&part(run, 0), &[2], place).fate(2);
        assert_eq!(fate("a", 0), Fate::Waiting);
        assert_eq!(fate("b", 1), Fate::InDoubt);
    }

    #[test]
    fn other_queues_and_what_is_no_entry_do_not_matter() {
        let other = Part {
            topic: "another".to_owned(),
            ..part("a", 0)
        };
        let broken = (part("b", 0), Some("oops"));
        let mut journal = journal(&[(other, Some(CLAIM)), broken]);
        journal.take(None, None, 9);
        journal.take(Some(b"oops"), None, 9);
        assert_eq!(fates(&journal, [2]), [Fate::Waiting]);
    }

    #[test]
    fn only_letters_that_are_still_there_are_counted() {
        let other = r#"{"state":"claimed","offsets":[[2,9]],"at":1}"#;
        let journal = journal(&[(part("a", 0), Some(SOME)), (part("b", 0), Some(other))]);
        let fates = journal.against(&part("me", 0), &[0, 9], i64::MAX);
        assert_eq!(fates.counts(&(1..8)), (2, 5));
        assert_eq!(fates.counts(&(0..1)), (1, 0));
    }
}
