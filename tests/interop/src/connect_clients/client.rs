//! The clients: how each is installed and started, and the steps that it has.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::ensure;

use crate::{
    clients::languages,
    install::{self, SOURCES},
    output,
};

/// A client by others, with a program that walks through the API with it.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) name: &'static str,
    language: Language,
    /// What the program calls it.
    called: &'static str,
    steps: &'static [&'static str],
}

/// The programs, of which one may have several clients.
#[derive(Debug, Clone, Copy)]
enum Language {
    Python,
    Java,
    Go,
}

/// The steps of clients that have the whole API.
const WHOLE: &[&str] = &[
    "info", "plugins", "validate", "create", "listed", "read", "tasks", "pause", "resume", "stop",
    "restart", "topics", "update", "errors", "delete",
];

/// The steps of clients of the API's first years.
const FIRST: &[&str] = &[
    "create", "listed", "read", "tasks", "pause", "resume", "restart", "update", "errors", "delete",
];

/// All of them.
pub(super) const CLIENTS: [Client; 6] = [
    Client {
        name: "kafka-connect-py",
        language: Language::Python,
        called: "module",
        steps: WHOLE,
    },
    Client {
        name: "kc",
        language: Language::Python,
        called: "command",
        steps: &[
            "info", "plugins", "create", "listed", "read", "tasks", "pause", "resume", "restart",
            "topics", "update", "errors", "delete",
        ],
    },
    Client {
        name: "kafka-connect-api",
        language: Language::Python,
        called: "api",
        steps: &[
            "info", "plugins", "create", "listed", "read", "tasks", "pause", "resume", "restart",
            "update", "loggers", "errors", "delete",
        ],
    },
    Client {
        name: "sourcelab",
        language: Language::Java,
        called: "sourcelab",
        steps: WHOLE,
    },
    Client {
        name: "ricardo-ch",
        language: Language::Go,
        called: "ricardo",
        steps: FIRST,
    },
    Client {
        name: "go-kafka",
        language: Language::Go,
        called: "go-kafka",
        steps: FIRST,
    },
];

impl Language {
    /// Its folder among the sources, and among what is installed.
    fn name(self) -> &'static str {
        match self {
            Self::Python => "connect-python",
            Self::Java => "connect-java",
            Self::Go => "connect-go",
        }
    }

    fn source(self) -> PathBuf {
        Path::new(SOURCES).join(self.name())
    }

    fn command(self) -> anyhow::Result<Command> {
        let folder = install::folder(self.name())?;
        Ok(match self {
            Self::Python => {
                let mut command = Command::new(folder.join("bin/python"));
                command.env("PYTHONDONTWRITEBYTECODE", "1");
                command.arg(self.source().join("walk.py"));
                command
            }
            Self::Java => {
                let (classes, jars) = (folder.join("classes"), folder.join("libs/*"));
                let mut command = Command::new("java");
                command.args([
                    "-XX:TieredStopAtLevel=1",
                    "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
                    "-cp",
                ]);
                command.arg(format!("{}:{}", classes.display(), jars.display()));
                command.arg("Main");
                command
            }
            Self::Go => Command::new(folder.join("client")),
        })
    }
}

impl Client {
    /// Installs it, and says which version it is.
    pub(super) fn install(&self) -> anyhow::Result<String> {
        let (name, source) = (self.language.name(), self.language.source());
        let folder = install::folder(name)?;
        match self.language {
            Language::Python => languages::python(&folder, &source)?,
            Language::Java => languages::java(name, None, &folder, &source)?,
            Language::Go => languages::go(&folder, &source)?,
        }
        let mut version = self.language.command()?;
        let version = output::of(version.args([self.called, "version"]))?;
        Ok(version.trim().to_owned())
    }

    /// Walks through the API at `url` with a connector that reads `file`; how many steps there were.
    pub(super) fn walk(&self, url: &str, file: &Path) -> anyhow::Result<usize> {
        fs::write(file, "a line\n")?;
        let mut command = self.language.command()?;
        command
            .args([self.called, "walk", url, self.name])
            .arg(file);
        let ended = output::run(&mut command)?;
        let held: Vec<&str> = ended
            .stdout
            .lines()
            .filter_map(|line| line.strip_prefix("ok "))
            .collect();
        ensure!(
            ended.well && held == self.steps,
            "{}\n{}",
            ended.stdout,
            ended.stderr
        );
        Ok(held.len())
    }
}
