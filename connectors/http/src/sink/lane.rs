//! A lane: one request at a time, so that its records keep their order. What fails is sent again, in halves, or given up.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millrace_api::ConnectError;
use reqwest::Request;
use reqwest::header::HeaderValue;
use tokio::time::Instant;

use super::compress::compress;
use super::item::{Item, assemble, idempotency_key};
use super::shared::{Queue, Shared};
use super::verdict::{ItemVerdict, Verdict};
use crate::retry::{Jitter, retry_after};

/// Sends the records of a queue.
#[derive(Debug)]
pub(crate) struct Lane {
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

/// Records that share a request.
#[derive(Debug)]
struct Part {
    items: Vec<Item>,
    tries: Tries,
}

impl Part {
    fn new(items: Vec<Item>) -> Self {
        let tries = Tries {
            since: Instant::now(),
            retries: 0,
            failed: 0,
        };
        Self { items, tries }
    }
}

impl Lane {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            jitter: Jitter::new(),
        }
    }

    /// Sends what comes, until the task fails.
    pub(crate) async fn run(mut self, queue: Arc<Queue>) {
        while !self.shared.is_halted() {
            let plan = &self.shared.plan;
            let items = queue.take(plan.batch_max, plan.batch_max_bytes).await;
            self.deliver(items).await;
        }
    }

    /// Delivers `items`, in their order, or gives them up.
    async fn deliver(&mut self, items: Vec<Item>) {
        let mut parts = vec![Part::new(items)];
        while let Some(mut part) = parts.pop() {
            if self.shared.is_halted() {
                return;
            }
            self.drop_closed(&mut part.items);
            if part.items.is_empty() {
                continue;
            }
            match self.attempt(part).await {
                Step::Finished => {}
                Step::Parts(more) => parts.extend(more.into_iter().rev()),
            }
        }
    }

    /// Leaves out what belongs to partitions that are gone.
    fn drop_closed(&self, items: &mut Vec<Item>) {
        if items.iter().all(|item| !item.ticket.window.is_closed()) {
            return;
        }
        let (gone, left): (Vec<_>, Vec<_>) = std::mem::take(items)
            .into_iter()
            .partition(|item| item.ticket.window.is_closed());
        self.shared.all_done(&gone);
        *items = left;
    }

    async fn attempt(&mut self, part: Part) -> Step {
        self.shared.until_allowed().await;
        let (verdict, wait) = match self.request(&part.items) {
            Ok(request) => self.exchange(request, part.items.len()).await,
            Err(error) => (Verdict::Refused(error.to_string()), None),
        };
        match verdict {
            Verdict::Delivered => {
                self.shared.all_done(&part.items);
                Step::Finished
            }
            Verdict::Retry(why) | Verdict::Unknown(why) => self.again(part, &why, wait).await,
            Verdict::Split(why) => {
                log::info!(
                    "{} sends {} records in halves: {why}",
                    self.shared.context().id(),
                    part.items.len()
                );
                halves(part)
            }
            Verdict::Refused(why) => {
                self.give_up(part.items, &why);
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

    fn request(&self, items: &[Item]) -> Result<Request, ConnectError> {
        let plan = &self.shared.plan;
        let first = items
            .first()
            .ok_or_else(|| ConnectError::connect("a request needs a record"))?;
        let target = &first.target;
        let mut request = Request::new(target.method.clone(), target.url.clone());
        request.headers_mut().clone_from(&target.headers);
        if let Some(name) = &plan.idempotency_header
            && let Ok(key) = HeaderValue::from_str(&idempotency_key(items))
        {
            request.headers_mut().insert(name.clone(), key);
        }
        match assemble(items, &plan.framing) {
            Some(body) => {
                let body: Bytes = compress(body, plan.compression).map_err(|error| {
                    ConnectError::connect("cannot compress a request's body").caused_by(error)
                })?;
                *request.body_mut() = Some(body.into());
            }
            None => {
                request
                    .headers_mut()
                    .remove(reqwest::header::CONTENT_ENCODING);
                request.headers_mut().remove(reqwest::header::CONTENT_TYPE);
            }
        }
        Ok(request)
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
            self.give_up(part.items, &format!("given up after {tried} tries: {why}"));
            return Step::Finished;
        }
        if tries.failed.is_power_of_two() {
            let shown = part
                .items
                .first()
                .map(|item| item.target.shown())
                .unwrap_or_default();
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
        let Part { items, tries } = part;
        let (mut delivered, mut left, mut later) = (Vec::new(), Vec::new(), None);
        for (item, verdict) in items.into_iter().zip(verdicts) {
            match verdict {
                ItemVerdict::Delivered => delivered.push(item),
                ItemVerdict::Refused(why) => self.give_up(vec![item], &why),
                ItemVerdict::Again => left.push(item),
                ItemVerdict::Retry(why) => {
                    left.push(item);
                    later = Some(why);
                }
            }
        }
        self.shared.all_done(&delivered);
        match later {
            _ if left.is_empty() => Step::Finished,
            Some(why) => self.again(Part { items: left, tries }, &why, wait).await,
            None => Step::Parts(vec![Part::new(left)]),
        }
    }

    fn give_up(&self, items: Vec<Item>, why: &str) {
        for item in items {
            let error = ConnectError::connect(format!(
                "cannot deliver {} by {}: {why}",
                item.ticket.place(),
                item.target.shown()
            ));
            self.shared.failed(item.ticket, error);
        }
    }
}

fn halves(part: Part) -> Step {
    let mut first = part.items;
    let second = first.split_off(first.len() / 2);
    Step::Parts(vec![Part::new(first), Part::new(second)])
}
