use bytes::Bytes;
use millrace_config::Properties;
use millrace_wire::clock;
use millrace_wire::pool::Pool;

use super::*;
use crate::{Broker, BrokerConfig};

#[test]
fn every_api_can_be_refused() {
    let served: Vec<ApiKey> = apis::ADVERTISED.iter().map(|(key, _)| *key).collect();
    assert_eq!(KEYS, served);
}

/// A request as it arrives, behind its header.
fn arrived<R: Request>(version: i16, request: &R) -> (RequestHeader, Decoder) {
    let frame = encode_request(7, Some("test"), version, request).unwrap();
    let bytes: Bytes = frame.into_contiguous(Pool::global()).unwrap();
    let mut body = Decoder::new(bytes);
    (decode_request_header(&mut body).unwrap(), body)
}

/// What a client gets whose request is handled by `handle`.
async fn outcome<R: Request>(
    broker: &Broker,
    version: i16,
    request: &R,
    handle: impl Future<Output = Result<Answer, CallError>>,
) -> Answer {
    let (header, body) = arrived(version, request);
    let connection = broker.memory_connection();
    let ctx = Ctx {
        core: &broker.core,
        connection: &connection,
        header: &header,
    };
    or_refuse(&ctx, R::KEY, body, handle).await.unwrap()
}

fn response<R: Request>(version: i16, answer: Answer) -> R::Response {
    let Answer::Reply(frame) = answer else {
        panic!("{answer:?}");
    };
    let bytes: Bytes = frame.into_contiguous(Pool::global()).unwrap();
    decode_response::<R>(version, bytes).unwrap().1
}

async fn start(dir: &tempfile::TempDir) -> Broker {
    let properties = Properties::from([
        ("listeners".to_owned(), "PLAINTEXT://127.0.0.1:0".to_owned()),
        ("offsets.topic.num.partitions".to_owned(), "1".to_owned()),
        ("log.dirs".to_owned(), dir.path().display().to_string()),
    ]);
    let config = BrokerConfig::from_properties(&properties).unwrap();
    Broker::start(config, clock::system()).await.unwrap()
}

async fn fault() -> Result<Answer, CallError> {
    panic!("a fault made on purpose");
}

#[tokio::test]
async fn a_handler_that_panics_is_answered_for() {
    let dir = tempfile::tempdir().unwrap();
    let broker = start(&dir).await;
    let request = ListOffsetsRequest {
        topics: vec![ListOffsetsTopic {
            name: "t".to_owned(),
            partitions: vec![ListOffsetsPartition {
                partition_index: 3,
                ..Default::default()
            }],
        }],
        ..Default::default()
    };
    for version in ListOffsetsRequest::VERSIONS {
        let answer = outcome(&broker, version, &request, fault()).await;
        let partition = &response::<ListOffsetsRequest>(version, answer).topics[0].partitions[0];
        assert_eq!(
            (partition.partition_index, partition.error_code),
            (3, ErrorCode::UNKNOWN_SERVER_ERROR)
        );
    }
    let handled = async { Ok(Answer::Silent) };
    let answer = outcome(&broker, 1, &request, handled).await;
    assert!(matches!(answer, Answer::Silent));
    let unanswered = ProduceRequest::default();
    let answer = outcome(&broker, 9, &unanswered, fault()).await;
    assert!(matches!(answer, Answer::Close));
}

#[test]
fn refusals_can_be_said_in_every_version() {
    fn check<R: Refuse>() {
        for version in R::VERSIONS {
            if let Some(refusal) = R::default().refuse(version, ErrorCode::UNKNOWN_SERVER_ERROR) {
                let frame = encode_response(R::KEY, version, 7, &refusal).unwrap();
                let bytes: Bytes = frame.into_contiguous(Pool::global()).unwrap();
                assert!(
                    decode_response::<R>(version, bytes).is_ok(),
                    "{} {version}",
                    R::NAME
                );
            }
        }
    }
    check::<FetchRequest>();
    check::<MetadataRequest>();
    check::<OffsetFetchRequest>();
    check::<FindCoordinatorRequest>();
    check::<JoinGroupRequest>();
    check::<SyncGroupRequest>();
    check::<LeaveGroupRequest>();
    check::<DescribeGroupsRequest>();
    check::<DeleteTopicsRequest>();
    check::<CreateTopicsRequest>();
    check::<ApiVersionsRequest>();
    check::<DescribeClusterRequest>();
    check::<DescribeLogDirsRequest>();
    check::<ElectLeadersRequest>();
    check::<InitProducerIdRequest>();
}
