//! The two runtimes. Control is the main thread alone: REST, herder, group membership, heartbeats. Data has a
//! thread a core: tasks and broker. Connector code never runs on control, so a connector that hangs or spins
//! never holds REST or a heartbeat up.

use std::{num::NonZero, thread, time::Duration};

use anyhow::Context as _;
use tokio::runtime::{Builder, Handle, Runtime};

/// How long threads of the data runtime may take to end once everything on it was stopped or abandoned.
const THREADS_END_WITHIN: Duration = Duration::from_millis(200);

pub(crate) struct Runtimes {
    control: Runtime,
    data: Runtime,
}

impl Runtimes {
    pub(crate) fn build() -> anyhow::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let control = Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the control runtime")?;
        let data = Builder::new_multi_thread()
            .worker_threads(cores)
            .thread_name("millrace-data")
            .enable_all()
            .build()
            .context("cannot start the data runtime")?;
        Ok(Self { control, data })
    }

    /// Runs `work` on the data runtime, before there is anything to control: it may be connectors' code.
    pub(crate) fn on_data<F: Future>(&self, work: F) -> F::Output {
        self.data.block_on(work)
    }

    /// Runs `main` on the control runtime, on this thread, with a handle to the data runtime.
    ///
    /// When it returns, what still runs on the data runtime is abandoned, not waited for.
    pub(crate) fn run<F, T>(self, main: impl FnOnce(Handle) -> F) -> T
    where
        F: Future<Output = T>,
    {
        let outcome = self.control.block_on(main(self.data.handle().clone()));
        self.data.shutdown_timeout(THREADS_END_WITHIN);
        self.control.shutdown_background();
        outcome
    }
}
