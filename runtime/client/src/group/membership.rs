//! The owner's side of a membership: wishes go to the task, events come back.
//!
//! The task keeps the member alive on its own. The owner only has to look at the events now and then: when a
//! rebalance is on ([`Event::Rebalance`]) it gives up what it must and says [`Membership::prepared`]; when it is
//! back in ([`Event::Joined`]) it takes up what it was assigned.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use millrace_wire::clock::Clock;
use millrace_wire::log_scope::inherited;
use tokio::sync::{Notify, mpsc};
use tokio_util::task::AbortOnDropHandle;

use super::coordinator::Coordinator;
use super::driver;
use super::error::GroupError;
use super::machine::{Machine, Settings};
use super::protocol::GroupProtocol;

/// A member is told at most a handful of things before its owner has to answer one of them.
const EVENTS: usize = 16;

/// Who a member is in its current generation; sent along with commits so that the coordinator can fence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The coordinator's id for the member; empty before the first join.
    pub member_id: String,
    /// The generation joined last, -1 outside the group.
    pub generation: i32,
    /// `group.instance.id`.
    pub instance_id: Option<String>,
    /// The protocol the group chose.
    pub protocol: String,
}

impl Identity {
    /// A process that is not a member: what a simple consumer sends with its commits.
    #[must_use]
    pub fn outside(instance_id: Option<String>) -> Self {
        Identity {
            member_id: String::new(),
            generation: -1,
            instance_id,
            protocol: String::new(),
        }
    }

    pub(super) fn forget_member(&mut self) {
        self.forget(true);
    }

    pub(super) fn forget(&mut self, member: bool) {
        self.generation = -1;
        if member {
            self.member_id.clear();
        }
    }
}

/// The outcome of a rebalance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The new generation.
    pub generation: i32,
    /// This member's id.
    pub member_id: String,
    /// The leader's id.
    pub leader: String,
    /// The protocol the coordinator chose among those all members offer.
    pub protocol: String,
    /// This member's part of the work, in the protocol's own encoding.
    pub assignment: Bytes,
}

impl Joined {
    /// Whether this member divided the work, and has to watch for changes that ask for a new division.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.leader == self.member_id
    }
}

/// What a member's owner is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A rebalance is on: give up what must be given up, then call [`Membership::prepared`] with this round.
    Rebalance {
        /// Its number.
        round: u64,
    },
    /// The coordinator has dropped the member; others may already have its work. Call [`Membership::prepared`] with
    /// this round to join again.
    Lost {
        /// Its number.
        round: u64,
    },
    /// The member is in, with this assignment.
    Joined(Joined),
    /// The member is out, and what it held is lost. [`Membership::join`] tries again.
    Failed(GroupError),
}

/// What the owner wants and the task has not yet seen.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    pub(super) join: bool,
    pub(super) rejoin: Option<String>,
    pub(super) prepared: Option<u64>,
    pub(super) leave: Option<String>,
    pub(super) end: bool,
}

/// What the owner and the task share.
#[derive(Debug)]
pub(super) struct Shared {
    wishes: Mutex<Wishes>,
    pub(super) changed: Notify,
    identity: Mutex<Identity>,
    /// When the owner was last seen, in ms of the monotonic clock.
    seen_ms: AtomicU64,
    /// When the coordinator was last heard, or had no reason to speak.
    heard_ms: AtomicU64,
}

impl Shared {
    fn wish(&self, change: impl FnOnce(&mut Wishes)) {
        change(&mut lock(&self.wishes));
        self.changed.notify_one();
    }

    pub(super) fn take_wishes(&self) -> Wishes {
        std::mem::take(&mut lock(&self.wishes))
    }

    pub(super) fn wants_out(&self) -> bool {
        lock(&self.wishes).leave.is_some()
    }

    pub(super) fn publish(&self, identity: &Identity) {
        let mut published = lock(&self.identity);
        if *published != *identity {
            published.clone_from(identity);
        }
    }

    pub(super) fn hear(&self, now: Duration) {
        self.heard_ms.store(as_ms(now), Ordering::Relaxed);
    }

    pub(super) fn owner_seen(&self) -> Duration {
        Duration::from_millis(self.seen_ms.load(Ordering::Relaxed))
    }
}

/// The owner's handle. Dropping it ends the task without a word to the coordinator, as a killed process would.
#[derive(Debug)]
pub struct Membership {
    shared: Arc<Shared>,
    events: mpsc::Receiver<Event>,
    task: AbortOnDropHandle<()>,
}

impl Membership {
    /// Starts the member's task on the current runtime; it does nothing before [`Membership::join`].
    #[must_use]
    pub fn start(
        settings: Settings,
        protocol: Arc<dyn GroupProtocol>,
        coordinator: Arc<Coordinator>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let machine = Machine::new(settings);
        let shared = Arc::new(Shared {
            wishes: Mutex::default(),
            changed: Notify::new(),
            identity: Mutex::new(machine.identity().clone()),
            seen_ms: AtomicU64::new(0),
            heard_ms: AtomicU64::new(0),
        });
        let (sender, events) = mpsc::channel(EVENTS);
        let task = driver::run(
            machine,
            protocol,
            coordinator,
            clock,
            Arc::clone(&shared),
            sender,
        );
        Membership {
            shared,
            events,
            task: AbortOnDropHandle::new(tokio::spawn(inherited(task))),
        }
    }

    /// Joins the group, or tries once more after [`Event::Failed`].
    pub fn join(&self) {
        self.shared.wish(|wishes| wishes.join = true);
    }

    /// Asks for a rebalance because what this member offers, or the work to divide, has changed.
    pub fn rejoin(&self, reason: &str) {
        self.shared
            .wish(|wishes| wishes.rejoin = Some(reason.to_owned()));
    }

    /// Everything that had to be given up for this round is given up.
    pub fn prepared(&self, round: u64) {
        self.shared.wish(|wishes| wishes.prepared = Some(round));
    }

    /// Leaves the group without ending the task. A static member keeps its place until its session ends.
    pub fn leave(&self, reason: &str) {
        self.shared.wish(|wishes| {
            *wishes = Wishes {
                leave: Some(reason.to_owned()),
                ..Wishes::default()
            };
        });
    }

    /// The owner is alive; called whenever it polls.
    pub fn touch(&self, now: Duration) {
        self.shared.seen_ms.store(as_ms(now), Ordering::Relaxed);
    }

    /// For how long heartbeats have gone without an answer: after the session timeout others may have this member's
    /// work.
    #[must_use]
    pub fn silence(&self, now: Duration) -> Duration {
        let heard = self.shared.heard_ms.load(Ordering::Relaxed);
        now.saturating_sub(Duration::from_millis(heard))
    }

    /// Who the member is at the moment.
    #[must_use]
    pub fn identity(&self) -> Identity {
        lock(&self.shared.identity).clone()
    }

    /// The next event, if there is one.
    pub fn try_event(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// The next event. Never ends by itself; may be dropped at any time.
    pub async fn event(&mut self) -> Event {
        match self.events.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }

    /// Ends the membership: dynamic members tell the coordinator, for at most `timeout`.
    pub async fn close(mut self, reason: &str, timeout: Duration) {
        self.shared.wish(|wishes| {
            *wishes = Wishes {
                leave: Some(reason.to_owned()),
                end: true,
                ..Wishes::default()
            };
        });
        self.events.close();
        if tokio::time::timeout(timeout, &mut self.task).await.is_err() {
            log::debug!("no answer to LeaveGroup within {timeout:?}");
        }
    }
}

fn as_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
