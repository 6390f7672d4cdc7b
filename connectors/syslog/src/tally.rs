//! Counts what a user should know of, and tells it without flooding the log.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

/// What has happened since the start of the task.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Messages that became records.
    pub(crate) received: AtomicU64,
    /// Datagrams that came while there was no room.
    pub(crate) no_room: AtomicU64,
    /// Datagrams that the system dropped before they could be read.
    pub(crate) system: AtomicU64,
    /// Messages that are none.
    pub(crate) malformed: AtomicU64,
    /// Messages whose end was cut off.
    pub(crate) truncated: AtomicU64,
    /// Messages that were left out because they are too long.
    pub(crate) too_long: AtomicU64,
    /// Texts with bytes that are no text, which were changed.
    pub(crate) repaired: AtomicU64,
    /// Messages that were left out because of such bytes.
    pub(crate) no_text: AtomicU64,
    /// Connections beyond the last one.
    pub(crate) refused: AtomicU64,
    /// What was told last.
    told: Mutex<[u64; 8]>,
}

/// One more.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Tally {
    fn counts(&self) -> [(&AtomicU64, &'static str); 8] {
        [
            (
                &self.no_room,
                "datagrams dropped because as much as may wait for the broker is waiting (waiting.bytes.max)",
            ),
            (
                &self.system,
                "datagrams dropped by the system before they could be read (udp.buffer.bytes, net.core.rmem_max)",
            ),
            (&self.malformed, "messages that are no syslog messages"),
            (&self.truncated, "messages cut off at max.message.bytes"),
            (
                &self.too_long,
                "messages left out as longer than max.message.bytes",
            ),
            (
                &self.repaired,
                "messages with bytes that are no text, which were replaced",
            ),
            (
                &self.no_text,
                "messages left out because of bytes that are no text",
            ),
            (
                &self.refused,
                "connections refused as more than connections.max",
            ),
        ]
    }

    /// What has changed since the last time, if anything.
    pub(crate) fn news(&self) -> Option<String> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut news = Vec::new();
        for ((counter, what), told) in self.counts().into_iter().zip(told.iter_mut()) {
            let now = counter.load(Ordering::Relaxed);
            if now > *told {
                news.push(format!("{} {what}", now - *told));
                *told = now;
            }
        }
        let received = self.received.load(Ordering::Relaxed);
        (!news.is_empty()).then(|| format!("{}; {received} messages taken so far", news.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_new_is_told() {
        let tally = Tally::default();
        count(&tally.received);
        assert_eq!(tally.news(), None);
        count(&tally.no_room);
        count(&tally.no_room);
        let news = tally.news().unwrap();
        assert!(news.starts_with("2 datagrams dropped because"), "{news}");
        assert!(news.ends_with("; 1 messages taken so far"), "{news}");
        assert_eq!(tally.news(), None);
        count(&tally.no_room);
        count(&tally.refused);
        let news = tally.news().unwrap();
        assert!(
            news.starts_with("1 datagrams") && news.contains("1 connections"),
            "{news}"
        );
    }
}
