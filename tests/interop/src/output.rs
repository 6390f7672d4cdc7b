//! Programs that run to their end, in time.

use std::{
    io::{Read, Write as _},
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use millrace_system::wait;

/// How long checks may run.
const CHECKS: Duration = Duration::from_secs(240);

/// How long a build may run, which may compile a library in C.
const BUILD: Duration = Duration::from_secs(900);

/// How long one attempt at a download may run, how many there are, and the pause between them.
const DOWNLOAD: Duration = Duration::from_secs(300);
const ATTEMPTS: usize = 4;
const PAUSE: Duration = Duration::from_secs(5);

/// The standard output of a program that ends well.
pub fn of(command: &mut Command) -> anyhow::Result<String> {
    with_input(command, b"")
}

/// The same, with this standard input.
pub fn with_input(command: &mut Command, input: &[u8]) -> anyhow::Result<String> {
    ended_well(command, input, CHECKS)
}

/// Runs a step of an installation that needs no network.
pub fn build(command: &mut Command) -> anyhow::Result<()> {
    ended_well(command, b"", BUILD).map(drop)
}

/// Runs a step of an installation that asks a registry, which may not answer each time.
pub fn download(command: &mut Command) -> anyhow::Result<()> {
    for _ in 1..ATTEMPTS {
        match ended_well(command, b"", DOWNLOAD) {
            Ok(_) => return Ok(()),
            Err(error) => println!("once more: {error:#}"),
        }
        thread::sleep(PAUSE);
    }
    ended_well(command, b"", DOWNLOAD).map(drop)
}

fn ended_well(command: &mut Command, input: &[u8], limit: Duration) -> anyhow::Result<String> {
    let ended = run_within(command, input, limit)?;
    ensure!(
        ended.well,
        "{command:?} failed\n{}\n{}",
        ended.stdout,
        ended.stderr
    );
    Ok(ended.stdout)
}

/// How a program ended, and what it printed.
#[derive(Debug)]
pub struct Ended {
    /// Whether its exit code was 0.
    pub well: bool,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// Runs a program to its end.
pub fn run(command: &mut Command) -> anyhow::Result<Ended> {
    run_within(command, b"", CHECKS)
}

fn run_within(command: &mut Command, input: &[u8], limit: Duration) -> anyhow::Result<Ended> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    feed(&mut child, input);
    let status = wait::until_or(Instant::now() + limit, || child.try_wait().transpose());
    if status.is_none() {
        child.kill()?;
        child.wait()?;
    }
    let (stdout, stderr) = (joined(stdout), joined(stderr));
    let status = status.with_context(|| {
        format!("{command:?} ran for more than {limit:?}\n{stdout}\n{stderr}")
    })??;
    Ok(Ended {
        well: status.success(),
        stdout,
        stderr,
    })
}

/// Hands over the input from a thread of its own, and ends it.
fn feed(child: &mut Child, input: &[u8]) {
    let input = input.to_vec();
    if let Some(mut stdin) = child.stdin.take() {
        // A program may end without having read its input.
        thread::spawn(move || drop(stdin.write_all(&input)));
    }
}

fn collect(stream: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // What was read until an error is all that can be shown.
            drop(stream.read_to_end(&mut bytes));
        }
        bytes
    })
}

fn joined(collector: JoinHandle<Vec<u8>>) -> String {
    String::from_utf8_lossy(&collector.join().unwrap_or_default()).into_owned()
}
