//! Sets log4rs up: from a file if one is given, else a plain line a record to stderr. Standard output is for data.

use std::path::Path;

use log::LevelFilter;
use log4rs::{
    Config,
    append::console::{ConsoleAppender, Target},
    config::{Appender, Deserializers, Root},
    encode::pattern::PatternEncoder,
};

use crate::failure::{Failure, Problem};

/// Time, level, target, message; the level coloured on a terminal.
const PATTERN: &str = "{d(%Y-%m-%d %H:%M:%S%.3f)} {h({l:<5})} {t}: {m}{n}";

/// Installs the logger of the process.
pub(crate) fn init(file: Option<&Path>) -> Result<(), Failure> {
    match file {
        Some(path) => log4rs::init_file(path, Deserializers::default()).map_err(|error| {
            Failure::Configuration(vec![Problem::new(
                path.display(),
                format_args!("{error:#}"),
            )])
        }),
        None => {
            let config =
                stderr().map_err(|error| anyhow::anyhow!("cannot set logging up: {error}"))?;
            log4rs::init_config(config)
                .map_err(|error| anyhow::anyhow!("cannot set logging up: {error}"))?;
            Ok(())
        }
    }
}

fn stderr() -> Result<Config, log4rs::config::runtime::ConfigErrors> {
    let console = ConsoleAppender::builder()
        .target(Target::Stderr)
        .encoder(Box::new(PatternEncoder::new(PATTERN)))
        .build();
    Config::builder()
        .appender(Appender::builder().build("stderr", Box::new(console)))
        .build(Root::builder().appender("stderr").build(LevelFilter::Info))
}
