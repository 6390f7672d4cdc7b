//! `millrace distributed`: a worker that shares connectors with the others of its group, and the included broker where
//! no other is named. Everything is read and checked first; then the broker starts, then the worker; they stop in the
//! opposite order, within one deadline.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use millrace_broker::{Broker, BrokerConfig};
use millrace_wire::clock::{self, Clock};
use millrace_worker::{
    Builder, DistributedWorker, Worker, WorkerConfig, logging::Loggers, rest::MetricsServer,
};
use tokio::{runtime::Handle, time};
use tokio_util::sync::CancellationToken;

use crate::{
    args, banner,
    failure::{Failure, Problem},
    included::{self, BEYOND_TASKS},
    logging, metrics,
    plan::{Problems, WorkerPlan},
    plugins, readiness,
    runtimes::Runtimes,
    signals,
};

pub(crate) fn run(typed: &args::Distributed) -> Result<(), Failure> {
    let loggers = logging::init(typed.logging.log_config.as_deref())?;
    let runtimes = Runtimes::build()?;
    let checked = Checked::from_command_line(typed, loggers)?;
    runtimes.run(|data| serve(checked, data))
}

/// A plan in which no problem was found.
struct Checked {
    plan: WorkerPlan,
    broker: Option<BrokerConfig>,
    builder: Builder,
    worker: WorkerConfig,
    clock: Arc<dyn Clock>,
}

impl Checked {
    /// Reads and checks everything, and shows all problems together.
    fn from_command_line(
        typed: &args::Distributed,
        loggers: Arc<Loggers>,
    ) -> Result<Self, Failure> {
        let clock = clock::system();
        let mut problems = Problems::default();
        let plan = WorkerPlan::distributed(typed, &mut problems);
        let broker = plan
            .broker
            .as_ref()
            .and_then(|broker| problems.note_all(broker.config()));
        let builder = Worker::builder(Arc::clone(&clock))
            .loggers(loggers)
            .properties(plan.worker.clone());
        let builder = plugins::register(builder, &plan.worker);
        let worker = problems.note_all(builder.check_distributed().map_err(|errors| {
            errors
                .iter()
                .map(|error| Problem::new(&plan.place, &error.message))
                .collect()
        }));
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
    banner::title("distributed worker");
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
    worker: Option<DistributedWorker>,
    broker: Option<Broker>,
    metrics: Option<MetricsServer>,
    data: Handle,
}

impl Running {
    async fn start(&mut self, checked: Checked, stop: &CancellationToken) -> Result<(), Failure> {
        let Checked {
            plan,
            broker,
            builder,
            ..
        } = checked;
        let group = plan.worker.get("group.id").cloned().unwrap_or_default();
        let figures = metrics::of_process();
        let (mut builder, mut properties) = (builder, plan.worker);
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
            None => included::find_other(&plan.servers, &properties, &plan.place).await?,
        }
        let builder = builder
            .properties(properties)
            .metrics(figures)
            .data_runtime(self.data.clone());
        let started = tokio::select! {
            biased;
            () = stop.cancelled() => {
                return Err(Failure::Unclean(vec!["the worker's start was interrupted".to_owned()]));
            }
            started = builder.start_distributed() => started,
        };
        let worker = self
            .worker
            .insert(started.context("cannot start the worker")?);
        let rest: Vec<String> = worker
            .rest_addresses()
            .iter()
            .map(|address| format!("http://{address}"))
            .collect();
        banner::part("rest", &rest.join(", "));
        banner::part(
            "group",
            &format!("{group}  (others reach this worker at {})", worker.url()),
        );
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
