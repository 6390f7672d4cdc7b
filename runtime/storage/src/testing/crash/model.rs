//! What a log must hold after a crash.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use millrace_wire::batch::{Batch, ProducerIdentity, batches};
use millrace_wire::compression::Compression;
use millrace_wire::pool::Pool;

use crate::testing::{Random, TestRecord, batch_from};
use crate::{AppendError, Isolation, Log};

/// A batch that was appended.
#[derive(Debug, Clone)]
struct Sent {
    offsets: Range<i64>,
    identity: ProducerIdentity,
    values: Vec<Vec<u8>>,
}

/// One log as its user knows it.
#[derive(Debug)]
pub(super) struct Model {
    topic: String,
    sent: Vec<Sent>,
    /// Batches whose append failed since the last one that did not. The bytes of one may be there
    /// whole, and a start finds it then.
    failed: Vec<Sent>,
    /// Offset below which everything was acknowledged, told by the callbacks.
    acknowledged: Arc<AtomicI64>,
    counted: i64,
    /// The highest log start offset that was asked for.
    start: i64,
    next_sequence: i32,
}

impl Model {
    pub(super) fn new(number: usize) -> Self {
        Self {
            topic: format!("topic-{number}"),
            sent: Vec::new(),
            failed: Vec::new(),
            acknowledged: Arc::default(),
            counted: 0,
            start: 0,
            next_sequence: 0,
        }
    }

    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    /// The log is new: nothing is in it.
    pub(super) fn restart(&mut self) {
        *self = Self {
            topic: std::mem::take(&mut self.topic),
            ..Self::new(0)
        };
    }

    /// Records acknowledged since the last call.
    pub(super) fn newly_acknowledged(&mut self) -> u64 {
        let acknowledged = self.acknowledged.load(Ordering::SeqCst);
        let new = acknowledged - self.counted;
        self.counted = acknowledged;
        u64::try_from(new).unwrap_or(0)
    }

    /// Appends a batch, now and then one that was sent before; gives the number of new records.
    pub(super) fn append(
        &mut self,
        log: &Arc<Log>,
        random: &mut Random,
        now_ms: i64,
    ) -> Result<u64, String> {
        // A batch that is deleted may be forgotten with the snapshot that knew of it, as in Kafka.
        if random.once_in(8)
            && let Some(last) = self.sent.last()
            && last.offsets.end > log.log_start_offset()
        {
            return repeat(log, last, now_ms).map(|()| 0);
        }
        let sent = self.next_batch(log, random);
        match log.append(&encode(&sent, now_ms), log.leader_epoch(), now_ms) {
            Ok(appended) if appended.base_offset == sent.offsets.start && !appended.duplicate => {}
            Ok(appended) => return Err(format!("{appended:?} for {:?}", sent.offsets)),
            // The disk was full, or gone.
            Err(AppendError::Storage(_)) => {
                self.failed.push(sent);
                return Ok(0);
            }
            Err(error) => {
                return Err(format!(
                    "a good batch at {:?} is refused: {error}",
                    sent.offsets
                ));
            }
        }
        let acknowledged = Arc::clone(&self.acknowledged);
        let end = sent.offsets.end;
        log.on_durable(
            end,
            Box::new(move |outcome| {
                if outcome.is_ok() {
                    acknowledged.fetch_max(end, Ordering::SeqCst);
                }
            }),
        );
        self.next_sequence += sent.values.len() as i32;
        let records = sent.values.len() as u64;
        self.sent.push(sent);
        self.failed.clear();
        Ok(records)
    }

    fn next_batch(&self, log: &Log, random: &mut Random) -> Sent {
        let count = 1 + random.below(4);
        let base = log.log_end_offset();
        let values = (0..count)
            .map(|_| {
                (0..random.below(200))
                    .map(|_| random.bits() as u8)
                    .collect()
            })
            .collect();
        let identity = ProducerIdentity {
            producer_id: 5,
            epoch: 0,
            base_sequence: self.next_sequence,
            transactional: false,
        };
        Sent {
            offsets: base..base + count as i64,
            identity,
            values,
        }
    }

    pub(super) fn delete_records(&mut self, log: &Log, random: &mut Random) {
        let (start, end) = (log.log_start_offset(), log.high_watermark());
        let offset = start + random.below((end - start + 1) as usize) as i64;
        if random.once_in(3) && log.delete_records(offset).is_ok() {
            self.start = self.start.max(offset);
        }
        self.start = self.start.max(log.log_start_offset());
    }

    /// Compares with the log after a crash, and goes on from what it holds. Gives the number of
    /// records that were lost, none of which was acknowledged.
    pub(super) fn check(&mut self, log: Option<&Log>) -> Result<u64, String> {
        let acknowledged = self.acknowledged.load(Ordering::SeqCst);
        self.revive_failed(log)?;
        let sent_end = self.sent.last().map_or(0, |sent| sent.offsets.end);
        let Some(log) = log else {
            if acknowledged > 0 {
                return Err(format!(
                    "{} is gone, of which {acknowledged} records were acknowledged",
                    self.topic
                ));
            }
            self.restart();
            return Ok(sent_end as u64);
        };
        let (start, end) = (log.log_start_offset(), log.log_end_offset());
        if end < acknowledged || end > sent_end.max(self.start) {
            return Err(format!(
                "{} ends at {end}: {acknowledged} acknowledged, {sent_end} sent",
                self.topic
            ));
        }
        if log.high_watermark() != end {
            return Err(format!(
                "{} ends at {end}, and its high watermark is {}",
                self.topic,
                log.high_watermark()
            ));
        }
        self.sent.retain(|sent| sent.offsets.start < end);
        self.compare(log, start)?;
        let next = self
            .sent
            .last()
            .map(|sent| sent.identity.base_sequence + sent.values.len() as i32);
        self.next_sequence = next.unwrap_or(0);
        self.start = start;
        Ok((sent_end - end).max(0) as u64)
    }

    /// Counts a batch as sent whose append failed, and which is there all the same.
    fn revive_failed(&mut self, log: Option<&Log>) -> Result<(), String> {
        let end = log.map_or(0, Log::log_end_offset);
        let found = |failed: &Sent| match log {
            Some(log) if failed.offsets.end == end => {
                let last = read_all(log, failed.offsets.start.max(log.log_start_offset()))?;
                last.last().map_or(Ok(false), |batch| holds(batch, failed))
            }
            _ => Ok(false),
        };
        for failed in std::mem::take(&mut self.failed) {
            if found(&failed)? {
                self.sent.push(failed);
                break;
            }
        }
        Ok(())
    }

    fn compare(&self, log: &Log, start: i64) -> Result<(), String> {
        let mut stored = read_all(log, start)?.into_iter();
        for sent in self.sent.iter().filter(|sent| sent.offsets.end > start) {
            let Some(batch) = stored.next() else {
                return Err(format!(
                    "{} lacks the batch at {:?}",
                    self.topic, sent.offsets
                ));
            };
            if !holds(&batch, sent)? {
                let (topic, offsets) = (&self.topic, &sent.offsets);
                return Err(format!(
                    "{topic} holds another batch than was sent for {offsets:?}"
                ));
            }
        }
        match stored.next() {
            Some(batch) => Err(format!(
                "{} holds a batch at {} that was never sent",
                self.topic,
                batch.header().base_offset
            )),
            None => Ok(()),
        }
    }
}

/// Whether a stored batch is the one that was sent.
fn holds(batch: &Batch, sent: &Sent) -> Result<bool, String> {
    let decoded = batch
        .decode(1 << 20, Pool::global())
        .map_err(|error| error.to_string())?;
    let values = decoded
        .rows
        .iter()
        .map(|row| row.value.of(&decoded.data).unwrap_or_default());
    let offsets = batch.header().base_offset..batch.header().next_offset();
    Ok(offsets == sent.offsets && values.eq(sent.values.iter().map(Vec::as_slice)))
}

/// All batches from `start` on, each with a good checksum.
fn read_all(log: &Log, start: i64) -> Result<Vec<Batch>, String> {
    let mut all: Vec<Batch> = Vec::new();
    let mut offset = start;
    loop {
        let range = log
            .read(offset, 700, true, Isolation::ReadUncommitted)
            .map_err(|error| error.to_string())?;
        let Some(file) = range.records else {
            return Ok(all);
        };
        let mut bytes = vec![0; file.len];
        file.read_into(&mut bytes)
            .map_err(|error| error.to_string())?;
        for batch in batches(&bytes.into()) {
            let batch = batch.map_err(|error| error.to_string())?;
            batch.check_crc().map_err(|error| error.to_string())?;
            offset = batch.header().next_offset();
            all.push(batch);
        }
    }
}

/// Sends a batch again, as a producer does that got no answer.
fn repeat(log: &Arc<Log>, sent: &Sent, now_ms: i64) -> Result<(), String> {
    match log.append(&encode(sent, now_ms), log.leader_epoch(), now_ms) {
        Ok(appended) if appended.duplicate && appended.base_offset == sent.offsets.start => Ok(()),
        Ok(appended) => Err(format!(
            "the batch at {:?} was sent twice, and became {appended:?}",
            sent.offsets
        )),
        Err(AppendError::Storage(_)) => Ok(()),
        Err(error) => Err(format!(
            "the batch at {:?} was sent twice, and refused: {error}",
            sent.offsets
        )),
    }
}

fn encode(sent: &Sent, now_ms: i64) -> bytes::Bytes {
    let records: Vec<TestRecord<'_>> = sent
        .values
        .iter()
        .map(|value| (now_ms, None, Some(&value[..])))
        .collect();
    batch_from(sent.identity, &records, Compression::None)
}
