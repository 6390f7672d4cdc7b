//! What becomes of batches that come back.

use std::sync::Arc;
use std::time::Duration;

use super::identity::Identity;
use super::plan::{Expired, Outgoing};
use super::request::{Answers, index};
use super::verdict::{Retry, Verdict, judge, judge_failure};
use super::{Sender, Sent};
use crate::error::ClientError;
use crate::producer::batch::ProducerBatch;
use crate::producer::error::ProduceError;

impl Sender {
    pub(super) fn answered(&mut self, request: u64, result: Result<Option<Answers>, ClientError>) {
        let Some(Sent { node, batches }) = self.sent.remove(&request) else {
            return;
        };
        if let Some(node) = self.nodes.get_mut(&node) {
            node.in_flight = node.in_flight.saturating_sub(1);
            if let Err(error) = &result {
                node.last_error = Some(error.to_string());
            }
        }
        let mut answers = match result {
            Ok(Some(answers)) => Ok(answers),
            Ok(None) => {
                for outgoing in &batches {
                    self.delivered(outgoing, -1);
                }
                return;
            }
            Err(error) => {
                log::debug!("a produce request failed: {error}");
                Err(error)
            }
        };
        for outgoing in batches {
            let verdict = match &mut answers {
                Ok(answers) => self.judge(answers, &outgoing),
                Err(error) => judge_failure(error, &outgoing.topic, index(outgoing.partition)),
            };
            self.carry_out(outgoing, verdict);
        }
    }

    pub(super) fn judge(&self, answers: &mut Answers, outgoing: &Outgoing) -> Verdict {
        let Some(answer) = answers.take(outgoing) else {
            let reason = "the answer leaves the partition out".to_owned();
            return Verdict::Retry(Retry {
                refresh: true,
                ..Retry::after(reason)
            });
        };
        let mut accumulator = self.shared.lock();
        match accumulator.queue(&outgoing.topic, outgoing.partition) {
            Some(queue) => judge(&answer, &outgoing.topic, &outgoing.batch, queue),
            None => Verdict::Failed(ProduceError::Closed),
        }
    }

    pub(super) fn carry_out(&mut self, outgoing: Outgoing, verdict: Verdict) {
        match verdict {
            Verdict::Delivered(base_offset) => self.delivered(&outgoing, base_offset),
            Verdict::Retry(retry) => self.retry(outgoing, retry),
            Verdict::Split => self.split(outgoing),
            Verdict::Failed(error) => {
                self.failed(&outgoing.topic, outgoing.partition, &outgoing.batch, &error)
            }
        }
    }

    pub(super) fn delivered(&mut self, outgoing: &Outgoing, base_offset: i64) {
        self.refresh_backoff.succeed();
        if let Some(queue) = self
            .shared
            .lock()
            .queue(&outgoing.topic, outgoing.partition)
        {
            queue.delivered(&outgoing.batch);
        }
        self.complete(outgoing.partition, &outgoing.batch, Ok(base_offset));
    }

    /// Tells all who wait for a batch, and only then those who wait for it to be over.
    fn complete(
        &self,
        partition: usize,
        batch: &ProducerBatch,
        result: Result<i64, &ProduceError>,
    ) {
        match result {
            Ok(_) => self.shared.metrics.batches_sent.increment(),
            Err(_) => self.shared.metrics.batch_errors.increment(),
        }
        batch.complete(index(partition), result);
        self.shared.lock().budget.release(batch);
        self.shared.progress.notify_waiters();
    }

    pub(super) fn retry(&mut self, mut outgoing: Outgoing, retry: Retry) {
        self.refresh_wanted |= retry.refresh;
        if retry.new_id && matches!(self.identity, Identity::Given(_)) {
            self.identity = Identity::Missing;
        }
        let attempts = outgoing.batch.attempts;
        if attempts > self.shared.config.retries {
            let error = self.expiry(
                &outgoing.topic,
                outgoing.partition,
                &outgoing.batch,
                Some(retry.reason),
            );
            return self.failed(&outgoing.topic, outgoing.partition, &outgoing.batch, &error);
        }
        log::debug!(
            "{}-{}: sending a batch again: {}",
            outgoing.topic,
            outgoing.partition,
            retry.reason
        );
        self.shared.metrics.batch_retries.increment();
        outgoing.batch.last_error = Some(retry.reason);
        let not_before = if retry.wait {
            self.now() + self.wait_after(attempts)
        } else {
            Duration::ZERO
        };
        let mut accumulator = self.shared.lock();
        if let Some(queue) = accumulator.queue(&outgoing.topic, outgoing.partition) {
            if retry.start_over {
                queue.forgotten();
            }
            queue.retry(outgoing.batch, not_before);
        }
        accumulator.list(&outgoing.topic, outgoing.partition);
    }

    pub(super) fn split(&mut self, outgoing: Outgoing) {
        let Outgoing {
            topic,
            partition,
            batch,
            ..
        } = outgoing;
        let id = batch.id;
        match batch.split(
            self.shared.config.compression,
            self.shared.config.compression_level,
        ) {
            Ok([first, second]) => {
                let mut accumulator = self.shared.lock();
                accumulator.budget.split(id);
                if let Some(queue) = accumulator.queue(&topic, partition) {
                    queue.put_back(second);
                    queue.retry(first, Duration::ZERO);
                }
                accumulator.list(&topic, partition);
            }
            Err(batch) => {
                let (size, number) = (batch.len(), index(partition));
                let error = ProduceError::MessageTooLarge {
                    topic: Arc::clone(&topic),
                    partition: number,
                    size,
                };
                self.failed(&topic, partition, &batch, &error);
            }
        }
    }

    /// Gives up a batch that was taken to be sent.
    pub(super) fn failed(
        &self,
        topic: &Arc<str>,
        partition: usize,
        batch: &ProducerBatch,
        error: &ProduceError,
    ) {
        if let Some(queue) = self.shared.lock().queue(topic, partition) {
            queue.failed(batch);
        }
        self.complete(partition, batch, Err(error));
    }

    pub(super) fn expired(&self, expired: Expired) {
        let Expired {
            topic,
            partition,
            leader,
            batch,
        } = expired;
        let of_node = || self.nodes.get(&leader?)?.last_error.clone();
        let no_leader = || {
            leader
                .is_none()
                .then(|| "the partition has no leader".to_owned())
        };
        let of_id = || self.identity_error.clone();
        let last = batch
            .last_error
            .clone()
            .or_else(of_node)
            .or_else(of_id)
            .or_else(no_leader);
        let error = self.expiry(&topic, partition, &batch, last);
        self.complete(partition, &batch, Err(&error));
    }

    pub(super) fn expiry(
        &self,
        topic: &Arc<str>,
        partition: usize,
        batch: &ProducerBatch,
        last: Option<String>,
    ) -> ProduceError {
        ProduceError::Expired {
            topic: Arc::clone(topic),
            partition: index(partition),
            waited: self.now().saturating_sub(batch.created),
            attempts: batch.attempts,
            last,
        }
    }

    pub(super) fn wait_after(&self, attempts: u32) -> Duration {
        let mut backoff = self.shared.cluster.retry_backoff();
        let mut wait = backoff.fail();
        for _ in 1..attempts.min(8) {
            wait = backoff.fail();
        }
        wait
    }
}
