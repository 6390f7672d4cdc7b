//! A chain of hooks around the sending of single records.
//!
//! What an interceptor gets wrong is its own: an error or a panic is logged, the record goes on as it
//! came to that interceptor, and the next one is asked.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::error::ProduceError;
use super::{RecordMetadata, RecordRef};
use crate::contained::contained;

/// A record on its way to the producer, as an interceptor may change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingRecord<'a> {
    /// The topic it goes to.
    pub topic: &'a Arc<str>,
    /// The partition it names, if it does.
    pub partition: Option<i32>,
    /// Milliseconds since the Unix epoch; negative for the time it is appended.
    pub timestamp: i64,
    /// The key.
    pub key: Option<Cow<'a, [u8]>>,
    /// The value; none is a tombstone.
    pub value: Option<Cow<'a, [u8]>>,
    /// The encoded header section ([`millrace_wire::batch::Headers`]); empty for none.
    pub headers: Cow<'a, [u8]>,
}

impl<'a> OutgoingRecord<'a> {
    pub(super) fn new(
        topic: &'a Arc<str>,
        partition: Option<i32>,
        record: RecordRef<'a>,
    ) -> OutgoingRecord<'a> {
        Self {
            topic,
            partition,
            timestamp: record.timestamp,
            key: record.key.map(Cow::Borrowed),
            value: record.value.map(Cow::Borrowed),
            headers: Cow::Borrowed(record.headers),
        }
    }

    pub(super) fn as_ref(&self) -> RecordRef<'_> {
        RecordRef {
            timestamp: self.timestamp,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: &self.headers,
        }
    }
}

/// Is asked before a record is sent and told what became of it.
pub trait Interceptor: Send + Sync {
    /// Before the record is encoded and its partition chosen, in the sender's caller.
    ///
    /// # Errors
    ///
    /// Is logged; the record goes on as it was before this call.
    fn on_send(
        &self,
        _record: &mut OutgoingRecord<'_>,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(())
    }

    /// When the record was acknowledged or given up; before whoever sent it hears of it. Called in
    /// the producer's own task, so it has to be quick.
    fn on_acknowledgement(&self, _topic: &str, _result: Result<&RecordMetadata, &ProduceError>) {}
}

/// The interceptors of a producer, in the order that they are asked.
#[derive(Clone, Default)]
pub(super) struct Chain {
    interceptors: Arc<[Arc<dyn Interceptor>]>,
}

impl fmt::Debug for Chain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} interceptors", self.interceptors.len())
    }
}

impl Chain {
    pub(super) fn new(interceptors: Vec<Arc<dyn Interceptor>>) -> Self {
        Self {
            interceptors: interceptors.into(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.interceptors.is_empty()
    }

    pub(super) fn on_send(&self, record: &mut OutgoingRecord<'_>) {
        for interceptor in self.interceptors.iter() {
            let before = record.clone();
            match contained("an interceptor", || interceptor.on_send(record)) {
                Some(Ok(())) => continue,
                Some(Err(error)) => {
                    let topic = record.topic;
                    log::warn!("an interceptor failed on a record for {topic}: {error}");
                }
                None => {}
            }
            *record = before;
        }
    }

    pub(super) fn on_acknowledgement(
        &self,
        topic: &str,
        result: Result<&RecordMetadata, &ProduceError>,
    ) {
        for interceptor in self.interceptors.iter() {
            contained("an interceptor", || {
                interceptor.on_acknowledgement(topic, result);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Append(&'static [u8]);
    struct Fails;
    struct Panics;

    impl Interceptor for Append {
        fn on_send(
            &self,
            record: &mut OutgoingRecord<'_>,
        ) -> Result<(), Box<dyn Error + Send + Sync>> {
            if let Some(value) = &mut record.value {
                value.to_mut().extend_from_slice(self.0);
            }
            Ok(())
        }
    }

    impl Interceptor for Fails {
        fn on_send(
            &self,
            record: &mut OutgoingRecord<'_>,
        ) -> Result<(), Box<dyn Error + Send + Sync>> {
            record.value = None;
            Err("cannot".into())
        }
    }

    impl Interceptor for Panics {
        fn on_send(
            &self,
            record: &mut OutgoingRecord<'_>,
        ) -> Result<(), Box<dyn Error + Send + Sync>> {
            record.value = None;
            panic!("on purpose")
        }
    }

    #[test]
    fn each_changes_what_the_one_before_gave_and_failures_change_nothing() {
        let chain = Chain::new(vec![
            Arc::new(Append(b"1")),
            Arc::new(Fails),
            Arc::new(Panics),
            Arc::new(Append(b"2")),
        ]);
        let topic: Arc<str> = "t".into();
        let record = RecordRef {
            timestamp: -1,
            key: None,
            value: Some(b"v"),
            headers: &[],
        };
        let mut outgoing = OutgoingRecord::new(&topic, None, record);
        chain.on_send(&mut outgoing);
        assert_eq!(outgoing.as_ref().value, Some(&b"v12"[..]));
    }
}
