//! Telling a source that may block which rows were acknowledged: on a thread of its own, in order, so that the producer,
//! whose thread the answers arrive on, waits for nobody.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use millrace_api::{BatchAcks, ConnectError, SourceBatch, TaskId};
use tokio::sync::{Notify, watch};
use tokio_util::task::AbortOnDropHandle;

use super::guard::panicked;
use super::threaded::failure;
use crate::actor::{Actor, CallError, Threads};

/// Answers that may wait to be told before the source is not polled any more.
const WAITING_MAX: usize = 4096;

/// One thing to tell a source.
#[derive(Debug, Clone)]
struct Answer {
    listener: Arc<dyn BatchAcks>,
    rows: Range<usize>,
    news: News,
}

/// What has become of rows.
#[derive(Debug, Clone, Copy)]
enum News {
    /// Stored, or dropped by the error policy.
    Acknowledged(bool),
    /// In this partition, the first of them at this offset.
    StoredAt(i32, i64),
}

impl Answer {
    fn tell(self) {
        match self.news {
            News::Acknowledged(stored) => self.listener.acknowledged(self.rows, stored),
            News::StoredAt(partition, offset) => {
                self.listener.stored_at(self.rows, partition, offset);
            }
        }
    }
}

/// Answers on their way to a source.
#[derive(Debug)]
pub(super) struct Acknowledgements {
    id: TaskId,
    threads: Threads,
    limit: Duration,
    queue: Arc<Queue>,
    /// Runs since the first batch that somebody listens to.
    teller: Option<AbortOnDropHandle<()>>,
}

struct Queue {
    waiting: Mutex<VecDeque<Answer>>,
    added: Notify,
    /// Changes with each answer that was told; holds what ended it.
    told: watch::Sender<Option<Failure>>,
}

/// Why the source cannot be told any more.
#[derive(Debug, Clone)]
enum Failure {
    Panicked(String),
    Other(String),
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Answer>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until fewer than `most` wait, or nobody can be told.
    async fn below(&self, most: usize) {
        let mut told = self.told.subscribe();
        loop {
            if told.borrow_and_update().is_some() || self.lock().len() < most {
                return;
            }
            // The queue keeps the sender, so that there is always one.
            drop(told.changed().await);
        }
    }
}

impl Acknowledgements {
    pub(super) fn new(id: &TaskId, threads: &Threads, limit: Duration) -> Self {
        Self {
            id: id.clone(),
            threads: threads.clone(),
            limit,
            queue: Arc::new(Queue {
                waiting: Mutex::default(),
                added: Notify::new(),
                told: watch::Sender::new(None),
            }),
            teller: None,
        }
    }

    /// Has whoever wants to hear of the batch's rows told on the thread.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(super) fn listen(&mut self, mut batch: SourceBatch) -> Result<SourceBatch, ConnectError> {
        let Some(listener) = batch.acks().cloned() else {
            return Ok(batch);
        };
        if self.teller.is_none() {
            let name = format!("answers {}", self.id);
            let actor = Actor::on_thread(name, &self.threads, || ()).map_err(failure)?;
            let work = tell_all(self.id.clone(), actor, Arc::clone(&self.queue), self.limit);
            self.teller = Some(AbortOnDropHandle::new(tokio::spawn(work)));
        }
        batch.notify(Arc::new(Forwarded {
            listener,
            queue: Arc::clone(&self.queue),
        }));
        Ok(batch)
    }

    /// Waits until few enough answers wait.
    pub(super) async fn room(&self) {
        self.queue.below(WAITING_MAX).await;
    }

    /// Waits until all that has come was told.
    pub(super) async fn told(&self) {
        self.queue.below(1).await;
    }

    /// Completes when the source cannot be told any more, with the reason.
    pub(super) async fn failed(&self) -> ConnectError {
        let mut told = self.queue.told.subscribe();
        let failure = told.wait_for(Option::is_some).await;
        match failure.as_deref() {
            Ok(Some(Failure::Panicked(text))) => panicked(text.clone()),
            Ok(Some(Failure::Other(text))) => ConnectError::connect(text.clone()),
            Ok(None) | Err(_) => ConnectError::connect("nobody tells of acknowledgements"),
        }
    }
}

/// Hands answers over, in whatever thread they arrive.
#[derive(Debug)]
struct Forwarded {
    listener: Arc<dyn BatchAcks>,
    queue: Arc<Queue>,
}

impl BatchAcks for Forwarded {
    fn acknowledged(&self, rows: Range<usize>, stored: bool) {
        self.hand_over(rows, News::Acknowledged(stored));
    }

    fn stored_at(&self, rows: Range<usize>, partition: i32, base_offset: i64) {
        self.hand_over(rows, News::StoredAt(partition, base_offset));
    }
}

impl Forwarded {
    fn hand_over(&self, rows: Range<usize>, news: News) {
        self.queue.lock().push_back(Answer {
            listener: Arc::clone(&self.listener),
            rows,
            news,
        });
        self.queue.added.notify_one();
    }
}

/// Tells one answer after another until one of them is not taken.
async fn tell_all(id: TaskId, actor: Actor<()>, queue: Arc<Queue>, limit: Duration) {
    loop {
        let next = queue.lock().front().cloned();
        let Some(answer) = next else {
            queue.added.notified().await;
            continue;
        };
        let call = actor.call(move |()| Box::pin(async move { answer.tell() }));
        let failed = match tokio::time::timeout(limit, call).await {
            Ok(Ok(())) => None,
            Ok(Err(CallError::Panicked(text))) => Some(Failure::Panicked(format!(
                "task {id} panicked in acknowledged: {text}"
            ))),
            Ok(Err(error)) => Some(Failure::Other(error.to_string())),
            Err(_elapsed) => Some(Failure::Other(format!(
                "task {id} did not return from acknowledged within {} ms (connector.call.timeout.ms) and is given up",
                limit.as_millis()
            ))),
        };
        queue.lock().pop_front();
        let is_over = failed.is_some();
        queue.told.send_replace(failed);
        if is_over {
            return;
        }
    }
}
