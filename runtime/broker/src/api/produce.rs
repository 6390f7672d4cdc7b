//! Produce (0): appends batches, and answers when they are as safe as the client asked for.
//!
//! All batches are appended before the first await, so the next request of the connection may be called while the
//! answer waits for the sync. Topic ids come in version 13.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millrace_storage::{AppendError, Appended, StorageError};
use millrace_wire::batch::BatchHeader;
use millrace_wire::codec::Decoder;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::frame::Frame;
use millrace_wire::messages::{
    ApiKey, BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse,
    ProduceRequest, ProduceResponse, TopicProduceData, TopicProduceResponse, encode_response,
};
use millrace_wire::pool::Pool;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::apis;
use crate::call::{Answer, CallError, Ctx};
use crate::partition::Partition;
use crate::topics::{self, Topic};

const ALL_REPLICAS: i16 = -1;
/// A sync is waited for at least this long: what a client means by no timeout is that of replicas.
const SYNC_PATIENCE_MIN: Duration = Duration::from_secs(1);
const ZSTD: i8 = 4;
const ZSTD_FROM_VERSION: i16 = 7;
/// The client that Kafka lets write to internal topics.
const ADMIN_CLIENT: &str = "__admin_client";

/// A batch in the log whose sync is under way: its place in the answer, and where the outcome arrives.
struct Syncing {
    topic: usize,
    partition: usize,
    outcome: oneshot::Receiver<Result<(), StorageError>>,
}

pub(crate) async fn answer(
    ctx: &Ctx<'_>,
    version: i16,
    body: Decoder,
) -> Result<Answer, CallError> {
    let request: ProduceRequest = apis::decode(version, body)?;
    let acks = request.acks;
    let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let deadline = Instant::now() + timeout.max(SYNC_PATIENCE_MIN);
    let mut syncing = Vec::new();
    let response = append_all(ctx, version, request, &mut syncing);
    let metrics = Arc::clone(&ctx.core.metrics);
    if acks == 0 {
        metrics.requests.of(ApiKey::Produce).answered(&response);
        return Ok(if has_errors(&response) {
            Answer::Close
        } else {
            Answer::Silent
        });
    }
    let correlation_id = ctx.header.correlation_id;
    if syncing.is_empty() {
        return Ok(Answer::Reply(
            ctx.encode::<ProduceRequest>(version, &response)?,
        ));
    }
    Ok(Answer::Later(Box::pin(async move {
        let waiting = metrics.parked_produces.enter();
        let response = synced(response, syncing, deadline).await;
        drop(waiting);
        metrics.requests.of(ApiKey::Produce).answered(&response);
        encode_response(ApiKey::Produce, version, correlation_id, &response).unwrap_or_else(
            |error| {
                log::error!("cannot encode a Produce answer: {error}");
                Frame::new()
            },
        )
    })))
}

fn append_all(
    ctx: &Ctx<'_>,
    version: i16,
    request: ProduceRequest,
    syncing: &mut Vec<Syncing>,
) -> ProduceResponse {
    let acks = request.acks;
    let mut responses = Vec::with_capacity(request.topic_data.len());
    for data in request.topic_data {
        let topic = find_topic(ctx, version, &data, acks);
        let mut partition_responses = Vec::with_capacity(data.partition_data.len());
        for data in data.partition_data {
            let index = data.index;
            let appended = topic.as_ref().map_err(|code| Refused::from(*code));
            let appended = appended.and_then(|topic| append(ctx, version, topic, data));
            partition_responses.push(match appended {
                Ok((partition, appended)) => {
                    if acks == ALL_REPLICAS {
                        let outcome = sync_outcome(&partition, &appended);
                        syncing.push(Syncing {
                            topic: responses.len(),
                            partition: partition_responses.len(),
                            outcome,
                        });
                    }
                    accepted(index, &appended)
                }
                Err(refused) => refused.into_response(index),
            });
        }
        responses.push(TopicProduceResponse {
            name: data.name,
            topic_id: data.topic_id,
            partition_responses,
        });
    }
    ProduceResponse {
        responses,
        ..Default::default()
    }
}

fn find_topic(
    ctx: &Ctx<'_>,
    version: i16,
    data: &TopicProduceData,
    acks: i16,
) -> Result<Arc<Topic>, ErrorCode> {
    if !(-1..=1).contains(&acks) {
        return Err(ErrorCode::INVALID_REQUIRED_ACKS);
    }
    let topic = if version >= 13 {
        ctx.core
            .topics
            .get_by_id(data.topic_id)
            .ok_or(ErrorCode::UNKNOWN_TOPIC_ID)?
    } else {
        ctx.core
            .topics
            .get(&data.name)
            .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?
    };
    if topics::is_internal(&topic.name) && ctx.client_id() != ADMIN_CLIENT {
        return Err(ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    Ok(topic)
}

fn append(
    ctx: &Ctx<'_>,
    version: i16,
    topic: &Topic,
    data: PartitionProduceData,
) -> Result<(Arc<Partition>, Appended), Refused> {
    let partition = topic
        .partition(data.index)
        .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    let records = data
        .records
        .ok_or_else(|| Refused::new(ErrorCode::INVALID_RECORD, "the records are null"))?;
    // Only a request that came in pieces is copied.
    let records = records.into_bytes(Pool::global()).map_err(|error| {
        Refused::new(
            ErrorCode::UNKNOWN_SERVER_ERROR,
            format!("cannot join the request's pieces: {error}"),
        )
    })?;
    check_features(version, &records)?;
    let log = &partition.log;
    let appended = log.append(&records, log.leader_epoch(), ctx.core.clock.now_ms());
    let counted = appended
        .as_ref()
        .ok()
        .map(|appended| taken(&records, appended));
    ctx.core.metrics.produced(partition, counted);
    tell_refusing(topic, partition, appended.as_ref().err());
    Ok((Arc::clone(partition), appended?))
}

/// Bytes and records that an append took: none of a batch that was there already.
fn taken(records: &Bytes, appended: &Appended) -> (usize, u64) {
    if appended.duplicate {
        return (0, 0);
    }
    let count = appended.last_offset - appended.base_offset + 1;
    (records.len(), u64::try_from(count).unwrap_or(0))
}

/// The client is told of a disk that is full, but whoever runs the broker must see it too.
fn tell_refusing(topic: &Topic, partition: &Partition, error: Option<&AppendError>) {
    let error = error.filter(|error| error.code() == ErrorCode::KAFKA_STORAGE_ERROR);
    if !partition.note_refusing(error.is_some()) {
        return;
    }
    let (topic, index) = (&topic.name, partition.index());
    match error {
        Some(error) => log::error!(
            "{topic}-{index} takes no records: {error}; producers are told KAFKA_STORAGE_ERROR and go on once it does \
             again: make room, or shorten the retention of topics"
        ),
        None => log::info!("{topic}-{index} takes records again"),
    }
}

/// Refuses what the request's version, or this broker, has no way to take.
fn check_features(version: i16, records: &Bytes) -> Result<(), Refused> {
    let Ok(header) = BatchHeader::parse(records) else {
        return Ok(());
    };
    if header.attributes.codec_id() == ZSTD && version < ZSTD_FROM_VERSION {
        return Err(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE.into());
    }
    if header.attributes.is_transactional() {
        return Err(Refused::new(
            ErrorCode::INVALID_TXN_STATE,
            "the included broker has no transactions",
        ));
    }
    Ok(())
}

fn sync_outcome(
    partition: &Partition,
    appended: &Appended,
) -> oneshot::Receiver<Result<(), StorageError>> {
    let (sender, receiver) = oneshot::channel();
    // A client that is gone does not want to know.
    let tell = move |outcome| drop(sender.send(outcome));
    partition
        .log
        .on_durable(appended.last_offset + 1, Box::new(tell));
    receiver
}

/// Fills in what the syncs came to.
async fn synced(
    mut response: ProduceResponse,
    syncing: Vec<Syncing>,
    deadline: Instant,
) -> ProduceResponse {
    for sync in syncing {
        let refused = match timeout_at(deadline, sync.outcome).await {
            Ok(Ok(Ok(()))) => continue,
            Ok(Ok(Err(error))) => Refused::new(error.code(), error.to_string()),
            Ok(Err(_)) => Refused::from(ErrorCode::KAFKA_STORAGE_ERROR),
            Err(_) => Refused::new(
                ErrorCode::REQUEST_TIMED_OUT,
                "the data was not on disk in time",
            ),
        };
        let partition = &mut response.responses[sync.topic].partition_responses[sync.partition];
        *partition = refused.into_response(partition.index);
    }
    response
}

fn accepted(index: i32, appended: &Appended) -> PartitionProduceResponse {
    PartitionProduceResponse {
        index,
        error_code: ErrorCode::NONE,
        base_offset: appended.base_offset,
        log_append_time_ms: appended.log_append_time,
        log_start_offset: appended.log_start_offset,
        ..Default::default()
    }
}

fn has_errors(response: &ProduceResponse) -> bool {
    let mut partitions = response
        .responses
        .iter()
        .flat_map(|topic| &topic.partition_responses);
    partitions.any(|partition| !partition.error_code.is_ok())
}

/// Why a batch was not appended.
struct Refused {
    code: ErrorCode,
    message: Option<String>,
    records: Vec<BatchIndexAndErrorMessage>,
}

impl Refused {
    fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: Some(message.into()),
            records: Vec::new(),
        }
    }

    fn into_response(self, index: i32) -> PartitionProduceResponse {
        PartitionProduceResponse {
            index,
            error_code: self.code,
            base_offset: -1,
            record_errors: self.records,
            error_message: self.message,
            ..Default::default()
        }
    }
}

impl From<ErrorCode> for Refused {
    fn from(code: ErrorCode) -> Self {
        Self {
            code,
            message: None,
            records: Vec::new(),
        }
    }
}

impl From<AppendError> for Refused {
    fn from(error: AppendError) -> Self {
        let records = error
            .record_errors()
            .iter()
            .map(|record| BatchIndexAndErrorMessage {
                batch_index: record.batch_index,
                batch_index_error_message: Some(record.message.clone()),
            })
            .collect();
        Self {
            code: error.code(),
            message: Some(error.to_string()),
            records,
        }
    }
}
