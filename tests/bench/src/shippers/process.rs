//! A shipper's process.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use millrace_system::process::Millrace;
use millrace_system::sandbox::Sandbox;
use millrace_system::wait;
use rustix::process::{Pid, Signal, kill_process};

/// How long a shipper may take to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running shipper; it is killed when dropped.
pub(super) enum Shipper {
    Millrace(Millrace),
    Other(Other),
}

/// A program by others.
pub(super) struct Other {
    child: Child,
    log: PathBuf,
}

impl Shipper {
    /// Starts a program by others in the sandbox's folder. `remedy` says how it is installed.
    pub(super) fn start(
        sandbox: &Sandbox,
        command: &mut Command,
        remedy: &str,
    ) -> anyhow::Result<Self> {
        let log = sandbox.join("shipper.out");
        let output = File::create(&log)?;
        let child = command
            .current_dir(sandbox.path())
            .stdin(Stdio::null())
            .stderr(output.try_clone()?)
            .stdout(output)
            .spawn()
            .with_context(|| format!("cannot run {}: {remedy}", command.get_program().display()))?;
        Ok(Self::Other(Other { child, log }))
    }

    /// The process's id.
    pub(super) fn id(&self) -> u32 {
        match self {
            Self::Millrace(millrace) => millrace.id(),
            Self::Other(other) => other.child.id(),
        }
    }

    /// Fails with what the program said if it has ended.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        if let Self::Other(other) = self
            && let Some(status) = other.child.try_wait()?
        {
            let said = fs::read_to_string(&other.log).unwrap_or_default();
            bail!("it ended with {status}: {said}");
        }
        Ok(())
    }

    /// Asks it to stop and waits for its end.
    pub(super) fn stop(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Millrace(millrace) => {
                ensure!(millrace.stop().success(), "the worker fails");
            }
            Self::Other(other) => {
                kill_process(Pid::from_child(&other.child), Signal::TERM)?;
                wait::until_or(Instant::now() + PATIENCE, || {
                    other.child.try_wait().ok().flatten()
                })
                .context("it does not stop")?;
            }
        }
        Ok(())
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // Already ended is what a run wants; there is nothing to do about anything else.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
