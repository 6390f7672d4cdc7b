//! The figures of this process: who is asked for them, and the listener of their own that `metrics.listener` asks for.

use std::sync::Arc;

use anyhow::Context as _;
use millrace_broker::Broker;
use millrace_wire::{
    clock,
    metrics::{Registry, process::ProcessMetrics},
};
use millrace_worker::rest::MetricsServer;

use crate::{banner, failure::Failure};

/// The figures of the process itself; its parts are added as they start.
pub(crate) fn of_process() -> Arc<Registry> {
    let registry = Registry::default();
    let process = ProcessMetrics::new(clock::system(), env!("CARGO_PKG_VERSION"));
    registry.add(Arc::new(process));
    Arc::new(registry)
}

/// Adds the broker's figures, and serves all of them where its `metrics.listener` says.
///
/// # Errors
/// When the port cannot be opened.
pub(crate) async fn of_broker(
    broker: &Broker,
    metrics: &Arc<Registry>,
) -> Result<Option<MetricsServer>, Failure> {
    metrics.add(Arc::new(broker.clone()));
    let Some(place) = &broker.config().metrics_listener else {
        return Ok(None);
    };
    let server = MetricsServer::start(place, Arc::clone(metrics))
        .await
        .with_context(|| format!("cannot listen on {place} for metrics (key metrics.listener)"))?;
    banner::part("metrics", &format!("http://{}/metrics", server.address()));
    Ok(Some(server))
}
