//! The `millrace` command: reads what was typed, puts the parts together, runs them, stops them in order.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod args;
mod banner;
mod bootstrap;
mod broker;
mod distributed;
mod failure;
mod included;
mod logging;
mod metrics;
mod older;
mod open_files;
mod pages;
mod plan;
mod plugins;
mod readiness;
mod runtimes;
mod signals;
mod standalone;
mod tools;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    args::{Arguments, Command},
    failure::Failure,
};

fn main() -> ExitCode {
    open_files::raise_limit();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever interrupted it knows.
        Err(failure @ Failure::Interrupted(_)) => failure.exit_code(),
        Err(failure) => {
            banner::failure(&failure);
            failure.exit_code()
        }
    }
}

fn run() -> Result<(), Failure> {
    let typed = older::arguments(std::env::args_os()).map_err(Failure::Usage)?;
    typed.notes.iter().for_each(|note| banner::note(note));
    match Arguments::parse_from(typed.arguments).command {
        Command::Standalone(typed) => standalone::run(&typed),
        Command::Distributed(typed) => distributed::run(&typed),
        Command::Broker(typed) => broker::run(&typed),
        Command::Tool(tool) => tool.run(),
        Command::Completions(typed) => typed.run(),
        Command::Man(typed) => typed.run(),
    }
}
