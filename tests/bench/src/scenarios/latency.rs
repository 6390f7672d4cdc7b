//! Latencies: of a request, and of a commit with acks=all.

use std::sync::Arc;
use std::time::{Duration, Instant};

use millrace_client::producer::RecordRef;
use millrace_wire::messages::ApiVersionsRequest;

use super::server::BrokerServer;
use crate::case::Codec;
use crate::report::Figure;

const TOPIC: &str = "latency";
const CALLS: usize = 2000;
/// Not counted: connections, caches and the first sync.
const WARM_UP: usize = 200;

/// Measures both, one call after the other over one connection.
pub(crate) fn latency() -> anyhow::Result<Vec<Figure>> {
    let server = BrokerServer::start()?;
    let client = &server.client;
    client.create_topic(TOPIC)?;
    let producer = client.producer(Codec::Plain, Duration::ZERO);
    let (mut requests, mut commits) = client.runtime.block_on(async {
        client.cluster.refresh(&[]).await?;
        let connection = client.cluster.lane().any().await?;
        let mut requests = Vec::with_capacity(CALLS);
        for _ in 0..WARM_UP + CALLS {
            let started = Instant::now();
            connection.call(&ApiVersionsRequest::default()).await?;
            requests.push(started.elapsed());
        }
        let topic: Arc<str> = Arc::from(TOPIC);
        let record = RecordRef {
            timestamp: -1,
            key: None,
            value: Some(&[b'x'; 100]),
            headers: &[],
        };
        let mut commits = Vec::with_capacity(CALLS);
        for _ in 0..WARM_UP + CALLS {
            let started = Instant::now();
            producer.send(&topic, Some(0), record).await?;
            commits.push(started.elapsed());
        }
        anyhow::Ok((requests, commits))
    })?;
    let mut figures = percentiles("request latency", requests.split_off(WARM_UP));
    figures.extend(percentiles(
        "commit latency, acks=all",
        commits.split_off(WARM_UP),
    ));
    Ok(figures)
}

/// The median and the 99th percentile of times, of which there is at least one.
pub(super) fn percentiles(name: &str, mut times: Vec<Duration>) -> Vec<Figure> {
    times.sort_unstable();
    let micros = |at: usize| times[at.min(times.len() - 1)].as_secs_f64() * 1e6;
    [("p50", 500), ("p99", 990)]
        .into_iter()
        .map(|(label, per_mille)| Figure {
            name: format!("{name} {label}"),
            unit: "us",
            median: micros(times.len() * per_mille / 1000),
            min: micros(0),
            max: micros(times.len() - 1),
        })
        .collect()
}
