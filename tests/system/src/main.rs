//! `cargo run --release -p millrace-system -- soak NAME [--seed N] [--duration S]`: what runs too long for a test.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a tool of the tests"
)]

use std::{
    process,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::{Parser, Subcommand};
use millrace_system::soak::{Plan, Soak};

/// Long runs against the real binary.
#[derive(Debug, Parser)]
#[command(name = "millrace-system")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Kill, tear and torture, and count what is left
    Soak {
        /// Which one
        name: Soak,
        /// What all random choices follow from; without it another one each time
        #[arg(long)]
        seed: Option<u64>,
        /// Seconds after which it ends; without it the soak runs in full
        #[arg(long, value_name = "SECONDS")]
        duration: Option<u64>,
    },
}

fn main() {
    let Command::Soak {
        name,
        seed,
        duration,
    } = Arguments::parse().command;
    let seed = seed.unwrap_or_else(any_seed);
    println!("soak {name:?} --seed {seed}");
    let report = name.run(Plan {
        seed,
        duration: duration.map(Duration::from_secs),
    });
    println!("soak {name:?} --seed {seed}: ok: {report}");
}

fn any_seed() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::from(since.subsec_nanos()) ^ u64::from(process::id())
}
