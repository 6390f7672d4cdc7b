//! Work that is repeated beside a task, and is not broken off in the middle when it ends: offsets that were taken to be
//! committed would be lost.

use std::future::Future;

use millrace_wire::log_scope;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Repeated until it is stopped or dropped.
#[derive(Debug)]
pub(super) struct Periodic {
    running: JoinHandle<()>,
    stop: DropGuard,
}

impl Periodic {
    /// Does `work` after each `wait`, which may be given up.
    pub(super) fn start<T, W>(
        on: &Handle,
        wait: impl Fn() -> T + Send + 'static,
        work: impl Fn() -> W + Send + 'static,
    ) -> Self
    where
        T: Future<Output = ()> + Send,
        W: Future<Output = ()> + Send,
    {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let running = on.spawn(log_scope::inherited(async move {
            while stopped.run_until_cancelled(wait()).await.is_some() {
                work().await;
            }
        }));
        Self {
            running,
            stop: stop.drop_guard(),
        }
    }

    /// Ends it, once what is under way is done.
    pub(super) async fn stop(self) {
        drop(self.stop);
        if let Err(error) = self.running.await {
            log::error!("work beside a task has ended early: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::runtime::Handle;
    use tokio::sync::Notify;

    use super::Periodic;

    #[tokio::test]
    async fn what_is_under_way_is_done_before_it_ends() {
        let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let is_done = Arc::new(AtomicBool::new(false));
        let shared = (Arc::clone(&begun), Arc::clone(&go), Arc::clone(&is_done));
        let periodic = Periodic::start(&Handle::current(), tokio::task::yield_now, move || {
            let (begun, go, is_done) = shared.clone();
            async move {
                begun.notify_one();
                go.notified().await;
                is_done.store(true, Ordering::Relaxed);
            }
        });
        begun.notified().await;
        let stopping = tokio::spawn(periodic.stop());
        tokio::task::yield_now().await;
        go.notify_one();
        stopping.await.unwrap();
        assert!(is_done.load(Ordering::Relaxed));
    }
}
