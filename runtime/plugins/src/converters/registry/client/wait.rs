//! How a converter, which is synchronous, waits for a registry without holding up a runtime.
//!
//! All calls to registries run on one thread of their own with a small runtime (`millrace-registry`), which starts with
//! the first call. The task that needs the answer waits for it. A task of the data runtime gives its worker thread away
//! while it waits (`block_in_place`): the runtime goes on with another thread, and the other tasks with it. On a thread
//! that a connector has for itself, nobody else is there to be held up. Calls are few, one a schema and direction, and
//! every one ends by its deadline; the batches between them convert without leaving their thread.
//!
//! The other ways cost more: an asynchronous converter would make every record's conversion a future, and converting on
//! the blocking pool would move every batch to another thread and back for the one call in a million.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::mpsc::sync_channel;
use std::thread;

use tokio::runtime::{Builder, Handle, RuntimeFlavor};

use super::error::CallError;

/// The outcome of `work`, which runs on the thread of the registries.
pub(super) fn wait_for<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, CallError> {
    let (sender, receiver) = sync_channel(1);
    runner()?.spawn(async move {
        // Where nobody waits any more, nobody needs the outcome.
        sender.send(work.await).ok();
    });
    let receive = || receiver.recv();
    let received = match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(receive),
        _ => receive(),
    };
    received.map_err(|_| CallError::Thread("the call ended without an outcome".to_owned()))
}

fn runner() -> Result<&'static Handle, CallError> {
    static RUNNER: OnceLock<Result<Handle, String>> = OnceLock::new();
    let runner = RUNNER.get_or_init(|| start().map_err(|error| error.to_string()));
    runner
        .as_ref()
        .map_err(|text| CallError::Thread(text.clone()))
}

fn start() -> std::io::Result<Handle> {
    // Fails where a provider is installed already, which serves as well.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name("millrace-registry".to_owned())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_leaves_the_other_tasks_of_a_runtime_alone() {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (sender, receiver) = tokio::sync::oneshot::channel::<u32>();
        runtime.block_on(async {
            // The waiting task can only end if the other one runs, on a runtime of one thread.
            let waits = tokio::spawn(async { wait_for(receiver).unwrap().unwrap() });
            let sends = tokio::spawn(async { sender.send(7).unwrap() });
            sends.await.unwrap();
            assert_eq!(waits.await.unwrap(), 7);
        });
    }

    #[test]
    fn waiting_works_without_a_runtime_and_on_one_of_one_thread() {
        assert_eq!(wait_for(async { 1 }).unwrap(), 1);
        let runtime = Builder::new_current_thread().build().unwrap();
        assert_eq!(
            runtime.block_on(async { wait_for(async { 2 }).unwrap() }),
            2
        );
    }
}
