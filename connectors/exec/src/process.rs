//! A running command, in a process group of its own, and its guard.
//!
//! The guard is a shell that reads a pipe of which only the worker has the other end. When the worker is gone, however it
//! went, the system closes that end, and the guard kills the command with all that it has started. So nothing of a
//! command outlives its worker, except what leaves the group on purpose (setsid).

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use millrace_api::ConnectError;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

use crate::config::{ExecConfig, Stderr};

/// The shell of the guard, and what it does: `$1` is the process group.
const GUARD_SHELL: &str = "/bin/sh";
const GUARD: &str = "read -r _; kill -s KILL -- \"-$1\"";
/// Variables of the worker's environment that a command may see.
const VISIBLE: [&str; 7] = ["HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ", "USER"];

/// A command that was started.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// None once the command has ended and its number may be another's.
    group: Option<Pid>,
    /// None once it has been let go.
    guard: Option<Child>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
}

impl Process {
    /// Starts the command.
    ///
    /// # Errors
    /// When it, or its guard, cannot be started.
    pub(crate) async fn start(config: &ExecConfig) -> Result<Self, ConnectError> {
        let config = config.clone();
        // Starting a program waits for the disk that it is on.
        let starting = tokio::task::spawn_blocking(move || Self::start_here(&config));
        starting
            .await
            .map_err(|error| ConnectError::connect("cannot start the command").caused_by(error))?
    }

    fn start_here(config: &ExecConfig) -> Result<Self, ConnectError> {
        let words = config.words();
        let (program, arguments) = words
            .split_first()
            .ok_or_else(|| ConnectError::config("command: there is no program in it"))?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(
                VISIBLE
                    .iter()
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            .envs(config.environment())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(match config.stderr() {
                Stderr::Discard => Stdio::null(),
                Stderr::Log | Stderr::Records => Stdio::piped(),
            })
            .process_group(0)
            .kill_on_drop(true);
        if let Some(folder) = &config.working_directory {
            command.current_dir(folder);
        }
        let mut child = command.spawn().map_err(|error| {
            let folder = match &config.working_directory {
                Some(folder) => format!(" in working.directory={folder}"),
                None => String::new(),
            };
            let remedy = match config.has_shell() {
                true => "",
                false => "; quotes, pipes and variables need shell=/bin/sh -c",
            };
            ConnectError::connect(format!(
                "cannot start the program {program} of command{folder}{remedy}"
            ))
            .caused_by(error)
        })?;
        let group = child.id().and_then(|id| Pid::from_raw(id as i32));
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let mut process = Self {
            child,
            group,
            guard: None,
            stdout,
            stderr,
        };
        if let Some(group) = group {
            // On an error the process is dropped, and with it the command killed.
            process.guard = Some(guard(group).map_err(|error| {
                ConnectError::connect(format!(
                    "cannot start {GUARD_SHELL}, which kills the command when the worker is gone"
                ))
                .caused_by(error)
            })?);
        }
        Ok(process)
    }

    /// Its output, and what it says on standard error where that is read.
    pub(crate) fn take_pipes(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.stdout.take(), self.stderr.take())
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// When the system does not say how.
    pub(crate) async fn ended(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        self.group = None;
        self.let_guard_go();
        Ok(status)
    }

    /// Asks it to end, and kills it with all that it has started where it does not in time.
    pub(crate) async fn stop(mut self, patience: Duration) {
        self.signal(Signal::TERM);
        if tokio::time::timeout(patience, self.child.wait())
            .await
            .is_err()
        {
            log::warn!("a command that did not end in stop.timeout.ms is killed");
        }
        // Those whom it has started may not have ended with it.
        self.signal(Signal::KILL);
        drop(self.child.wait().await);
        self.group = None;
        self.let_guard_go();
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group
            && let Err(error) = kill_process_group(group, signal)
        {
            // Nothing of it is left.
            log::debug!("cannot signal the process group of a command: {error}");
        }
    }

    fn let_guard_go(&mut self) {
        if let Some(mut guard) = self.guard.take()
            && let Err(error) = guard.start_kill()
        {
            log::debug!("cannot end the guard of a command: {error}");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        self.let_guard_go();
    }
}

fn guard(group: Pid) -> io::Result<Child> {
    Command::new(GUARD_SHELL)
        .args(["-c", GUARD, "guard", &group.as_raw_nonzero().to_string()])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C at a terminal is for the worker, which then stops the command.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}
