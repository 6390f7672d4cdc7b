//! A producer that keeps book: it sends numbered records with `acks=all` over a plain socket, and notes each offset
//! that the broker acknowledged. Written on `wire` alone, so that a fault of the client cannot hide one of the broker.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

use bytes::Bytes;
use millrace_wire::{
    batch::{BatchBuilder, Headers, ProducerIdentity},
    compression::Compression,
    error_code::ErrorCode,
    messages::{
        self, CreatableTopic, CreateTopicsRequest, PartitionProduceData, ProduceRequest, Request,
        TopicProduceData,
    },
    pool::Pool,
};

/// The topic of the book.
pub(super) const TOPIC: &str = "acknowledged";

/// Versions that every broker Millrace compares with has.
const PRODUCE_VERSION: i16 = 9;
const CREATE_TOPICS_VERSION: i16 = 5;

/// Answers are small; more is a broken stream.
const ANSWER_BYTES_MAX: u32 = 1 << 20;

/// What was acknowledged, over all lives of the broker.
#[derive(Debug, Default)]
pub(super) struct Book {
    next: u64,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    base_offset: usize,
    first: u64,
    count: u64,
}

impl Book {
    /// Produces until the connection breaks, which is how a killed broker looks.
    pub(super) fn keep(&mut self, address: &str, records: u64) {
        if let Ok(mut connection) = Connection::open(address)
            && connection.create_topic().is_ok()
        {
            while self.produce(&mut connection, records).is_ok() {}
        }
    }

    fn produce(&mut self, connection: &mut Connection, count: u64) -> io::Result<()> {
        let first = self.next;
        // Numbers are used once, acknowledged or not: what is unknown must not be mistaken for what is known.
        self.next += count;
        if let Some(base_offset) = connection.produce(first, count)? {
            self.entries.push(Entry {
                base_offset,
                first,
                count,
            });
        }
        Ok(())
    }

    /// Compares with what the topic holds.
    ///
    /// # Panics
    /// Where an acknowledged record is not at its offset.
    pub(super) fn check(&self, values: &[Vec<u8>]) -> u64 {
        for entry in &self.entries {
            for index in 0..entry.count {
                let offset = entry.base_offset + index as usize;
                let expected = (entry.first + index).to_string();
                let actual = values
                    .get(offset)
                    .map(|value| String::from_utf8_lossy(value));
                assert_eq!(
                    actual.as_deref(),
                    Some(expected.as_str()),
                    "acknowledged at offset {offset}, and gone"
                );
            }
        }
        self.entries.iter().map(|entry| entry.count).sum()
    }
}

struct Connection {
    stream: TcpStream,
}

impl Connection {
    fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self { stream })
    }

    fn create_topic(&mut self) -> io::Result<()> {
        let topic = CreatableTopic {
            name: TOPIC.to_owned(),
            num_partitions: 1,
            replication_factor: 1,
            ..CreatableTopic::default()
        };
        let request = CreateTopicsRequest {
            topics: vec![topic],
            timeout_ms: 10_000,
            ..CreateTopicsRequest::default()
        };
        // It may be there from an earlier life.
        self.call(CREATE_TOPICS_VERSION, &request).map(drop)
    }

    /// The base offset, if the broker acknowledged; `None` if it answered with an error.
    fn produce(&mut self, first: u64, count: u64) -> io::Result<Option<usize>> {
        let batch = batch(first, count)?;
        let partition = PartitionProduceData {
            index: 0,
            records: Some(batch.into()),
        };
        let topic = TopicProduceData {
            name: TOPIC.to_owned(),
            partition_data: vec![partition],
            ..TopicProduceData::default()
        };
        let request = ProduceRequest {
            acks: -1,
            timeout_ms: 10_000,
            topic_data: vec![topic],
            ..ProduceRequest::default()
        };
        let answer = self.call(PRODUCE_VERSION, &request)?;
        let partition = answer
            .responses
            .first()
            .and_then(|topic| topic.partition_responses.first());
        Ok(partition
            .filter(|partition| partition.error_code == ErrorCode::NONE)
            .and_then(|partition| usize::try_from(partition.base_offset).ok()))
    }

    fn call<R: Request>(&mut self, version: i16, request: &R) -> io::Result<R::Response> {
        let frame = messages::encode_request(0, Some("soak"), version, request)
            .map_err(io::Error::other)?;
        let bytes = frame.into_contiguous(Pool::global())?;
        let size = i32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.stream
            .write_all(&[&size.to_be_bytes(), bytes.as_ref()].concat())?;
        let answer = self.receive()?;
        let (_, response) =
            messages::decode_response::<R>(version, answer).map_err(io::Error::other)?;
        Ok(response)
    }

    fn receive(&mut self) -> io::Result<Bytes> {
        let mut size = [0; 4];
        self.stream.read_exact(&mut size)?;
        let size = u32::from_be_bytes(size);
        if size > ANSWER_BYTES_MAX {
            return Err(io::Error::other(format!("an answer of {size} bytes")));
        }
        let mut bytes = vec![0; size as usize];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

fn batch(first: u64, count: u64) -> io::Result<Bytes> {
    let mut builder = BatchBuilder::new(Pool::global(), 1 << 20);
    for number in first..first + count {
        let value = number.to_string();
        builder.append(0, None, Some(value.as_bytes()), Headers::NONE);
    }
    let closed = builder
        .close(ProducerIdentity::NONE, Compression::None, None)
        .map_err(io::Error::other)?;
    Ok(closed.bytes().clone())
}
