//! Fetch (1): batches as ranges of segment files; a fetch without enough to say waits on its partitions.

use std::sync::Arc;
use std::time::Duration;

use millrace_storage::{Isolation, ReadError, ReadRange};
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    AbortedTransaction, EpochEndOffset, FetchPartition, FetchRequest, FetchResponse,
    FetchableTopicResponse, PartitionData,
};
use millrace_wire::records::Records;
use millrace_wire::uuid::Uuid;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::call::Ctx;
use crate::fetch_session::{Fetch, TopicKey, Wanted};
use crate::partition::Partition;

/// What bounds a fetch.
struct Limits {
    min_bytes: usize,
    max_bytes: usize,
    isolation: Isolation,
}

/// A partition that is read, or why it cannot be.
type Target = Result<Arc<Partition>, ErrorCode>;

/// What one look at all partitions gave.
struct Round {
    rows: Vec<PartitionData>,
    /// How many offsets the records of each row cover.
    offsets: Vec<u64>,
    bytes: usize,
    /// Whether waiting for more makes no sense.
    is_final: bool,
}

pub(crate) async fn handle(ctx: &Ctx<'_>, version: i16, request: FetchRequest) -> FetchResponse {
    let max_bytes = usize::try_from(request.max_bytes)
        .unwrap_or(0)
        .min(ctx.core.config.fetch_max_bytes);
    let limits = Limits {
        min_bytes: usize::try_from(request.min_bytes)
            .unwrap_or(0)
            .min(max_bytes),
        max_bytes,
        isolation: if request.isolation_level == 1 {
            Isolation::ReadCommitted
        } else {
            Isolation::ReadUncommitted
        },
    };
    let max_wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let now = ctx.core.clock.monotonic();
    match ctx.core.fetch_sessions.begin(version, request, now) {
        Ok(fetch) => {
            let rows = read(ctx, &fetch.wanted, &limits, max_wait).await;
            respond(&fetch, rows)
        }
        Err(error_code) => FetchResponse {
            error_code,
            ..Default::default()
        },
    }
}

/// Reads as [`read_enough`] does, and counts what was read.
async fn read(
    ctx: &Ctx<'_>,
    wanted: &[Wanted],
    limits: &Limits,
    max_wait: Duration,
) -> Vec<PartitionData> {
    let targets: Vec<Target> = wanted.iter().map(|wanted| find(ctx, wanted)).collect();
    let round = read_enough(ctx, wanted, &targets, limits, max_wait).await;
    for ((target, row), offsets) in targets.iter().zip(&round.rows).zip(&round.offsets) {
        let Ok(partition) = target else { continue };
        let bytes = row.records.as_ref().map_or(0, Records::len);
        let sent = row.error_code.is_ok().then_some((bytes, *offsets));
        ctx.core.metrics.fetched(partition, sent);
    }
    round.rows
}

/// Reads until there is enough, the time is over, or waiting makes no sense.
async fn read_enough(
    ctx: &Ctx<'_>,
    wanted: &[Wanted],
    targets: &[Target],
    limits: &Limits,
    max_wait: Duration,
) -> Round {
    let deadline = Instant::now() + max_wait;
    let mut round = read_all(wanted, targets, limits);
    if is_enough(&round, limits) || max_wait.is_zero() || wanted.is_empty() {
        return round;
    }
    let _parked = ctx.core.metrics.parked_fetches.enter();
    let changed = Arc::new(Notify::new());
    let _watches: Vec<_> = targets
        .iter()
        .flatten()
        .map(|partition| partition.watch(&changed))
        .collect();
    loop {
        // What came before the watches were set is seen by this look, what comes after wakes it.
        round = read_all(wanted, targets, limits);
        if is_enough(&round, limits) {
            return round;
        }
        tokio::select! {
            () = changed.notified() => {}
            () = sleep_until(deadline) => return round,
            () = ctx.core.stopping.cancelled() => return round,
        }
    }
}

fn is_enough(round: &Round, limits: &Limits) -> bool {
    round.is_final || round.bytes >= limits.min_bytes
}

fn find(ctx: &Ctx<'_>, wanted: &Wanted) -> Target {
    let (topic, unknown) = match &wanted.topic {
        TopicKey::Name(name) => (
            ctx.core.topics.get(name),
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ),
        TopicKey::Id(id) => (ctx.core.topics.get_by_id(*id), ErrorCode::UNKNOWN_TOPIC_ID),
    };
    let partition = topic
        .ok_or(unknown)?
        .partition(wanted.partition.partition)
        .cloned();
    partition.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
}

/// Looks at every partition once, in order, as long as the answer has room.
fn read_all(wanted: &[Wanted], targets: &[Target], limits: &Limits) -> Round {
    let mut round = Round {
        rows: Vec::with_capacity(wanted.len()),
        offsets: Vec::with_capacity(wanted.len()),
        bytes: 0,
        is_final: false,
    };
    for (wanted, target) in wanted.iter().zip(targets) {
        let row = match target {
            Ok(partition) => read_one(partition, &wanted.partition, limits, &mut round),
            Err(error) => Err(*error),
        };
        let (row, offsets) = row.unwrap_or_else(|error| {
            round.is_final = true;
            let row = failed(wanted.partition.partition, error, limits.isolation);
            (row, 0)
        });
        round.rows.push(row);
        round.offsets.push(offsets);
    }
    round
}

/// The row of one partition, and how many offsets its records cover.
fn read_one(
    partition: &Partition,
    asked: &FetchPartition,
    limits: &Limits,
    round: &mut Round,
) -> Result<(PartitionData, u64), ErrorCode> {
    partition.check_leader_epoch(asked.current_leader_epoch)?;
    if let Some(diverging_epoch) = diverging_epoch(partition, asked)? {
        round.is_final = true;
        let row = diverged(
            partition,
            asked.partition,
            diverging_epoch,
            limits.isolation,
        );
        return Ok((row, 0));
    }
    let left = limits.max_bytes.saturating_sub(round.bytes);
    let max_bytes = usize::try_from(asked.partition_max_bytes)
        .unwrap_or(0)
        .min(left);
    // The first batch of an answer is given whatever its size, else a reader could never pass it.
    let range = partition.log.read(
        asked.fetch_offset,
        max_bytes,
        round.bytes == 0,
        limits.isolation,
    );
    let range = range.map_err(|error| {
        if let ReadError::Corrupt { .. } = error {
            log::error!("cannot answer a fetch: {error}");
        }
        error.code()
    })?;
    round.bytes += range.len();
    round.is_final |= range.ends_segment;
    let offsets = if range.is_empty() {
        0
    } else {
        range.next_offset.saturating_sub(asked.fetch_offset)
    };
    let row = found(asked.partition, range, limits.isolation);
    Ok((row, u64::try_from(offsets).unwrap_or(0)))
}

/// Where the client's log parts from this one, if it tells what it read last and it does.
fn diverging_epoch(
    partition: &Partition,
    asked: &FetchPartition,
) -> Result<Option<EpochEndOffset>, ErrorCode> {
    if asked.last_fetched_epoch < 0 {
        return Ok(None);
    }
    let end = partition.log.end_of_epoch(asked.last_fetched_epoch);
    let (epoch, end_offset) = end.ok_or(ErrorCode::OFFSET_OUT_OF_RANGE)?;
    let parts = epoch < asked.last_fetched_epoch || end_offset < asked.fetch_offset;
    Ok(parts.then_some(EpochEndOffset { epoch, end_offset }))
}

fn found(partition_index: i32, range: ReadRange, isolation: Isolation) -> PartitionData {
    PartitionData {
        partition_index,
        high_watermark: range.high_watermark,
        last_stable_offset: range.last_stable_offset,
        log_start_offset: range.log_start_offset,
        aborted_transactions: aborted_transactions(isolation, &range.aborted),
        records: Some(range.records.map(Records::from).unwrap_or_default()),
        ..Default::default()
    }
}

fn diverged(
    partition: &Partition,
    partition_index: i32,
    diverging_epoch: EpochEndOffset,
    isolation: Isolation,
) -> PartitionData {
    PartitionData {
        partition_index,
        high_watermark: partition.log.high_watermark(),
        last_stable_offset: partition.log.last_stable_offset(),
        log_start_offset: partition.log.log_start_offset(),
        diverging_epoch,
        aborted_transactions: aborted_transactions(isolation, &[]),
        records: Some(Records::new()),
        ..Default::default()
    }
}

fn failed(partition_index: i32, error_code: ErrorCode, isolation: Isolation) -> PartitionData {
    PartitionData {
        partition_index,
        error_code,
        high_watermark: -1,
        aborted_transactions: aborted_transactions(isolation, &[]),
        records: Some(Records::new()),
        ..Default::default()
    }
}

/// Null for a reader of uncommitted records.
fn aborted_transactions(
    isolation: Isolation,
    aborted: &[millrace_storage::AbortedTransaction],
) -> Option<Vec<AbortedTransaction>> {
    let row = |transaction: &millrace_storage::AbortedTransaction| AbortedTransaction {
        producer_id: transaction.producer_id,
        first_offset: transaction.first_offset,
    };
    (isolation == Isolation::ReadCommitted).then(|| aborted.iter().map(row).collect())
}

/// Groups rows that follow each other by topic.
fn respond(fetch: &Fetch, rows: Vec<PartitionData>) -> FetchResponse {
    let told = fetch.note_answer(&rows);
    let mut responses: Vec<FetchableTopicResponse> = Vec::new();
    let mut current: Option<&TopicKey> = None;
    for ((row, told), wanted) in rows.into_iter().zip(told).zip(&fetch.wanted) {
        if !told {
            continue;
        }
        if current != Some(&wanted.topic) {
            let (topic, topic_id) = match &wanted.topic {
                TopicKey::Name(name) => (name.to_string(), Uuid::ZERO),
                TopicKey::Id(id) => (String::new(), *id),
            };
            responses.push(FetchableTopicResponse {
                topic,
                topic_id,
                partitions: Vec::new(),
            });
            current = Some(&wanted.topic);
        }
        if let Some(response) = responses.last_mut() {
            response.partitions.push(row);
        }
    }
    FetchResponse {
        session_id: fetch.session_id,
        responses,
        ..Default::default()
    }
}
