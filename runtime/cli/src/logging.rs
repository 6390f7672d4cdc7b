//! Sets logging up: log4rs writes, from a file if one is given, else a plain line a record to stderr (standard output
//! is for data); in front of it stand the worker's levels, which REST reads and sets.

use std::{path::Path, sync::Arc};

use log::LevelFilter;
use log4rs::{
    Config, Logger,
    append::console::{ConsoleAppender, Target},
    config::{Appender, Deserializers, Root, load_config_file},
    encode::pattern::PatternEncoder,
};
use millrace_wire::clock;
use millrace_worker::logging::{LevelLog, Loggers};

use crate::failure::{Failure, Problem};

/// Time, level, target, message; the level coloured on a terminal.
const PATTERN: &str = "{d(%Y-%m-%d %H:%M:%S%.3f)} {h({l:<5})} {t}: {m}{n}";

/// Installs the logger of the process; what it returns holds the levels.
pub(crate) fn init(file: Option<&Path>) -> Result<Arc<Loggers>, Failure> {
    let mut config = match file {
        Some(path) => load_config_file(path, Deserializers::default()).map_err(|error| {
            Failure::Configuration(vec![Problem::new(
                path.display(),
                format_args!("{error:#}"),
            )])
        })?,
        None => stderr(LevelFilter::Info)?,
    };
    let loggers = Loggers::new(config.root().level(), clock::system());
    for logger in config.loggers() {
        loggers.configure(logger.name(), logger.level());
    }
    // The levels are the loggers' to apply from here on.
    config.root_mut().set_level(LevelFilter::Trace);
    LevelLog::new(Box::new(Logger::new(config)), Arc::clone(&loggers))
        .install()
        .map_err(|error| anyhow::anyhow!("cannot set logging up: {error}"))?;
    Ok(loggers)
}

/// Installs a logger that writes warnings and errors to stderr: what a tool's client meets on its way.
pub(crate) fn warnings_only() -> Result<(), Failure> {
    log4rs::init_config(stderr(LevelFilter::Warn)?)
        .map(drop)
        .map_err(|error| anyhow::anyhow!("cannot set logging up: {error}").into())
}

fn stderr(level: LevelFilter) -> anyhow::Result<Config> {
    let console = ConsoleAppender::builder()
        .target(Target::Stderr)
        .encoder(Box::new(PatternEncoder::new(PATTERN)))
        .build();
    Config::builder()
        .appender(Appender::builder().build("stderr", Box::new(console)))
        .build(Root::builder().appender("stderr").build(level))
        .map_err(|error| anyhow::anyhow!("cannot set logging up: {error}"))
}
