//! Two interceptors: one puts the time before each value, one counts what became of the records.
//!
//! They are asked in the order in which the producer was given them. What one does wrong, a panic
//! included, is logged and costs the record nothing.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use millrace_client::producer::{Interceptor, OutgoingRecord, ProduceError, RecordMetadata};

/// Puts the milliseconds since 1970 before each value.
pub(crate) struct Timestamp;

impl Interceptor for Timestamp {
    fn on_send(&self, record: &mut OutgoingRecord<'_>) -> Result<(), Box<dyn Error + Send + Sync>> {
        #[expect(
            clippy::disallowed_methods,
            reason = "a program of its own reads the clock"
        )]
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        if let Some(value) = &record.value {
            let mut stamped = format!("{now},").into_bytes();
            stamped.extend_from_slice(value);
            record.value = Some(Cow::Owned(stamped));
        }
        Ok(())
    }
}

/// Counts records that were delivered, and those that were not.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    delivered: AtomicU64,
    failed: AtomicU64,
}

impl Interceptor for Counters {
    fn on_acknowledgement(&self, _topic: &str, result: Result<&RecordMetadata, &ProduceError>) {
        let counter = match result {
            Ok(_) => &self.delivered,
            Err(_) => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delivered = self.delivered.load(Ordering::Relaxed);
        let failed = self.failed.load(Ordering::Relaxed);
        write!(formatter, "{delivered} delivered, {failed} failed")
    }
}
