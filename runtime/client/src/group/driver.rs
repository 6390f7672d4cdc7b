//! The task that carries out what a member's state machine asks for.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use millrace_wire::clock::Clock;
use tokio::sync::mpsc;

use super::coordinator::Coordinator;
use super::machine::{Machine, Step};
use super::membership::{Event, Shared, Wishes};
use super::protocol::GroupProtocol;
use super::requests;

struct Driver {
    machine: Machine,
    coordinator: Arc<Coordinator>,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
    /// The owner has closed the membership: the task ends when the member is out.
    closing: bool,
}

/// Runs a member until its owner is gone.
pub(super) async fn run(
    machine: Machine,
    protocol: Arc<dyn GroupProtocol>,
    coordinator: Arc<Coordinator>,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
    events: mpsc::Sender<Event>,
) {
    let mut driver = Driver {
        machine,
        coordinator,
        clock,
        shared,
        closing: false,
    };
    loop {
        driver.heed();
        driver.shared.publish(driver.machine.identity());
        if driver.closing && driver.machine.is_outside() {
            return;
        }
        let now = driver.clock.monotonic();
        if !driver.machine.watches_owner() {
            driver.shared.hear(now);
        }
        let step = driver.machine.next(now);
        if let Step::Tell(event) = step {
            driver.shared.publish(driver.machine.identity());
            if events.send(event).await.is_err() && !driver.closing {
                return;
            }
            continue;
        }
        driver.act(step, &*protocol).await;
    }
}

impl Driver {
    /// Passes on what the owner wants.
    fn heed(&mut self) {
        let wishes = self.shared.take_wishes();
        self.closing |= wishes.end;
        apply(&mut self.machine, wishes);
        let quiet = self
            .clock
            .monotonic()
            .saturating_sub(self.shared.owner_seen());
        if self.machine.watches_owner() && quiet > self.machine.settings().rebalance_timeout {
            self.machine.overdue();
        }
    }

    async fn act(&mut self, step: Step, protocol: &dyn GroupProtocol) {
        let coordinator = Arc::clone(&self.coordinator);
        match step {
            Step::Find => {
                let found = self
                    .unless_left(async move { coordinator.find().await })
                    .await;
                self.report(found, Machine::found);
            }
            Step::Join(mut request) => {
                request.protocols = requests::protocols(protocol.offers());
                let patience = self.machine.settings().rebalance_timeout;
                let answer = self.unless_left(async move {
                    coordinator.call_patiently(&request, patience).await
                });
                let answer = answer.await;
                self.report(answer, Machine::joined);
            }
            Step::Assign {
                protocol: name,
                members,
            } => {
                let own = self.machine.identity().member_id.clone();
                let assigned = self
                    .unless_left(protocol.assign(&name, &own, members))
                    .await;
                self.report(assigned, Machine::assigned);
            }
            Step::Sync(request) => {
                let patience = self.machine.settings().rebalance_timeout;
                let answer = self.unless_left(async move {
                    coordinator.call_patiently(&request, patience).await
                });
                let answer = answer.await;
                self.report(answer, Machine::synced);
            }
            Step::Heartbeat(request) => {
                let answer = self
                    .unless_left(async move { coordinator.call(&request).await })
                    .await;
                if let Some(Ok(_)) = &answer {
                    self.shared.hear(self.clock.monotonic());
                }
                self.report(answer, Machine::beaten);
            }
            Step::Leave(request) => {
                if let Err(failure) = coordinator.call(&request).await {
                    log::debug!("cannot tell the coordinator about leaving: {failure:?}");
                }
                self.machine.left();
            }
            Step::Wait(until) => self.wait(until).await,
            Step::Tell(_) => {}
        }
    }

    fn report<T>(&mut self, outcome: Option<T>, to: impl FnOnce(&mut Machine, T, Duration)) {
        match outcome {
            Some(outcome) => to(&mut self.machine, outcome, self.clock.monotonic()),
            None => self.coordinator.disconnect(),
        }
    }

    /// Waits for an answer, heeding the owner meanwhile. `None`: the owner wants out, the answer is of no use.
    async fn unless_left<T>(&mut self, call: impl Future<Output = T>) -> Option<T> {
        let mut call = std::pin::pin!(call);
        loop {
            tokio::select! {
                biased;
                outcome = &mut call => return Some(outcome),
                () = self.shared.changed.notified() => {}
            }
            if self.shared.wants_out() {
                return None;
            }
            self.heed();
        }
    }

    async fn wait(&self, until: Option<Duration>) {
        let deadline = self.machine.watches_owner().then(|| {
            let grace = self.machine.settings().rebalance_timeout + Duration::from_millis(1);
            self.shared.owner_seen() + grace
        });
        let until = match (until, deadline) {
            (Some(until), Some(deadline)) => Some(until.min(deadline)),
            (until, deadline) => until.or(deadline),
        };
        let sleep = async {
            match until {
                Some(until) => {
                    tokio::time::sleep(until.saturating_sub(self.clock.monotonic())).await
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = sleep => {}
            () = self.shared.changed.notified() => {}
        }
    }
}

fn apply(machine: &mut Machine, wishes: Wishes) {
    if let Some(reason) = wishes.leave {
        machine.leave(&reason);
    }
    if wishes.join {
        machine.join();
    }
    if let Some(round) = wishes.prepared {
        machine.prepared(round);
    }
    if let Some(reason) = wishes.rejoin {
        machine.rejoin(&reason);
    }
}
