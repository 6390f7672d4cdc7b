//! What every client goes through.

use anyhow::{Context as _, ensure};

use crate::{broker::Broker, clients::Client, cross, rebalance};

/// All scenarios, each with a broker that has seen the ones before. True if all held.
pub(crate) fn run(client: &dyn Client, broker: &Broker) -> bool {
    let results = [
        checks(client, broker),
        cross::read_back(client, client, broker).context("records with every codec"),
        rebalance::run(client, [client; 4], broker.address(), client.name())
            .inspect(|()| println!("{}: group: ok", client.name()))
            .context("group"),
    ];
    let failures = results.iter().filter_map(|result| result.as_ref().err());
    failures
        .inspect(|error| println!("{}: FAILED: {error:#}", client.name()))
        .count()
        == 0
}

/// The client's own checks: all that it is known to have must be among those that hold.
fn checks(client: &dyn Client, broker: &Broker) -> anyhow::Result<()> {
    let report = client.checks(broker)?;
    for name in &report.held {
        println!("{}: {name}: ok", client.name());
    }
    let missing: Vec<_> = client
        .scenarios()
        .into_iter()
        .filter(|name| !report.held.iter().any(|held| held == name))
        .collect();
    ensure!(
        missing.is_empty(),
        "did not hold: {}\n{}",
        missing.join(", "),
        report.said
    );
    Ok(())
}
