// Decodes bytes from anywhere as anything that comes from the network: shared by the fuzz target and by the tests.

use bytes::Bytes;
use millrace_wire::batch;
use millrace_wire::codec::{Decoder, Encoder};
use millrace_wire::frame::Frame;
use millrace_wire::messages::*;
use millrace_wire::pool::Pool;

/// What the records of a batch may expand to.
pub(crate) const EXPANSION_MAX: usize = 1 << 20;

macro_rules! requests {
    ($data:ident, $key:ident, $version:ident: $($name:ident $request:ty,)*) => {
        match $key {
            $(ApiKey::$name => {
                decode_message::<$request>($version, $data);
                decode_message::<<$request as Request>::Response>($version, $data);
                let _ = decode_response::<$request>($version, Bytes::copy_from_slice($data));
            })*
        }
    };
}

/// The first two bytes choose what the rest is taken for. Panics where a decoder does, or where what was decoded
/// does not survive being written and read.
pub(crate) fn decode_any(data: &[u8]) {
    let [choice, version, data @ ..] = data else {
        return;
    };
    match choice % 4 {
        0 => decode_batches(data),
        1 => decode_protocol_blobs(data),
        2 => {
            let _ = decode_request_header(&mut Decoder::new(Bytes::copy_from_slice(data)));
        }
        _ => {
            let key = ApiKey::ALL[usize::from(*choice / 4) % ApiKey::ALL.len()];
            let versions = key.versions();
            let count = versions.end() - versions.start() + 1;
            let version = versions.start() + i16::from(*version) % count;
            decode_api(key, version, data);
        }
    }
}

fn decode_api(key: ApiKey, version: i16, data: &[u8]) {
    requests! { data, key, version:
        Produce ProduceRequest,
        Fetch FetchRequest,
        ListOffsets ListOffsetsRequest,
        Metadata MetadataRequest,
        OffsetCommit OffsetCommitRequest,
        OffsetFetch OffsetFetchRequest,
        FindCoordinator FindCoordinatorRequest,
        JoinGroup JoinGroupRequest,
        Heartbeat HeartbeatRequest,
        LeaveGroup LeaveGroupRequest,
        SyncGroup SyncGroupRequest,
        DescribeGroups DescribeGroupsRequest,
        ListGroups ListGroupsRequest,
        ApiVersions ApiVersionsRequest,
        CreateTopics CreateTopicsRequest,
        DeleteTopics DeleteTopicsRequest,
        InitProducerId InitProducerIdRequest,
        DeleteGroups DeleteGroupsRequest,
        OffsetDelete OffsetDeleteRequest,
        DeleteRecords DeleteRecordsRequest,
        OffsetForLeaderEpoch OffsetForLeaderEpochRequest,
        DescribeConfigs DescribeConfigsRequest,
        AlterConfigs AlterConfigsRequest,
        DescribeLogDirs DescribeLogDirsRequest,
        CreatePartitions CreatePartitionsRequest,
        ElectLeaders ElectLeadersRequest,
        IncrementalAlterConfigs IncrementalAlterConfigsRequest,
        AlterPartitionReassignments AlterPartitionReassignmentsRequest,
        ListPartitionReassignments ListPartitionReassignmentsRequest,
        DescribeCluster DescribeClusterRequest,
        DescribeProducers DescribeProducersRequest,
        ListConfigResources ListConfigResourcesRequest,
        DescribeTopicPartitions DescribeTopicPartitionsRequest,
        SaslHandshake SaslHandshakeRequest,
        SaslAuthenticate SaslAuthenticateRequest,
    }
}

/// Decodes from one buffer and from pieces of it, to the same outcome.
fn decode_message<M: Message>(version: i16, data: &[u8]) {
    let whole = M::decode(&mut Decoder::new(Bytes::copy_from_slice(data)), version);
    let mut frame = Frame::new();
    for piece in data.chunks(7) {
        frame.push_bytes(Bytes::copy_from_slice(piece));
    }
    let mut pieces = Decoder::from_frame(frame).expect("all of it lies in memory");
    assert_eq!(M::decode(&mut pieces, version), whole);
    let Ok(message) = whole else { return };
    let mut encoder = Encoder::new();
    message
        .encode(&mut encoder, version)
        .expect("what was decoded can be encoded");
    let bytes = encoder
        .finish()
        .into_contiguous(Pool::global())
        .expect("all of it lies in memory");
    let again =
        M::decode(&mut Decoder::new(bytes), version).expect("what was encoded can be decoded");
    assert_eq!(again, message);
}

fn decode_batches(data: &[u8]) {
    let data = Bytes::copy_from_slice(data);
    for batch in batch::batches(&data) {
        let Ok(batch) = batch else { return };
        let _ = batch.check_crc();
        let _ = batch.decode(EXPANSION_MAX, Pool::global());
    }
}

fn decode_protocol_blobs(data: &[u8]) {
    let _ =
        consumer_protocol::ConsumerProtocolSubscription::from_bytes(Bytes::copy_from_slice(data));
    let _ = consumer_protocol::ConsumerProtocolAssignment::from_bytes(Bytes::copy_from_slice(data));
}
