//! A worker, put together: configuration, plugins, herder, REST.

mod distributed;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use log::LevelFilter;
use millrace_api::{
    ConfigProvider, Converter, HeaderConverter, Plugin, Predicate, Properties, SinkConnector,
    SourceConnector, Transform,
};
use millrace_config::{ConfigDef, ConfigErrors, NullableProperties};
use millrace_wire::clock::Clock;
use millrace_wire::link::{Dial, TcpDial};
use millrace_wire::metrics::Registry as Metrics;

use crate::actor::Threads;
use crate::config::WorkerConfig;
use crate::groups::ClientGroups;
use crate::herder::{
    ConnectorInfo, CreateRequest, Herder, HerderError, Hosts, Judge, Parts, StandaloneHerder,
};
use crate::logging::Loggers;
use crate::metrics::{StateCollector, TaskCollector, WorkerMetrics};
use crate::preview::Previewer;
use crate::providers::ConfigProviders;
use crate::registry::Registry;
use crate::rest::{self, Api, BindError, DeadLetterService, FaultControl, RestServer};
use crate::store::topic::{ensure::EnsureError, log::LogError};
use crate::store::{FileOffsetStore, StoreError};
use crate::task::{Clients, StatusListener, TargetState, TaskContext};

pub use distributed::DistributedWorker;

/// Why a worker did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is wrong.
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    /// A port could not be opened.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The offsets file could not be read.
    #[error(transparent)]
    Offsets(#[from] StoreError),
    /// A topic of the group could not be made, or is not as it must be.
    #[error(transparent)]
    Topic(Box<EnsureError>),
    /// A topic of the group could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The folder of a file could not be made.
    #[error("cannot create the folder of {path}")]
    Folder {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file of REST-made connectors could not be read.
    #[error(transparent)]
    Restore(#[from] HerderError),
}

impl From<EnsureError> for StartError {
    fn from(error: EnsureError) -> Self {
        Self::Topic(Box::new(error))
    }
}

/// How long REST answers may take when the worker stops.
const REST_ENDS_WITHIN: Duration = Duration::from_secs(1);

/// What a worker is built from.
#[derive(Debug)]
pub struct Builder {
    registry: Registry,
    properties: Properties,
    dial: Option<Arc<dyn Dial>>,
    clock: Arc<dyn Clock>,
    data: Option<tokio::runtime::Handle>,
    loggers: Option<Arc<Loggers>>,
    metrics: Arc<Metrics>,
    faults: Option<Arc<dyn FaultControl>>,
}

impl Builder {
    /// Registers a source connector.
    #[must_use]
    pub fn source<C: SourceConnector + Default + 'static>(self) -> Self {
        Self {
            registry: self.registry.source::<C>(),
            ..self
        }
    }

    /// Registers a sink connector.
    #[must_use]
    pub fn sink<C: SinkConnector + Default + 'static>(self) -> Self {
        Self {
            registry: self.registry.sink::<C>(),
            ..self
        }
    }

    /// Registers a source connector whose instances `make` makes, for one that needs something of the program.
    #[must_use]
    pub fn source_by<C: SourceConnector + 'static>(
        self,
        make: impl Fn() -> C + Send + Sync + 'static,
    ) -> Self {
        Self {
            registry: self.registry.source_by(make),
            ..self
        }
    }

    /// Registers a sink connector whose instances `make` makes.
    #[must_use]
    pub fn sink_by<C: SinkConnector + 'static>(
        self,
        make: impl Fn() -> C + Send + Sync + 'static,
    ) -> Self {
        Self {
            registry: self.registry.sink_by(make),
            ..self
        }
    }

    /// What takes the faults of connectors that fail on purpose; with it, REST has a path for them.
    #[must_use]
    pub fn faults(self, faults: Arc<dyn FaultControl>) -> Self {
        Self {
            faults: Some(faults),
            ..self
        }
    }

    /// Registers a converter of keys and values with its keys.
    #[must_use]
    pub fn converter(
        self,
        plugin: Plugin,
        definition: ConfigDef,
        make: impl Fn() -> Box<dyn Converter> + Send + Sync + 'static,
    ) -> Self {
        Self {
            registry: self.registry.converter(plugin, definition, make),
            ..self
        }
    }

    /// Registers a converter of header values with its keys.
    #[must_use]
    pub fn header_converter(
        self,
        plugin: Plugin,
        definition: ConfigDef,
        make: impl Fn() -> Box<dyn HeaderConverter> + Send + Sync + 'static,
    ) -> Self {
        Self {
            registry: self.registry.header_converter(plugin, definition, make),
            ..self
        }
    }

    /// Registers a transform with its keys.
    #[must_use]
    pub fn transform(
        self,
        plugin: Plugin,
        definition: ConfigDef,
        make: impl Fn() -> Box<dyn Transform> + Send + Sync + 'static,
    ) -> Self {
        Self {
            registry: self.registry.transform(plugin, definition, make),
            ..self
        }
    }

    /// Registers a predicate with its keys.
    #[must_use]
    pub fn predicate(
        self,
        plugin: Plugin,
        definition: ConfigDef,
        make: impl Fn() -> Box<dyn Predicate> + Send + Sync + 'static,
    ) -> Self {
        Self {
            registry: self.registry.predicate(plugin, definition, make),
            ..self
        }
    }

    /// Registers a config provider, which `config.providers.<name>.class` names by its class.
    #[must_use]
    pub fn config_provider(
        self,
        class: &'static str,
        make: impl Fn() -> Box<dyn ConfigProvider> + Send + Sync + 'static,
    ) -> Self {
        Self {
            registry: self.registry.config_provider(class, make),
            ..self
        }
    }

    /// The worker's properties, with references to config providers as they were given.
    #[must_use]
    pub fn properties(self, properties: Properties) -> Self {
        Self { properties, ..self }
    }

    /// What opens connections to brokers; without it, TCP.
    #[must_use]
    pub fn dial(self, dial: Arc<dyn Dial>) -> Self {
        Self {
            dial: Some(dial),
            ..self
        }
    }

    /// The runtime of tasks and connectors; without it, the one that starts the worker.
    #[must_use]
    pub fn data_runtime(self, data: tokio::runtime::Handle) -> Self {
        Self {
            data: Some(data),
            ..self
        }
    }

    /// The loggers whose levels REST reads and sets.
    #[must_use]
    pub fn loggers(self, loggers: Arc<Loggers>) -> Self {
        Self {
            loggers: Some(loggers),
            ..self
        }
    }

    /// What `GET /metrics` shows beside the worker's own figures, which are added to it.
    #[must_use]
    pub fn metrics(self, metrics: Arc<Metrics>) -> Self {
        Self { metrics, ..self }
    }

    /// Checks the configuration without starting anything.
    ///
    /// # Errors
    /// Everything that is wrong, together.
    pub fn check(&self) -> Result<WorkerConfig, ConfigErrors> {
        Ok(self.prepared(WorkerConfig::from_properties)?.config)
    }

    /// Makes the config providers and resolves the worker's properties. May look at files.
    fn prepared(
        &self,
        parse: fn(&Properties) -> Result<WorkerConfig, ConfigErrors>,
    ) -> Result<Prepared, ConfigErrors> {
        let providers = ConfigProviders::configured(&self.registry, &self.properties)?;
        let resolved = providers
            .resolve_blocking(&self.properties)
            .map_err(|error| ConfigErrors::one("config.providers", error.to_string()))?;
        let config = parse(&resolved.properties)?;
        crate::validation::check_worker(&self.registry, &config)?;
        Ok(Prepared {
            providers,
            properties: resolved.properties,
            config,
        })
    }

    /// Everything that is wrong with a connector's configuration; its creation would refuse it for that. Starts
    /// nothing, but asks the connector's own code, on the runtime that this runs on. Where the worker's own
    /// configuration is wrong, so that there is no `worker`, only the class is looked at.
    pub async fn check_connector(
        &self,
        worker: Option<&WorkerConfig>,
        connector: &Properties,
    ) -> Vec<String> {
        let hosts = Hosts::new(
            tokio::runtime::Handle::current(),
            Threads::default(),
            Arc::clone(&self.clock),
        );
        let config = nullable(connector);
        let providers =
            ConfigProviders::configured(&self.registry, &self.properties).unwrap_or_default();
        let errors = match worker {
            None => Judge::plugin(&self.registry, &config).map(|_| Vec::new()),
            Some(worker) => {
                let judge = Judge {
                    hosts: &hosts,
                    registry: &self.registry,
                    providers: &providers,
                    worker,
                };
                judge
                    .judge(&config)
                    .await
                    .map(|verdicts| verdicts.errors().map(str::to_owned).collect())
            }
        };
        errors.unwrap_or_else(|error| vec![error.to_string()])
    }

    /// Starts a standalone worker: opens its ports, reads its offsets, starts the connectors it has kept, and answers
    /// REST. The runtime that this runs on is the control runtime. Connectors of the command line are created with
    /// [`Worker::create`]; [`Worker::set_ready`] then says that the start is over.
    ///
    /// # Errors
    /// When the configuration is wrong, a port is taken, or a file cannot be read.
    pub async fn start(self) -> Result<Worker, StartError> {
        let blocking = tokio::task::spawn_blocking(move || {
            (self.prepared(WorkerConfig::from_properties), self)
        });
        let (prepared, builder) = blocking.await.map_err(|error| {
            ConfigErrors::one(
                "config.providers",
                format!("a config provider panicked: {error}"),
            )
        })?;
        builder.start_prepared(prepared?).await
    }

    async fn start_prepared(self, prepared: Prepared) -> Result<Worker, StartError> {
        let Prepared {
            providers,
            properties,
            config,
        } = prepared;
        WorkerConfig::log_ineffective(&self.properties, ConfigDef::new());
        let bound = rest::bind(&config.rest).await?;
        let worker_id = worker_id(&config, bound.address());
        let data = self.data.unwrap_or_else(tokio::runtime::Handle::current);
        let offsets = open_offsets(&config).await?;
        let dial = self.dial.unwrap_or_else(|| Arc::new(TcpDial::default()));
        let clients = Arc::new(Clients {
            dial,
            clock: Arc::clone(&self.clock),
            worker: properties.clone(),
        });
        let tasks = Arc::new(WorkerMetrics::with_budget(config.memory_max()));
        let threads = Threads::default();
        let runner = TaskContext {
            metrics: Arc::clone(&tasks),
            clients: Arc::clone(&clients),
            offsets: offsets.clone(),
            statuses: Arc::new(NoListener),
            data: data.clone(),
            clock: Arc::clone(&self.clock),
            flush_interval: config.flush_interval(),
            flush_timeout: config.flush_timeout(),
            call_timeout: config.call_timeout(),
            // Leaves time to commit and to close the task's clients.
            stop_timeout: config.shutdown_timeout() * 3 / 5,
            connector_memory_max: config.connector_memory_max(),
            threads: threads.clone(),
        };
        let loggers = self
            .loggers
            .unwrap_or_else(|| Loggers::new(LevelFilter::Info, Arc::clone(&self.clock)));
        let registry = Arc::new(self.registry);
        let previewer = Previewer {
            registry: Arc::clone(&registry),
            properties: properties.clone(),
            config: config.clone(),
            providers: providers.clone(),
            clients: Arc::clone(&clients),
            offsets: offsets.clone(),
            threads: threads.clone(),
            data: data.clone(),
            clock: Arc::clone(&self.clock),
            running: Previewer::slots(),
        };
        let dead_letters = DeadLetterService::new(Arc::clone(&clients), data.clone());
        let groups = ClientGroups::new(clients, data.clone());
        let cluster_id = groups.cluster_id().await;
        let rest_config = config.rest.clone();
        let collector = TaskCollector::new(tasks, threads.clone(), Arc::clone(&self.clock));
        self.metrics.add(Arc::new(collector));
        let herder = StandaloneHerder::new(Parts {
            config,
            properties,
            registry,
            providers,
            runner: Arc::new(runner),
            offsets,
            groups: Arc::new(groups),
            data,
            threads,
            worker_id,
            cluster_id,
            clock: self.clock,
        });
        let api = Api::new(
            Arc::clone(&herder) as Arc<dyn Herder>,
            loggers,
            &rest_config,
        );
        let states = Arc::clone(&herder) as Arc<dyn Herder>;
        self.metrics.add(Arc::new(StateCollector(states)));
        let rest = bound.serve(
            api.with_metrics(self.metrics)
                .with_faults(self.faults)
                .with_preview(previewer)
                .with_dead_letters(dead_letters),
        );
        herder.restore().await?;
        Ok(Worker { herder, rest })
    }
}

impl Worker {
    /// A worker to be built, with the stock converters.
    pub fn builder(clock: Arc<dyn Clock>) -> Builder {
        Builder {
            registry: Registry::stock(),
            properties: Properties::new(),
            dial: None,
            clock,
            data: None,
            loggers: None,
            metrics: Arc::default(),
            faults: None,
        }
    }

    /// Where REST listens.
    pub fn rest_addresses(&self) -> &[SocketAddr] {
        self.rest.addresses()
    }

    /// Creates a connector that the command line names. It is not kept in the file of REST-made connectors.
    ///
    /// # Errors
    /// When its configuration is wrong, a connector of that name is there, or it does not start; in the last case it
    /// is there and FAILED.
    pub async fn create(
        &self,
        name: &str,
        config: &Properties,
        target: TargetState,
    ) -> Result<ConnectorInfo, HerderError> {
        let config = nullable(config);
        self.herder
            .create_unkept(CreateRequest {
                name: name.to_owned(),
                config,
                target,
            })
            .await
    }

    /// Says that the start is over: `/health` answers that the worker is healthy.
    pub fn set_ready(&self) {
        self.herder.set_ready();
    }

    /// Stops connectors and tasks, sources first, then REST. Each step takes at most `deadline`, which is
    /// `task.shutdown.graceful.timeout.ms` unless there is less time. Names what did not stop in time.
    pub async fn shut_down(self, deadline: Duration) -> Vec<String> {
        let abandoned = self.herder.shut_down(deadline).await;
        self.rest.shut_down(REST_ENDS_WITHIN).await;
        abandoned
    }
}

/// A configuration that can be used, with values in the place of references.
struct Prepared {
    providers: ConfigProviders,
    properties: Properties,
    config: WorkerConfig,
}

/// A running standalone worker.
#[derive(Debug)]
pub struct Worker {
    herder: Arc<StandaloneHerder>,
    rest: RestServer,
}

/// Hears nothing: every run of a task has a listener of its own.
#[derive(Debug)]
struct NoListener;

impl StatusListener for NoListener {
    fn task(&self, _id: &millrace_api::TaskId, _state: crate::task::State, _trace: Option<String>) {
    }

    fn topic(&self, _id: &millrace_api::TaskId, _topic: &str) {}
}

/// A configuration whose values are all given.
fn nullable(config: &Properties) -> NullableProperties {
    config
        .iter()
        .map(|(key, value)| (key.clone(), Some(value.clone())))
        .collect()
}

/// The worker as `host:port`: what it advertises, else where it listens.
fn worker_id(config: &WorkerConfig, address: Option<SocketAddr>) -> String {
    let host = config
        .rest
        .advertised_host
        .clone()
        .filter(|host| !host.is_empty());
    let host = host
        .or_else(|| address.map(|address| address.ip().to_string()))
        .unwrap_or_default();
    let port = config.rest.advertised_port.map(i64::from);
    let port = port
        .or_else(|| address.map(|address| i64::from(address.port())))
        .unwrap_or_default();
    format!("{host}:{port}")
}

/// Opens the offsets file; its folder is made if it is missing.
async fn open_offsets(config: &WorkerConfig) -> Result<Arc<FileOffsetStore>, StartError> {
    let path = std::path::PathBuf::from(&config.offset_file);
    let opened = tokio::task::spawn_blocking(move || {
        make_folder_of(&path)?;
        Ok::<_, StartError>(FileOffsetStore::open(path)?)
    });
    opened.await.unwrap_or_else(|error| {
        Err(StartError::Folder {
            path: config.offset_file.clone(),
            source: io::Error::other(error),
        })
    })
}

/// Folders of data are for their owner only.
fn make_folder_of(path: &std::path::Path) -> Result<(), StartError> {
    use std::os::unix::fs::DirBuilderExt;

    let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    else {
        return Ok(());
    };
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder);
    made.map_err(|source| StartError::Folder {
        path: path.display().to_string(),
        source,
    })
}
