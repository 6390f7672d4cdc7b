//! Polling: what has arrived is handed out, what is missing is asked for.

use std::time::Duration;

use super::changes::Polled;
use super::error::{CommitError, ConsumeError};
use super::fetched::Fetched;
use super::listener::RebalanceListener;
use super::topic_partition::TopicPartition;
use super::upkeep::Done;
use super::{Consumer, Interest};
use crate::config::millis;
use crate::group::Event;

impl Consumer {
    /// The next batch of records; `None` if none has come within `timeout`. Callbacks of the listener run in here.
    ///
    /// # Errors
    /// What will not pass by itself, see [`ConsumeError`]. The consumer can be polled again.
    pub async fn poll(&mut self, timeout: Duration) -> Result<Option<Fetched>, ConsumeError> {
        let deadline = self.clock.monotonic().saturating_add(timeout);
        loop {
            let left = deadline.saturating_sub(self.clock.monotonic());
            match self.poll_event(left).await? {
                Some(Polled::Batch(fetched)) => return Ok(Some(fetched)),
                Some(change) => self.call_back(change).await,
                None => return Ok(None),
            }
        }
    }

    /// As [`Consumer::poll`], but hands out changes of the assignment too, in place of calling the listener. What is
    /// revoked is given up with the next call.
    ///
    /// # Errors
    /// As [`Consumer::poll`].
    pub async fn poll_event(&mut self, timeout: Duration) -> Result<Option<Polled>, ConsumeError> {
        if matches!(self.interest, Interest::Nothing) {
            return Err(ConsumeError::NotSubscribed);
        }
        let now = self.touch();
        let deadline = now.saturating_add(timeout);
        loop {
            if self.wake_up.take() {
                return Err(ConsumeError::WokenUp);
            }
            if let Some(mut polled) = self.advance().await? {
                if let Polled::Batch(batch) = &mut polled {
                    self.interceptors.on_consume(batch);
                }
                return Ok(Some(polled));
            }
            let now = self.touch();
            if now >= deadline {
                return Ok(None);
            }
            let until = self.next_due(now).map_or(deadline, |due| due.min(deadline));
            self.wait(until.saturating_sub(now)).await;
        }
    }

    /// All that can be done without waiting for others.
    async fn advance(&mut self) -> Result<Option<Polled>, ConsumeError> {
        while let Some(done) = self.tasks.try_join_next() {
            self.take_in(done);
        }
        loop {
            if let Some(polled) = self.take_steps().await? {
                return Ok(Some(polled));
            }
            let Some(event) = self
                .side
                .as_mut()
                .and_then(|side| side.membership.try_event())
            else {
                break;
            };
            if self.follows_group() {
                self.heed(event);
            }
        }
        if let Some(error) = self.errors.pop() {
            return Err(error);
        }
        let fetched = self.fetcher.next(&mut self.partitions);
        self.keep_up();
        Ok(fetched?.map(Polled::Batch))
    }

    /// Waits for an answer, the group or the time.
    async fn wait(&mut self, most: Duration) {
        let Consumer {
            side,
            tasks,
            wake_up,
            ..
        } = self;
        let event = async {
            match side {
                Some(side) => side.membership.event().await,
                None => std::future::pending().await,
            }
        };
        let happened = tokio::select! {
            Some(done) = tasks.join_next() => Happened::Done(done),
            event = event => Happened::Group(event),
            () = wake_up.notified() => return,
            () = tokio::time::sleep(most) => return,
        };
        match happened {
            Happened::Done(done) => self.take_in(done),
            Happened::Group(event) if self.follows_group() => self.heed(event),
            Happened::Group(_) => {}
        }
    }

    /// Lets the group know that the consumer is being polled.
    fn touch(&self) -> Duration {
        let now = self.clock.monotonic();
        if let Some(side) = &self.side {
            side.membership.touch(now);
        }
        now
    }

    async fn call_back(&mut self, change: Polled) {
        let listener = self.listener.take();
        let mut call = Callback {
            consumer: self,
            listener,
        };
        let Some(listener) = &mut call.listener else {
            return;
        };
        match change {
            Polled::Assigned(partitions) => listener.assigned(call.consumer, &partitions).await,
            Polled::Revoked(partitions) => listener.revoked(call.consumer, &partitions).await,
            Polled::Lost(partitions) => listener.lost(call.consumer, &partitions).await,
            Polled::Batch(_) => {}
        }
    }

    /// The position of a partition, asked for if it is not known yet.
    ///
    /// # Errors
    /// Where the partition is not assigned, or its position cannot be found out within `timeout`.
    pub async fn position(
        &mut self,
        partition: &TopicPartition,
        timeout: Duration,
    ) -> Result<i64, ConsumeError> {
        let deadline = self.clock.monotonic().saturating_add(timeout);
        loop {
            let state = self
                .partitions
                .get(partition)
                .ok_or_else(|| ConsumeError::NotAssigned(partition.clone()))?;
            if let Some(position) = state.known_position() {
                return Ok(position);
            }
            if let Some(error) = self.errors.pop() {
                return Err(error);
            }
            self.keep_up();
            let now = self.clock.monotonic();
            if now >= deadline {
                return Err(ConsumeError::Client(timed_out(format!(
                    "cannot find the position of {partition}"
                ))));
            }
            let until = self
                .next_due(now)
                .map_or(deadline, |due| due.min(deadline))
                .saturating_sub(now);
            self.wait_for_tasks(until).await;
        }
    }

    /// Waits for an answer to any request under way.
    pub(super) async fn wait_for_tasks(&mut self, most: Duration) {
        tokio::select! {
            Some(done) = self.tasks.join_next() => self.take_in(done),
            () = tokio::time::sleep(most) => {}
        }
    }

    /// Ends the consumer: commits positions if it does that by itself, tells the listener that its partitions go, and
    /// leaves the group, all within `timeout`.
    ///
    /// # Errors
    /// Where positions could not be committed.
    pub async fn close(mut self, timeout: Duration) -> Result<(), CommitError> {
        let deadline = self.clock.monotonic().saturating_add(timeout);
        let committed = self.commit_positions(timeout).await;
        self.drain_commits(deadline).await;
        if self.follows_group() && !self.partitions.is_empty() {
            let partitions = self.partitions.names();
            self.call_back(Polled::Revoked(partitions)).await;
        }
        self.tasks.abort_all();
        if let Some(side) = self.side.take() {
            let left = deadline.saturating_sub(self.clock.monotonic());
            side.membership
                .close("the consumer is being closed", left.max(millis(100)))
                .await;
        }
        committed
    }
}

pub(super) fn timed_out(doing: String) -> crate::error::ClientError {
    use millrace_wire::error_code::ErrorCode;
    crate::error::ClientError::refused(doing, ErrorCode::REQUEST_TIMED_OUT, None)
}

enum Happened {
    Done(Result<Done, tokio::task::JoinError>),
    Group(Event),
}

/// Lends the listener to a callback; it comes back also if the poll is dropped meanwhile.
struct Callback<'a> {
    consumer: &'a mut Consumer,
    listener: Option<Box<dyn RebalanceListener>>,
}

impl Drop for Callback<'_> {
    fn drop(&mut self) {
        if self.consumer.listener.is_none() {
            self.consumer.listener = self.listener.take();
        }
    }
}
