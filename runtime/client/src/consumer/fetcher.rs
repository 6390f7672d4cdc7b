//! Asking brokers for records, one answer ahead.
//!
//! Each broker has at most one request under way and one answer waiting behind the one that is being handed out, so
//! that the next records are there when the last are done with, and memory is bounded by two answers a broker. Every
//! request names all partitions that may be read: leaving out those with records waiting would park the request on
//! the quiet ones.
//!
//! Where nothing comes, requests are parked for longer and longer. One that is parked for longer than the first is given
//! up, with its connection, when there is something else to ask for, which would have to wait for it.
//!
//! What belongs to a paused partition is set aside (at most those two answers' parts) and handed out when it is
//! resumed.

mod part;
mod request;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use millrace_wire::error_code::ErrorCode;
use millrace_wire::held::Held;
use millrace_wire::messages::{FetchRequest, FetchResponse};
use millrace_wire::records::Records;
use millrace_wire::uuid::Uuid;
use tokio::sync::oneshot;

use part::Part;
pub(super) use request::FetchDone;
use request::{fetch, max_wait, or_given_up};

use super::config::ConsumerConfig;
use super::error::ConsumeError;
use super::fetched::{Fetched, RowPool};
use super::partitions::Partitions;
use super::run::{Reading, Run};
use super::session::{Asked, Session};
use super::topic_partition::TopicPartition;
use crate::backoff::Backoff;
use crate::cluster::{Lane, Metadata};

/// Answers of a broker that may wait: the one being handed out and one more.
const ANSWERS: usize = 2;

/// What a partition's part of an answer asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The metadata is old.
    Stale,
    /// The position is not in the log.
    OutOfRange {
        partition: TopicPartition,
        offset: i64,
    },
    /// The log was cut below the position.
    Truncated {
        partition: TopicPartition,
        offset: i64,
        end_offset: i64,
    },
    /// It will not pass.
    Topic { topic: Arc<str>, code: ErrorCode },
    /// The broker cannot read its copy.
    Damaged {
        partition: TopicPartition,
        offset: i64,
        code: ErrorCode,
    },
}

#[derive(Debug)]
struct Broker {
    session: Session,
    /// Stamps of the partitions in the request under way, and what was asked of them.
    asked: Option<HashMap<TopicPartition, (u64, i64)>>,
    /// Gives up the request under way, where that may be parked for long.
    give_up: Option<oneshot::Sender<()>>,
    /// Answers in a row that have brought nothing.
    empty: u32,
    waiting: usize,
    not_before: Duration,
    backoff: Backoff,
}

#[derive(Debug)]
struct Answer {
    node: i32,
    runs: VecDeque<Run>,
}

/// All brokers of a consumer, and what has arrived from them.
#[derive(Debug)]
pub(super) struct Fetcher {
    config: Arc<ConsumerConfig>,
    lane: Arc<Lane>,
    brokers: BTreeMap<i32, Broker>,
    answers: VecDeque<Answer>,
    /// Of partitions that were paused when their turn came.
    aside: Vec<Run>,
    reading: Reading,
    /// Whether nothing further is asked for.
    on_hold: bool,
}

impl Fetcher {
    pub(super) fn new(config: Arc<ConsumerConfig>, lane: Arc<Lane>) -> Self {
        let reading = Reading {
            check_crcs: config.check_crcs,
            max_records: config.max_records(),
            rows: RowPool::default(),
            held: Held::default(),
        };
        Fetcher {
            config,
            lane,
            brokers: BTreeMap::new(),
            answers: VecDeque::new(),
            aside: Vec::new(),
            reading,
            on_hold: false,
        }
    }

    /// What can be reached of answers, and of the batches unpacked from them.
    pub(super) fn held(&self) -> &Held {
        &self.reading.held
    }

    /// Asks for nothing further until told otherwise. What has arrived, or is on its way, is handed out all the same.
    pub(super) fn hold(&mut self, on_hold: bool) {
        self.on_hold = on_hold;
    }

    /// The next batch that has arrived.
    pub(super) fn next(
        &mut self,
        partitions: &mut Partitions,
    ) -> Result<Option<Fetched>, ConsumeError> {
        if let Some(fetched) = self.next_aside(partitions)? {
            return Ok(Some(fetched));
        }
        while let Some(answer) = self.answers.front_mut() {
            while let Some(run) = answer.runs.front_mut() {
                let Some(state) = partitions.current(&run.name, run.stamp) else {
                    answer.runs.pop_front();
                    continue;
                };
                if state.paused {
                    self.aside.extend(answer.runs.pop_front());
                    continue;
                }
                match run.next(state, &self.reading) {
                    Ok(Some(fetched)) => return Ok(Some(fetched)),
                    Ok(None) => {}
                    Err(error) => {
                        state.refetch();
                        answer.runs.pop_front();
                        return Err(error);
                    }
                }
                answer.runs.pop_front();
            }
            let node = answer.node;
            self.answers.pop_front();
            if let Some(broker) = self.brokers.get_mut(&node) {
                broker.waiting -= 1;
            }
        }
        Ok(None)
    }

    fn next_aside(&mut self, partitions: &mut Partitions) -> Result<Option<Fetched>, ConsumeError> {
        let mut at = 0;
        while let Some(run) = self.aside.get_mut(at) {
            match partitions.current(&run.name, run.stamp) {
                Some(state) if state.paused => at += 1,
                Some(state) => match run.next(state, &self.reading) {
                    Ok(Some(fetched)) => return Ok(Some(fetched)),
                    Ok(None) => drop(self.aside.remove(at)),
                    Err(error) => {
                        state.refetch();
                        self.aside.remove(at);
                        return Err(error);
                    }
                },
                None => drop(self.aside.remove(at)),
            }
        }
        Ok(None)
    }

    /// Requests to send now. Each future is to run to its end and its outcome to go to [`Fetcher::done`].
    pub(super) fn requests(
        &mut self,
        partitions: &mut Partitions,
        metadata: &Metadata,
        now: Duration,
    ) -> Vec<impl Future<Output = FetchDone> + Send + use<>> {
        let mut wanted: BTreeMap<i32, BTreeMap<TopicPartition, Asked>> = BTreeMap::new();
        self.give_up_parked(partitions, metadata, now);
        let is_busy =
            self.brokers.values().all(|broker| !broker.is_free(now)) && !self.brokers.is_empty();
        if self.on_hold || is_busy {
            return self.send(wanted, partitions, now);
        }
        for (name, state) in partitions
            .iter_mut()
            .filter(|(_, state)| state.is_fetchable(now))
        {
            let Some(topic) = metadata.topic(&name.topic) else {
                continue;
            };
            let Some(known) = topic.partition(name.partition) else {
                continue;
            };
            let Some(leader) = known.leader else { continue };
            state.fetch_from(topic.id);
            let asked = Asked {
                topic_id: topic.id,
                fetch_offset: state.fetch_offset,
                leader_epoch: known.leader_epoch,
                fetched_epoch: state.fetched_epoch,
                max_bytes: self.config.max_partition_fetch_bytes,
            };
            wanted
                .entry(leader)
                .or_default()
                .insert(name.clone(), asked);
        }
        self.send(wanted, partitions, now)
    }

    /// Gives up requests that are parked for long and do not ask for something that is wanted now.
    fn give_up_parked(&mut self, partitions: &Partitions, metadata: &Metadata, now: Duration) {
        if self.brokers.values().all(|broker| broker.give_up.is_none()) {
            return;
        }
        for (name, state) in partitions
            .iter()
            .filter(|(_, state)| state.is_fetchable(now))
        {
            let Some(leader) = metadata.leader(&name.topic, name.partition) else {
                continue;
            };
            let Some(broker) = self.brokers.get_mut(&leader) else {
                continue;
            };
            let asked = broker.asked.as_ref().and_then(|asked| asked.get(name));
            if asked != Some(&(state.stamp, state.fetch_offset))
                && let Some(give_up) = broker.give_up.take()
            {
                // Where nobody listens any more, the answer is there.
                let _answered = give_up.send(());
            }
        }
    }

    fn send(
        &mut self,
        wanted: BTreeMap<i32, BTreeMap<TopicPartition, Asked>>,
        partitions: &Partitions,
        now: Duration,
    ) -> Vec<impl Future<Output = FetchDone> + Send + use<>> {
        let mut requests = Vec::new();
        for (node, wanted) in wanted {
            let backoff = || Broker {
                session: Session::default(),
                asked: None,
                give_up: None,
                empty: 0,
                waiting: 0,
                not_before: Duration::ZERO,
                backoff: self.lane.cluster().retry_backoff(),
            };
            let broker = self.brokers.entry(node).or_insert_with(backoff);
            if !broker.is_free(now) {
                continue;
            }
            let stamp = |name: &TopicPartition| partitions.get(name).map(|state| state.stamp);
            let asked = wanted
                .iter()
                .filter_map(|(name, asked)| {
                    Some((name.clone(), (stamp(name)?, asked.fetch_offset)))
                })
                .collect();
            broker.asked = Some(asked);
            let with_ids = wanted.values().all(|asked| !asked.topic_id.is_zero());
            let wait = self.config.fetch_wait(broker.empty);
            let mut request = FetchRequest {
                max_wait_ms: max_wait(wait, now),
                min_bytes: self.config.fetch_min_bytes,
                max_bytes: self.config.fetch_max_bytes,
                isolation_level: self.config.isolation_level.code(),
                ..FetchRequest::default()
            };
            broker.session.fill(&mut request, wanted);
            let given_up = (wait > self.config.fetch_wait(0)).then(|| {
                let (give_up, given_up) = oneshot::channel();
                broker.give_up = Some(give_up);
                given_up
            });
            let call = fetch(Arc::clone(&self.lane), node, request, with_ids);
            requests.push(or_given_up(given_up, Arc::clone(&self.lane), node, call));
        }
        requests
    }

    /// When the next broker that waits after a failure may be asked.
    pub(super) fn next_due(&self, now: Duration) -> Option<Duration> {
        self.brokers
            .values()
            .map(|broker| broker.not_before)
            .filter(|due| *due > now)
            .min()
    }

    /// Takes in what a request brought, and says what has to be seen to.
    pub(super) fn done(
        &mut self,
        done: FetchDone,
        partitions: &mut Partitions,
        now: Duration,
    ) -> Vec<Trouble> {
        let Some(broker) = self.brokers.get_mut(&done.node) else {
            return Vec::new();
        };
        let asked = broker.asked.take().unwrap_or_default();
        broker.give_up = None;
        let answer = match done.result {
            Some(Ok(answer)) => answer,
            Some(Err(error)) => {
                log::debug!("fetch from node {} failed: {error}", done.node);
                broker.session.failed();
                broker.not_before = now + broker.backoff.fail();
                return vec![Trouble::Stale];
            }
            None => {
                broker.session.failed();
                broker.empty = 0;
                return Vec::new();
            }
        };
        if let Err(code) = broker.session.answered(&answer) {
            log::debug!("fetch session with node {} starts over: {code}", done.node);
            let about_session = matches!(
                code,
                ErrorCode::FETCH_SESSION_ID_NOT_FOUND
                    | ErrorCode::INVALID_FETCH_SESSION_EPOCH
                    | ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR
            );
            if !about_session || broker.backoff.failures() > 0 {
                broker.not_before = now + broker.backoff.fail();
            }
            return if about_session {
                Vec::new()
            } else {
                vec![Trouble::Stale]
            };
        }
        broker.backoff.succeed();
        if answer.throttle_time_ms > 0 {
            broker.not_before =
                now + Duration::from_millis(answer.throttle_time_ms.unsigned_abs().into());
        }
        self.take_in(done.node, answer, &asked, partitions, now)
    }

    fn take_in(
        &mut self,
        node: i32,
        answer: FetchResponse,
        asked: &HashMap<TopicPartition, (u64, i64)>,
        partitions: &mut Partitions,
        now: Duration,
    ) -> Vec<Trouble> {
        let mut troubles = Vec::new();
        let mut runs = VecDeque::new();
        let parts = answer.responses.iter().flat_map(|topic| &topic.partitions);
        let records = parts.filter_map(|part| part.records.as_ref());
        let whole = self.reading.held.whole(records.map(Records::len).sum());
        let Some(broker) = self.brokers.get_mut(&node) else {
            return troubles;
        };
        for topic in answer.responses {
            let by_id = topic.topic_id != Uuid::ZERO;
            let name = if by_id {
                broker.session.topic_name(topic.topic_id)
            } else {
                Some(topic.topic.into())
            };
            let Some(topic_name) = name else { continue };
            for part in topic.partitions {
                let name = TopicPartition::new(Arc::clone(&topic_name), part.partition_index);
                let Some(&(stamp, offset)) = asked.get(&name) else {
                    continue;
                };
                let mut part = Part {
                    name,
                    stamp,
                    offset,
                    data: part,
                };
                match part.judge(partitions, now) {
                    Some(trouble) => troubles.push(trouble),
                    None => {
                        let isolation = self.config.isolation_level;
                        runs.extend(part.into_run(isolation, partitions, &whole));
                    }
                }
            }
        }
        if runs.is_empty() && troubles.is_empty() {
            broker.empty = broker.empty.saturating_add(1);
        } else {
            broker.empty = 0;
        }
        if !runs.is_empty() {
            broker.waiting += 1;
            self.answers.push_back(Answer { node, runs });
        }
        troubles
    }
}

impl Broker {
    fn is_free(&self, now: Duration) -> bool {
        self.asked.is_none() && self.waiting < ANSWERS && now >= self.not_before
    }
}

#[cfg(test)]
mod tests;
