//! Fetch sessions (KIP-227): what a client reads is remembered, so that a request names changes only.
//!
//! A full fetch with epoch 0 opens a session; its answer gives the session's id. Each later request carries the id
//! and the next epoch, 1 after `i32::MAX`. A session knows its partitions by topic name or by topic id, whichever
//! the request that opened it used. Sessions are bounded in number; one that nobody used for two minutes makes room.
//! No I/O and no clock: requests come with the time.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use millrace_wire::error_code::ErrorCode;
use millrace_wire::messages::{FetchPartition, FetchRequest, PartitionData};
use millrace_wire::uuid::Uuid;

/// Id and epoch of a request that neither has nor wants a session.
const NO_SESSION: i32 = 0;
const FINAL_EPOCH: i32 = -1;
const INITIAL_EPOCH: i32 = 0;
const EVICTABLE_AFTER: Duration = Duration::from_secs(120);

/// How a fetch names a topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum TopicKey {
    Name(Arc<str>),
    Id(Uuid),
}

/// A partition that a fetch reads.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) topic: TopicKey,
    pub(crate) partition: FetchPartition,
}

/// What a request reads, in order, and the session it belongs to.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub(crate) wanted: Vec<Wanted>,
    /// The id that the answer carries.
    pub(crate) session_id: i32,
    session: Option<Arc<Mutex<Session>>>,
    incremental: bool,
}

impl Fetch {
    /// Notes what the answer will tell; gives, for each row, whether it is to be told. Of a full fetch every row is.
    pub(crate) fn note_answer(&self, rows: &[PartitionData]) -> Vec<bool> {
        let Some(session) = &self.session else {
            return vec![true; rows.len()];
        };
        let mut session = lock(session);
        let told = |(wanted, row)| session.note_row(wanted, row, self.incremental);
        self.wanted.iter().zip(rows).map(told).collect()
    }
}

/// All sessions.
#[derive(Debug)]
pub(crate) struct FetchSessions {
    slots: usize,
    sessions: Mutex<HashMap<i32, Arc<Mutex<Session>>>>,
    random: RandomState,
}

/// One session.
#[derive(Debug)]
struct Session {
    id: i32,
    next_epoch: i32,
    uses_topic_ids: bool,
    last_used: Duration,
    /// Places in the order of reading; a partition that gave records moves to the end.
    order: BTreeMap<u64, SessionPartition>,
    places: HashMap<(TopicKey, i32), u64>,
    next_place: u64,
}

#[derive(Debug)]
struct SessionPartition {
    wanted: Wanted,
    /// What the client was told last.
    high_watermark: i64,
    log_start_offset: i64,
}

impl FetchSessions {
    /// At most `slots` sessions.
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            slots,
            sessions: Mutex::default(),
            random: RandomState::new(),
        }
    }

    /// Finds out what a request reads.
    pub(crate) fn begin(
        &self,
        version: i16,
        request: FetchRequest,
        now: Duration,
    ) -> Result<Fetch, ErrorCode> {
        let uses_topic_ids = version >= 13;
        let (id, epoch) = if version < 7 {
            (NO_SESSION, FINAL_EPOCH)
        } else {
            (request.session_id, request.session_epoch)
        };
        match epoch {
            FINAL_EPOCH => {
                self.close(id);
                Ok(Fetch {
                    wanted: wanted(request),
                    session_id: NO_SESSION,
                    session: None,
                    incremental: false,
                })
            }
            INITIAL_EPOCH => {
                self.close(id);
                Ok(self.open(wanted(request), uses_topic_ids, now))
            }
            epoch => self.resume(id, epoch, request, uses_topic_ids, now),
        }
    }

    fn open(&self, wanted: Vec<Wanted>, uses_topic_ids: bool, now: Duration) -> Fetch {
        let mut sessions = lock(&self.sessions);
        if wanted.is_empty() || !self.make_room(&mut sessions, now) {
            return Fetch {
                wanted,
                session_id: NO_SESSION,
                session: None,
                incremental: false,
            };
        }
        let id = self.new_id(&sessions);
        let mut session = Session::new(id, uses_topic_ids, now);
        for partition in &wanted {
            session.put(partition.clone());
        }
        let session = Arc::new(Mutex::new(session));
        sessions.insert(id, Arc::clone(&session));
        Fetch {
            wanted,
            session_id: id,
            session: Some(session),
            incremental: false,
        }
    }

    fn resume(
        &self,
        id: i32,
        epoch: i32,
        request: FetchRequest,
        uses_topic_ids: bool,
        now: Duration,
    ) -> Result<Fetch, ErrorCode> {
        let shared = lock(&self.sessions)
            .get(&id)
            .cloned()
            .ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        let mut session = lock(&shared);
        if epoch != session.next_epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        if session.uses_topic_ids != uses_topic_ids {
            return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
        }
        session.next_epoch = if epoch == i32::MAX { 1 } else { epoch + 1 };
        session.last_used = now;
        session.update(request);
        let wanted: Vec<Wanted> = session
            .order
            .values()
            .map(|partition| partition.wanted.clone())
            .collect();
        drop(session);
        if wanted.is_empty() {
            self.close(id);
            return Ok(Fetch {
                wanted,
                session_id: NO_SESSION,
                session: None,
                incremental: true,
            });
        }
        Ok(Fetch {
            wanted,
            session_id: id,
            session: Some(shared),
            incremental: true,
        })
    }

    fn close(&self, id: i32) {
        if id != NO_SESSION {
            lock(&self.sessions).remove(&id);
        }
    }

    /// Whether there is room for one more, if need be after the session that was idle for longest.
    fn make_room(&self, sessions: &mut HashMap<i32, Arc<Mutex<Session>>>, now: Duration) -> bool {
        if sessions.len() < self.slots {
            return true;
        }
        let oldest = sessions
            .values()
            .map(|session| lock(session))
            .map(|session| (session.last_used, session.id))
            .min();
        match oldest {
            Some((last_used, id)) if now.saturating_sub(last_used) > EVICTABLE_AFTER => {
                sessions.remove(&id);
                true
            }
            _ => false,
        }
    }

    /// An id that cannot be guessed from others.
    fn new_id(&self, sessions: &HashMap<i32, Arc<Mutex<Session>>>) -> i32 {
        let mut seed = sessions.len() as u64;
        loop {
            seed = RandomState::new().hash_one(self.random.hash_one(seed));
            let id = (seed >> 33) as i32;
            if id != NO_SESSION && !sessions.contains_key(&id) {
                return id;
            }
        }
    }
}

impl Session {
    fn new(id: i32, uses_topic_ids: bool, now: Duration) -> Self {
        Self {
            id,
            next_epoch: 1,
            uses_topic_ids,
            last_used: now,
            order: BTreeMap::new(),
            places: HashMap::new(),
            next_place: 0,
        }
    }

    /// Adds a partition at the end, or changes one where it is.
    fn put(&mut self, wanted: Wanted) {
        let key = (wanted.topic.clone(), wanted.partition.partition);
        if let Some(known) = self
            .places
            .get(&key)
            .and_then(|place| self.order.get_mut(place))
        {
            known.wanted = wanted;
            return;
        }
        self.append(
            key,
            SessionPartition {
                wanted,
                high_watermark: -1,
                log_start_offset: -1,
            },
        );
    }

    fn append(&mut self, key: (TopicKey, i32), partition: SessionPartition) {
        self.places.insert(key, self.next_place);
        self.order.insert(self.next_place, partition);
        self.next_place += 1;
    }

    fn update(&mut self, mut request: FetchRequest) {
        for forgotten in std::mem::take(&mut request.forgotten_topics_data) {
            let topic = topic_key(&forgotten.topic, forgotten.topic_id);
            for partition in forgotten.partitions {
                if let Some(place) = self.places.remove(&(topic.clone(), partition)) {
                    self.order.remove(&place);
                }
            }
        }
        for partition in wanted(request) {
            self.put(partition);
        }
    }

    /// Notes a row of an answer; says whether an incremental answer has to tell it.
    fn note_row(&mut self, wanted: &Wanted, row: &PartitionData, incremental: bool) -> bool {
        let key = (wanted.topic.clone(), wanted.partition.partition);
        let Some(place) = self.places.get(&key).copied() else {
            return true;
        };
        let Some(partition) = self.order.get_mut(&place) else {
            return true;
        };
        let has_records = row
            .records
            .as_ref()
            .is_some_and(|records| !records.is_empty());
        let is_news = has_records
            || !row.error_code.is_ok()
            || row.high_watermark != partition.high_watermark
            || row.log_start_offset != partition.log_start_offset
            || row.diverging_epoch.epoch >= 0;
        if row.error_code.is_ok() {
            partition.high_watermark = row.high_watermark;
            partition.log_start_offset = row.log_start_offset;
        } else {
            partition.high_watermark = -1;
        }
        if incremental
            && has_records
            && let Some(partition) = self.order.remove(&place)
        {
            self.append(key, partition);
        }
        is_news || !incremental
    }
}

fn wanted(request: FetchRequest) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for topic in request.topics {
        let key = topic_key(&topic.topic, topic.topic_id);
        wanted.extend(topic.partitions.into_iter().map(|partition| Wanted {
            topic: key.clone(),
            partition,
        }));
    }
    wanted
}

/// A request of version 13 has no names, one before no ids.
fn topic_key(name: &str, id: Uuid) -> TopicKey {
    if name.is_empty() {
        TopicKey::Id(id)
    } else {
        TopicKey::Name(Arc::from(name))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
