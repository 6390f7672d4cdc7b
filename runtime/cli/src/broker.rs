//! `millrace broker`: the included broker alone.

use std::time::Duration;

use tokio::runtime::Handle;

use crate::{
    args, banner, failure::Failure, included, logging, metrics, plan::BrokerPlan, readiness,
    runtimes::Runtimes, signals,
};

/// How long a stop may take: what a worker with the default settings takes.
const STOP_WITHIN: Duration = Duration::from_secs(10);

pub(crate) fn run(typed: &args::Broker) -> Result<(), Failure> {
    logging::init(typed.logging.log_config.as_deref())?;
    let plan = BrokerPlan::from_command_line(typed)?;
    let config = plan.config().map_err(Failure::Configuration)?;
    Runtimes::build()?.run(|data| serve(config, data))
}

async fn serve(config: millrace_broker::BrokerConfig, data: Handle) -> Result<(), Failure> {
    let stop = signals::stop_token().map_err(anyhow::Error::from)?;
    let broker = included::start(config, &data, &stop).await?;
    banner::title("broker");
    banner::broker(&broker);
    let _metrics = metrics::of_broker(&broker, &metrics::of_process()).await?;
    banner::ready();
    readiness::ready();
    included::warn_if_wide(&broker);
    stop.cancelled().await;
    readiness::stopping();
    match included::stop(broker, &data, STOP_WITHIN).await {
        None => Ok(()),
        Some(abandoned) => Err(Failure::Unclean(vec![abandoned])),
    }
}
