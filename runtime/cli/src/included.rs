//! The included broker: started on the data runtime, described in a line, stopped within a deadline.

use std::time::Duration;

use anyhow::Context as _;
use millrace_broker::{Broker, BrokerConfig, Endpoint};
use millrace_config::Properties;
use millrace_wire::clock;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::{banner, bootstrap, failure::Failure};

/// What a stop may take beyond `task.shutdown.graceful.timeout.ms`: REST, and the broker's last sync.
pub(crate) const BEYOND_TASKS: Duration = Duration::from_secs(5);

/// Asks whether another broker answers, where one is named in place of the included one.
///
/// # Errors
/// When none does.
pub(crate) async fn find_other(
    servers: &str,
    properties: &Properties,
    place: &str,
) -> Result<(), Failure> {
    bootstrap::check(properties, place).await?;
    banner::part("broker", &format!("{servers}  (bootstrap.servers)"));
    Ok(())
}

/// Starts it; on return it listens, and its logs are recovered. Recovery may take long, so a stop ends it.
pub(crate) async fn start(
    config: BrokerConfig,
    data: &Handle,
    stop: &CancellationToken,
) -> Result<Broker, Failure> {
    let started = data.spawn(Broker::start(config, clock::system()));
    tokio::select! {
        // Whoever asked for a stop is told of it even if the start is done at the same moment.
        biased;
        () = stop.cancelled() => Err(Failure::Unclean(vec!["the broker's start was interrupted".to_owned()])),
        broker = started => Ok(broker
            .context("the broker's start failed")?
            .context("cannot start the included broker")?),
    }
}

/// Stops it on the data runtime; says what was given up, if anything.
pub(crate) async fn stop(broker: Broker, data: &Handle, within: Duration) -> Option<String> {
    let stopped = data.spawn(async move { broker.shutdown(within).await });
    match stopped.await {
        Ok(true) => None,
        Ok(false) => Some(format!(
            "broker: connections still open after {} s, or its data not closed cleanly",
            within.as_secs()
        )),
        Err(error) => Some(format!("broker: its stop failed: {error}")),
    }
}

/// Where it listens, the first listener first.
pub(crate) fn addresses(broker: &Broker) -> String {
    let addresses: Vec<String> = broker
        .listeners()
        .iter()
        .map(|listening| listening.local.to_string())
        .collect();
    addresses.join(", ")
}

/// What a client is given as `bootstrap.servers`.
pub(crate) fn bootstrap_servers(broker: &Broker) -> String {
    let endpoint = |Endpoint { host, port }: &Endpoint| format!("{host}:{port}");
    let servers: Vec<String> = broker
        .listeners()
        .iter()
        .map(|listening| endpoint(&listening.advertised))
        .collect();
    servers.join(",")
}

/// Warns of what can be reached from other machines: nobody is asked who they are.
pub(crate) fn warn_if_wide(broker: &Broker) {
    for listening in broker
        .listeners()
        .iter()
        .filter(|listening| !listening.local.ip().is_loopback())
    {
        let Endpoint { host, port } = &listening.advertised;
        log::warn!(
            "the broker listens on {} (clients are told {host}:{port}) without authentication: \
             whoever reaches this address may read and write everything",
            listening.local
        );
    }
}
