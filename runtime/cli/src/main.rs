//! The `millrace` command: reads what was typed, puts the parts together, runs them, stops them in order.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod args;
mod banner;
mod bootstrap;
mod broker;
mod failure;
mod included;
mod logging;
mod open_files;
mod plan;
mod runtimes;
mod signals;
mod standalone;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Arguments, Command};

fn main() -> ExitCode {
    open_files::raise_limit();
    let outcome = match Arguments::parse().command {
        Command::Standalone(typed) => standalone::run(&typed),
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
