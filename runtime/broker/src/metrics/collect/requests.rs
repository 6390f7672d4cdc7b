//! Requests by API.

use millrace_wire::messages::ApiKey;
use millrace_wire::metrics::{Exposition, HistogramSnapshot};

use super::{Recent, Scrape};
use crate::metrics::families::{DURATION, ERRORS, PURGATORY, REQUESTS, TOTAL_TIME};

/// Under this name Kafka shows the fetches of consumers once more; here there are no others.
const FETCH_OF_CONSUMERS: &str = "FetchConsumer";

pub(super) fn collect(scrape: &Scrape<'_>, recent: &mut Recent, into: &mut Exposition) {
    let metrics = &scrape.broker.core.metrics;
    let seen: Vec<(ApiKey, HistogramSnapshot)> = metrics
        .requests
        .all()
        .map(|(key, api)| (key, api.times.snapshot()))
        .filter(|(_, times)| times.count() > 0)
        .collect();
    let mut requests = into.family(&REQUESTS);
    for (key, times) in &seen {
        for name in names(*key) {
            requests.add(&[name], times.count());
        }
    }
    let mut errors = into.family(&ERRORS);
    for (key, api) in metrics.requests.all() {
        for (code, count) in api.codes() {
            errors.add(&[key.name(), code.name()], count);
        }
    }
    let mut total_time = into.family(&TOTAL_TIME);
    for (key, times) in &seen {
        let recent = recent.requests.entry(*key).or_default();
        recent.update(times, scrape.now);
        for name in names(*key) {
            total_time.summary(&[name], times, recent);
        }
    }
    let mut duration = into.family(&DURATION);
    for (key, times) in &seen {
        duration.histogram(&[key.name()], times);
    }
    let mut purgatory = into.family(&PURGATORY);
    purgatory.add(&["Fetch"], metrics.parked_fetches.get());
    purgatory.add(&["Produce"], metrics.parked_produces.get());
}

fn names(key: ApiKey) -> impl Iterator<Item = &'static str> {
    let twice = (key == ApiKey::Fetch).then_some(FETCH_OF_CONSUMERS);
    [key.name()].into_iter().chain(twice)
}
