//! A broker in a folder of its own, and the command-line tools that talk to it.

use std::process::Stdio;

use crate::{
    process::Millrace,
    sandbox::Sandbox,
    tool::{self, Outcome},
};

/// A broker, and where it listens.
#[derive(Debug)]
pub struct Cluster {
    /// Where it lives; the tools run in there, too.
    pub sandbox: Sandbox,
    /// Killed when dropped.
    _broker: Millrace,
    /// Its `host:port`.
    pub server: String,
}

impl Cluster {
    /// Starts a broker on a free port.
    ///
    /// # Panics
    /// If it does not start.
    #[expect(
        clippy::new_without_default,
        reason = "it starts a process, which no default should"
    )]
    pub fn new() -> Self {
        let sandbox = Sandbox::new();
        let listeners = "listeners=PLAINTEXT://127.0.0.1:0";
        let mut broker = Millrace::start(&sandbox, ["broker", "--override", listeners]);
        let server = broker.address("broker");
        Self {
            sandbox,
            _broker: broker,
            server,
        }
    }

    /// Runs a tool: its name, then its options.
    ///
    /// # Panics
    /// As [`tool::run`].
    pub fn run(&self, words: &str) -> Outcome {
        self.run_with(words, "")
    }

    /// The same with standard input.
    ///
    /// # Panics
    /// As [`tool::run`].
    pub fn run_with(&self, words: &str, input: &str) -> Outcome {
        tool::run_with(&self.sandbox, &self.words(words), input)
    }

    /// The words with the option that names this broker.
    pub fn words(&self, words: &str) -> String {
        format!("{words} --bootstrap-server {}", self.server)
    }

    /// Starts a tool that runs until it is told to stop.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(&self, words: &str) -> Millrace {
        let words = self.words(words);
        Millrace::start_with(&self.sandbox, words.split(' '), Stdio::null())
    }
}
