//! What was typed: subcommands, files and flags, without looking at any of them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{
    pages::{Completions, Man},
    tools::Tool,
};

/// The command line as a whole.
#[derive(Debug, Parser)]
#[command(
    name = "millrace",
    version,
    about = "Moves data between systems and a log of topics: Kafka Connect and a Kafka-compatible broker in one binary",
    after_help = "Exit codes: 0 done or stopped cleanly, 1 something was abandoned or failed, 2 bad usage or \
                  configuration, 3 could not start, or no broker or worker answers, \
                  4 what `connectors diff` or `verify` compare is not the same, 130 interrupted.",
    infer_long_args = true,
    propagate_version = true,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run one Connect worker, with the included broker unless bootstrap.servers names another
    Standalone(Standalone),
    /// Run a Connect worker that shares connectors with others, with the included broker unless bootstrap.servers names another
    Distributed(Distributed),
    /// Run the included broker alone
    Broker(Broker),
    #[command(flatten)]
    Tool(Box<Tool>),
    /// Print completions for a shell
    Completions(Completions),
    /// Print a page of the manual
    Man(Man),
}

#[derive(Debug, Args)]
pub(crate) struct Standalone {
    /// Worker properties; without it the defaults and ./millrace-data
    pub(crate) worker: Option<PathBuf>,
    /// Connector configurations, properties or JSON, created in this order
    #[arg(value_name = "CONNECTOR")]
    pub(crate) connectors: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) logging: Logging,
}

#[derive(Debug, Args)]
pub(crate) struct Distributed {
    /// Worker properties; without it the defaults and ./millrace-data
    pub(crate) worker: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) logging: Logging,
}

#[derive(Debug, Args)]
pub(crate) struct Broker {
    /// Kafka's server.properties; without it the defaults and ./millrace-data
    pub(crate) server: Option<PathBuf>,
    /// Set a broker key, over what the file says; may be repeated
    #[arg(long = "override", value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) overrides: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) logging: Logging,
}

#[derive(Debug, Args)]
pub(crate) struct Logging {
    /// A log4rs configuration; without it INFO and above go to stderr
    #[arg(long = "log-config", value_name = "FILE")]
    pub(crate) log_config: Option<PathBuf>,
}

/// Splits `KEY=VALUE` at the first equals sign.
pub(crate) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser, error::ErrorKind};

    use super::{Arguments, Command};

    fn parse(words: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(words.split(' '))
    }

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn help_fits_a_screen() {
        for name in ["standalone", "distributed", "broker"] {
            let help = Arguments::command()
                .find_subcommand_mut(name)
                .unwrap()
                .render_help()
                .to_string();
            assert!(help.lines().count() < 25, "{help}");
        }
    }

    #[test]
    fn standalone_takes_a_worker_and_connectors() {
        let Command::Standalone(typed) =
            parse("millrace standalone w.properties a.properties b.json")
                .unwrap()
                .command
        else {
            panic!("not standalone");
        };
        assert_eq!(typed.worker.unwrap().to_str(), Some("w.properties"));
        assert_eq!(typed.connectors.len(), 2);
    }

    #[test]
    fn overrides_are_pairs() {
        let Command::Broker(typed) =
            parse("millrace broker --override log.dirs=/d --override a=b=c")
                .unwrap()
                .command
        else {
            panic!("not broker");
        };
        assert_eq!(typed.overrides[0], ("log.dirs".to_owned(), "/d".to_owned()));
        assert_eq!(typed.overrides[1], ("a".to_owned(), "b=c".to_owned()));
        for wrong in [
            "millrace broker --override x",
            "millrace broker --override =x",
        ] {
            assert_eq!(parse(wrong).unwrap_err().kind(), ErrorKind::ValueValidation);
        }
    }
}
