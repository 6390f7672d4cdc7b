//! A running `millrace`: started with its output in files, asked where it listens, stopped, killed, awaited.

use std::{
    ffi::OsStr,
    fs::{self, File},
    path::PathBuf,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

use crate::{binary, sandbox::Sandbox, wait};

/// How long a start or a stop may take before a test gives up, on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// One process of the real binary. It is killed when dropped.
#[derive(Debug)]
pub struct Millrace {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Millrace {
    /// Starts `millrace` with these arguments in the sandbox's folder.
    ///
    /// # Panics
    /// If the binary cannot be built or started.
    pub fn start<I, A>(sandbox: &Sandbox, arguments: I) -> Self
    where
        I: IntoIterator<Item = A>,
        A: AsRef<OsStr>,
    {
        Self::start_with(sandbox, arguments, Stdio::null())
    }

    /// The same with something to read on standard input.
    ///
    /// # Panics
    /// As [`Millrace::start`].
    pub fn start_with<I, A>(sandbox: &Sandbox, arguments: I, stdin: Stdio) -> Self
    where
        I: IntoIterator<Item = A>,
        A: AsRef<OsStr>,
    {
        let stdout = sandbox.log("stdout");
        let output = File::create(&stdout).expect("a file for stdout");
        Self::spawn(sandbox, arguments, stdin, output.into(), stdout)
    }

    /// The same with its standard output in a pipe, whose end the test reads, and may close.
    ///
    /// # Panics
    /// As [`Millrace::start`].
    pub fn start_piped<I, A>(sandbox: &Sandbox, arguments: I) -> (Self, ChildStdout)
    where
        I: IntoIterator<Item = A>,
        A: AsRef<OsStr>,
    {
        let (stdin, stdout) = (Stdio::null(), sandbox.log("stdout"));
        let mut millrace = Self::spawn(sandbox, arguments, stdin, Stdio::piped(), stdout);
        let output = millrace.child.stdout.take().expect("a pipe for stdout");
        (millrace, output)
    }

    fn spawn<I, A>(
        sandbox: &Sandbox,
        arguments: I,
        stdin: Stdio,
        output: Stdio,
        stdout: PathBuf,
    ) -> Self
    where
        I: IntoIterator<Item = A>,
        A: AsRef<OsStr>,
    {
        let stderr = sandbox.log("stderr");
        let child = Command::new(binary::millrace())
            .args(arguments)
            .current_dir(sandbox.path())
            // As users have it: finding the lines of a debug build takes seconds, in which a task that panicked does not
            // answer.
            .env("RUST_BACKTRACE", "0")
            .stdin(stdin)
            .stdout(output)
            .stderr(File::create(&stderr).expect("a file for stderr"))
            .spawn()
            .expect("millrace starts");
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// What it wrote to standard output so far.
    pub fn stdout(&self) -> Vec<u8> {
        fs::read(&self.stdout).unwrap_or_default()
    }

    /// What it wrote to standard error so far.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stderr).unwrap_or_default()).into_owned()
    }

    /// The address (`host:port`) after `label` among the start lines, once it is there.
    ///
    /// # Panics
    /// If the process ends before, or does not name it in time.
    pub fn address(&mut self, label: &str) -> String {
        wait::until_some(&format!("the start line of {label}"), PATIENCE, || {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!(
                    "millrace ended with {status} at its start: {}",
                    self.stderr()
                );
            }
            self.address_so_far(label)
        })
    }

    /// The same, if it is there already.
    pub fn address_so_far(&self, label: &str) -> Option<String> {
        start_line(&self.stderr(), label)
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// If the process is gone.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the process is there");
    }

    /// Kills it as `kill -9` does, and reaps it.
    pub fn kill(&mut self) {
        // Fails only where the process has ended by itself, which a caller sees in the status.
        drop(self.child.kill());
        self.wait();
    }

    /// Asks it to stop and waits; returns how it ended.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end in time.
    pub fn wait(&mut self) -> ExitStatus {
        self.wait_within(PATIENCE)
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end within `limit`.
    pub fn wait_within(&mut self, limit: Duration) -> ExitStatus {
        wait::until_some("the end of millrace", limit, || {
            self.child.try_wait().expect("a child can be awaited")
        })
    }

    /// Limits the size of every file it writes, or lifts the limit: a disk that is full, and then is not.
    ///
    /// # Panics
    /// If the process is gone.
    pub fn limit_file_size(&self, bytes: Option<u64>) {
        let limit = Rlimit {
            current: bytes,
            maximum: None,
        };
        let process = Pid::from_child(&self.child);
        prlimit(Some(process), Resource::Fsize, limit).expect("the process is there");
    }

    /// The peak of its resident memory in bytes, as Linux counts it.
    pub fn peak_memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib * 1024)
    }
}

impl Drop for Millrace {
    fn drop(&mut self) {
        // Already ended is what a test wants; there is nothing to do about anything else.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The word after `label` on the start line that begins with it, without a scheme.
fn start_line(stderr: &str, label: &str) -> Option<String> {
    let complete = &stderr[..=stderr.rfind('\n')?];
    let line = complete
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(label))?;
    let address = line.split_whitespace().next()?;
    Some(
        address
            .rsplit_once("//")
            .map_or(address, |(_, rest)| rest)
            .to_owned(),
    )
}
