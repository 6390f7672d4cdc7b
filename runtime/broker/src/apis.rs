//! The table of APIs: which are served, in which versions, and by whom. ApiVersions is generated from it.
//!
//! A handler is `async fn handle(ctx: &Ctx<'_>, version: i16, request: R) -> R::Response`. One that does not answer
//! each request with one response of its version is marked `answers` and is
//! `async fn answer(ctx: &Ctx<'_>, version: i16, body: Decoder) -> Result<Answer, CallError>`.
//!
//! Each handler's future is boxed: whoever waits, as a thousand parked fetches do, then holds what its own handler
//! needs, and not what the largest one would.

use std::ops::RangeInclusive;

use millrace_wire::codec::Decoder;
use millrace_wire::messages::{ApiKey, Request};

use crate::api;
use crate::call::{Answer, CallError, Ctx};
use crate::refusals;

macro_rules! apis {
    ($($key:ident $from:literal - $to:literal $handler:ident $($answers:ident)?;)*) => {
        /// The APIs with the versions that are advertised.
        pub(crate) const ADVERTISED: &[(ApiKey, RangeInclusive<i16>)] = &[$((ApiKey::$key, $from..=$to),)*];

        async fn handle(ctx: &Ctx<'_>, key: ApiKey, body: Decoder) -> Result<Answer, CallError> {
            let version = ctx.header.api_version;
            match key {
                $(ApiKey::$key => apis!(@call $handler ctx version body $($answers)?),)*
                #[allow(unreachable_patterns, reason = "the client may speak more APIs than are served here")]
                _ => Err(CallError::UnsupportedVersion(key, version)),
            }
        }
    };
    (@call $handler:ident $ctx:ident $version:ident $body:ident answers) => {
        Box::pin(api::$handler::answer($ctx, $version, $body)).await
    };
    (@call $handler:ident $ctx:ident $version:ident $body:ident) => {
        Box::pin(reply($ctx, $version, $body, api::$handler::handle)).await
    };
}

apis! {
    Produce                 0-13  produce                   answers;
    Fetch                   4-18  fetch;
    ListOffsets             1-10  list_offsets;
    Metadata                0-13  metadata;
    OffsetCommit            2-9   offset_commit;
    OffsetFetch             1-9   offset_fetch;
    FindCoordinator         0-6   find_coordinator;
    JoinGroup               0-9   join_group;
    Heartbeat               0-4   heartbeat;
    LeaveGroup              0-5   leave_group;
    SyncGroup               0-5   sync_group;
    DescribeGroups          0-6   describe_groups;
    ListGroups              0-5   list_groups;
    SaslHandshake           0-1   sasl_handshake;
    ApiVersions             0-4   api_versions              answers;
    CreateTopics            2-7   create_topics;
    DeleteTopics            1-6   delete_topics;
    DeleteRecords           0-2   delete_records;
    InitProducerId          0-5   init_producer_id;
    OffsetForLeaderEpoch    2-4   offset_for_leader_epoch;
    DescribeConfigs         1-4   describe_configs;
    AlterConfigs            0-2   alter_configs;
    DescribeLogDirs         1-4   describe_log_dirs;
    SaslAuthenticate        0-2   sasl_authenticate;
    CreatePartitions        0-3   create_partitions;
    DeleteGroups            0-2   delete_groups;
    ElectLeaders            0-2   elect_leaders;
    IncrementalAlterConfigs 0-1   incremental_alter_configs;
    AlterPartitionReassignments 0-1 alter_partition_reassignments;
    ListPartitionReassignments 0-0 list_partition_reassignments;
    OffsetDelete            0-0   offset_delete;
    DescribeCluster         0-2   describe_cluster;
    DescribeProducers       0-0   describe_producers;
    ListConfigResources     0-1   list_config_resources;
    DescribeTopicPartitions 0-0   describe_topic_partitions;
}

/// Hands a request to its handler; what the handler does not survive is answered too.
pub(crate) async fn dispatch(
    ctx: &Ctx<'_>,
    key: ApiKey,
    body: Decoder,
) -> Result<Answer, CallError> {
    // Ranges of the same bytes, in case they have to be read once more.
    let again = body.clone();
    refusals::or_refuse(ctx, key, again, handle(ctx, key, body)).await
}

/// Decodes a request, has it handled and encodes the response.
async fn reply<R: Request>(
    ctx: &Ctx<'_>,
    version: i16,
    body: Decoder,
    handle: impl AsyncFnOnce(&Ctx<'_>, i16, R) -> R::Response,
) -> Result<Answer, CallError> {
    let request = decode(version, body)?;
    let response = handle(ctx, version, request).await;
    Ok(Answer::Reply(ctx.encode::<R>(version, &response)?))
}

/// Decodes a request of a version that is spoken.
pub(crate) fn decode<R: Request>(version: i16, mut body: Decoder) -> Result<R, CallError> {
    if !R::VERSIONS.contains(&version) {
        return Err(CallError::UnsupportedVersion(R::KEY, version));
    }
    Ok(R::decode(&mut body, version)?)
}
