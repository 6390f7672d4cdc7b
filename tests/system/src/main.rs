//! `cargo run --release -p millrace-system -- soak NAME [--seed N] [--duration S]`: what runs too long for a test.
//! `cargo run -p millrace-system -- conformance --java --url URL`: the table of the REST API against a running worker.
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
use millrace_system::{
    conformance::{self, Subject},
    sandbox::Sandbox,
    soak::{Plan, Soak},
};

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
    /// Hold a running worker's REST API against a table of requests and answers
    Conformance {
        /// Where it listens
        #[arg(long, default_value = "http://127.0.0.1:8083")]
        url: String,
        /// It is Kafka Connect's Java worker
        #[arg(long)]
        java: bool,
        /// Which tables; without one, those that need no keys of the worker
        tables: Vec<String>,
    },
}

fn main() {
    match Arguments::parse().command {
        Command::Soak {
            name,
            seed,
            duration,
        } => {
            let seed = seed.unwrap_or_else(any_seed);
            println!("soak {name:?} --seed {seed}");
            let report = name.run(Plan {
                seed,
                duration: duration.map(Duration::from_secs),
            });
            println!("soak {name:?} --seed {seed}: ok: {report}");
        }
        Command::Conformance { url, java, tables } => conformance(&url, java, &tables),
    }
}

fn conformance(url: &str, java: bool, wanted: &[String]) {
    let subject = if java {
        Subject::Java
    } else {
        Subject::Millrace
    };
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let sandbox = Sandbox::new();
    sandbox.write("in.txt", conformance::LINES);
    let all = conformance::tables(&sandbox.path().display().to_string());
    let chosen = all.iter().filter(|table| match wanted {
        [] => table.worker.is_empty(),
        wanted => wanted.contains(&table.name),
    });
    let mut count = 0;
    for table in chosen {
        let differences = conformance::run(table, subject, address);
        println!("{}: {} differences", table.name, differences.len());
        for difference in &differences {
            println!("\n{difference}");
        }
        count += differences.len();
    }
    process::exit(i32::from(count > 0));
}

fn any_seed() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::from(since.subsec_nanos()) ^ u64::from(process::id())
}
