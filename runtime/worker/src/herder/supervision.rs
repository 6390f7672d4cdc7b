//! Restarting tasks that have failed, where their connector asks for it (`restart.max.attempts`).
//!
//! Each failure in a row waits longer for its restart. A task that runs for `restart.reset.after.ms`, or that a user
//! restarts, begins to count anew. When the attempts are used up the task stays FAILED until somebody restarts it. The
//! worker that has the task restarts it; one that takes it over begins to count anew.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use millrace_api::{Properties, TaskId};
use serde::Serialize;

use super::restart::restart_tasks;
use super::running::Connector;
use crate::task::{State, StatusListener, TargetState};
use crate::validation::own_keys::{
    RESTART_ATTEMPTS, RESTART_BACKOFF, RESTART_BACKOFF_MAX, RESTART_RESET_AFTER, number,
};

/// What a connector asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Policy {
    attempts: u64,
    backoff: Duration,
    longest: Duration,
    reset_after: Duration,
}

impl Policy {
    /// None where failed tasks stay as they are.
    fn of(connector: &Properties) -> Option<Self> {
        let attempts = number(connector, RESTART_ATTEMPTS).filter(|attempts| *attempts > 0)?;
        let millis = |key: &str, default: u64| {
            Duration::from_millis(number(connector, key).unwrap_or(default))
        };
        Some(Self {
            attempts,
            backoff: millis(RESTART_BACKOFF, 1_000),
            longest: millis(RESTART_BACKOFF_MAX, 60_000),
            reset_after: millis(RESTART_RESET_AFTER, 600_000),
        })
    }

    /// The pause before an attempt, the first being 1.
    fn pause(&self, attempt: u64) -> Duration {
        let doublings = u32::try_from(attempt.saturating_sub(1)).map_or(20, |n| n.min(20));
        self.backoff
            .saturating_mul(1 << doublings)
            .min(self.longest.max(self.backoff))
    }
}

/// What a status says of the restarts of a task. Times are in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestartStatus {
    /// How often it was restarted since it last ran for long, the next attempt included.
    pub attempt: u64,
    /// How often it may be.
    pub max_attempts: u64,
    /// The first line of what it failed with last.
    pub reason: String,
    /// When it is restarted; none while it runs, and when its attempts are used up.
    pub next_attempt: Option<i64>,
}

/// What is remembered of one task.
#[derive(Debug, Default)]
struct Memory {
    /// When it was last begun, on the monotonic clock.
    began: Duration,
    shown: Option<RestartStatus>,
    /// Counts what was planned; a plan that is not the last is not carried out.
    plan: u64,
    /// Whether the next beginning is the supervisor's own.
    is_own: bool,
}

/// The restarts of a connector's tasks.
#[derive(Debug, Default)]
pub(super) struct Supervisor(Mutex<BTreeMap<u32, Memory>>);

impl Supervisor {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Memory>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A task begins: what was planned for it is off; unless this was the plan, it counts anew.
    fn began(&self, task: u32, now: Duration) {
        let mut tasks = self.lock();
        let memory = tasks.entry(task).or_default();
        memory.began = now;
        memory.plan += 1;
        if !std::mem::take(&mut memory.is_own) {
            memory.shown = None;
        }
        if let Some(shown) = &mut memory.shown {
            shown.next_attempt = None;
        }
    }

    /// A task has failed: the pause before its restart and the number of the plan; none if it is not restarted.
    fn failed(
        &self,
        task: u32,
        policy: Policy,
        reason: &str,
        (now, now_ms): (Duration, i64),
    ) -> Option<(Duration, u64)> {
        let mut tasks = self.lock();
        let memory = tasks.entry(task).or_default();
        let ran_long = now.saturating_sub(memory.began) >= policy.reset_after;
        let before = memory.shown.as_ref().filter(|_| !ran_long);
        let made = before.map_or(0, |shown| shown.attempt);
        let is_over = made >= policy.attempts;
        let attempt = if is_over { made } else { made + 1 };
        let pause = policy.pause(attempt);
        let pause_ms = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        memory.plan += 1;
        memory.shown = Some(RestartStatus {
            attempt,
            max_attempts: policy.attempts,
            reason: reason.to_owned(),
            next_attempt: (!is_over).then(|| now_ms.saturating_add(pause_ms)),
        });
        (!is_over).then_some((pause, memory.plan))
    }

    /// Whether a plan still holds; the beginning that follows is then its own.
    fn take(&self, task: u32, plan: u64) -> bool {
        let mut tasks = self.lock();
        match tasks.get_mut(&task).filter(|memory| memory.plan == plan) {
            Some(memory) => {
                memory.is_own = true;
                true
            }
            None => false,
        }
    }

    /// What is to be shown of a task.
    pub(super) fn shown(&self, task: u32) -> Option<RestartStatus> {
        self.lock().get(&task)?.shown.clone()
    }
}

impl Connector {
    /// A task is about to begin.
    pub(super) fn supervisor_begins(&self, task: u32) {
        self.supervisor.began(task, self.shared.clock.monotonic());
    }

    /// The listener of a run of a task.
    pub(super) fn supervised(&self, inner: Arc<dyn StatusListener>) -> Arc<dyn StatusListener> {
        Arc::new(Supervised {
            inner,
            connector: self.me.clone(),
            control: tokio::runtime::Handle::current(),
        })
    }

    /// A task has failed: plans its restart if the connector asks for that.
    pub(super) fn plan_restart(&self, task: u32, trace: &str, control: &tokio::runtime::Handle) {
        let Some(policy) = Policy::of(&self.config()) else {
            return;
        };
        let clock = &self.shared.clock;
        let reason = trace.lines().next().unwrap_or_default();
        let now = (clock.monotonic(), clock.now_ms());
        let name = &self.name;
        let Some((pause, plan)) = self.supervisor.failed(task, policy, reason, now) else {
            log::error!(
                "task {name}-{task} stays FAILED: its {} restarts ({RESTART_ATTEMPTS}) are used up",
                policy.attempts
            );
            return;
        };
        log::warn!(
            "task {name}-{task} has failed and is restarted in {} ms",
            pause.as_millis()
        );
        let weak = self.me.clone();
        control.spawn(async move {
            tokio::time::sleep(pause).await;
            if let Some(connector) = weak.upgrade() {
                connector.restart_as_planned(task, plan).await;
            }
        });
    }

    async fn restart_as_planned(&self, task: u32, plan: u64) {
        let Ok(mut live) = self.lock().await else {
            return;
        };
        let id = TaskId {
            connector: Arc::clone(&self.name),
            task,
        };
        let state = self.shared.statuses.task(&self.name, task);
        let has_failed = state.is_some_and(|task| task.status.state == State::Failed);
        let is_wanted = self.wanted(|wanted| wanted.target != TargetState::Stopped);
        let is_here = has_failed && is_wanted && self.owns_task(task);
        if !is_here || !self.supervisor.take(task, plan) {
            return;
        }
        self.shared.statuses.set_task(&id, State::Restarting, None);
        if let Err(error) = restart_tasks(self, &mut live, &[task]).await {
            log::error!("task {id} does not restart: {error}");
        }
    }
}

/// Hears of a run of a task, and plans what follows its failure.
struct Supervised {
    inner: Arc<dyn StatusListener>,
    connector: Weak<Connector>,
    /// Where plans wait: not among the tasks.
    control: tokio::runtime::Handle,
}

impl StatusListener for Supervised {
    fn task(&self, id: &TaskId, state: State, trace: Option<String>) {
        let reason = (state == State::Failed).then(|| trace.clone().unwrap_or_default());
        self.inner.task(id, state, trace);
        if let (Some(reason), Some(connector)) = (reason, self.connector.upgrade()) {
            connector.plan_restart(id.task, &reason, &self.control);
        }
    }

    fn topic(&self, id: &TaskId, topic: &str) {
        self.inner.topic(id, topic);
    }
}

impl fmt::Debug for Supervised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervised").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Policy, Supervisor};

    const SECOND: Duration = Duration::from_secs(1);

    fn policy() -> Policy {
        Policy {
            attempts: 3,
            backoff: SECOND,
            longest: 3 * SECOND,
            reset_after: 60 * SECOND,
        }
    }

    #[test]
    fn pauses_grow_until_the_budget_is_spent() {
        let supervisor = Supervisor::default();
        supervisor.began(0, Duration::ZERO);
        for (attempt, pause) in [(1, 1), (2, 2), (3, 3)] {
            let (waits, plan) = supervisor
                .failed(0, policy(), "why", (SECOND, 1_000))
                .unwrap();
            assert_eq!(waits, pause * SECOND);
            let shown = supervisor.shown(0).unwrap();
            assert_eq!(shown.attempt, attempt);
            assert_eq!(shown.next_attempt, Some(1_000 + 1_000 * i64::from(pause)));
            assert!(supervisor.take(0, plan));
            supervisor.began(0, SECOND);
            assert_eq!(supervisor.shown(0).unwrap().next_attempt, None);
        }
        assert_eq!(supervisor.failed(0, policy(), "why", (SECOND, 0)), None);
        let shown = supervisor.shown(0).unwrap();
        assert_eq!((shown.attempt, shown.next_attempt), (3, None));
    }

    #[test]
    fn a_long_run_and_a_restart_by_hand_begin_to_count_anew() {
        let supervisor = Supervisor::default();
        let attempt = || supervisor.shown(0).map(|shown| shown.attempt);
        supervisor.began(0, Duration::ZERO);
        for _ in 0..2 {
            let (_, plan) = supervisor.failed(0, policy(), "", (SECOND, 0)).unwrap();
            assert!(supervisor.take(0, plan));
            supervisor.began(0, SECOND);
        }
        assert_eq!(attempt(), Some(2));
        supervisor
            .failed(0, policy(), "", (61 * SECOND, 0))
            .unwrap();
        assert_eq!(attempt(), Some(1));
        let (_, plan) = supervisor
            .failed(0, policy(), "", (62 * SECOND, 0))
            .unwrap();
        supervisor.began(0, 62 * SECOND);
        assert_eq!(attempt(), None);
        assert!(!supervisor.take(0, plan), "what was planned is off");
    }
}
