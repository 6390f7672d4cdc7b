//! Following the group: its rebalances, and the changes that the config topic brings.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use millrace_client::group::{Event, Joined, Membership};
use millrace_wire::log_scope;
use tokio::time::Instant;

use super::DistributedHerder;
use super::peers::Role;
use super::work::give_up;
use crate::group::member::worker_id;
use crate::group::protocol::{Assignment, Version};
use crate::group::work::Work;
use crate::herder::restart::{carry_out, planned};
use crate::herder::running::Connector;
use crate::herder::views::RestartRequest;
use crate::logging::Level;
use crate::metrics::Generation;
use crate::store::topic::config_state::Change;

/// How often the worker looks at what only time changes.
const TICK: Duration = Duration::from_millis(500);
/// The pause before joining again after a refusal.
const REFUSED_PAUSE: Duration = Duration::from_secs(5);

/// What the loop has in mind.
struct Rounds {
    herder: Arc<DistributedHerder>,
    membership: Membership,
    /// When to join again because a delay is over.
    rejoin_at: Option<Instant>,
    /// When to join after staying away.
    join_at: Option<Instant>,
    /// Whether everything was given up because nothing was heard of the group.
    is_cut_off: bool,
}

impl DistributedHerder {
    /// Follows the group until the worker stops; gives the membership back.
    pub(super) async fn run(self: Arc<Self>, membership: Membership) -> Membership {
        let stop = self.stop.clone();
        membership.touch(self.clock.monotonic());
        membership.join();
        let mut rounds = Rounds {
            herder: self,
            membership,
            rejoin_at: None,
            join_at: None,
            is_cut_off: false,
        };
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let due = rounds.next_due();
            tokio::select! {
                biased;
                () = stop.cancelled() => return rounds.membership,
                event = rounds.membership.event() => rounds.heed(event).await,
                () = rounds.herder.configs.changed() => rounds.changed().await,
                _ = tick.tick() => rounds.look_at_the_time().await,
                () = until(due) => rounds.look_at_the_time().await,
            }
            let now = rounds.herder.clock.monotonic();
            rounds.membership.touch(now);
        }
    }
}

/// Waits for a time; for ever, if there is none.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

impl Rounds {
    /// When this worker is to join again.
    fn next_due(&self) -> Option<Instant> {
        self.join_at.into_iter().chain(self.rejoin_at).min()
    }

    async fn heed(&mut self, event: Event) {
        match event {
            Event::Rebalance { round } => {
                self.herder.rebalances.began();
                self.prepare().await;
                self.membership.prepared(round);
            }
            Event::Lost { round } => {
                log::warn!("the group takes this worker for gone; joining again");
                self.membership.prepared(round);
            }
            Event::Joined(joined) => self.joined(&joined).await,
            Event::Failed(error) => {
                log::error!("this worker is not in its group: {error}; trying again");
                self.stay_away(REFUSED_PAUSE).await;
            }
        }
    }

    /// Before a rebalance: with the eager protocol everything stops; else only what has changed, so that no task of an
    /// old division of a connector's work runs beside one of a new.
    async fn prepare(&mut self) {
        let herder = Arc::clone(&self.herder);
        if herder.peers.role().version == Some(Version::Eager) {
            herder.give_up_all_but(&Work::new()).await;
            herder.protocol.report_nothing();
            return;
        }
        if let Err(error) = herder
            .configs
            .read_to_end(herder.group.sync_timeout())
            .await
        {
            log::debug!("cannot catch up before a rebalance: {error}");
        }
        self.changed().await;
    }

    /// A generation is complete.
    async fn joined(&mut self, joined: &Joined) {
        let herder = Arc::clone(&self.herder);
        let (Some(version), Ok(assignment)) = (
            Version::named(&joined.protocol),
            Assignment::decode(&joined.assignment),
        ) else {
            log::error!(
                "the leader {} has sent an assignment that cannot be read",
                joined.leader
            );
            return self.stay_away(REFUSED_PAUSE).await;
        };
        self.rejoin_at = None;
        herder.protocol.completed(joined);
        herder.shared.statuses.set_generation(joined.generation);
        herder.peers.set_role(Role {
            leader_url: Some(assignment.leader_url.clone()),
            is_leader: joined.is_leader(),
            version: Some(version),
        });
        let is_behind = herder.configs.look(|state| state.offset()) < assignment.config_offset;
        if is_behind
            && let Err(error) = herder
                .configs
                .read_to_end(herder.group.sync_timeout())
                .await
        {
            log::warn!(
                "this worker cannot catch up with its group and leaves it for a while: {error}"
            );
            return self.unsynced(version).await;
        }
        if assignment.error != 0 {
            return self
                .membership
                .rejoin("the leader had not read the configurations far enough");
        }
        let held = match version {
            Version::Eager => assignment.assigned.clone(),
            _ => &(&herder.held() - &assignment.revoked) | &assignment.assigned,
        };
        herder.protocol.report(&assignment, &held);
        log::info!(
            "generation {}: this worker has {} connectors and tasks ({} new, {} given up){}",
            joined.generation,
            held.len(),
            assignment.assigned.len(),
            assignment.revoked.len(),
            match assignment.delay_ms {
                0 => String::new(),
                delay => format!(", the next rebalance comes in {delay} ms"),
            }
        );
        herder.settle(&held).await;
        if !assignment.revoked.is_empty() {
            self.membership.rejoin("what was revoked is given up");
        } else if assignment.delay_ms > 0 {
            let delay = Duration::from_millis(assignment.delay_ms.unsigned_abs().into());
            self.rejoin_at = Some(Instant::now() + delay);
        }
        herder.tidy_statuses(joined.is_leader());
        herder.rebalances.completed(Generation {
            epoch: joined.generation,
            leader: assignment.leader_url.clone(),
            protocol: version.shown(),
            connectors: held.iter().filter(|item| item.is_connector()).count(),
            tasks: held.iter().filter(|item| !item.is_connector()).count(),
        });
        herder.ready.send_replace(true);
        self.changed().await;
        herder.renew_key_if_due().await;
    }

    /// Leaves the group, for it cannot be followed now.
    async fn unsynced(&mut self, version: Version) {
        let group = &self.herder.group;
        let pause = match version {
            Version::Eager => Duration::from_millis(group.unsync_backoff_ms.unsigned_abs().into()),
            _ => group.max_delay() / 50,
        };
        self.membership.leave("the config topic cannot be read");
        self.stay_away(pause.max(TICK)).await;
    }

    /// Stops everything and joins again after a while.
    async fn stay_away(&mut self, pause: Duration) {
        let herder = Arc::clone(&self.herder);
        herder.peers.set_role(Role::default());
        herder.give_up_all_but(&Work::new()).await;
        herder.protocol.report_nothing();
        self.rejoin_at = None;
        self.join_at = Some(Instant::now() + pause);
    }

    async fn look_at_the_time(&mut self) {
        let now = Instant::now();
        if self.join_at.is_some_and(|at| now >= at) {
            self.join_at = None;
            self.membership.join();
        }
        if self.rejoin_at.is_some_and(|at| now >= at) {
            self.rejoin_at = None;
            self.membership.rejoin("the delay of the rebalance is over");
        }
        self.watch_the_group().await;
        self.herder.renew_key_if_due().await;
    }

    /// Gives everything up when nothing is heard of the group for so long that others may have the work, and asks for
    /// work again when there is an answer.
    async fn watch_the_group(&mut self) {
        let herder = Arc::clone(&self.herder);
        let silence = self.membership.silence(herder.clock.monotonic());
        let session = Duration::from_millis(herder.group.session_timeout_ms.unsigned_abs().into());
        if silence > session && !self.is_cut_off && !herder.held().is_empty() {
            log::warn!(
                "nothing was heard of the group for {} ms, so others may have the work of this worker: it stops",
                silence.as_millis()
            );
            self.is_cut_off = true;
            herder.give_up_all_but(&Work::new()).await;
            herder.protocol.report_nothing();
        } else if silence < session && self.is_cut_off {
            self.is_cut_off = false;
            self.membership.rejoin("the group is heard again");
        }
    }

    /// The config topic has said something new.
    async fn changed(&mut self) {
        let herder = Arc::clone(&self.herder);
        let deadline = herder.shared.config.shutdown_timeout();
        let mut stops = Vec::new();
        let mut reason = None;
        for change in herder.configs.take_changes() {
            match change {
                Change::New(name) => {
                    reason = Some(format!("connector {name} is new"));
                    herder.refresh_one(&name);
                }
                Change::Config(name) => {
                    if let Some(connector) = herder.refresh_one(&name) {
                        take_up(connector);
                    }
                }
                Change::Deleted(name) | Change::Tasks(name) => {
                    reason = Some(format!("the tasks of connector {name} have changed"));
                    if let Some(connector) = herder.refresh_one(&name) {
                        stops.push(give_up(connector, deadline));
                    }
                }
                Change::Target(name) => {
                    if let Some(connector) = herder.refresh_one(&name) {
                        retarget(connector);
                    }
                }
                Change::Restart(name, include_tasks, only_failed) => {
                    herder.restart_here(&name, include_tasks, only_failed);
                }
                Change::Logger(logger, level, lasting) => {
                    if let Some(level) = Level::parse(level.trim()) {
                        herder.loggers.set(&logger, level, lasting);
                    }
                }
                Change::SessionKey => {}
            }
        }
        for abandoned in join_all(stops).await.into_iter().flatten() {
            log::warn!("{abandoned} did not stop in time and is abandoned");
        }
        if let Some(reason) = reason {
            self.membership.rejoin(&reason);
        }
    }
}

impl DistributedHerder {
    fn restart_here(&self, name: &Arc<str>, include_tasks: bool, only_failed: bool) {
        let Some(connector) = self.local(name) else {
            return;
        };
        let request = RestartRequest {
            include_tasks,
            only_failed,
        };
        match planned(&self.shared, name, connector.kind(), request) {
            Ok(plan) => carry_out(connector, &plan),
            Err(error) => log::warn!("connector {name} is not restarted: {error}"),
        }
    }

    /// After a rebalance: takes back what is said of what is not configured any more, and says of what ran on workers
    /// that are gone that nobody runs it.
    fn tidy_statuses(&self, is_leader: bool) {
        let statuses = &self.shared.statuses;
        if !is_leader {
            statuses.unassign_the_dead(|worker| worker == self.worker_id, &Work::new());
            return;
        }
        statuses.keep_only(|name| {
            self.configs
                .look(|state| state.connector(name).map(|known| known.tasks.len()))
        });
        let roster = self.protocol.roster();
        let living: BTreeSet<String> = roster
            .members
            .values()
            .map(|(url, _)| worker_id(url).to_owned())
            .filter(|worker| *worker != self.worker_id)
            .collect();
        let assigned = roster
            .members
            .into_values()
            .flat_map(|(_, work)| work)
            .collect();
        statuses.unassign_the_dead(|worker| !living.contains(worker), &assigned);
    }
}

fn take_up(connector: Arc<Connector>) {
    tokio::spawn(log_scope::within(connector.log_target(), async move {
        if let Ok(mut live) = connector.lock().await {
            connector.take_up(&mut live).await;
        }
    }));
}

fn retarget(connector: Arc<Connector>) {
    tokio::spawn(log_scope::within(connector.log_target(), async move {
        let Ok(mut live) = connector.lock().await else {
            return;
        };
        connector.take_up(&mut live).await;
        if let Err(error) = connector.apply_target(&mut live).await {
            log::error!("connector {}: {error}", connector.name);
        }
    }));
}
