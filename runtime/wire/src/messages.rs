//! Kafka's requests and answers: one file an API, each declared through one macro.
//!
//! Field names are the snake case of Kafka's schemas. A message that is written in an old version loses the
//! fields that the version does not have.

use std::fmt;
use std::ops::RangeInclusive;

use crate::codec::{DecodeError, Decoder, EncodeError, Encoder, Field};

mod macros;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod sample;

pub mod alter_configs;
pub mod alter_partition_reassignments;
pub mod api_versions;
pub mod config_resource;
pub mod consumer_protocol;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_groups;
pub mod delete_records;
pub mod delete_topics;
pub mod describe_cluster;
pub mod describe_configs;
pub mod describe_groups;
pub mod describe_log_dirs;
pub mod describe_producers;
pub mod describe_topic_partitions;
pub mod elect_leaders;
pub mod fetch;
pub mod find_coordinator;
pub mod heartbeat;
pub mod incremental_alter_configs;
pub mod init_producer_id;
pub mod join_group;
pub mod leader;
pub mod leave_group;
pub mod list_config_resources;
pub mod list_groups;
pub mod list_offsets;
pub mod list_partition_reassignments;
pub mod metadata;
pub mod offset_commit;
pub mod offset_delete;
pub mod offset_fetch;
pub mod offset_for_leader_epoch;
pub mod produce;
pub mod sasl_authenticate;
pub mod sasl_handshake;
pub mod sync_group;

pub use crate::header::{
    RequestHeader, decode_request_header, decode_response, encode_request, encode_response,
};
pub use alter_configs::*;
pub use alter_partition_reassignments::*;
pub use api_versions::*;
pub use create_partitions::*;
pub use create_topics::*;
pub use delete_groups::*;
pub use delete_records::*;
pub use delete_topics::*;
pub use describe_cluster::*;
pub use describe_configs::*;
pub use describe_groups::*;
pub use describe_log_dirs::*;
pub use describe_producers::*;
pub use describe_topic_partitions::*;
pub use elect_leaders::*;
pub use fetch::*;
pub use find_coordinator::*;
pub use heartbeat::*;
pub use incremental_alter_configs::*;
pub use init_producer_id::*;
pub use join_group::*;
pub use leader::*;
pub use leave_group::*;
pub use list_config_resources::*;
pub use list_groups::*;
pub use list_offsets::*;
pub use list_partition_reassignments::*;
pub use metadata::*;
pub use offset_commit::*;
pub use offset_delete::*;
pub use offset_fetch::*;
pub use offset_for_leader_epoch::*;
pub use produce::*;
pub use sasl_authenticate::*;
pub use sasl_handshake::*;
pub use sync_group::*;

/// A part of a message that may say how long a client is to hold back.
pub trait Throttling {
    /// Milliseconds before which the client is not to send its next request on the connection.
    fn throttle_time_ms(&self) -> i32;
}

/// A request or an answer.
pub trait Message: Field + Throttling + fmt::Debug + Clone + Default + PartialEq {
    /// The message's name, as Kafka spells it.
    const NAME: &'static str;
    /// The first flexible version, if there is one.
    const FLEXIBLE_FROM: Option<i16>;

    /// Whether the version has compact lengths and tagged fields.
    fn is_flexible(version: i16) -> bool {
        Self::FLEXIBLE_FROM.is_some_and(|from| version >= from)
    }

    /// Writes the message's body.
    ///
    /// # Errors
    /// A value that cannot be said in this version.
    fn encode(&self, encoder: &mut Encoder, version: i16) -> Result<(), EncodeError> {
        encoder.set_flexible(Self::is_flexible(version));
        self.write(encoder, version)
    }

    /// Reads the message's body; bytes behind it are left.
    ///
    /// # Errors
    /// Bytes that are not such a message.
    fn decode(decoder: &mut Decoder, version: i16) -> Result<Self, DecodeError> {
        decoder.set_flexible(Self::is_flexible(version));
        Self::read(decoder, version, Self::NAME)
    }
}

/// A request, its key, and the versions of it that Millrace speaks.
pub trait Request: Message {
    /// Its key.
    const KEY: ApiKey;
    /// The versions spoken.
    const VERSIONS: RangeInclusive<i16>;
    /// Its answer.
    type Response: Message;
}

/// A key that is not in [`ApiKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown API key {0}")]
pub struct UnknownApiKey(pub i16);

macro_rules! api_keys {
    ($($number:literal $name:ident $request:ty;)*) => {
        /// The APIs that Millrace speaks.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(i16)]
        pub enum ApiKey {
            $(
                #[doc = concat!("Key ", $number, ".")]
                $name = $number,
            )*
        }

        impl ApiKey {
            /// All keys, in order.
            pub const ALL: &'static [ApiKey] = &[$(ApiKey::$name,)*];

            /// The API's name, as Kafka spells it.
            pub fn name(self) -> &'static str {
                match self {
                    $(ApiKey::$name => stringify!($name),)*
                }
            }

            /// The versions that Millrace speaks.
            pub fn versions(self) -> RangeInclusive<i16> {
                match self {
                    $(ApiKey::$name => <$request as Request>::VERSIONS,)*
                }
            }

            /// Whether a version of the API has compact lengths and tagged fields.
            pub fn is_flexible(self, version: i16) -> bool {
                match self {
                    $(ApiKey::$name => <$request as Message>::is_flexible(version),)*
                }
            }
        }

        impl TryFrom<i16> for ApiKey {
            type Error = UnknownApiKey;

            fn try_from(key: i16) -> Result<Self, UnknownApiKey> {
                match key {
                    $($number => Ok(ApiKey::$name),)*
                    _ => Err(UnknownApiKey(key)),
                }
            }
        }
    };
}

api_keys! {
    0 Produce ProduceRequest;
    1 Fetch FetchRequest;
    2 ListOffsets ListOffsetsRequest;
    3 Metadata MetadataRequest;
    8 OffsetCommit OffsetCommitRequest;
    9 OffsetFetch OffsetFetchRequest;
    10 FindCoordinator FindCoordinatorRequest;
    11 JoinGroup JoinGroupRequest;
    12 Heartbeat HeartbeatRequest;
    13 LeaveGroup LeaveGroupRequest;
    14 SyncGroup SyncGroupRequest;
    15 DescribeGroups DescribeGroupsRequest;
    16 ListGroups ListGroupsRequest;
    17 SaslHandshake SaslHandshakeRequest;
    18 ApiVersions ApiVersionsRequest;
    19 CreateTopics CreateTopicsRequest;
    20 DeleteTopics DeleteTopicsRequest;
    21 DeleteRecords DeleteRecordsRequest;
    22 InitProducerId InitProducerIdRequest;
    23 OffsetForLeaderEpoch OffsetForLeaderEpochRequest;
    32 DescribeConfigs DescribeConfigsRequest;
    33 AlterConfigs AlterConfigsRequest;
    35 DescribeLogDirs DescribeLogDirsRequest;
    36 SaslAuthenticate SaslAuthenticateRequest;
    37 CreatePartitions CreatePartitionsRequest;
    42 DeleteGroups DeleteGroupsRequest;
    43 ElectLeaders ElectLeadersRequest;
    44 IncrementalAlterConfigs IncrementalAlterConfigsRequest;
    45 AlterPartitionReassignments AlterPartitionReassignmentsRequest;
    46 ListPartitionReassignments ListPartitionReassignmentsRequest;
    47 OffsetDelete OffsetDeleteRequest;
    60 DescribeCluster DescribeClusterRequest;
    61 DescribeProducers DescribeProducersRequest;
    74 ListConfigResources ListConfigResourcesRequest;
    75 DescribeTopicPartitions DescribeTopicPartitionsRequest;
}
