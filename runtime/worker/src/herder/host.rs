//! Where a connector's code runs: never on the control runtime.
//!
//! An instance is made, called and dropped by one actor, on the data runtime or, for a plugin whose calls may block,
//! on a thread of its own. A call that passes its deadline is given up; what it holds is abandoned and counted, and
//! there is a bound on how much may be.

use std::sync::Arc;
use std::time::Duration;

use millrace_api::Execution;
use millrace_wire::clock::Clock;
use tokio::runtime::Handle;

use super::instance::Instance;
use super::stages::{Stage, Stages};
pub(crate) use crate::actor::CallError;
use crate::actor::{Actor, Call, Threads};
use crate::registry::Registered;

/// Starts hosts, and counts the threads that were left behind.
#[derive(Debug, Clone)]
pub(crate) struct Hosts {
    data: Handle,
    threads: Threads,
    stages: Stages,
}

impl Hosts {
    pub(crate) fn new(data: Handle, threads: Threads, clock: Arc<dyn Clock>) -> Self {
        Self {
            data,
            threads,
            stages: Stages::new(clock),
        }
    }

    /// The call of a connector's code that has been in progress for longest.
    pub(super) fn stage(&self) -> Option<Stage> {
        self.stages.oldest()
    }

    /// Makes an instance of a connector where its code may run.
    pub(crate) fn host(&self, plugin: &Registered) -> Result<Host, CallError> {
        let class = plugin.class();
        let execution = plugin.execution();
        let plugin = plugin.clone();
        let make = move || Instance::new(&plugin);
        let actor = match execution {
            Execution::Async => Actor::on_runtime(&self.data, make),
            Execution::Thread => {
                Actor::on_thread(format!("connector {class}"), &self.threads, make)?
            }
        };
        Ok(Host {
            class,
            stages: self.stages.clone(),
            actor,
        })
    }
}

/// A connector instance that can be called. Dropping it ends the instance; call its `stop` before.
#[derive(Debug)]
pub(crate) struct Host {
    class: &'static str,
    stages: Stages,
    actor: Actor<Instance>,
}

impl Host {
    /// Whether a call of the instance was given up that still holds it.
    pub(crate) fn is_gone(&self) -> bool {
        self.actor.is_gone()
    }

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
        let _in_progress = self
            .stages
            .begin(format!("waiting for {} to {what}", self.class));
        match tokio::time::timeout(deadline, self.actor.call(call)).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => {
                self.actor.abandon();
                Err(CallError::TimedOut { what, deadline })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use async_trait::async_trait;
    use millrace_api::{
        ConnectError, ConnectorContext, Execution, Plugin, Properties, SinkConnector, SinkTask,
    };
    use millrace_config::ConfigDef;
    use millrace_wire::clock;

    use super::{CallError, Hosts};
    use crate::actor::Threads;
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
        let threads = Threads::default();
        let data = tokio::runtime::Handle::current();
        let hosts = Hosts::new(data, threads.clone(), clock::system());
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
        assert_eq!(threads.abandoned(), 1);
        drop(release);
    }
}
