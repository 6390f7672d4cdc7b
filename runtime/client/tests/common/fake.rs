//! A broker in memory that does as a script says: one topic of one partition, with the checks of
//! sequence numbers that Kafka makes.
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use millrace_wire::batch::batches;
use millrace_wire::codec::Decoder;
use millrace_wire::error_code::ErrorCode;
use millrace_wire::frame::Frame;
use millrace_wire::link::{CallFuture, Dial, Link, LinkError, Reply};
use millrace_wire::messages::*;
use millrace_wire::pool::Pool;

pub(crate) const TOPIC: &str = "lines";
/// Batches that a broker remembers of a producer.
const WINDOW: usize = 5;

/// What becomes of the next Produce request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Action {
    /// It is appended and answered.
    Serve,
    /// It is refused with this code, unseen.
    Refuse(ErrorCode),
    /// It is refused with this code, unseen, and the answer takes this long.
    RefuseSlowly(ErrorCode, Duration),
    /// It is appended, and the link breaks before the answer.
    LoseAnswer,
    /// The link breaks before it is seen.
    LoseRequest,
    /// It is appended, and the answer takes this long.
    Slow(Duration),
    /// The broker forgets the producer, keeping its records, then serves.
    Forget,
}

/// First and last sequence number of a batch, and its offset.
type Sequences = (i32, i32, i64);

#[derive(Debug, Default)]
struct State {
    values: Vec<Vec<u8>>,
    script: VecDeque<Action>,
    /// Producer, epoch, and its last batches.
    producer: Option<(i64, i16, VecDeque<Sequences>)>,
    next_producer: i64,
    requests: usize,
    refuse_identity: Option<ErrorCode>,
    refuse_dials: bool,
}

/// The broker; clones are handles to the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeBroker {
    state: Arc<Mutex<State>>,
}

impl FakeBroker {
    pub(crate) fn script(&self, actions: impl IntoIterator<Item = Action>) {
        self.state.lock().unwrap().script.extend(actions);
    }

    pub(crate) fn refuse_identity(&self, code: ErrorCode) {
        self.state.lock().unwrap().refuse_identity = Some(code);
    }

    pub(crate) fn values(&self) -> Vec<Vec<u8>> {
        self.state.lock().unwrap().values.clone()
    }

    pub(crate) fn requests(&self) -> usize {
        self.state.lock().unwrap().requests
    }

    pub(crate) fn last_epoch(&self) -> Option<i16> {
        self.state
            .lock()
            .unwrap()
            .producer
            .as_ref()
            .map(|producer| producer.1)
    }
}

#[async_trait]
impl Dial for FakeBroker {
    async fn dial(&self, host: &str, port: u16) -> Result<Arc<dyn Link>, LinkError> {
        if self.state.lock().unwrap().refuse_dials {
            return Err(LinkError::Connect {
                address: format!("{host}:{port}"),
                reason: "refused".into(),
            });
        }
        Ok(Arc::new(FakeLink {
            broker: self.clone(),
            closed: Arc::default(),
            turn: Arc::default(),
        }))
    }
}

#[derive(Debug)]
struct FakeLink {
    broker: FakeBroker,
    closed: Arc<AtomicBool>,
    /// Makes answers leave in the order of their requests.
    turn: Arc<tokio::sync::Mutex<()>>,
}

fn broken() -> LinkError {
    LinkError::Closed {
        address: "fake:1".into(),
    }
}

impl Link for FakeLink {
    fn call(&self, request: Frame, reply: Reply) -> CallFuture {
        let (broker, closed, turn) = (
            self.broker.clone(),
            Arc::clone(&self.closed),
            Arc::clone(&self.turn),
        );
        Box::pin(async move {
            if closed.load(Ordering::SeqCst) {
                return Err(broken());
            }
            let (answer, action) = broker.serve(request);
            let _turn = turn.lock().await;
            match action {
                Action::LoseAnswer | Action::LoseRequest => closed.store(true, Ordering::SeqCst),
                Action::Slow(wait) | Action::RefuseSlowly(_, wait) => {
                    tokio::time::sleep(wait).await;
                }
                _ => {}
            }
            if closed.load(Ordering::SeqCst) {
                return Err(broken());
            }
            match reply {
                Reply::None => Ok(None),
                Reply::Expected => Ok(Some(answer.into_contiguous(Pool::global()).unwrap())),
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

impl FakeBroker {
    fn serve(&self, request: Frame) -> (Frame, Action) {
        let bytes = request.into_contiguous(Pool::global()).unwrap();
        let mut decoder = Decoder::new(bytes);
        let header = decode_request_header(&mut decoder).unwrap();
        let key = ApiKey::try_from(header.api_key).unwrap();
        let (version, number) = (header.api_version, header.correlation_id);
        let mut state = self.state.lock().unwrap();
        let mut action = Action::Serve;
        let frame = match key {
            ApiKey::ApiVersions => encode_response(key, version, number, &api_versions()),
            ApiKey::Metadata => encode_response(key, version, number, &metadata()),
            ApiKey::InitProducerId => encode_response(key, version, number, &state.identity()),
            ApiKey::Produce => {
                action = state.script.pop_front().unwrap_or(Action::Serve);
                let request = ProduceRequest::decode(&mut decoder, version).unwrap();
                encode_response(key, version, number, &state.produce(&request, action))
            }
            other => panic!("{other:?} is not scripted"),
        };
        (frame.unwrap(), action)
    }
}

impl State {
    fn identity(&mut self) -> InitProducerIdResponse {
        self.next_producer += 1;
        let error_code = self.refuse_identity.unwrap_or(ErrorCode::NONE);
        InitProducerIdResponse {
            error_code,
            producer_id: self.next_producer,
            ..InitProducerIdResponse::default()
        }
    }

    fn produce(&mut self, request: &ProduceRequest, action: Action) -> ProduceResponse {
        self.requests += 1;
        let partition = &request.topic_data[0].partition_data[0];
        let records = partition
            .records
            .clone()
            .unwrap()
            .into_bytes(Pool::global())
            .unwrap();
        let outcome = match action {
            Action::Refuse(code) | Action::RefuseSlowly(code, _) => Err(code),
            Action::LoseRequest => Err(ErrorCode::NONE),
            Action::Forget => {
                self.producer = None;
                Err(ErrorCode::UNKNOWN_PRODUCER_ID)
            }
            _ => self.append(&records),
        };
        let answer = PartitionProduceResponse {
            index: partition.index,
            error_code: outcome.err().unwrap_or(ErrorCode::NONE),
            base_offset: outcome.unwrap_or(-1),
            ..PartitionProduceResponse::default()
        };
        let topic = TopicProduceResponse {
            name: TOPIC.to_owned(),
            partition_responses: vec![answer],
            ..TopicProduceResponse::default()
        };
        ProduceResponse {
            responses: vec![topic],
            ..ProduceResponse::default()
        }
    }

    fn append(&mut self, records: &Bytes) -> Result<i64, ErrorCode> {
        let batch = batches(records).next().unwrap().unwrap();
        batch.check_crc().unwrap();
        let header = *batch.header();
        let offset = self.values.len() as i64;
        if header.has_producer_id() {
            if let Some(original) =
                self.check_sequence(header.producer_id, header.producer_epoch, &header)?
            {
                return Ok(original);
            }
            let sequences = (header.base_sequence, header.last_sequence(), offset);
            let (_, _, window) = self.producer.get_or_insert((
                header.producer_id,
                header.producer_epoch,
                VecDeque::new(),
            ));
            window.push_back(sequences);
            window.drain(..window.len().saturating_sub(WINDOW));
        }
        let decoded = batch.decode(64 << 20, Pool::global()).unwrap();
        self.values.extend(
            decoded
                .rows
                .iter()
                .map(|row| row.value.of(&decoded.data).unwrap().to_vec()),
        );
        Ok(offset)
    }

    fn check_sequence(
        &mut self,
        id: i64,
        epoch: i16,
        header: &millrace_wire::batch::BatchHeader,
    ) -> Result<Option<i64>, ErrorCode> {
        let Some((known, known_epoch, window)) = &mut self.producer else {
            return Ok(None);
        };
        if *known != id {
            self.producer = None;
            return Ok(None);
        }
        if epoch < *known_epoch {
            return Err(ErrorCode::INVALID_PRODUCER_EPOCH);
        }
        if epoch > *known_epoch {
            if header.base_sequence != 0 {
                return Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
            }
            *known_epoch = epoch;
            window.clear();
            return Ok(None);
        }
        let same = |&&(first, last, _): &&Sequences| {
            (first, last) == (header.base_sequence, header.last_sequence())
        };
        if let Some(&(_, _, original)) = window.iter().find(same) {
            return Ok(Some(original));
        }
        match window.back() {
            Some(&(_, last, _)) if header.base_sequence != last.wrapping_add(1) & i32::MAX => {
                Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)
            }
            _ => Ok(None),
        }
    }
}

fn api_versions() -> ApiVersionsResponse {
    let api = |key: ApiKey, max_version| ApiVersion {
        api_key: key as i16,
        min_version: 0,
        max_version,
    };
    let api_keys = vec![
        api(ApiKey::ApiVersions, 3),
        api(ApiKey::Metadata, 9),
        api(ApiKey::InitProducerId, 4),
        api(ApiKey::Produce, 9),
    ];
    ApiVersionsResponse {
        api_keys,
        ..ApiVersionsResponse::default()
    }
}

fn metadata() -> MetadataResponse {
    let partition = MetadataResponsePartition {
        leader_id: 1,
        ..MetadataResponsePartition::default()
    };
    let topic = MetadataResponseTopic {
        name: Some(TOPIC.to_owned()),
        partitions: vec![partition],
        ..MetadataResponseTopic::default()
    };
    let node = MetadataResponseBroker {
        node_id: 1,
        host: "fake".into(),
        port: 1,
        rack: None,
    };
    MetadataResponse {
        brokers: vec![node],
        topics: vec![topic],
        ..MetadataResponse::default()
    }
}
