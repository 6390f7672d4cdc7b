//! Questions to the leaders of partitions, each asked again until it is answered or fails for good.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use millrace_wire::error_code::ErrorCode;

use super::{Admin, ByPlace, Place};
use crate::cluster::Metadata;
use crate::connection::Connection;
use crate::error::ClientError;

/// How long a topic that a broker does not know may be one that it will know in a moment.
const UNKNOWN_PATIENCE: Duration = Duration::from_secs(2);

/// A broker's no about one partition.
pub(super) struct Refusal {
    code: ErrorCode,
    detail: Option<String>,
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self { code, detail: None }
    }
}

impl Refusal {
    /// The outcome that a code and a text say.
    pub(super) fn unless_ok(code: ErrorCode, detail: Option<String>) -> Result<(), Self> {
        code.ok().map_err(|code| Self { code, detail })
    }
}

/// What one node says of the partitions that it was asked about.
pub(super) type Answers<A> = Vec<(Place, Result<A, Refusal>)>;

impl Admin {
    /// Asks the leader of each place. `doing` begins the text of errors: "cannot look up an offset of".
    pub(super) async fn ask_leaders<Q, A, F>(
        &self,
        doing: &str,
        places: &BTreeMap<Place, Q>,
        call: impl Fn(Arc<Connection>, Vec<(Place, Q)>) -> F,
    ) -> ByPlace<A>
    where
        Q: Clone,
        F: Future<Output = Result<Answers<A>, ClientError>>,
    {
        let clock = self.cluster().clock();
        let began = clock.monotonic();
        let mut backoff = self.cluster().retry_backoff();
        let mut found = ByPlace::new();
        let mut pending = places.clone();
        while !pending.is_empty() {
            let outcomes = self.ask_leaders_once(doing, &pending, &call).await;
            let pause = backoff.fail();
            let waited = clock.monotonic() + pause - began;
            for (place, outcome) in outcomes {
                let again = matches!(&outcome, Err(error) if self.may_pass(error, waited));
                if !again {
                    pending.remove(&place);
                    found.insert(place, outcome);
                }
            }
            if !pending.is_empty() {
                tokio::time::sleep(pause).await;
            }
        }
        found
    }

    fn may_pass(&self, error: &ClientError, waited: Duration) -> bool {
        let unknown = matches!(
            error.code(),
            Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID)
        );
        let patience = if unknown {
            self.limit.min(UNKNOWN_PATIENCE)
        } else {
            self.limit
        };
        error.is_retriable() && waited < patience
    }

    /// One round; every pending place has an outcome.
    async fn ask_leaders_once<Q, A, F>(
        &self,
        doing: &str,
        pending: &BTreeMap<Place, Q>,
        call: &impl Fn(Arc<Connection>, Vec<(Place, Q)>) -> F,
    ) -> ByPlace<A>
    where
        Q: Clone,
        F: Future<Output = Result<Answers<A>, ClientError>>,
    {
        let mut topics: Vec<Arc<str>> = pending.keys().map(|(topic, _)| topic.clone()).collect();
        topics.dedup();
        let metadata = match self.cluster().refresh(&topics).await {
            Ok(metadata) => metadata,
            Err(error) => return fail_all(pending.keys(), &error),
        };
        let mut outcomes = ByPlace::new();
        let mut led: BTreeMap<i32, Vec<(Place, Q)>> = BTreeMap::new();
        for (place, asked) in pending {
            match leader(&metadata, place) {
                Ok(node) => {
                    let asked = (place.clone(), asked.clone());
                    led.entry(node).or_default().push(asked);
                }
                Err(code) => drop(outcomes.insert(place.clone(), Err(refused(doing, place, code)))),
            }
        }
        let asking = led
            .into_iter()
            .map(|(node, asked)| self.ask_leader(doing, node, asked, call));
        for answered in join_all(asking).await {
            outcomes.extend(answered);
        }
        outcomes
    }

    async fn ask_leader<Q, A, F>(
        &self,
        doing: &str,
        node: i32,
        asked: Vec<(Place, Q)>,
        call: &impl Fn(Arc<Connection>, Vec<(Place, Q)>) -> F,
    ) -> ByPlace<A>
    where
        F: Future<Output = Result<Answers<A>, ClientError>>,
    {
        let places: Vec<Place> = asked.iter().map(|(place, _)| place.clone()).collect();
        let answers = match self.lane.connection(node).await {
            Ok(connection) => call(connection, asked).await,
            Err(error) => Err(error),
        };
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) => return fail_all(&places, &error),
        };
        // A partition that the answer leaves out has no outcome of its own.
        let mut outcomes: ByPlace<A> = places
            .iter()
            .map(|place| {
                let missing = refused(doing, place, ErrorCode::UNKNOWN_SERVER_ERROR.into());
                (place.clone(), Err(missing))
            })
            .collect();
        for (place, answer) in answers {
            let outcome = answer.map_err(|refusal| refused(doing, &place, refusal));
            if let Some(slot) = outcomes.get_mut(&place) {
                *slot = outcome;
            }
        }
        outcomes
    }
}

fn leader(metadata: &Metadata, (topic, partition): &Place) -> Result<i32, Refusal> {
    match metadata.partition(topic, *partition) {
        Some(known) => known.leader.ok_or(ErrorCode::LEADER_NOT_AVAILABLE.into()),
        None => {
            let said = metadata.topic_error(topic);
            Err(said.unwrap_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION).into())
        }
    }
}

fn fail_all<'a, A>(places: impl IntoIterator<Item = &'a Place>, error: &ClientError) -> ByPlace<A> {
    let failed = |place: &Place| (place.clone(), Err(error.clone()));
    places.into_iter().map(failed).collect()
}

fn refused(doing: &str, (topic, partition): &Place, refusal: Refusal) -> ClientError {
    ClientError::refused(
        format!("{doing} {topic}-{partition}"),
        refusal.code,
        refusal.detail,
    )
}

/// All values, or the first error.
pub(super) fn whole<A>(outcomes: ByPlace<A>) -> Result<BTreeMap<Place, A>, ClientError> {
    outcomes
        .into_iter()
        .map(|(place, outcome)| Ok((place, outcome?)))
        .collect()
}
