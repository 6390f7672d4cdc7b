//! A lane: one request at a time, so that its records keep their order. What fails is sent again, in halves, or given up.
//! While a request is on its way the next one is prepared.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Request;
use reqwest::header::HeaderValue;
use tokio::time::Instant;

use super::prepare::{Parcel, Preparer, body_again};
use super::rows::{Pieces, place};
use super::shared::Shared;
use super::target::Target;
use super::verdict::{ItemVerdict, Verdict};
use crate::retry::{Jitter, retry_after};

/// Sends the records of a queue until the task fails.
pub(crate) async fn run(shared: Arc<Shared>, mut preparer: Preparer) {
    let mut sender = Sender {
        shared: Arc::clone(&shared),
        jitter: Jitter::new(),
    };
    while !shared.is_halted() {
        let parcel = preparer.next().await;
        tokio::join!(sender.deliver(parcel), preparer.ahead());
    }
}

/// Sends requests, one after the other.
#[derive(Debug)]
struct Sender {
    shared: Arc<Shared>,
    jitter: Jitter,
}

/// How often and since when a request has been tried.
#[derive(Debug)]
struct Tries {
    since: Instant,
    /// Retries that count.
    retries: u32,
    /// All failed tries, for the log.
    failed: u32,
}

/// What is to be done about a part of a batch.
enum Step {
    /// Nothing more.
    Finished,
    /// Its records are to be sent, in this order, before what comes behind them.
    Parts(Vec<Part>),
}

/// A request, and how often it was tried.
#[derive(Debug)]
struct Part {
    parcel: Parcel,
    tries: Tries,
}

impl Part {
    fn new(parcel: Parcel) -> Self {
        let tries = Tries {
            since: Instant::now(),
            retries: 0,
            failed: 0,
        };
        Self { parcel, tries }
    }
}

impl Sender {
    /// Delivers the records of `parcel`, in their order, or gives them up.
    async fn deliver(&mut self, parcel: Parcel) {
        let mut parts = vec![Part::new(parcel)];
        while let Some(part) = parts.pop() {
            if self.shared.is_halted() {
                return;
            }
            let Some(part) = self.without_closed(part) else {
                continue;
            };
            match self.attempt(part).await {
                Step::Finished => {}
                Step::Parts(more) => parts.extend(more.into_iter().rev()),
            }
        }
    }

    /// Leaves out what belongs to partitions that are gone; none if nothing is left.
    fn without_closed(&self, mut part: Part) -> Option<Part> {
        let Some(gone) = part.parcel.records.take_closed() else {
            return Some(part);
        };
        self.shared.all_done(&gone);
        let Part { parcel, tries } = part;
        let parcel = self.again_with(parcel.records, &parcel.target)?;
        Some(Part { parcel, tries })
    }

    /// Some of the records of a request as one of their own; none if there are none.
    fn again_with(&self, records: Pieces, target: &Arc<Target>) -> Option<Parcel> {
        if records.is_empty() {
            return None;
        }
        match body_again(&records, &self.shared) {
            Ok(body) => Some(Parcel {
                records,
                target: Arc::clone(target),
                body,
            }),
            Err(error) => {
                self.shared.give_up(&records, target, &error.to_string());
                None
            }
        }
    }

    async fn attempt(&mut self, part: Part) -> Step {
        self.shared.until_allowed().await;
        let request = self.request(&part.parcel);
        let (verdict, wait) = self.exchange(request, part.parcel.records.len()).await;
        match verdict {
            Verdict::Delivered => {
                self.shared.all_done(&part.parcel.records);
                Step::Finished
            }
            Verdict::Retry(why) | Verdict::Unknown(why) => self.again(part, &why, wait).await,
            Verdict::Split(why) => {
                log::info!(
                    "{} sends {} records in halves: {why}",
                    self.shared.context().id(),
                    part.parcel.records.len()
                );
                self.halves(part.parcel)
            }
            Verdict::Refused(why) => {
                let Parcel {
                    records, target, ..
                } = &part.parcel;
                self.shared.give_up(records, target, &why);
                Step::Finished
            }
            Verdict::Items(verdicts) => self.sort_out(part, verdicts, wait).await,
        }
    }

    async fn exchange(&self, request: Request, count: usize) -> (Verdict, Option<Duration>) {
        let rules = &self.shared.plan.rules;
        match self.shared.client.send(request, rules.body_max()).await {
            Ok(answer) => {
                let verdict = rules.judge(&answer, count);
                let wait = match verdict {
                    Verdict::Retry(_) => retry_after(&answer.headers),
                    _ => None,
                };
                (verdict, wait)
            }
            Err(error) if error.is_retriable() => (Verdict::Retry(error.to_string()), None),
            Err(error) => (Verdict::Refused(error.to_string()), None),
        }
    }

    fn request(&self, parcel: &Parcel) -> Request {
        let target = &parcel.target;
        let mut request = Request::new(target.method.clone(), target.url.clone());
        request.headers_mut().clone_from(&target.headers);
        if let Some(name) = &self.shared.plan.idempotency_header
            && let Ok(key) = HeaderValue::from_str(&idempotency_key(&parcel.records))
        {
            request.headers_mut().insert(name.clone(), key);
        }
        match &parcel.body {
            Some(body) => *request.body_mut() = Some(body.clone().into()),
            None => {
                let headers = request.headers_mut();
                headers.remove(reqwest::header::CONTENT_ENCODING);
                headers.remove(reqwest::header::CONTENT_TYPE);
            }
        }
        request
    }

    /// Waits before `part` is sent again, or gives it up. `wait` is what the server asks for.
    async fn again(&mut self, mut part: Part, why: &str, wait: Option<Duration>) -> Step {
        let plan = &self.shared.plan;
        let tries = &mut part.tries;
        tries.failed += 1;
        if wait.is_none() {
            tries.retries += 1;
        }
        let pause = plan.backoff.pause(tries.retries.max(1), self.jitter.next());
        let pause = wait.map_or(pause, |wait| wait.max(Duration::from_millis(1)));
        let limit = plan.max_retries.is_some_and(|max| tries.retries > max);
        let late = plan
            .retry_timeout
            .is_some_and(|timeout| tries.since.elapsed() + pause > timeout);
        if limit || late {
            let tried = tries.failed;
            let why = format!("given up after {tried} tries: {why}");
            self.shared
                .give_up(&part.parcel.records, &part.parcel.target, &why);
            return Step::Finished;
        }
        if tries.failed.is_power_of_two() {
            let shown = part.parcel.target.shown();
            log::warn!(
                "{} tries {shown} again in {} ms: {why}",
                self.shared.context().id(),
                pause.as_millis()
            );
        }
        if wait.is_some() {
            self.shared.leave_alone(pause);
        } else {
            self.shared.pausing(tokio::time::sleep(pause)).await;
        }
        Step::Parts(vec![part])
    }

    /// Sees to each record by itself: those to be sent again stay in their order.
    async fn sort_out(
        &mut self,
        part: Part,
        verdicts: Vec<ItemVerdict>,
        wait: Option<Duration>,
    ) -> Step {
        let Part { parcel, tries } = part;
        let (mut delivered, mut left, mut later) = (Pieces::default(), Pieces::default(), None);
        for ((held, row), verdict) in parcel.records.iter().zip(verdicts) {
            match verdict {
                ItemVerdict::Delivered => delivered.push(held, row),
                ItemVerdict::Refused(why) => {
                    let mut refused = Pieces::default();
                    refused.push(held, row);
                    self.shared.give_up(&refused, &parcel.target, &why);
                }
                ItemVerdict::Again => left.push(held, row),
                ItemVerdict::Retry(why) => {
                    left.push(held, row);
                    later = Some(why);
                }
            }
        }
        self.shared.all_done(&delivered);
        let Some(parcel) = self.again_with(left, &parcel.target) else {
            return Step::Finished;
        };
        match later {
            Some(why) => self.again(Part { parcel, tries }, &why, wait).await,
            None => Step::Parts(vec![Part::new(parcel)]),
        }
    }

    fn halves(&self, parcel: Parcel) -> Step {
        let (first, second) = parcel.records.halves();
        let halves = [first, second].into_iter();
        let parcels = halves.filter_map(|half| self.again_with(half, &parcel.target));
        Step::Parts(parcels.map(Part::new).collect())
    }
}

/// The name of what is sent, the same on each try.
fn idempotency_key(records: &Pieces) -> String {
    let first = records.first().map(place).unwrap_or_default();
    match records.len() {
        0 | 1 => first,
        count => format!("{first}+{count}"),
    }
}
