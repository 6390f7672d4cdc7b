//! Shell completions and man pages, made from the definitions that the command line is parsed by, so that they never
//! say anything else.

mod bash;
mod fish;
mod man;
mod tree;
mod zsh;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, CommandFactory as _, ValueEnum};

use crate::{
    args::Arguments,
    failure::Failure,
    tools::{Usage, blocking, print},
};

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Completions {
    /// Prints the script.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let commands = tree::Command::all(&Arguments::command());
        let script = match self.shell {
            Shell::Bash => bash::script(&commands),
            Shell::Zsh => zsh::script(&commands),
            Shell::Fish => fish::script(&commands),
        };
        blocking(|| Ok(print(script)?))
    }
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The command, as in topics or perf produce; without it the page of millrace
    command: Vec<String>,
    /// Write the pages of all commands to this folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    to: Option<PathBuf>,
}

impl Man {
    /// Prints the page, or writes them all.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let commands = tree::Command::all(&Arguments::command());
        blocking(|| match &self.to {
            Some(folder) => write_all(&commands, folder),
            None => {
                let wanted = commands
                    .iter()
                    .find(|command| command.path == self.command)
                    .ok_or_else(|| {
                        Usage::new(format!("there is no command {}", self.command.join(" ")))
                    })?;
                Ok(print(man::page(wanted))?)
            }
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a command without a runtime, whose work is to write files"
)]
fn write_all(commands: &[tree::Command], folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for command in commands {
        let path = folder.join(format!("{}.1", command.dashed()));
        std::fs::write(&path, man::page(command))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::{bash, fish, man, tree::Command, zsh};
    use crate::args::Arguments;

    #[test]
    fn every_command_and_option_is_in_every_script_and_on_its_page() {
        let commands = Command::all(&Arguments::command());
        let scripts = [
            bash::script(&commands),
            zsh::script(&commands),
            fish::script(&commands),
        ];
        for command in &commands {
            let page = man::page(command);
            for option in &command.options {
                let escaped = option.long.replace('-', "\\-");
                assert!(
                    page.contains(&format!("\\-\\-{escaped}")),
                    "{option:?}: {page}"
                );
                for script in &scripts {
                    assert!(script.contains(&option.long), "{option:?}: {script}");
                }
            }
        }
        let paths: Vec<String> = commands
            .iter()
            .map(|command| command.path.join(" "))
            .collect();
        for path in ["", "standalone", "topics", "perf produce"] {
            assert!(paths.iter().any(|found| found == path), "{paths:?}");
        }
    }
}
