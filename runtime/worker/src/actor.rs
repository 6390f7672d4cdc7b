//! Connectors' code where it may hang or panic: behind a queue of calls, on the data runtime or on a thread of its own.
//!
//! Whoever calls waits as long as it wants to. A call that nobody waits for any more is dropped where it awaits; one
//! that holds its thread is left behind with that thread, which is counted until it returns. There is a bound on how
//! many may be: a worker with that many hanging threads starts no more of them, and says so.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use millrace_wire::log_scope::inherited;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The most threads that may hang in connectors' code before no further one is started.
pub(crate) const ABANDONED_THREADS_MAX: usize = 32;

/// Why a call of a connector's code gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// It took too long and was given up.
    #[error("the connector did not {what} within {} ms and is abandoned", deadline.as_millis())]
    TimedOut {
        what: &'static str,
        deadline: Duration,
    },
    /// It panicked.
    #[error("the connector panicked: {0}")]
    Panicked(String),
    /// An earlier call of it was abandoned.
    #[error("the connector is not running any more")]
    Gone,
    /// Too many threads hang in connectors' code.
    #[error("{0} threads hang in connectors' code already; restart the worker")]
    TooManyAbandoned(usize),
    /// The system gives no thread.
    #[error("cannot start a thread for the connector: {0}")]
    NoThread(String),
}

/// A call in progress.
pub(crate) type Call<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
type Job<S> = Box<dyn for<'a> FnOnce(&'a mut S) -> Call<'a, ()> + Send>;

/// Counts the threads of a worker that were left behind. Clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Threads(Arc<AtomicUsize>);

impl Threads {
    /// How many hang now.
    pub(crate) fn abandoned(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether a further thread may be started.
    pub(crate) fn check(&self) -> Result<(), CallError> {
        match self.abandoned() {
            hanging if hanging >= ABANDONED_THREADS_MAX => {
                Err(CallError::TooManyAbandoned(hanging))
            }
            _ => Ok(()),
        }
    }
}

const IDLE: u8 = 0;
const BUSY: u8 = 1;
const LEFT: u8 = 2;

/// What an actor is doing: idle, in a call, or left behind in a call.
#[derive(Debug, Default)]
struct Stage(AtomicU8);

impl Stage {
    fn change(&self, from: u8, to: u8) -> bool {
        let changed = self
            .0
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
        changed.is_ok()
    }

    fn is_left(&self) -> bool {
        self.0.load(Ordering::Acquire) == LEFT
    }
}

/// Something whose calls run one after another, elsewhere. Dropping it drops that thing, as soon as it returns.
pub(crate) struct Actor<S> {
    jobs: mpsc::Sender<Job<S>>,
    stage: Arc<Stage>,
    /// The count of hanging threads; none for one that has no thread of its own.
    threads: Option<Threads>,
    _cancel: DropGuard,
}

impl<S> fmt::Debug for Actor<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actor")
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

impl<S: Send + 'static> Actor<S> {
    /// One whose calls run on `data`. What it is made of is made there, by the first call.
    pub(crate) fn on_runtime(data: &Handle, make: impl FnOnce() -> S + Send + 'static) -> Self {
        let (actor, work) = Self::new(make, None);
        data.spawn(work);
        actor
    }

    /// One whose calls may block: it has a thread of that name and a small runtime.
    ///
    /// # Errors
    /// When too many threads hang already, or the system gives none.
    pub(crate) fn on_thread(
        name: String,
        threads: &Threads,
        make: impl FnOnce() -> S + Send + 'static,
    ) -> Result<Self, CallError> {
        threads.check()?;
        let no_thread = |error: std::io::Error| CallError::NoThread(error.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(no_thread)?;
        let (actor, work) = Self::new(make, Some(threads.clone()));
        let (stage, threads) = (Arc::clone(&actor.stage), threads.clone());
        let body = move || {
            // A constructor that panics ends the thread; its first call is then answered by nobody.
            drop(std::panic::catch_unwind(AssertUnwindSafe(|| {
                runtime.block_on(work);
            })));
            // What the code has left on its blocking pool is not waited for.
            runtime.shutdown_background();
            if !stage.change(BUSY, IDLE) && stage.is_left() {
                threads.0.fetch_sub(1, Ordering::Relaxed);
            }
        };
        let spawned = std::thread::Builder::new().name(name).spawn(body);
        spawned.map_err(no_thread)?;
        Ok(actor)
    }

    fn new(
        make: impl FnOnce() -> S + Send + 'static,
        threads: Option<Threads>,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (jobs, queue) = mpsc::channel(1);
        let cancel = CancellationToken::new();
        let stage = Arc::new(Stage::default());
        let work = act(make, queue, cancel.clone(), Arc::clone(&stage));
        // On a thread of its own, too, it belongs to whom its maker belongs to.
        let work = inherited(work);
        let actor = Self {
            jobs,
            stage,
            threads,
            _cancel: cancel.drop_guard(),
        };
        (actor, work)
    }

    /// Has a call made and waits for its answer. Who stops waiting, for which a caller drops this future, ends the
    /// call where it awaits something.
    pub(crate) async fn call<T, F>(&self, call: F) -> Result<T, CallError>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut S) -> Call<'a, T> + Send + 'static,
    {
        if self.stage.is_left() {
            return Err(CallError::Gone);
        }
        let (mut reply, answer) = oneshot::channel();
        let job: Job<S> = Box::new(move |subject| {
            Box::pin(async move {
                let work = AssertUnwindSafe(async move { call(subject).await }).catch_unwind();
                let outcome = tokio::select! {
                    biased;
                    outcome = work => outcome,
                    () = reply.closed() => return,
                };
                // Nobody waits for an answer that comes too late.
                drop(reply.send(
                    outcome.map_err(|panic| CallError::Panicked(panic_text(panic.as_ref()))),
                ));
            })
        });
        self.jobs.send(job).await.map_err(|_| CallError::Gone)?;
        answer.await.unwrap_or(Err(CallError::Gone))
    }
}

impl<S> Actor<S> {
    /// Whether it was given up in a call that still holds it.
    pub(crate) fn is_gone(&self) -> bool {
        self.stage.is_left()
    }

    /// Gives it up: there are no more calls, and a thread that does not return is counted.
    pub(crate) fn abandon(&self) {
        if self.stage.change(BUSY, LEFT)
            && let Some(threads) = &self.threads
        {
            threads.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<S> Drop for Actor<S> {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// Makes the subject, runs its calls one after another, drops it.
async fn act<S: Send>(
    make: impl FnOnce() -> S + Send,
    mut queue: mpsc::Receiver<Job<S>>,
    cancel: CancellationToken,
    stage: Arc<Stage>,
) {
    let (mut make, mut subject) = (Some(make), None);
    loop {
        let job = tokio::select! {
            job = queue.recv() => job,
            () = cancel.cancelled() => None,
        };
        let Some(job) = job else { return };
        stage.change(IDLE, BUSY);
        if let Some(make) = make.take() {
            subject = Some(make());
        }
        let Some(subject) = &mut subject else { return };
        tokio::select! {
            () = job(subject) => {}
            () = cancel.cancelled() => return,
        }
        if !stage.change(BUSY, IDLE) {
            return;
        }
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::{ABANDONED_THREADS_MAX, Actor, CallError, Threads};

    async fn until(threads: &Threads, count: usize) {
        for _ in 0..6_000 {
            if threads.abandoned() == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} threads are abandoned, not {count}", threads.abandoned());
    }

    #[tokio::test]
    async fn a_thread_that_hangs_is_counted_until_it_returns() {
        let threads = Threads::default();
        let actor = Actor::on_thread("test".to_owned(), &threads, || ()).unwrap();
        let (release, held) = mpsc::sync_channel::<()>(1);
        let (begin, begun) = tokio::sync::oneshot::channel();
        let hang = actor.call(move |()| {
            Box::pin(async move {
                begin.send(()).unwrap();
                assert!(held.recv().is_err());
            })
        });
        tokio::select! {
            _ = hang => panic!("it hangs"),
            begun = begun => begun.unwrap(),
        }
        actor.abandon();
        let later = actor.call(|()| Box::pin(async {})).await;
        assert_eq!((later, threads.abandoned()), (Err(CallError::Gone), 1));
        drop((actor, release));
        until(&threads, 0).await;
        threads.0.store(ABANDONED_THREADS_MAX, Ordering::Relaxed);
        let refused = Actor::on_thread("test".to_owned(), &threads, || ());
        assert!(matches!(refused, Err(CallError::TooManyAbandoned(_))));
    }

    #[tokio::test]
    async fn a_call_that_nobody_waits_for_is_dropped_and_the_next_one_runs() {
        let threads = Threads::default();
        let actor = Actor::on_thread("test".to_owned(), &threads, || 0).unwrap();
        let forever = actor.call(|_| Box::pin(std::future::pending::<()>()));
        let waited = tokio::time::timeout(Duration::from_millis(20), forever).await;
        assert!(waited.is_err());
        let next = actor.call(|count| {
            Box::pin(async {
                *count += 1;
                *count
            })
        });
        assert_eq!(next.await, Ok(1));
        drop(actor);
        until(&threads, 0).await;
    }

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        let data = tokio::runtime::Handle::current();
        let actor = Actor::on_runtime(&data, || ());
        let panics = actor.call(|()| Box::pin(async { panic!("told to") }));
        let outcome: Result<(), _> = panics.await;
        assert_eq!(outcome, Err(CallError::Panicked("told to".to_owned())));
        assert_eq!(actor.call(|()| Box::pin(async { 7 })).await, Ok(7));
    }
}
