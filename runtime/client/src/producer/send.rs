//! Sending single records: the caller waits for the outcome, is called back with it, or forgets it.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::error::ProduceError;
use super::interceptor::{Chain, OutgoingRecord};
use super::{Ack, AckSink, Appended, Producer, RecordMetadata, RecordRef};
use crate::contained::contained;

/// Is called with what became of a record.
pub type SendCallback = Box<dyn FnOnce(Result<RecordMetadata, ProduceError>) + Send>;

impl Producer {
    /// Sends one record and waits for its acknowledgement.
    ///
    /// # Errors
    ///
    /// Where the record cannot be taken or delivered.
    pub async fn send(
        &self,
        topic: &Arc<str>,
        partition: Option<i32>,
        record: RecordRef<'_>,
    ) -> Result<RecordMetadata, ProduceError> {
        let (sender, receiver) = oneshot::channel();
        let done: SendCallback = Box::new(move |result| drop(sender.send(result)));
        self.hand_over(topic, partition, record, Some(done)).await?;
        receiver.await.unwrap_or(Err(ProduceError::Closed))
    }

    /// Sends one record; `done` is called with what became of it, in the producer's own task, so it
    /// has to be quick. Waits only until the record is taken: for metadata, and for room in
    /// `buffer.memory`. Records of a partition are delivered in the order in which they were taken.
    ///
    /// # Errors
    ///
    /// Where the record cannot be taken; `done` is not called then.
    pub async fn send_then(
        &self,
        topic: &Arc<str>,
        partition: Option<i32>,
        record: RecordRef<'_>,
        done: impl FnOnce(Result<RecordMetadata, ProduceError>) + Send + 'static,
    ) -> Result<(), ProduceError> {
        self.hand_over(topic, partition, record, Some(Box::new(done)))
            .await
    }

    /// Sends one record and forgets it: nobody hears whether it was delivered. Waits as
    /// [`Producer::send_then`].
    ///
    /// # Errors
    ///
    /// Where the record cannot be taken.
    pub async fn send_and_forget(
        &self,
        topic: &Arc<str>,
        partition: Option<i32>,
        record: RecordRef<'_>,
    ) -> Result<(), ProduceError> {
        self.hand_over(topic, partition, record, None).await
    }

    async fn hand_over(
        &self,
        topic: &Arc<str>,
        partition: Option<i32>,
        record: RecordRef<'_>,
        done: Option<SendCallback>,
    ) -> Result<(), ProduceError> {
        let chain = &self.shared.interceptors;
        let mut outgoing = OutgoingRecord::new(topic, partition, record);
        chain.on_send(&mut outgoing);
        let (acks, ticket): (Arc<dyn AckSink>, u64) = if done.is_some() || !chain.is_empty() {
            let one = One {
                topic: Arc::clone(topic),
                done: Mutex::new(done),
                interceptors: chain.clone(),
            };
            (Arc::new(one), 0)
        } else {
            let ticket = self.forgotten.tickets.fetch_add(1, Ordering::Relaxed);
            (Arc::clone(&self.forgotten) as Arc<dyn AckSink>, ticket)
        };
        let record = outgoing.as_ref();
        let taken = self
            .take(topic, outgoing.partition, record, ticket, &acks)
            .await;
        if let Err(error) = &taken {
            chain.on_acknowledgement(topic, Err(error));
        }
        taken
    }

    /// Appends one record, after a wait for metadata or room where it needs them.
    async fn take(
        &self,
        topic: &Arc<str>,
        partition: Option<i32>,
        record: RecordRef<'_>,
        ticket: u64,
        acks: &Arc<dyn AckSink>,
    ) -> Result<(), ProduceError> {
        loop {
            match self.append(topic, partition, &mut std::iter::once(record), ticket, acks) {
                Ok(Appended { rows: 0, .. }) => self.room().await?,
                Ok(_) => return Ok(()),
                Err(ProduceError::NotReady { .. }) => drop(self.ready(topic).await?),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Who waits for a single record.
struct One {
    topic: Arc<str>,
    done: Mutex<Option<SendCallback>>,
    interceptors: Chain,
}

impl AckSink for One {
    fn acknowledged(&self, _: Range<u64>, result: Result<Ack, &ProduceError>) {
        let result = result.map(|ack| RecordMetadata {
            partition: ack.partition,
            offset: ack.base_offset,
        });
        self.interceptors
            .on_acknowledgement(&self.topic, result.as_ref().map_err(|error| *error));
        let done = self
            .done
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(done) = done {
            contained("a callback", || done(result.map_err(Clone::clone)));
        }
    }
}

/// The sink of records that nobody asks about.
#[derive(Debug, Default)]
pub(super) struct Forgotten {
    /// Tickets that follow each other, so that a batch notes them as one range.
    tickets: AtomicU64,
}

impl AckSink for Forgotten {
    fn acknowledged(&self, tickets: Range<u64>, result: Result<Ack, &ProduceError>) {
        if let Err(error) = result {
            let count = tickets.end - tickets.start;
            log::warn!("{count} records that nobody waits for were not delivered: {error}");
        }
    }
}
