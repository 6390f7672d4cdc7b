//! The `millrace` command: reads what was typed, puts the parts together, runs them, stops them in order.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod args;
mod banner;
mod bootstrap;
mod broker;
mod failure;
mod included;
mod logging;
mod plan;
mod runtimes;
mod signals;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    args::{Arguments, Command},
    failure::Failure,
};

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Standalone(typed) => standalone(&typed),
        Command::Broker(typed) => broker::run(&typed),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            banner::failure(&failure);
            failure.exit_code()
        }
    }
}

fn standalone(typed: &args::Standalone) -> Result<(), Failure> {
    logging::init(typed.logging.log_config.as_deref())?;
    let mut problems = plan::Problems::default();
    let plan = plan::StandalonePlan::from_command_line(typed, &mut problems);
    problems.into_result()?;
    runtimes::Runtimes::build()?.run(|_data| async move {
        let _stop = signals::stop_token().map_err(anyhow::Error::from)?;
        if let Some(servers) = plan.worker.get("bootstrap.servers") {
            bootstrap::check(servers, &plan.place).await?;
        }
        Ok(())
    })
}
