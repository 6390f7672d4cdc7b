//! A member of a consumer group in a process of its own. It prints what it is given and what it reads.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Read},
    ops::Range,
    process::{Child, ChildStdin, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use millrace_system::wait;
use rustix::process::{Pid, Signal, kill_process};

use crate::clients::Client;

/// How long anything that a member shall do may take: several sessions of 6 s.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a member is asked to leave its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// By the end of its standard input.
    EndOfInput,
    /// By SIGTERM: unlike SIGINT, it is not ignored by what a shell has started in the background.
    Terminate,
}

/// What a member has said so far.
#[derive(Debug, Default)]
struct Said {
    partitions: Option<usize>,
    values: BTreeSet<usize>,
    lines: Vec<String>,
}

/// A running member. It is killed when dropped.
pub(crate) struct Member {
    child: Child,
    stdin: Option<ChildStdin>,
    leave: Leave,
    name: &'static str,
    said: Arc<Mutex<Said>>,
}

impl Member {
    pub(crate) fn start(
        client: &dyn Client,
        server: &str,
        group: &str,
        topic: &str,
    ) -> anyhow::Result<Self> {
        let mut child = client
            .member(server, group, topic)?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start a member of {}", client.name()))?;
        let said = Arc::default();
        listen(child.stdout.take(), &said);
        listen(child.stderr.take(), &said);
        Ok(Self {
            stdin: child.stdin.take(),
            child,
            leave: client.leave(),
            name: client.name(),
            said,
        })
    }

    /// Waits until it owns this many partitions.
    pub(crate) fn await_partitions(&self, count: usize) -> anyhow::Result<()> {
        self.await_said(|said| said.partitions == Some(count))
            .with_context(|| format!("waited for {count} partitions"))
    }

    /// Waits until these members together have read all of these values.
    pub(crate) fn await_values(members: &[&Self], values: Range<usize>) -> anyhow::Result<()> {
        let missing = || {
            let read: BTreeSet<_> = members.iter().flat_map(|member| member.values()).collect();
            values.clone().find(|value| !read.contains(value))
        };
        wait::until_or(Instant::now() + PATIENCE, || {
            missing().is_none().then_some(())
        })
        .with_context(|| {
            let said: Vec<_> = members.iter().map(|member| member.transcript()).collect();
            format!("value {:?} was not read\n{}", missing(), said.join("\n"))
        })
    }

    /// The values it has read so far.
    pub(crate) fn values(&self) -> BTreeSet<usize> {
        lock(&self.said).values.clone()
    }

    /// Asks it to leave, and waits for its end.
    pub(crate) fn leave(&mut self) -> anyhow::Result<()> {
        drop(self.stdin.take());
        if self.leave == Leave::Terminate {
            kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        }
        let status = wait::until_or(Instant::now() + PATIENCE, || {
            self.child.try_wait().transpose()
        })
        .with_context(|| format!("it did not end\n{}", self.transcript()))??;
        // A signal's number above 128 is how Java ends when it was asked by a signal.
        let well = status.success() || self.leave == Leave::Terminate && status.code() == Some(143);
        ensure!(well, "it ended with {status}\n{}", self.transcript());
        Ok(())
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn await_said(&self, holds: impl Fn(&Said) -> bool) -> anyhow::Result<()> {
        wait::until_or(Instant::now() + PATIENCE, || {
            holds(&lock(&self.said)).then_some(())
        })
        .with_context(|| self.transcript())
    }

    /// The last lines it printed.
    fn transcript(&self) -> String {
        let said = lock(&self.said);
        let last = &said.lines[said.lines.len().saturating_sub(30)..];
        format!("a member of {} said:\n{}", self.name, last.join("\n"))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // Already ended is what a check wants; there is nothing to do about anything else.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Notes every line of a stream until it ends.
fn listen(stream: Option<impl Read + Send + 'static>, said: &Arc<Mutex<Said>>) {
    let said = Arc::clone(said);
    thread::spawn(move || {
        for line in stream
            .map(BufReader::new)
            .into_iter()
            .flat_map(|lines| lines.lines())
        {
            match line {
                Ok(line) => lock(&said).note(line),
                Err(_) => break,
            }
        }
    });
}

impl Said {
    fn note(&mut self, line: String) {
        match line.split_once(' ').unwrap_or((&line, "")) {
            ("assigned", partitions) => {
                self.partitions = Some(partitions.split_whitespace().count());
            }
            // record PARTITION OFFSET VALUE
            ("record", record) => {
                let value = record
                    .rsplit(' ')
                    .next()
                    .and_then(|value| value.parse::<usize>().ok());
                self.values.extend(value);
            }
            // kcat: "% Group G rebalanced (memberid M): assigned: T [0], T [1]"
            ("%", report) if report.contains(": assigned: ") => {
                self.partitions = Some(report.matches('[').count());
            }
            // A tool that prints values only.
            (value, "") => self.values.extend(value.parse::<usize>()),
            (_, log) => self.note_log(log),
        }
        self.lines.push(line);
    }

    /// Java's consumer, in its log: "[Consumer ...] Adding newly assigned partitions: [T-0, T-1]"
    fn note_log(&mut self, log: &str) {
        if let Some((_, partitions)) = log.split_once("newly assigned partitions: ") {
            self.partitions = Some(
                partitions
                    .split(", ")
                    .filter(|one| one.contains('-'))
                    .count(),
            );
        }
    }
}

fn lock(said: &Mutex<Said>) -> std::sync::MutexGuard<'_, Said> {
    said.lock().unwrap_or_else(PoisonError::into_inner)
}
