//! Answers that say one error of all that a request asks: what a client gets whose request met a fault of the broker.
//!
//! Each request is answered in its own form, so that the client fails that request, and not the connection with all
//! that is under way on it.

mod cluster;
mod configs;
mod groups;
mod offsets;
mod records;
mod topics;

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use millrace_wire::codec::Decoder;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::*;

use crate::apis;
use crate::call::{Answer, CallError, Ctx};

/// A request that can be answered with one error.
pub(crate) trait Refuse: Request {
    /// The answer; `None` where the client expects none and the connection's end tells it.
    fn refuse(self, version: i16, error: ErrorCode) -> Option<Self::Response>;
}

macro_rules! refusals {
    ($($key:ident $request:ty;)*) => {
        fn refuse(ctx: &Ctx<'_>, key: ApiKey, body: Decoder) -> Result<Answer, CallError> {
            match key {
                $(ApiKey::$key => answer::<$request>(ctx, body),)*
                #[allow(unreachable_patterns, reason = "the client may speak more APIs than are served here")]
                _ => Ok(Answer::Close),
            }
        }

        #[cfg(test)]
        const KEYS: &[ApiKey] = &[$(ApiKey::$key),*];
    };
}

refusals! {
    Produce ProduceRequest;
    Fetch FetchRequest;
    ListOffsets ListOffsetsRequest;
    Metadata MetadataRequest;
    OffsetCommit OffsetCommitRequest;
    OffsetFetch OffsetFetchRequest;
    FindCoordinator FindCoordinatorRequest;
    JoinGroup JoinGroupRequest;
    Heartbeat HeartbeatRequest;
    LeaveGroup LeaveGroupRequest;
    SyncGroup SyncGroupRequest;
    DescribeGroups DescribeGroupsRequest;
    ListGroups ListGroupsRequest;
    SaslHandshake SaslHandshakeRequest;
    ApiVersions ApiVersionsRequest;
    CreateTopics CreateTopicsRequest;
    DeleteTopics DeleteTopicsRequest;
    DeleteRecords DeleteRecordsRequest;
    InitProducerId InitProducerIdRequest;
    OffsetForLeaderEpoch OffsetForLeaderEpochRequest;
    DescribeConfigs DescribeConfigsRequest;
    AlterConfigs AlterConfigsRequest;
    DescribeLogDirs DescribeLogDirsRequest;
    SaslAuthenticate SaslAuthenticateRequest;
    CreatePartitions CreatePartitionsRequest;
    DeleteGroups DeleteGroupsRequest;
    ElectLeaders ElectLeadersRequest;
    IncrementalAlterConfigs IncrementalAlterConfigsRequest;
    AlterPartitionReassignments AlterPartitionReassignmentsRequest;
    ListPartitionReassignments ListPartitionReassignmentsRequest;
    OffsetDelete OffsetDeleteRequest;
    DescribeCluster DescribeClusterRequest;
    DescribeProducers DescribeProducersRequest;
    ListConfigResources ListConfigResourcesRequest;
    DescribeTopicPartitions DescribeTopicPartitionsRequest;
}

fn answer<R: Refuse>(ctx: &Ctx<'_>, body: Decoder) -> Result<Answer, CallError> {
    let version = ctx.header.api_version;
    let request: R = apis::decode(version, body)?;
    match request.refuse(version, ErrorCode::UNKNOWN_SERVER_ERROR) {
        Some(response) => Ok(Answer::Reply(ctx.encode::<R>(version, &response)?)),
        None => Ok(Answer::Close),
    }
}

/// Has a request handled; where the handler panics, the client is told so in the request's own form.
pub(crate) async fn or_refuse(
    ctx: &Ctx<'_>,
    key: ApiKey,
    body: Decoder,
    handle: impl Future<Output = Result<Answer, CallError>>,
) -> Result<Answer, CallError> {
    // No lock is left in doubt: each guards one step, and whoever takes it next goes on from what is there.
    match AssertUnwindSafe(handle).catch_unwind().await {
        Ok(answer) => answer,
        Err(panic) => {
            log::error!(
                "{} of {} met a fault of the broker: {}",
                key.name(),
                ctx.connection.client_host,
                text_of(&*panic)
            );
            refuse(ctx, key, body)
        }
    }
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&str>() {
        text
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text
    } else {
        "a panic without words"
    }
}

#[cfg(test)]
mod tests;
