//! Runs a tool: a runtime, a token that Ctrl-C cancels, and from errors to exit codes.

use std::future::Future;

use thiserror::Error;
use tokio::{runtime::Builder, signal::unix::SignalKind};
use tokio_util::sync::CancellationToken;

use super::stdout::OutputError;
use crate::{failure::Failure, logging, signals};

/// Threads beside the tool's own: they keep connections and memberships alive while it writes to a slow reader.
const WORKERS: usize = 2;

/// The command line asks for what cannot be.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct Usage(String);

impl Usage {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// No broker answers.
#[derive(Debug, Error)]
#[error(
    "no broker answers at {servers}: {reason}\n  \
     Start one there (`millrace broker`), or name another by --bootstrap-server."
)]
pub(crate) struct Unreachable {
    pub(crate) servers: String,
    pub(crate) reason: String,
}

/// No worker answers.
#[derive(Debug, Error)]
#[error(
    "no worker answers at {worker}\n  \
     Start one there (`millrace standalone`), or name another by --worker."
)]
pub(crate) struct NoWorker {
    pub(crate) worker: String,
}

/// What was compared is not the same.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct Differs(pub(crate) String);

/// The tool stopped because it was told to, before it was done.
#[derive(Debug, Error)]
#[error("stopped before it was done")]
pub(crate) struct Stopped;

/// Runs a tool that tidies up by itself when the token is cancelled.
pub(crate) fn until_stopped<F>(work: impl FnOnce(CancellationToken) -> F) -> Result<(), Failure>
where
    F: Future<Output = anyhow::Result<()>>,
{
    logging::warnings_only()?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)?;
    let outcome = runtime.block_on(async {
        let stop = signals::quiet_stop_token().map_err(anyhow::Error::from)?;
        let outcome = work(stop.token.clone()).await;
        match stop.signal() {
            Some(signal) if outcome.is_ok() => Err(Failure::Interrupted(signal)),
            signal => outcome.map_or_else(|error| failed(error, signal), Ok),
        }
    });
    runtime.shutdown_background();
    outcome
}

/// Runs a tool that can be given up at any moment.
pub(crate) fn to_end<F>(work: F) -> Result<(), Failure>
where
    F: Future<Output = anyhow::Result<()>>,
{
    until_stopped(async |stop| {
        tokio::select! {
            biased;
            () = stop.cancelled() => Err(Stopped.into()),
            outcome = work => outcome,
        }
    })
}

/// Runs a tool that needs no runtime.
pub(crate) fn blocking(work: impl FnOnce() -> anyhow::Result<()>) -> Result<(), Failure> {
    work().or_else(|error| failed(error, None))
}

/// What an error means for whoever started the tool.
fn failed(error: anyhow::Error, signal: Option<u8>) -> Result<(), Failure> {
    if error
        .chain()
        .any(|cause| matches!(cause.downcast_ref(), Some(OutputError::Closed)))
    {
        return Ok(());
    }
    if error.is::<Stopped>() {
        let default = u8::try_from(SignalKind::interrupt().as_raw_value()).unwrap_or_default();
        return Err(Failure::Interrupted(signal.unwrap_or(default)));
    }
    if let Some(usage) = error.downcast_ref::<Usage>() {
        return Err(Failure::Usage(usage.to_string()));
    }
    if let Some(unreachable) = error.downcast_ref::<Unreachable>() {
        return Err(Failure::Start(anyhow::anyhow!("{unreachable}")));
    }
    if let Some(no_worker) = error.downcast_ref::<NoWorker>() {
        return Err(Failure::Start(anyhow::anyhow!("{no_worker}")));
    }
    if let Some(differs) = error.downcast_ref::<Differs>() {
        return Err(Failure::Differs(differs.to_string()));
    }
    Err(Failure::Failed(error))
}
