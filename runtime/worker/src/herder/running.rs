//! One connector: what is wanted of it, its instance, its tasks.
//!
//! Every change takes the connector's own lock, so that changes of one connector happen one after another and those
//! of different connectors do not wait for each other. What a call wants is written down first; the change then
//! brings the connector to what is wanted at that time.

use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use millrace_api::{ConnectError, ConnectorContext, Properties};
use millrace_config::NullableProperties;
use millrace_wire::clock::Clock;
use millrace_wire::log_scope;
use tokio::sync::{Notify, watch};

use super::error::HerderError;
use super::host::{CallError, Host, Hosts};
use super::share::PublishTasks;
use super::statuses::Statuses;
use super::supervision::Supervisor;
use super::task_set::TaskSet;
use super::tasks::TaskRunner;
use super::views::{ConnectorInfo, TaskName};
use crate::causes::chain;
use crate::config::WorkerConfig;
use crate::group::work::Share;
use crate::providers::{ConfigProviders, Resolved};
use crate::registry::{PluginKind, Registered, Registry};
use crate::task::{State, TargetState};
use crate::validation::{unstartable, without_nulls};

/// How long a connector may take to stop, as in Kafka Connect.
const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// What all connectors of a worker share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: WorkerConfig,
    /// The worker's properties, with the keys of converters.
    pub(super) properties: Properties,
    pub(super) registry: Arc<Registry>,
    pub(super) providers: ConfigProviders,
    pub(super) hosts: Hosts,
    pub(super) runner: Arc<dyn TaskRunner>,
    pub(super) statuses: Arc<Statuses>,
    pub(super) data: tokio::runtime::Handle,
    pub(super) clock: Arc<dyn Clock>,
    /// Where the configurations of tasks go in a group of workers; none where they run here.
    pub(super) publish: Option<Arc<dyn PublishTasks>>,
}

/// What is wanted of a connector, and what REST shows of it.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) config: NullableProperties,
    pub(super) target: TargetState,
    /// The configurations of its tasks, as they run.
    pub(super) tasks: Vec<Properties>,
    pub(super) deleted: bool,
    /// Whether it is kept in the file of REST-made connectors.
    pub(super) kept: bool,
    /// What of it is to run here, in a group of workers; none for all of it.
    pub(super) share: Option<Share>,
    /// The connector's configuration when its tasks were last divided, in a group of workers.
    pub(super) applied: NullableProperties,
    /// Which configuration it is, in a group of workers.
    pub(super) version: u64,
}

impl Wanted {
    /// What is wanted of a connector that is new.
    pub(super) fn new(config: NullableProperties, target: TargetState, kept: bool) -> Self {
        Self {
            config,
            target,
            tasks: Vec::new(),
            deleted: false,
            kept,
            share: None,
            applied: NullableProperties::new(),
            version: 0,
        }
    }
}

/// The parts of a connector that run.
#[derive(Debug, Default)]
pub(super) struct Live {
    pub(super) host: Option<Host>,
    /// Whether the instance's `start` has succeeded and its `stop` was not called since.
    pub(super) started: bool,
    pub(super) tasks: TaskSet,
    /// Which configuration the instance was made for, in a group of workers.
    pub(super) version: Option<u64>,
    /// The configuration that the instance runs with, with values in the place of references.
    pub(super) resolved: Option<Properties>,
}

/// A connector.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) name: Arc<str>,
    pub(super) shared: Arc<Shared>,
    /// Itself, for what outlives a call.
    pub(super) me: Weak<Self>,
    /// The restarts of its tasks.
    pub(super) supervisor: Supervisor,
    wanted: Mutex<Wanted>,
    pub(super) live: tokio::sync::Mutex<Live>,
    pub(super) reconfigure: Arc<Notify>,
    /// How often the configurations of its tasks could not be published, one time after the other.
    pub(super) unpublished: AtomicU32,
    /// After how long the values of config providers are to be looked up again.
    pub(super) ttl: watch::Sender<Option<Duration>>,
    /// The values that config providers have given, which nobody is shown.
    pub(super) secrets: Mutex<Option<Arc<Resolved>>>,
}

impl Connector {
    pub(super) fn new(name: &str, wanted: Wanted, shared: Arc<Shared>) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            name: name.into(),
            shared,
            me: me.clone(),
            supervisor: Supervisor::default(),
            wanted: Mutex::new(wanted),
            live: tokio::sync::Mutex::default(),
            reconfigure: Arc::default(),
            unpublished: AtomicU32::new(0),
            ttl: watch::Sender::new(None),
            secrets: Mutex::default(),
        })
    }

    /// Looks at or changes what is wanted.
    pub(super) fn wanted<T>(&self, look: impl FnOnce(&mut Wanted) -> T) -> T {
        look(&mut self.wanted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for earlier changes of this connector.
    ///
    /// # Errors
    /// When it was deleted meanwhile.
    pub(super) async fn lock(&self) -> Result<tokio::sync::MutexGuard<'_, Live>, HerderError> {
        let live = self.live.lock().await;
        if self.wanted(|wanted| wanted.deleted) {
            Err(HerderError::no_connector(&self.name))
        } else {
            Ok(live)
        }
    }

    /// The configuration with its nulls left out.
    pub(super) fn config(&self) -> Properties {
        self.wanted(|wanted| without_nulls(&wanted.config))
    }

    /// The class, if the worker has it.
    pub(super) fn plugin(&self) -> Option<&Registered> {
        let class =
            self.wanted(|wanted| wanted.config.get("connector.class").cloned().flatten())?;
        self.shared.registry.connector(&class)
    }

    /// What its log lines belong to.
    pub(super) fn log_target(&self) -> Arc<str> {
        format!("connector.{}", self.name).into()
    }

    /// A new instance, whose lines are the connector's.
    pub(super) fn new_host(&self, plugin: &Registered) -> Result<Host, CallError> {
        log_scope::enter(self.log_target(), || self.shared.hosts.host(plugin))
    }

    /// `source`, `sink` or `unknown`.
    pub(super) fn kind(&self) -> &'static str {
        match self.plugin().map(|plugin| plugin.kind) {
            Some(PluginKind::Source) => "source",
            Some(PluginKind::Sink) => "sink",
            _ => "unknown",
        }
    }

    /// The connector as REST shows it.
    pub(super) fn info(&self) -> ConnectorInfo {
        let (config, tasks) = self.wanted(|wanted| (wanted.config.clone(), wanted.tasks.len()));
        let tasks = (0..tasks).map(|task| TaskName {
            connector: self.name.to_string(),
            task: task as u32,
        });
        ConnectorInfo {
            name: self.name.to_string(),
            config,
            tasks: tasks.collect(),
            kind: self.kind(),
        }
    }

    /// Whether the connector's own instance is to run here.
    pub(super) fn owns_instance(&self) -> bool {
        self.wanted(|wanted| wanted.share.as_ref().is_none_or(|share| share.instance))
    }

    /// Whether a task is to run here.
    pub(super) fn owns_task(&self, task: u32) -> bool {
        let has = |share: &Share| share.tasks.contains(&task);
        self.wanted(|wanted| wanted.share.as_ref().is_none_or(has))
    }

    pub(super) fn set_state(&self, state: State, trace: Option<String>) {
        let version = self.plugin().map(Registered::version);
        self.shared
            .statuses
            .set_connector(&self.name, state, trace, version);
    }

    /// Serves the connector's requests for new task configurations until it is deleted.
    pub(super) fn follow(self: &Arc<Self>) {
        self.watch_values();
        let (weak, requests) = (Arc::downgrade(self), Arc::clone(&self.reconfigure));
        tokio::spawn(log_scope::within(self.log_target(), async move {
            loop {
                requests.notified().await;
                let Some(connector) = weak.upgrade() else {
                    return;
                };
                let Ok(mut live) = connector.lock().await else {
                    return;
                };
                if let Err(error) = connector.update_tasks(&mut live).await {
                    log::error!(
                        "connector {} cannot be reconfigured: {error}",
                        connector.name
                    );
                }
            }
        }));
    }

    /// Makes a new instance and brings it to the wanted state.
    ///
    /// # Errors
    /// When it cannot be made or started; it is then FAILED.
    pub(super) async fn launch(&self, live: &mut Live) -> Result<(), HerderError> {
        self.shut_instance(live).await;
        let Some(plugin) = self.plugin() else {
            let error = ConnectError::connect(format!(
                "the class of connector {} is not built in",
                self.name
            ));
            self.shared.statuses.set_connector(
                &self.name,
                State::Failed,
                Some(error.trace()),
                None,
            );
            return Err(HerderError::internal(error.to_string()));
        };
        let resolved = self.renew(live).await?;
        let config = resolved.over(self.wanted(|wanted| wanted.config.clone()));
        if let Some(why) = unstartable(plugin.kind, &config) {
            let trace = ConnectError::config(why.clone()).trace();
            self.shared
                .statuses
                .set_connector(&self.name, State::Failed, Some(trace), None);
            return Err(HerderError::internal(why));
        }
        match self.new_host(plugin) {
            Ok(host) => live.host = Some(host),
            Err(error) => {
                let trace = ConnectError::connect(error.to_string()).trace();
                self.shared
                    .statuses
                    .set_connector(&self.name, State::Failed, Some(trace), None);
                return Err(error.into());
            }
        }
        match self.wanted(|wanted| wanted.target) {
            TargetState::Started => self.start(live).await,
            TargetState::Paused => {
                self.set_state(State::Paused, None);
                Ok(())
            }
            TargetState::Stopped => {
                self.set_state(State::Stopped, None);
                Ok(())
            }
        }
    }

    /// Starts the instance and its tasks.
    async fn start(&self, live: &mut Live) -> Result<(), HerderError> {
        self.start_instance(live).await?;
        self.update_tasks(live).await
    }

    async fn start_instance(&self, live: &mut Live) -> Result<(), HerderError> {
        let config = self.renew(live).await?.properties;
        let Some(host) = &live.host else {
            return Err(HerderError::internal(format!(
                "Failed to start connector: {}",
                self.name
            )));
        };
        let requests = Arc::clone(&self.reconfigure);
        let context = ConnectorContext::new(Arc::clone(&self.name), move || requests.notify_one());
        let call = host.call(
            "start",
            self.shared.config.connector_call_timeout(),
            move |instance| Box::pin(async move { instance.start(&config, context).await }),
        );
        match flatten(call.await) {
            Ok(()) => {
                live.started = true;
                self.set_state(State::Running, None);
                Ok(())
            }
            Err(error) => {
                let text = format!(
                    "Failed to transition connector {} to state STARTED: {}",
                    self.name,
                    self.redact(chain(&error))
                );
                self.fail(&error);
                Err(HerderError::internal(text))
            }
        }
    }

    pub(super) fn fail(&self, error: &ConnectError) {
        let trace = self.redact(error.trace());
        log::error!(target: &format!("connector.{}", self.name), "connector {} failed: {}", self.name, trace.trim_end());
        self.set_state(State::Failed, Some(trace));
    }

    /// Asks the connector for its task configurations and restarts its tasks if they are others than before.
    pub(super) async fn update_tasks(&self, live: &mut Live) -> Result<(), HerderError> {
        if !live.started {
            return Ok(());
        }
        let resolved = self.renew(live).await?;
        let Some(host) = &live.host else {
            return Ok(());
        };
        let config = &resolved.properties;
        let tasks_max = config
            .get("tasks.max")
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(1);
        let call = host.call(
            "give its task configurations",
            self.shared.config.connector_call_timeout(),
            move |instance| Box::pin(async move { instance.task_configs(tasks_max).await }),
        );
        let made = flatten(call.await)
            .and_then(|configs| check_count(&self.name, config, configs, tasks_max));
        let configs = match made {
            Ok(configs) => configs,
            Err(error) => {
                self.fail(&error);
                return Err(HerderError::internal(self.redact(chain(&error))));
            }
        };
        let configs = configs
            .into_iter()
            .map(|task| self.complete(task, config))
            .collect::<Vec<_>>();
        if let Some(publish) = &self.shared.publish {
            let shown = configs.into_iter().map(|task| resolved.restore(task));
            self.publish(&**publish, shown.collect()).await;
            return Ok(());
        }
        live.tasks.replace(self, host, resolved, configs).await;
        Ok(())
    }

    /// Adds to a task's configuration what the framework adds.
    fn complete(&self, mut task: Properties, config: &Properties) -> Properties {
        if let Some(plugin) = self.plugin() {
            let class = plugin.class();
            let stem = class.strip_suffix("Connector").unwrap_or(class);
            task.insert("task.class".to_owned(), format!("{stem}Task"));
            let topics = ["topics", "topics.regex"]
                .into_iter()
                .filter(|_| plugin.kind == PluginKind::Sink);
            for key in topics {
                if let Some(value) = config.get(key) {
                    task.insert(key.to_owned(), value.clone());
                }
            }
        }
        task
    }

    /// Brings a launched connector to the state that is wanted of it now.
    pub(super) async fn apply_target(&self, live: &mut Live) -> Result<(), HerderError> {
        let has_failed = self.shared.statuses.connector_state(&self.name) == Some(State::Failed);
        let is_owner = self.owns_instance();
        match self.wanted(|wanted| wanted.target) {
            TargetState::Stopped => {
                live.tasks.stop_all(self).await;
                self.wanted(|wanted| wanted.tasks.clear());
                self.halt_instance(live).await;
                if is_owner && live.host.is_some() {
                    self.set_state(State::Stopped, None);
                }
            }
            TargetState::Paused => {
                live.tasks.pause();
                if is_owner && !has_failed {
                    self.halt_instance(live).await;
                    self.set_state(State::Paused, None);
                }
            }
            TargetState::Started => {
                if is_owner && !has_failed && !live.started {
                    self.start_instance(live).await?;
                }
                self.update_tasks(live).await?;
                live.tasks.resume();
            }
        }
        Ok(())
    }

    /// Calls the instance's `stop` if it runs; the instance stays.
    async fn halt_instance(&self, live: &mut Live) {
        let (true, Some(host)) = (std::mem::take(&mut live.started), &live.host) else {
            return;
        };
        let call = host.call("stop", STOP_DEADLINE, |instance| Box::pin(instance.stop()));
        if let Err(error) = call.await {
            log::warn!("connector {} did not stop cleanly: {error}", self.name);
        }
    }

    pub(super) async fn shut_instance(&self, live: &mut Live) {
        self.halt_instance(live).await;
        live.host = None;
    }

    /// Stops tasks and instance for good; says which tasks were abandoned.
    pub(super) async fn shut_down(&self, live: &mut Live, deadline: Duration) -> Vec<String> {
        let abandoned = live.tasks.shut_down(deadline).await;
        self.shut_instance(live).await;
        abandoned
    }
}

/// An answer of the connector's code, or why there is none, as one error.
pub(super) fn flatten<T>(
    outcome: Result<Result<T, ConnectError>, CallError>,
) -> Result<T, ConnectError> {
    outcome.unwrap_or_else(|error| Err(ConnectError::connect(error.to_string())))
}

fn check_count(
    name: &str,
    config: &Properties,
    configs: Vec<Properties>,
    tasks_max: usize,
) -> Result<Vec<Properties>, ConnectError> {
    let is_enforced = config
        .get("tasks.max.enforce")
        .is_none_or(|text| !text.trim().eq_ignore_ascii_case("false"));
    if configs.len() <= tasks_max {
        return Ok(configs);
    }
    let text = format!(
        "The connector {name} has generated {} tasks, which is greater than {tasks_max}, the maximum number of tasks it is configured to create. ",
        configs.len()
    );
    if is_enforced {
        return Err(ConnectError::connect(
            text + "Raise tasks.max, or set tasks.max.enforce=false to run them all.",
        ));
    }
    log::warn!("{text}tasks.max.enforce is false, so they run all the same.");
    Ok(configs)
}
