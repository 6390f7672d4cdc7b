//! How long the REST API takes to answer while other things happen.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Scope, ScopedJoinHandle},
    time::{Duration, Instant},
};

use super::site::{Site, WORKERS};
use crate::rest;

/// A pause between two requests.
const BETWEEN: Duration = Duration::from_millis(20);

/// Asks workers until it is told to stop.
#[derive(Debug)]
pub(super) struct Prober {
    addresses: Vec<String>,
    /// Workers that are not asked, for they are on their way down or up.
    away: [AtomicBool; WORKERS],
    stop: AtomicBool,
    seen: Mutex<Vec<Duration>>,
}

impl Prober {
    pub(super) fn new(site: &Site) -> Self {
        let addresses = site
            .places
            .iter()
            .map(|place| place.rest.address().to_owned());
        Self {
            addresses: addresses.collect(),
            away: Default::default(),
            stop: AtomicBool::default(),
            seen: Mutex::default(),
        }
    }

    /// Begins to ask.
    pub(super) fn start<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
    ) -> ScopedJoinHandle<'scope, ()> {
        scope.spawn(|| self.ask())
    }

    /// Leaves a worker out, or asks it again.
    pub(super) fn set_away(&self, index: usize, is_away: bool) {
        self.away[index].store(is_away, Ordering::SeqCst);
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    fn ask(&self) {
        let client = rest::client()
            .timeout(Duration::from_secs(90))
            .build()
            .expect("an HTTP client");
        let mut turn = 0;
        while !self.stop.load(Ordering::SeqCst) {
            let index = turn % WORKERS;
            let path = [
                "/connectors",
                "/connectors/c7/status",
                "/connectors/c7/config",
                "/",
            ][turn / WORKERS % 4];
            turn += 1;
            if self.away[index].load(Ordering::SeqCst) {
                thread::park_timeout(BETWEEN);
                continue;
            }
            let started = Instant::now();
            let answer = client
                .get(format!("http://{}{path}", self.addresses[index]))
                .send()
                .and_then(|answer| answer.bytes());
            let took = started.elapsed();
            // A worker that went away meanwhile is no measure of those that are there.
            if answer.is_ok() && !self.away[index].load(Ordering::SeqCst) {
                self.seen.lock().expect("nobody panics with it").push(took);
            }
            thread::park_timeout(BETWEEN);
        }
    }

    /// How many answers there were, and how long they took: `50 answers, median 1 ms, 99 % within 5 ms, slowest 9 ms`;
    /// and the 99th hundredth.
    pub(super) fn report(&self) -> (String, Duration) {
        let mut seen = self.seen.lock().expect("nobody panics with it").clone();
        seen.sort();
        let at = |part: usize| {
            let index = (seen.len() * part / 100).min(seen.len().saturating_sub(1));
            seen.get(index).copied().unwrap_or_default()
        };
        let text = format!(
            "{} answers, median {:.1?}, 99 % within {:.1?}, slowest {:.1?}",
            seen.len(),
            at(50),
            at(99),
            at(100)
        );
        (text, at(99))
    }
}
