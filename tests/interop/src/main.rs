//! The included broker and worker against clients by others, each through its own program:
//! `cargo run -p millrace-interop -- kcat`, `cargo run -p millrace-interop -- python PYTHON`.
//! `.ci/run` installs the clients and runs both.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a tool of the tests"
)]

mod kcat;
mod python;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use millrace_system::{process::Millrace, sandbox::Sandbox};

/// Checks with clients by others.
#[derive(Debug, Parser)]
#[command(name = "millrace-interop")]
struct Arguments {
    #[command(subcommand)]
    client: Client,
}

#[derive(Debug, Subcommand)]
enum Client {
    /// kcat (librdkafka), found in PATH
    Kcat,
    /// confluent-kafka and kafka-python with its codecs, installed in this Python
    Python {
        /// The interpreter
        python: PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().client {
        Client::Kcat => kcat::run(),
        Client::Python { python } => python::run(&python),
    }
}

/// A broker of its own, and its address.
fn broker(sandbox: &Sandbox) -> (Millrace, String) {
    let mut millrace = Millrace::start(
        sandbox,
        ["broker", "--override", "listeners=PLAINTEXT://127.0.0.1:0"],
    );
    let address = millrace.address("broker ");
    (millrace, address)
}
