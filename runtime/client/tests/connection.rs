//! Connections against peers that are old, slow or wrong.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use millrace_client::ClientError;
use millrace_client::connection::{Connection, ConnectionSettings};
use millrace_wire::codec::Decoder;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::frame::Frame;
use millrace_wire::link::{CallFuture, Dial, Link, LinkError, Reply};
use millrace_wire::messages::*;
use millrace_wire::pool::Pool;

/// Answers a request header, or never.
type Answer = fn(&RequestHeader) -> Option<Frame>;

#[derive(Debug)]
struct Peer(Answer);

#[derive(Debug)]
struct PeerLink {
    answer: Answer,
    closed: Arc<AtomicBool>,
}

#[async_trait]
impl Dial for Peer {
    async fn dial(&self, _: &str, _: u16) -> Result<Arc<dyn Link>, LinkError> {
        Ok(Arc::new(PeerLink {
            answer: self.0,
            closed: Arc::default(),
        }))
    }
}

impl Link for PeerLink {
    fn call(&self, request: Frame, _: Reply) -> CallFuture {
        let answer = self.answer;
        Box::pin(async move {
            let bytes = request.into_contiguous(Pool::global()).unwrap();
            match answer(&decode_request_header(&mut Decoder::new(bytes)).unwrap()) {
                Some(frame) => Ok(Some(frame.into_contiguous(Pool::global()).unwrap())),
                None => std::future::pending().await,
            }
        })
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }
}

async fn open(answer: Answer) -> Result<Arc<Connection>, ClientError> {
    let settings = ConnectionSettings {
        client_id: "test".into(),
        request_timeout: Duration::from_millis(50),
        max_idle: None,
        clock: millrace_wire::clock::system(),
        protection: Arc::default(),
    };
    Connection::open(&Peer(answer), "peer", 1, settings).await
}

fn versions(header: &RequestHeader, version: i16, code: ErrorCode, max: i16) -> Frame {
    let api = |key: ApiKey, max_version| ApiVersion {
        api_key: key as i16,
        min_version: 0,
        max_version,
    };
    let api_keys = vec![
        api(ApiKey::ApiVersions, max),
        api(ApiKey::Metadata, 5),
        api(ApiKey::Fetch, 3),
    ];
    let answer = ApiVersionsResponse {
        error_code: code,
        api_keys,
        ..ApiVersionsResponse::default()
    };
    encode_response(ApiKey::ApiVersions, version, header.correlation_id, &answer).unwrap()
}

fn modern(header: &RequestHeader) -> Option<Frame> {
    (header.api_key == ApiKey::ApiVersions as i16)
        .then(|| versions(header, header.api_version, ErrorCode::NONE, 4))
}

/// Kafka 2.0 to 2.3: knows ApiVersions up to 2 and says so in the form of version 0.
fn old(header: &RequestHeader) -> Option<Frame> {
    Some(match header.api_version {
        0..=2 => versions(header, header.api_version, ErrorCode::NONE, 2),
        _ => versions(header, 0, ErrorCode::UNSUPPORTED_VERSION, 2),
    })
}

/// The oldest brokers give no list beside the error.
fn oldest(header: &RequestHeader) -> Option<Frame> {
    let refusal = ApiVersionsResponse {
        error_code: ErrorCode::UNSUPPORTED_VERSION,
        ..ApiVersionsResponse::default()
    };
    Some(match header.api_version {
        0 => versions(header, 0, ErrorCode::NONE, 0),
        _ => encode_response(ApiKey::ApiVersions, 0, header.correlation_id, &refusal).unwrap(),
    })
}

#[tokio::test]
async fn versions_are_negotiated_with_new_and_old_brokers() {
    for answer in [modern as Answer, old, oldest] {
        let connection = open(answer).await.unwrap();
        assert_eq!(connection.version::<MetadataRequest>().unwrap(), 5);
        assert_eq!(connection.version_up_to::<MetadataRequest>(4).unwrap(), 4);
        // Known to the broker, but in versions that are not spoken here.
        let error = connection.version::<FetchRequest>().unwrap_err();
        assert!(matches!(
            error,
            ClientError::UnsupportedVersion {
                api: ApiKey::Fetch,
                ..
            }
        ));
        // Not known to the broker.
        assert!(connection.version::<InitProducerIdRequest>().is_err());
    }
}

#[tokio::test]
async fn a_request_without_an_answer_times_out_and_closes_the_connection() {
    let connection = open(modern).await.unwrap();
    let error = connection
        .call(&MetadataRequest::default())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "no answer from peer:1 to Metadata within 50 ms"
    );
    assert!(error.is_retriable() && error.is_disconnect() && connection.is_closed());
}

#[tokio::test]
async fn an_answer_to_another_request_closes_the_connection() {
    fn mixed_up(header: &RequestHeader) -> Option<Frame> {
        modern(header).or_else(|| {
            encode_response(
                ApiKey::Metadata,
                header.api_version,
                999,
                &MetadataResponse::default(),
            )
            .ok()
        })
    }
    let connection = open(mixed_up).await.unwrap();
    let error = connection
        .call(&MetadataRequest::default())
        .await
        .unwrap_err();
    assert!(
        matches!(error, ClientError::Correlation { received: 999, .. }),
        "{error}"
    );
    assert!(connection.is_closed());
}

#[tokio::test]
async fn an_answer_that_does_not_parse_closes_the_connection() {
    fn cut(header: &RequestHeader) -> Option<Frame> {
        modern(header).or_else(|| {
            Some(Frame::from(Bytes::copy_from_slice(
                &header.correlation_id.to_be_bytes(),
            )))
        })
    }
    let connection = open(cut).await.unwrap();
    let error = connection
        .call(&MetadataRequest::default())
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Decode { .. }), "{error}");
    assert!(connection.is_closed());
}

#[tokio::test]
async fn a_peer_that_speaks_something_else_is_an_error() {
    fn http(_: &RequestHeader) -> Option<Frame> {
        Some(Frame::from(Bytes::from_static(
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
        )))
    }
    assert!(open(http).await.is_err());
}
