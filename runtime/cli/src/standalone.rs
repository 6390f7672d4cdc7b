//! `millrace standalone`: a worker, the included broker where no other is named, and the connectors of the command
//! line. Everything is read and checked first; then the broker starts, the worker, the connectors; they stop in the
//! opposite order, within one deadline.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use millrace_broker::{Broker, BrokerConfig};
use millrace_wire::clock::{self, Clock};
use millrace_worker::{
    Builder, Worker, WorkerConfig, logging::Loggers, rest::MetricsServer, task::TargetState,
};
use tokio::{runtime::Handle, time};
use tokio_util::sync::CancellationToken;

use crate::{
    args, banner,
    failure::{Failure, Problem},
    included::{self, BEYOND_TASKS},
    logging, metrics,
    plan::{ConnectorFile, Problems, StandalonePlan, WorkerPlan},
    plugins, readiness,
    runtimes::Runtimes,
    signals,
};

pub(crate) fn run(typed: &args::Standalone) -> Result<(), Failure> {
    let loggers = logging::init(typed.logging.log_config.as_deref())?;
    let runtimes = Runtimes::build()?;
    let checked = runtimes.on_data(Checked::from_command_line(typed, loggers))?;
    runtimes.run(|data| serve(checked, data))
}

/// A plan in which no problem was found.
struct Checked {
    plan: StandalonePlan,
    broker: Option<BrokerConfig>,
    builder: Builder,
    worker: WorkerConfig,
    clock: Arc<dyn Clock>,
}

impl Checked {
    /// Reads and checks everything, and shows all problems together.
    async fn from_command_line(
        typed: &args::Standalone,
        loggers: Arc<Loggers>,
    ) -> Result<Self, Failure> {
        let clock = clock::system();
        let mut problems = Problems::default();
        let plan = StandalonePlan::from_command_line(typed, &mut problems);
        let broker = plan
            .worker
            .broker
            .as_ref()
            .and_then(|broker| problems.note_all(broker.config()));
        let builder = Worker::builder(Arc::clone(&clock))
            .loggers(loggers)
            .properties(plan.worker.worker.clone());
        let builder = plugins::register(builder, &plan.worker.worker);
        let worker = problems.note_all(builder.check().map_err(|errors| {
            errors
                .iter()
                .map(|error| Problem::new(&plan.worker.place, &error.message))
                .collect()
        }));
        for connector in &plan.connectors {
            for error in builder
                .check_connector(worker.as_ref(), &connector.config)
                .await
            {
                problems.add(Problem::new(connector.path.display(), error));
            }
        }
        problems.into_result()?;
        let worker = worker.context("a configuration without problems is there")?;
        Ok(Self {
            plan,
            broker,
            builder,
            worker,
            clock,
        })
    }
}

async fn serve(checked: Checked, data: Handle) -> Result<(), Failure> {
    let stop = signals::stop_token().map_err(anyhow::Error::from)?;
    let graceful = Duration::from_millis(checked.worker.shutdown_timeout_ms.unsigned_abs());
    let clock = Arc::clone(&checked.clock);
    banner::title("standalone worker");
    let mut running = Running {
        worker: None,
        broker: None,
        metrics: None,
        data,
    };
    let outcome = running.start(checked, &stop).await;
    if outcome.is_ok() {
        banner::ready();
        readiness::ready();
        stop.cancelled().await;
        readiness::stopping();
    }
    let abandoned = running.stop(graceful, clock.as_ref()).await;
    outcome?;
    if abandoned.is_empty() {
        Ok(())
    } else {
        Err(Failure::Unclean(abandoned))
    }
}

/// What was started so far.
struct Running {
    worker: Option<Worker>,
    broker: Option<Broker>,
    metrics: Option<MetricsServer>,
    data: Handle,
}

impl Running {
    async fn start(&mut self, checked: Checked, stop: &CancellationToken) -> Result<(), Failure> {
        let Checked {
            plan,
            broker,
            mut builder,
            ..
        } = checked;
        let WorkerPlan {
            place,
            worker: mut properties,
            servers,
            ..
        } = plan.worker;
        let figures = metrics::of_process();
        match broker {
            Some(config) => {
                let broker = self
                    .broker
                    .insert(included::start(config, &self.data, stop).await?);
                properties.insert(
                    "bootstrap.servers".to_owned(),
                    included::bootstrap_servers(broker),
                );
                builder = builder.dial(Arc::new(broker.dial()));
                banner::broker(broker);
                self.metrics = metrics::of_broker(broker, &figures).await?;
                included::warn_if_wide(broker);
            }
            None => included::find_other(&servers, &properties, &place).await?,
        }
        let offsets = properties
            .get("offset.storage.file.filename")
            .cloned()
            .unwrap_or_default();
        let builder = builder
            .properties(properties)
            .metrics(figures)
            .data_runtime(self.data.clone());
        let worker = self
            .worker
            .insert(builder.start().await.context("cannot start the worker")?);
        let rest: Vec<String> = worker
            .rest_addresses()
            .iter()
            .map(|address| format!("http://{address}"))
            .collect();
        banner::part("rest", &rest.join(", "));
        banner::part("offsets", &offsets);
        create(worker, &plan.connectors).await?;
        worker.set_ready();
        Ok(())
    }

    /// Stops the worker, then the broker; names what was given up.
    async fn stop(self, graceful: Duration, clock: &dyn Clock) -> Vec<String> {
        let end = clock.monotonic() + graceful + BEYOND_TASKS;
        let left = |clock: &dyn Clock| end.saturating_sub(clock.monotonic());
        let mut abandoned = Vec::new();
        if let Some(worker) = self.worker {
            match time::timeout(left(clock), worker.shut_down(graceful)).await {
                Ok(given_up) => abandoned.extend(given_up),
                Err(_) => abandoned.push("worker: its stop did not end in time".to_owned()),
            }
        }
        if let Some(broker) = self.broker {
            abandoned.extend(included::stop(broker, &self.data, left(clock)).await);
        }
        abandoned
    }
}

/// Creates the connectors of the command line, in their order. The first that cannot be created ends the start.
async fn create(worker: &Worker, connectors: &[ConnectorFile]) -> Result<(), Failure> {
    for connector in connectors {
        let ConnectorFile {
            path,
            name,
            config,
            initial_state,
        } = connector;
        let target = match initial_state.as_deref() {
            Some("PAUSED") => TargetState::Paused,
            Some("STOPPED") => TargetState::Stopped,
            _ => TargetState::Started,
        };
        worker
            .create(name, config, target)
            .await
            .with_context(|| format!("cannot create connector {name} of {}", path.display()))?;
        let class = config.get("connector.class").map_or("", String::as_str);
        banner::part(
            "connector",
            &format!("{name}  ({class}, {})", path.display()),
        );
    }
    Ok(())
}
