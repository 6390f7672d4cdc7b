//! Produce requests and their answers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millrace_wire::messages::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse,
    TopicProduceData,
};
use millrace_wire::uuid::Uuid;

use super::plan::Outgoing;
use crate::connection::Connection;
use crate::error::ClientError;
use crate::producer::batch::Body;

/// From this version on topics go by their ids.
const TOPIC_IDS_FROM: i16 = 13;

/// The answers of a request by topic, as the version names it, and partition.
pub(super) struct Answers {
    by_place: HashMap<(Place, i32), PartitionProduceResponse>,
}

#[derive(PartialEq, Eq, Hash)]
enum Place {
    Id(Uuid),
    Name(String),
}

impl Answers {
    fn new(response: ProduceResponse, version: i16) -> Self {
        let mut by_place = HashMap::new();
        for topic in response.responses {
            for partition in topic.partition_responses {
                let place = place(version >= TOPIC_IDS_FROM, &topic.name, topic.topic_id);
                by_place.insert((place, partition.index), partition);
            }
        }
        Self { by_place }
    }

    /// Takes the answer about one batch out.
    pub(super) fn take(&mut self, outgoing: &Outgoing) -> Option<PartitionProduceResponse> {
        let index = index(outgoing.partition);
        self.by_place
            .remove(&(Place::Name(outgoing.topic.to_string()), index))
            .or_else(|| self.by_place.remove(&(Place::Id(outgoing.topic_id), index)))
    }
}

/// Sends the batches in one request and waits for the answer; `None` where `acks=0` brings none.
///
/// Requests take effect in the order in which these futures are first polled.
pub(super) async fn exchange(
    connection: Arc<Connection>,
    request: Result<(i16, ProduceRequest), ClientError>,
    wait: Duration,
) -> Result<Option<Answers>, ClientError> {
    let (version, request) = request?;
    if request.acks == 0 {
        connection.send(version, &request).await?;
        return Ok(None);
    }
    let response = connection.call_at(version, &request, wait).await?;
    Ok(Some(Answers::new(response, version)))
}

/// The request that carries the batches, and its version.
pub(super) fn build(
    connection: &Connection,
    batches: &[Outgoing],
    acks: i16,
    wait: Duration,
) -> Result<(i16, ProduceRequest), ClientError> {
    let all_have_ids = batches.iter().all(|outgoing| !outgoing.topic_id.is_zero());
    let max = if all_have_ids {
        i16::MAX
    } else {
        TOPIC_IDS_FROM - 1
    };
    let version = connection.version_up_to::<ProduceRequest>(max)?;
    let mut topics: Vec<TopicProduceData> = Vec::new();
    for outgoing in batches {
        let data = PartitionProduceData {
            index: index(outgoing.partition),
            records: Some(closed_bytes(outgoing).into()),
        };
        match topics
            .iter_mut()
            .find(|topic| topic.name == *outgoing.topic)
        {
            Some(topic) => topic.partition_data.push(data),
            None => topics.push(TopicProduceData {
                name: outgoing.topic.to_string(),
                topic_id: outgoing.topic_id,
                partition_data: vec![data],
            }),
        }
    }
    let timeout_ms = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
    Ok((
        version,
        ProduceRequest {
            transactional_id: None,
            acks,
            timeout_ms,
            topic_data: topics,
        },
    ))
}

fn closed_bytes(outgoing: &Outgoing) -> Bytes {
    match &outgoing.batch.body {
        Body::Closed(closed) => closed.bytes().clone(),
        Body::Open(_) => Bytes::new(),
    }
}

fn place(by_id: bool, name: &str, id: Uuid) -> Place {
    if by_id {
        Place::Id(id)
    } else {
        Place::Name(name.to_owned())
    }
}

pub(super) fn index(partition: usize) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}
