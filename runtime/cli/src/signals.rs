//! Ctrl-C and SIGTERM: the first asks for an orderly stop, the second ends the process at once. A limit on file sizes
//! is an error of the write that meets it, not the end of the process.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use rustix::process;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Starts to listen; the token is cancelled by the first signal.
///
/// Must be called inside a tokio runtime, and before anything is started that takes time to stop.
pub(crate) fn stop_token() -> io::Result<CancellationToken> {
    let token = CancellationToken::new();
    tokio::spawn(Signals::new()?.watch(token.clone()));
    Ok(token)
}

/// A stop that is asked for, and the signal that asked.
pub(crate) struct QuietStop {
    pub(crate) token: CancellationToken,
    number: Arc<AtomicU8>,
}

impl QuietStop {
    /// The number of the signal that came, if one did.
    pub(crate) fn signal(&self) -> Option<u8> {
        Some(self.number.load(Ordering::Acquire)).filter(|&number| number > 0)
    }
}

/// [`stop_token`] for tools: they say nothing of a signal, but their exit code tells which it was.
pub(crate) fn quiet_stop_token() -> io::Result<QuietStop> {
    let mut signals = Signals::new()?;
    let stop = QuietStop {
        token: CancellationToken::new(),
        number: Arc::default(),
    };
    let (token, first) = (stop.token.clone(), Arc::clone(&stop.number));
    tokio::spawn(async move {
        let (_, number) = signals.next().await;
        first.store(u8::try_from(number).unwrap_or(u8::MAX), Ordering::Release);
        token.cancel();
        let (_, number) = signals.next().await;
        std::process::exit(128 + number);
    });
    Ok(stop)
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// Never read: that it is caught makes the write fail with "File too large", as a full disk does.
    _file_size: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            _file_size: signal(SignalKind::from_raw(process::Signal::XFSZ.as_raw()))?,
        })
    }

    async fn watch(mut self, token: CancellationToken) {
        let name = self.next().await.0;
        log::info!("{name}: stopping; a second signal ends the process at once");
        token.cancel();
        let (name, number) = self.next().await;
        log::warn!("{name} again: ending at once");
        log::logger().flush();
        // The shell's convention for a process that a signal ended.
        std::process::exit(128 + number);
    }

    async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.interrupt.recv() => ("SIGINT", SignalKind::interrupt().as_raw_value()),
            _ = self.terminate.recv() => ("SIGTERM", SignalKind::terminate().as_raw_value()),
        }
    }
}
