//! What runs here: brought to what this worker was assigned and what the config topic says.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use millrace_wire::log_scope;

use super::DistributedHerder;
use crate::group::work::{Share, Work, by_connector};
use crate::herder::running::{Connector, Wanted};

/// What the sinks have at least to stop, unless the whole stop has less.
const SINKS_STOP_WITHIN: Duration = Duration::from_secs(2);
/// What the stop of a connector may take beyond that of its tasks.
const BEYOND_TASKS: Duration = Duration::from_millis(500);

impl DistributedHerder {
    /// Notes what is wanted of the share of a connector that is here; none where nothing of it is or was.
    pub(super) fn refresh(&self, name: &Arc<str>, share: &Share) -> Option<Arc<Connector>> {
        let known = self.configs.look(|state| {
            let known = state.connector(name).cloned();
            known.map(|known| (known, state.target(name)))
        });
        let mut local = self.local.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((known, target)) = known else {
            let connector = local.remove(name)?;
            connector.wanted(|wanted| {
                wanted.deleted = true;
                wanted.share = Some(Share::default());
            });
            return Some(connector);
        };
        let wanted = Wanted::of_group(&known, target, share.clone());
        if let Some(connector) = local.get(name) {
            connector.wanted(|before| *before = wanted);
            return Some(Arc::clone(connector));
        }
        if *share == Share::default() {
            return None;
        }
        let connector = Connector::new(name, wanted, Arc::clone(&self.shared));
        connector.follow();
        local.insert(Arc::clone(name), Arc::clone(&connector));
        Some(connector)
    }

    /// The same for one connector, by the last assignment.
    pub(super) fn refresh_one(&self, name: &Arc<str>) -> Option<Arc<Connector>> {
        let share = by_connector(&self.held()).remove(name);
        self.refresh(name, &share.unwrap_or_default())
    }

    /// Gives this worker another part of the work: what it is to give up is stopped when this returns, what it is to
    /// take up starts beside.
    pub(super) async fn settle(&self, held: &Work) {
        let stopped = self.give_up_all_but(held).await;
        for connector in stopped {
            tokio::spawn(log_scope::within(connector.log_target(), async move {
                let Ok(mut live) = connector.lock().await else {
                    return;
                };
                connector.take_up(&mut live).await;
            }));
        }
    }

    /// Stops whatever is not part of `held`.
    pub(super) async fn give_up_all_but(&self, held: &Work) -> Vec<Arc<Connector>> {
        self.set_held(held.clone());
        let mut shares = by_connector(held);
        let mut names: BTreeSet<Arc<str>> = shares.keys().cloned().collect();
        names.extend(self.all_local().iter().map(|known| Arc::clone(&known.name)));
        let connectors: Vec<Arc<Connector>> = names
            .iter()
            .filter_map(|name| self.refresh(name, &shares.remove(name).unwrap_or_default()))
            .collect();
        let deadline = self.shared.config.shutdown_timeout();
        let stops = connectors
            .iter()
            .map(|connector| give_up(Arc::clone(connector), deadline));
        for abandoned in join_all(stops).await.into_iter().flatten() {
            log::warn!("{abandoned} was given up and is abandoned");
        }
        connectors
    }

    /// Stops everything, sources first; says what did not stop in time.
    pub(super) async fn stop_all(&self, deadline: Duration) -> Vec<String> {
        let end = tokio::time::Instant::now() + deadline;
        self.set_held(Work::new());
        let connectors = self.all_local();
        for connector in &connectors {
            connector.wanted(|wanted| wanted.share = Some(Share::default()));
        }
        let (sources, others): (Vec<_>, Vec<_>) = connectors
            .into_iter()
            .partition(|known| known.kind() == "source");
        let mut abandoned = Vec::new();
        abandoned.extend(
            join_all(sources.into_iter().map(|known| give_up(known, deadline)))
                .await
                .into_iter()
                .flatten(),
        );
        // Sources that took all the time leave the sinks enough to commit what was delivered.
        let left = end.saturating_duration_since(tokio::time::Instant::now());
        let left = left.max(SINKS_STOP_WITHIN.min(deadline));
        let stops = others.into_iter().map(|known| give_up(known, left));
        abandoned.extend(join_all(stops).await.into_iter().flatten());
        abandoned
    }
}

/// Stops what is not to run of a connector; says what did not stop in time.
pub(super) async fn give_up(connector: Arc<Connector>, deadline: Duration) -> Vec<String> {
    let name = Arc::clone(&connector.name);
    // It goes on when nobody waits for it any more: what holds the connector up may end.
    let stop = tokio::spawn(log_scope::within(connector.log_target(), async move {
        let mut live = connector.live.lock().await;
        connector.give_up(&mut live, deadline).await
    }));
    match tokio::time::timeout(deadline + BEYOND_TASKS, stop).await {
        Ok(Ok(abandoned)) => abandoned,
        Ok(Err(_)) | Err(_) => vec![format!("connector {name}")],
    }
}
