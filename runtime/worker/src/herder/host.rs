//! Where a connector's code runs: never on the control runtime.
//!
//! An instance is made, called and dropped by one actor, on the data runtime or, for a plugin whose calls may block,
//! on a thread of its own. A call that passes its deadline is given up; what it holds is abandoned and counted, and
//! there is a bound on how much may be.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use millrace_api::Execution;
use millrace_wire::clock::Clock;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::instance::Instance;
use super::stages::{Stage, Stages};
use crate::registry::Registered;

/// The most threads that may hang in connectors' code before no further one is started.
const ABANDONED_THREADS_MAX: usize = 32;

/// Why a call of a connector's code gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// It took too long and was given up.
    #[error("the connector did not {what} within {} s and is abandoned", deadline.as_secs())]
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
type Job = Box<dyn for<'a> FnOnce(&'a mut Instance) -> Call<'a, ()> + Send>;

/// Starts hosts, and counts the threads that were left behind.
#[derive(Debug, Clone)]
pub(crate) struct Hosts {
    data: Handle,
    abandoned: Arc<AtomicUsize>,
    stages: Stages,
}

impl Hosts {
    pub(crate) fn new(data: Handle, clock: Arc<dyn Clock>) -> Self {
        Self {
            data,
            abandoned: Arc::default(),
            stages: Stages::new(clock),
        }
    }

    /// The call of a connector's code that has been in progress for longest.
    pub(super) fn stage(&self) -> Option<Stage> {
        self.stages.oldest()
    }

    /// Makes an instance of a connector where its code may run.
    pub(crate) fn host(&self, plugin: &Registered) -> Result<Host, CallError> {
        let hanging = self.abandoned.load(Ordering::Relaxed);
        if hanging >= ABANDONED_THREADS_MAX {
            return Err(CallError::TooManyAbandoned(hanging));
        }
        let (jobs, queue) = mpsc::channel(1);
        let cancel = CancellationToken::new();
        let work = act(plugin.clone(), queue, cancel.clone());
        let left_behind = Arc::new(AtomicBool::new(false));
        let abandoned = match plugin.execution() {
            Execution::Async => {
                drop(self.data.spawn(work));
                None
            }
            Execution::Thread => {
                self.spawn_thread(plugin.class(), work, Arc::clone(&left_behind))?;
                Some(Arc::clone(&self.abandoned))
            }
        };
        Ok(Host {
            class: plugin.class(),
            stages: self.stages.clone(),
            jobs,
            left_behind,
            abandoned,
            _cancel: cancel.drop_guard(),
        })
    }

    fn spawn_thread(
        &self,
        class: &str,
        work: impl Future<Output = ()> + Send + 'static,
        left_behind: Arc<AtomicBool>,
    ) -> Result<(), CallError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| CallError::NoThread(error.to_string()))?;
        let abandoned = Arc::clone(&self.abandoned);
        let body = move || {
            runtime.block_on(work);
            if left_behind.load(Ordering::Acquire) {
                abandoned.fetch_sub(1, Ordering::Relaxed);
            }
        };
        let thread = std::thread::Builder::new().name(format!("connector {class}"));
        thread
            .spawn(body)
            .map(drop)
            .map_err(|error| CallError::NoThread(error.to_string()))
    }
}

/// Makes the instance, runs its calls one after another, drops it.
async fn act(plugin: Registered, mut queue: mpsc::Receiver<Job>, cancel: CancellationToken) {
    let mut instance = None;
    loop {
        let job = tokio::select! {
            job = queue.recv() => job,
            () = cancel.cancelled() => None,
        };
        let Some(job) = job else { return };
        let instance = instance.get_or_insert_with(|| Instance::new(&plugin));
        tokio::select! {
            () = job(instance) => {}
            () = cancel.cancelled() => return,
        }
    }
}

/// A connector instance that can be called. Dropping it ends the instance; call its `stop` before.
#[derive(Debug)]
pub(crate) struct Host {
    class: &'static str,
    stages: Stages,
    jobs: mpsc::Sender<Job>,
    left_behind: Arc<AtomicBool>,
    /// The count of hanging threads; none for an instance that has no thread of its own.
    abandoned: Option<Arc<AtomicUsize>>,
    _cancel: DropGuard,
}

impl Host {
    /// Calls the instance and waits for the answer, at most `deadline`. `what` completes "the connector did not …".
    pub(crate) async fn call<T, F>(
        &self,
        what: &'static str,
        deadline: Duration,
        call: F,
    ) -> Result<T, CallError>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Instance) -> Call<'a, T> + Send + 'static,
    {
        if self.left_behind.load(Ordering::Acquire) {
            return Err(CallError::Gone);
        }
        let _in_progress = self
            .stages
            .begin(format!("waiting for {} to {what}", self.class));
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |instance| {
            Box::pin(async move {
                let outcome = AssertUnwindSafe(async move { call(instance).await })
                    .catch_unwind()
                    .await;
                // Nobody waits for an answer that comes too late.
                drop(reply.send(
                    outcome.map_err(|panic| CallError::Panicked(panic_text(panic.as_ref()))),
                ));
            })
        });
        let exchange = async {
            self.jobs.send(job).await.map_err(|_| CallError::Gone)?;
            answer.await.unwrap_or(Err(CallError::Gone))
        };
        match tokio::time::timeout(deadline, exchange).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => {
                let was_left = self.left_behind.swap(true, Ordering::AcqRel);
                if let (false, Some(abandoned)) = (was_left, &self.abandoned) {
                    abandoned.fetch_add(1, Ordering::Relaxed);
                }
                Err(CallError::TimedOut { what, deadline })
            }
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
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

    use async_trait::async_trait;
    use millrace_api::{
        ConnectError, ConnectorContext, Execution, Plugin, Properties, SinkConnector, SinkTask,
    };
    use millrace_config::ConfigDef;
    use millrace_wire::clock;

    use super::{ABANDONED_THREADS_MAX, CallError, Hosts};
    use crate::registry::Registry;

    #[derive(Default)]
    struct Idle;

    #[async_trait]
    impl SinkConnector for Idle {
        fn plugin() -> Plugin {
            Plugin {
                class: "Idle",
                aliases: &[],
                version: "1",
                execution: Execution::Thread,
            }
        }

        fn definition(&self) -> ConfigDef {
            ConfigDef::new()
        }

        async fn start(&mut self, _: &Properties, _: ConnectorContext) -> Result<(), ConnectError> {
            Ok(())
        }

        async fn task_configs(&self, _: usize) -> Result<Vec<Properties>, ConnectError> {
            Ok(Vec::new())
        }

        fn task(&self) -> Box<dyn SinkTask> {
            unreachable!("no task is asked for")
        }
    }

    #[tokio::test]
    async fn a_call_that_hangs_is_given_up_and_counted() {
        let registry = Registry::new().sink::<Idle>();
        let plugin = registry.connector("Idle").unwrap();
        let hosts = Hosts::new(tokio::runtime::Handle::current(), clock::system());
        let host = hosts.host(plugin).unwrap();
        let (release, held) = mpsc::sync_channel::<()>(1);
        let hang = host.call("return", Duration::from_millis(20), move |_| {
            Box::pin(async move { assert!(held.recv().is_err()) })
        });
        assert!(matches!(
            hang.await,
            Err(CallError::TimedOut { what: "return", .. })
        ));
        let later = host.call("stop", Duration::from_secs(5), |_| Box::pin(async {}));
        assert_eq!(later.await, Err(CallError::Gone));
        assert_eq!(hosts.abandoned.load(Ordering::Relaxed), 1);
        drop((host, release));
        for _ in 0..500 {
            if hosts.abandoned.load(Ordering::Relaxed) == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(hosts.abandoned.load(Ordering::Relaxed), 0);
        hosts
            .abandoned
            .store(ABANDONED_THREADS_MAX, Ordering::Relaxed);
        assert!(matches!(
            hosts.host(plugin),
            Err(CallError::TooManyAbandoned(_))
        ));
    }

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        let registry = Registry::new().sink::<Idle>();
        let hosts = Hosts::new(tokio::runtime::Handle::current(), clock::system());
        let host = hosts.host(registry.connector("Idle").unwrap()).unwrap();
        let panics = host.call("return", Duration::from_secs(5), |_| {
            Box::pin(async { panic!("told to") })
        });
        let outcome: Result<(), _> = panics.await;
        assert_eq!(outcome, Err(CallError::Panicked("told to".to_owned())));
        let goes_on = host.call("return", Duration::from_secs(5), |_| Box::pin(async { 7 }));
        assert_eq!(goes_on.await, Ok(7));
    }
}
