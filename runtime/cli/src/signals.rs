//! Ctrl-C and SIGTERM: the first asks for an orderly stop, the second ends the process at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Starts to listen; the token is cancelled by the first signal.
///
/// Must be called inside a tokio runtime, and before anything is started that takes time to stop.
pub(crate) fn stop_token() -> io::Result<CancellationToken> {
    let signals = Signals {
        interrupt: signal(SignalKind::interrupt())?,
        terminate: signal(SignalKind::terminate())?,
    };
    let token = CancellationToken::new();
    tokio::spawn(signals.watch(token.clone()));
    Ok(token)
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
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
