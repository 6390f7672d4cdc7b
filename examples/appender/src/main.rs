//! An application that ships its log lines to a topic: `README.md` has the whole way to a terminal.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use log4rs::config::Deserializers;
use millrace_log4rs::{Flushed, KafkaAppenderDeserializer};

#[derive(Parser)]
struct Arguments {
    /// How many lines to log.
    #[arg(long, default_value_t = 10)]
    lines: u64,
    /// The log4rs file.
    #[arg(long, default_value = "examples/appender/log4rs.yaml")]
    config: PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut deserializers = Deserializers::default();
    deserializers.insert("kafka", KafkaAppenderDeserializer);
    log4rs::init_file(&arguments.config, deserializers)
        .with_context(|| format!("cannot set logging up by {}", arguments.config.display()))?;
    millrace_log4rs::flush_on_panic();
    millrace_log4rs::flush_on_signals()?;

    for order in 1..=arguments.lines {
        match order % 10 {
            0 => log::warn!(order; "order {order} is late"),
            _ => log::info!(order; "order {order} paid"),
        }
    }

    // The end of the program would flush, too; this one says whether all has arrived.
    let flushed = millrace_log4rs::flush_all();
    ensure!(
        flushed != Flushed::Pending,
        "not all lines were delivered, and there is no spill"
    );
    Ok(())
}
