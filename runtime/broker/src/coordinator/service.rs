//! The shell around the state machine: locks, timers, appends, and waiting for the disk.
//!
//! The groups of a partition of `__consumer_offsets` share one lock, held while a step is taken and its changes are
//! appended to the page cache, never while anything waits. Answers leave when their changes are durable, in the sense
//! of `log.durability`.

mod figures;
mod open;
mod replay;
mod shard;
mod timers;
mod view;
mod waiting;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use millrace_storage::Log;
use millrace_wire::clock::Clock;
use millrace_wire::error_code::ErrorCode;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::group::{
    Answer, CommitRequest, Effects, JoinAnswer, JoinRequest, MemberRef, Step, SyncAnswer,
    SyncRequest,
};
use super::groups::Groups;
use super::record::Change;
use super::{GroupSettings, Now, partition};
use shard::Shard;
use timers::Timers;
use waiting::Waiting;

pub(crate) use figures::GroupFigures;
pub(crate) use view::{CommittedOffset, GroupView};

/// The group coordinator of this node.
#[derive(Debug)]
pub(crate) struct GroupCoordinator {
    settings: GroupSettings,
    clock: Arc<dyn Clock>,
    /// One for each partition of `__consumer_offsets`; unset until the topic is there and read.
    shards: OnceLock<Vec<Shard>>,
    /// Held by the one that makes and reads the topic.
    opening: tokio::sync::Mutex<()>,
    waiting: Arc<Waiting>,
    timers: Timers,
}

/// Why the groups are not there.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the groups of {log} back: {reason}")]
struct LoadError {
    log: String,
    reason: String,
}

impl GroupCoordinator {
    pub(crate) fn new(settings: GroupSettings, clock: Arc<dyn Clock>) -> GroupCoordinator {
        GroupCoordinator {
            settings,
            clock,
            shards: OnceLock::new(),
            opening: tokio::sync::Mutex::default(),
            waiting: Arc::default(),
            timers: Timers::default(),
        }
    }

    fn is_loaded(&self) -> bool {
        self.shards.get().is_some()
    }

    /// Reads the groups back from the partitions of `__consumer_offsets`, in order, and begins to serve. Further calls
    /// do nothing. Blocks on the disk.
    fn load(&self, logs: &[Arc<Log>]) -> Result<(), LoadError> {
        let mut shards = Vec::with_capacity(logs.len());
        for log in logs {
            let mut groups = replay::replay(log, self.step()).map_err(|error| LoadError {
                log: format!("{}-{}", log.topic(), log.partition()),
                reason: error.to_string(),
            })?;
            // Nobody waits for an answer yet, and a rebalance that begins is not stored.
            groups.begin_to_serve(self.step(), &mut Effects::default());
            for group in groups.iter() {
                self.timers.arm(group.id(), group.deadline());
            }
            shards.push(Shard::new(Arc::clone(log), groups));
        }
        let groups: usize = shards.iter().map(|shard| shard.lock().iter().count()).sum();
        if groups > 0 {
            log::info!("group coordinator: {groups} groups read back");
        }
        // Whoever came first has loaded the same logs.
        self.shards.get_or_init(|| shards);
        Ok(())
    }

    /// Calls groups when their time has come and drops what expired, until `stop`; then lets go of all who wait.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        let mut expiry = self.clock.monotonic() + self.settings.offsets_retention_check_interval;
        loop {
            let now = self.clock.monotonic();
            while let Some(group) = self.timers.pop(now) {
                self.tick(&group);
            }
            if now >= expiry {
                expiry = now + self.settings.offsets_retention_check_interval;
                self.expire();
            }
            let next = self
                .timers
                .first()
                .map_or(expiry, |first| first.min(expiry));
            tokio::select! {
                () = stop.cancelled() => return self.waiting.close(),
                () = tokio::time::sleep(next.saturating_sub(now)) => {}
                () = self.timers.earlier() => {}
            }
        }
    }

    /// JoinGroup; waits until the group's next generation is known.
    pub(crate) async fn join(&self, group: &str, request: JoinRequest) -> JoinAnswer {
        let member_id = request.member_id.clone();
        let shard = match self.shard(group) {
            Ok(shard) => shard,
            Err(error) => return JoinAnswer::refused(&member_id, error),
        };
        let (ticket, answer) = self.waiting.draw();
        self.take_step(shard, group, |groups, step, effects| {
            groups.join(group, request, ticket, step, effects);
        });
        match answer.await {
            Ok(Answer::Join(answer)) => answer,
            _ => JoinAnswer::refused(&member_id, ErrorCode::COORDINATOR_NOT_AVAILABLE),
        }
    }

    /// SyncGroup; waits until the leader has decided.
    pub(crate) async fn sync(&self, group: &str, request: SyncRequest) -> SyncAnswer {
        let shard = match self.shard(group) {
            Ok(shard) => shard,
            Err(error) => return SyncAnswer::refused(error),
        };
        let (ticket, answer) = self.waiting.draw();
        self.take_step(shard, group, |groups, step, effects| {
            groups.sync(group, request, ticket, step, effects);
        });
        match answer.await {
            Ok(Answer::Sync(answer)) => answer,
            _ => SyncAnswer::refused(ErrorCode::COORDINATOR_NOT_AVAILABLE),
        }
    }

    /// Heartbeat.
    pub(crate) fn heartbeat(
        &self,
        group: &str,
        member: &MemberRef,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        let shard = self.shard(group)?;
        shard
            .lock()
            .heartbeat(group, member, generation, self.step())
    }

    /// LeaveGroup: an outcome for each member.
    pub(crate) async fn leave(
        &self,
        group: &str,
        leaving: &[MemberRef],
    ) -> Result<Vec<Result<(), ErrorCode>>, ErrorCode> {
        let shard = self.shard(group)?;
        let (outcomes, stored) = self.take_step(shard, group, |groups, step, effects| {
            groups.leave(group, leaving, step, effects)
        });
        stored.wait().await?;
        outcomes
    }

    /// OffsetCommit: an outcome for each offset.
    pub(crate) async fn commit(
        &self,
        group: &str,
        request: CommitRequest,
        group_errors: bool,
    ) -> Result<Vec<Result<(), ErrorCode>>, ErrorCode> {
        let shard = self.shard(group)?;
        let (outcomes, stored) = self.change(shard, |groups, step, changes| {
            groups.commit(group, request, group_errors, step, changes)
        })?;
        stored.wait().await?;
        outcomes
    }

    /// OffsetDelete: an outcome for each partition.
    pub(crate) async fn delete_offsets(
        &self,
        group: &str,
        partitions: &[(String, i32)],
    ) -> Result<Vec<Result<(), ErrorCode>>, ErrorCode> {
        let shard = self.shard(group)?;
        let (outcomes, stored) = self.change(shard, |groups, _, changes| {
            groups.delete_offsets(group, partitions, changes)
        })?;
        stored.wait().await?;
        outcomes
    }

    /// DeleteGroups, for one group.
    pub(crate) async fn delete_group(&self, group: &str) -> Result<(), ErrorCode> {
        let shard = self.shard(group)?;
        let (outcome, stored) =
            self.change(shard, |groups, _, changes| groups.delete(group, changes))?;
        stored.wait().await?;
        outcome
    }

    /// Drops the offsets of topics that were deleted.
    pub(crate) fn forget_topics(&self, topics: &BTreeSet<String>) {
        self.change_all(|groups, _, changes| groups.forget_topics(topics, changes));
    }

    fn expire(&self) {
        self.change_all(|groups, step, changes| groups.expire(step, changes));
    }

    fn tick(&self, group: &str) {
        if let Ok(shard) = self.shard(group) {
            self.take_step(shard, group, |groups, step, effects| {
                groups.tick(group, step, effects);
            });
        }
    }

    fn shards(&self) -> &[Shard] {
        self.shards.get().map_or(&[], Vec::as_slice)
    }

    fn shard(&self, group: &str) -> Result<&Shard, ErrorCode> {
        let shards = self.shards();
        shards
            .get(partition::of_group(group, shards.len()))
            .ok_or(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)
    }

    fn step(&self) -> Step<'_> {
        Step {
            settings: &self.settings,
            now: Now::read(&*self.clock),
        }
    }

    /// Takes a step that changes membership: appends what it changed and sends what it answers.
    fn take_step<T>(
        &self,
        shard: &Shard,
        group: &str,
        take: impl FnOnce(&mut Groups, Step<'_>, &mut Effects) -> T,
    ) -> (T, Stored) {
        let mut groups = shard.lock();
        let step = self.step();
        let mut effects = Effects::default();
        let outcome = take(&mut groups, step, &mut effects);
        let stored = match shard.append(&effects.changes, step.now.wall_ms) {
            Ok(end) => {
                self.answer_when_durable(shard, end, effects);
                Stored::after(shard, end)
            }
            Err(error) => {
                log::error!("group {group}: {error}");
                self.waiting.answer(effects.answers, Some(error.code()));
                let mut effects = Effects::default();
                groups.not_stored(group, step, &mut effects);
                self.waiting.answer(effects.answers, None);
                Stored::failed(error.code())
            }
        };
        let deadline = groups.deadline(group);
        drop(groups);
        self.timers.arm(group, deadline);
        (outcome, stored)
    }

    fn answer_when_durable(&self, shard: &Shard, end: Option<i64>, effects: Effects) {
        if effects.answers.is_empty() {
            return;
        }
        let Some(end) = end else {
            return self.waiting.answer(effects.answers, None);
        };
        let waiting = Arc::clone(&self.waiting);
        let answer = move |outcome: Result<(), _>| {
            let failure = outcome.err().map(|_| ErrorCode::COORDINATOR_NOT_AVAILABLE);
            waiting.answer(effects.answers, failure);
        };
        shard.log().on_durable(end, Box::new(answer));
    }

    /// Plans changes, appends them and, once they are in the log, applies them.
    fn change<T>(
        &self,
        shard: &Shard,
        plan: impl FnOnce(&mut Groups, Step<'_>, &mut Vec<Change>) -> T,
    ) -> Result<(T, Stored), ErrorCode> {
        let mut groups = shard.lock();
        let step = self.step();
        let mut changes = Vec::new();
        let outcome = plan(&mut groups, step, &mut changes);
        let end = shard.append(&changes, step.now.wall_ms).map_err(|error| {
            log::error!("group coordinator: {error}");
            error.code()
        })?;
        for change in changes {
            groups.apply(change, step);
        }
        Ok((outcome, Stored::after(shard, end)))
    }

    /// Plans and applies changes that nobody waits for.
    fn change_all(&self, plan: impl Fn(&mut Groups, Step<'_>, &mut Vec<Change>)) {
        for shard in self.shards() {
            // A failure is logged; what could not be dropped is looked at again next time.
            self.change(shard, &plan).ok();
        }
    }
}

/// Changes on their way to the disk.
#[derive(Debug)]
enum Stored {
    Done(Result<(), ErrorCode>),
    Pending(oneshot::Receiver<bool>),
}

impl Stored {
    fn after(shard: &Shard, end: Option<i64>) -> Stored {
        let Some(end) = end else {
            return Stored::Done(Ok(()));
        };
        let (sender, receiver) = oneshot::channel();
        let durable = move |outcome: Result<(), _>| {
            // The one who waited may have gone away.
            sender.send(outcome.is_ok()).ok();
        };
        shard.log().on_durable(end, Box::new(durable));
        Stored::Pending(receiver)
    }

    fn failed(error: ErrorCode) -> Stored {
        Stored::Done(Err(error))
    }

    async fn wait(self) -> Result<(), ErrorCode> {
        match self {
            Stored::Done(outcome) => outcome,
            Stored::Pending(receiver) => match receiver.await {
                Ok(true) => Ok(()),
                Ok(false) | Err(_) => Err(ErrorCode::COORDINATOR_NOT_AVAILABLE),
            },
        }
    }
}
