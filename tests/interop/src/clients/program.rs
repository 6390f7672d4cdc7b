//! Clients with a program of ours in their own language. `clients/README.md` says what its commands do.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};

use super::{Client, Report, SCENARIOS, languages};
use crate::{
    broker::Broker,
    install::{self, SOURCES},
    output,
};

/// What a program is written in, and so how it is installed and started.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Language {
    /// With this version of kafka-clients.
    Java(&'static str),
    /// This module in `clients/python`; the three share an environment.
    Python(&'static str),
    Go,
    Node,
    Rust,
}

/// A client with its program.
#[derive(Debug)]
pub(crate) struct Program {
    name: &'static str,
    language: Language,
}

impl Program {
    pub(crate) fn new(name: &'static str, language: Language) -> Self {
        Self { name, language }
    }

    /// The program, ready to take its arguments.
    fn command(&self) -> anyhow::Result<Command> {
        let folder = self.folder()?;
        let mut command;
        match self.language {
            Language::Java(_) => {
                let classes = folder.join("classes");
                let jars = folder.join("libs/*");
                command = Command::new("java");
                command.args([
                    "-XX:TieredStopAtLevel=1",
                    "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
                    "-cp",
                ]);
                command.arg(format!("{}:{}", classes.display(), jars.display()));
                command.arg("Main");
            }
            Language::Python(module) => {
                command = Command::new(folder.join("bin/python"));
                command
                    .env("PYTHONDONTWRITEBYTECODE", "1")
                    .arg(self.source().join(format!("{module}.py")));
            }
            Language::Go => command = Command::new(folder.join("client")),
            Language::Node => {
                command = Command::new("node");
                command.arg(folder.join("main.js"));
            }
            Language::Rust => command = Command::new(folder.join("debug/millrace-interop-rdkafka")),
        }
        Ok(command)
    }

    /// Where it is installed.
    fn folder(&self) -> anyhow::Result<PathBuf> {
        match self.language {
            Language::Python(_) => install::folder("python"),
            _ => install::folder(self.name),
        }
    }

    /// Where its program is.
    fn source(&self) -> PathBuf {
        Path::new(SOURCES).join(match self.language {
            Language::Java(_) => "java",
            Language::Python(_) => "python",
            _ => self.name,
        })
    }

    /// Runs a command of the program that must hold; what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let ended = output::run(self.command()?.args(arguments))?;
        ensure!(
            ended.well,
            "{}: {arguments:?}\n{}\n{}",
            self.name,
            ended.stdout,
            ended.stderr
        );
        Ok(ended.stdout)
    }
}

impl Client for Program {
    fn name(&self) -> &'static str {
        self.name
    }

    fn install(&self) -> anyhow::Result<String> {
        let (folder, source) = (self.folder()?, self.source());
        match self.language {
            Language::Java(version) => {
                languages::java(self.name, Some(version), &folder, &source)?;
            }
            Language::Python(_) => languages::python(&folder, &source)?,
            Language::Go => languages::go(&folder, &source)?,
            Language::Node => languages::node(&folder, &source)?,
            Language::Rust => languages::rust(&folder, &source)?,
        }
        let version = output::of(self.command()?.arg("version"))
            .with_context(|| format!("{} does not run", self.name))?;
        Ok(version.trim().to_owned())
    }

    fn scenarios(&self) -> Vec<&'static str> {
        SCENARIOS.to_vec()
    }

    fn checks(&self, broker: &Broker) -> anyhow::Result<Report> {
        let ended = output::run(self.command()?.args(["checks", broker.address()]))?;
        let held = ended
            .stdout
            .lines()
            .filter_map(|line| line.strip_prefix("ok "))
            .map(str::to_owned)
            .collect();
        Ok(Report {
            held,
            said: format!("{}\n{}", ended.stdout, ended.stderr),
        })
    }

    fn produce(&self, server: &str, prefix: &str, codecs: &[&str]) -> anyhow::Result<bool> {
        self.run(&[&["produce", server, prefix], codecs].concat())?;
        Ok(true)
    }

    fn consume(&self, server: &str, topics: &[&str]) -> anyhow::Result<()> {
        self.run(&[&["consume", server], topics].concat()).map(drop)
    }

    fn fill(&self, server: &str, topic: &str, numbers: Range<usize>) -> anyhow::Result<()> {
        self.run(&[
            "fill",
            server,
            topic,
            &numbers.start.to_string(),
            &numbers.end.to_string(),
        ])
        .map(drop)
    }

    fn member(&self, server: &str, group: &str, topic: &str) -> anyhow::Result<Command> {
        let mut command = self.command()?;
        command.args(["member", server, group, topic]);
        Ok(command)
    }

    fn shares_groups(&self) -> bool {
        !matches!(self.language, Language::Node)
    }
}
