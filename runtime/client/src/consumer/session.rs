//! A fetch session with one broker (KIP-227): after a first full request only what changes is said.
//!
//! The broker remembers the session's partitions; each request has the next epoch. Whatever goes wrong, the next
//! request is a full one with epoch 0, which also closes the session it names.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, ForgottenTopic,
};
use millrace_wire::uuid::Uuid;

use super::topic_partition::TopicPartition;

/// What is asked of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) topic_id: Uuid,
    pub(super) fetch_offset: i64,
    pub(super) leader_epoch: i32,
    pub(super) fetched_epoch: i32,
    pub(super) max_bytes: i32,
}

/// The client's side of a session.
#[derive(Debug, Default)]
pub(super) struct Session {
    id: i32,
    epoch: i32,
    /// What the broker remembers, by its own account.
    known: BTreeMap<TopicPartition, Asked>,
    /// Full requests start at another partition each time, so that the first do not get everything.
    turn: usize,
}

impl Session {
    /// Fills in session and topics of a request for `wanted`.
    pub(super) fn fill(
        &mut self,
        request: &mut FetchRequest,
        wanted: BTreeMap<TopicPartition, Asked>,
    ) {
        request.session_id = self.id;
        request.session_epoch = self.epoch;
        if self.epoch == 0 {
            self.turn = self.turn.wrapping_add(1);
            let mut order: Vec<_> = wanted.iter().collect();
            let first = self.turn % order.len().max(1);
            order.rotate_left(first);
            request.topics = topics(order);
        } else {
            let changed = wanted
                .iter()
                .filter(|(name, asked)| self.known.get(*name) != Some(*asked));
            request.topics = topics(changed.collect());
            let gone = |name: &TopicPartition, old: &Asked| {
                wanted
                    .get(name)
                    .is_none_or(|asked| asked.topic_id != old.topic_id)
            };
            request.forgotten_topics_data =
                forgotten(self.known.iter().filter(|(name, asked)| gone(name, asked)));
        }
        self.known = wanted;
    }

    /// Takes in the answer to the last request. An error is about the session itself and starts a new one.
    pub(super) fn answered(&mut self, answer: &FetchResponse) -> Result<(), ErrorCode> {
        if let Err(code) = answer.error_code.ok() {
            if code == ErrorCode::FETCH_SESSION_ID_NOT_FOUND {
                self.id = 0;
            }
            self.epoch = 0;
            return Err(code);
        }
        self.id = answer.session_id;
        self.epoch = match (self.id, self.epoch) {
            (0, _) => 0,
            (_, i32::MAX) => 1,
            (_, epoch) => epoch + 1,
        };
        Ok(())
    }

    /// The last request brought no answer.
    pub(super) fn failed(&mut self) {
        self.epoch = 0;
    }

    /// The name behind a topic id of this session.
    pub(super) fn topic_name(&self, id: Uuid) -> Option<Arc<str>> {
        self.known
            .iter()
            .find(|(_, asked)| asked.topic_id == id)
            .map(|(name, _)| Arc::clone(&name.topic))
    }
}

fn topics(partitions: Vec<(&TopicPartition, &Asked)>) -> Vec<FetchTopic> {
    let mut topics: Vec<FetchTopic> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, asked) in partitions {
        let place = *places.entry(&name.topic).or_insert_with(|| {
            let topic = FetchTopic {
                topic: name.topic.to_string(),
                topic_id: asked.topic_id,
                partitions: Vec::new(),
            };
            topics.push(topic);
            topics.len() - 1
        });
        topics[place].partitions.push(FetchPartition {
            partition: name.partition,
            current_leader_epoch: asked.leader_epoch,
            fetch_offset: asked.fetch_offset,
            last_fetched_epoch: asked.fetched_epoch,
            partition_max_bytes: asked.max_bytes,
            ..FetchPartition::default()
        });
    }
    topics
}

fn forgotten<'a>(
    partitions: impl Iterator<Item = (&'a TopicPartition, &'a Asked)>,
) -> Vec<ForgottenTopic> {
    let mut topics: Vec<ForgottenTopic> = Vec::new();
    for (name, asked) in partitions {
        match topics
            .last_mut()
            .filter(|topic| *topic.topic == *name.topic && topic.topic_id == asked.topic_id)
        {
            Some(topic) => topic.partitions.push(name.partition),
            None => topics.push(ForgottenTopic {
                topic: name.topic.to_string(),
                topic_id: asked.topic_id,
                partitions: vec![name.partition],
            }),
        }
    }
    topics
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(offset: i64) -> Asked {
        Asked {
            topic_id: Uuid([1; 16]),
            fetch_offset: offset,
            leader_epoch: 0,
            fetched_epoch: -1,
            max_bytes: 100,
        }
    }

    fn wanted(offsets: &[(i32, i64)]) -> BTreeMap<TopicPartition, Asked> {
        offsets
            .iter()
            .map(|(number, offset)| (TopicPartition::new("t", *number), asked(*offset)))
            .collect()
    }

    fn fill(session: &mut Session, offsets: &[(i32, i64)]) -> FetchRequest {
        let mut request = FetchRequest::default();
        session.fill(&mut request, wanted(offsets));
        request
    }

    fn said(request: &FetchRequest) -> Vec<(i32, i64)> {
        let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
        let mut said: Vec<_> = partitions
            .map(|partition| (partition.partition, partition.fetch_offset))
            .collect();
        said.sort_unstable();
        said
    }

    fn answer(session_id: i32, error_code: ErrorCode) -> FetchResponse {
        FetchResponse {
            session_id,
            error_code,
            ..FetchResponse::default()
        }
    }

    #[test]
    fn only_changes_are_said_once_a_session_is_open() {
        let mut session = Session::default();
        let first = fill(&mut session, &[(0, 5), (1, 6)]);
        assert_eq!((first.session_id, first.session_epoch), (0, 0));
        assert_eq!(said(&first), [(0, 5), (1, 6)]);
        session.answered(&answer(77, ErrorCode::NONE)).unwrap();
        let second = fill(&mut session, &[(0, 9), (1, 6)]);
        assert_eq!((second.session_id, second.session_epoch), (77, 1));
        assert_eq!(said(&second), [(0, 9)]);
        session.answered(&answer(77, ErrorCode::NONE)).unwrap();
        let third = fill(&mut session, &[(0, 9)]);
        assert_eq!(third.session_epoch, 2);
        assert_eq!(said(&third), []);
        assert_eq!(third.forgotten_topics_data[0].partitions, [1]);
    }

    #[test]
    fn a_lost_session_starts_over_in_full() {
        let mut session = Session::default();
        fill(&mut session, &[(0, 5)]);
        session.answered(&answer(77, ErrorCode::NONE)).unwrap();
        fill(&mut session, &[(0, 5)]);
        assert!(
            session
                .answered(&answer(0, ErrorCode::FETCH_SESSION_ID_NOT_FOUND))
                .is_err()
        );
        let again = fill(&mut session, &[(0, 5)]);
        assert_eq!((again.session_id, again.session_epoch), (0, 0));
        assert_eq!(said(&again), [(0, 5)]);
        session.answered(&answer(78, ErrorCode::NONE)).unwrap();
        session.failed();
        let closing = fill(&mut session, &[(0, 5)]);
        assert_eq!((closing.session_id, closing.session_epoch), (78, 0));
    }

    #[test]
    fn without_sessions_every_request_is_full_and_starts_elsewhere() {
        let mut session = Session::default();
        let mut first = Vec::new();
        for _ in 0..4 {
            let request = fill(&mut session, &[(0, 5), (1, 6)]);
            assert_eq!(said(&request), [(0, 5), (1, 6)]);
            first.push(request.topics[0].partitions[0].partition);
            session.answered(&answer(0, ErrorCode::NONE)).unwrap();
        }
        assert_eq!(first, [1, 0, 1, 0]);
    }

    #[test]
    fn a_recreated_topic_is_forgotten_under_its_old_id() {
        let mut session = Session::default();
        fill(&mut session, &[(0, 5)]);
        session.answered(&answer(77, ErrorCode::NONE)).unwrap();
        let mut request = FetchRequest::default();
        let new = Asked {
            topic_id: Uuid([2; 16]),
            ..asked(0)
        };
        session.fill(
            &mut request,
            BTreeMap::from([(TopicPartition::new("t", 0), new)]),
        );
        assert_eq!(request.forgotten_topics_data[0].topic_id, Uuid([1; 16]));
        assert_eq!(request.topics[0].topic_id, Uuid([2; 16]));
        assert!(session.topic_name(Uuid([2; 16])).is_some());
    }
}
