//! Sockets: datagrams, and connections with and without TLS.

mod datagrams;
mod drops;
mod frames;
mod streams;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use millrace_api::ConnectError;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::config::SyslogConfig;
use crate::maker::{Form, Maker};
use crate::queue::Queue;
use crate::tally::Tally;

pub(crate) use datagrams::Datagrams;
pub(crate) use streams::Streams;

/// What those who read sockets may take to end once the source stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// What all who read sockets share.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) queue: Queue,
    pub(crate) tally: Arc<Tally>,
    form: Arc<Form>,
    message_max: usize,
    idle_timeout: Option<Duration>,
    handshake_timeout: Duration,
    /// Why the task is to fail.
    failure: Mutex<Option<String>>,
}

impl Site {
    /// # Errors
    /// What is wrong with a template or the time zone.
    pub(crate) fn new(config: &SyslogConfig) -> Result<Self, String> {
        Ok(Self {
            queue: Queue::new(config.waiting_max()),
            tally: Arc::default(),
            form: Arc::new(config.form()?),
            message_max: config.message_max(),
            idle_timeout: config.idle_timeout(),
            handshake_timeout: config.handshake_timeout(),
            failure: Mutex::default(),
        })
    }

    fn maker(&self) -> Maker {
        Maker::new(Arc::clone(&self.form), Arc::clone(&self.tally))
    }

    /// A message is none, and `on.invalid=fail`.
    fn fail(&self, fault: &str, peer: IpAddr) {
        let why = format!(
            "{peer} has sent what is no syslog message: {fault}; choose on.invalid=keep or on.invalid=drop to go on with others"
        );
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(why);
        self.queue.wake();
    }

    /// Why the task is to fail, if it is.
    pub(crate) fn failure(&self) -> Option<ConnectError> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.clone().map(ConnectError::data)
    }
}

/// Those who read sockets. Dropped, they end at once.
#[derive(Debug)]
pub(crate) struct Readers {
    pub(crate) tracker: TaskTracker,
    pub(crate) stop: CancellationToken,
    _abandon: DropGuard,
}

impl Readers {
    pub(crate) fn new() -> Self {
        let stop = CancellationToken::new();
        Self {
            tracker: TaskTracker::new(),
            _abandon: stop.clone().drop_guard(),
            stop,
        }
    }

    /// Reads no more, and waits a little for those who read.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.tracker.close();
        if tokio::time::timeout(STOP_TIMEOUT, self.tracker.wait())
            .await
            .is_err()
        {
            log::debug!("sockets that did not close in time are left");
        }
    }
}

/// The address of a sender, as people write it.
fn address(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

/// A message of a known length without the line end or NUL that some senders put behind it all the same: rsyslog's own
/// templates do.
fn without_end(message: &[u8]) -> &[u8] {
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r' | 0);
    let last = message.iter().rposition(|byte| !is_end(byte));
    &message[..last.map_or(0, |last| last + 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_that_some_senders_send() {
        for (message, expected) in [
            ("<1>a", "<1>a"),
            ("<1>a\n", "<1>a"),
            ("<1>a\r\n\0", "<1>a"),
            ("<1>a\nb\n", "<1>a\nb"),
            ("\n", ""),
            ("", ""),
        ] {
            assert_eq!(without_end(message.as_bytes()), expected.as_bytes());
        }
    }
}
