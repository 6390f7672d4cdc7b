//! The task: runs the command, again where that is wanted, and gives the lines it prints.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use async_trait::async_trait;
use millrace_api::{ConnectError, Properties, SourceBatch, SourceContext, SourceTask};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{ChildStderr, ChildStdout};
use tokio::time::Instant;

use crate::collect::Collect;
use crate::complaints::Complaints;
use crate::config::{ExecConfig, Stderr};
use crate::lines::Lines;
use crate::process::Process;
use crate::restarts::Restarts;

/// Bytes read at a time.
const READ_BYTES: u64 = 64 * 1024;

#[derive(Debug, Default)]
pub(crate) struct ExecTask {
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    context: SourceContext,
    config: ExecConfig,
    collect: Collect,
    complaints: Complaints,
    restarts: Restarts,
    /// Lines cut short or left out in this run of the command.
    hurt: u64,
    state: State,
    /// When the lines at hand are given though they are few.
    due: Option<Instant>,
}

#[derive(Debug)]
enum State {
    /// The command is to be started.
    Starting(Instant),
    Started(Box<Run>),
    /// It has ended, and is not started again.
    Over,
}

/// A run of the command.
#[derive(Debug)]
struct Run {
    process: Process,
    since: Instant,
    stdout: Pipe<ChildStdout>,
    stderr: Pipe<ChildStderr>,
}

/// What comes of a wait.
enum Event {
    Interrupted,
    /// The lines at hand have waited for long enough.
    Due,
    Read,
    Ended(io::Result<ExitStatus>),
}

#[async_trait]
impl SourceTask for ExecTask {
    async fn start(
        &mut self,
        properties: &Properties,
        context: SourceContext,
    ) -> Result<(), ConnectError> {
        let config = ExecConfig::read(properties)?;
        let name = &context.id().connector;
        self.running = Some(Running {
            collect: Collect::new(name, &config.topic, config.charset, config.rows_max()),
            complaints: Complaints::new(context.id().clone()),
            restarts: config.restarts(),
            context,
            config,
            hurt: 0,
            state: State::Starting(Instant::now()),
            due: None,
        });
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<SourceBatch>, ConnectError> {
        match &mut self.running {
            Some(running) => running.poll().await,
            None => Err(ConnectError::connect(
                "cannot poll a task that is not started",
            )),
        }
    }

    async fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.complaints.tell_left_out();
            if let State::Started(run) = running.state {
                let Run {
                    process,
                    stdout,
                    stderr,
                    ..
                } = *run;
                // Nobody reads on: who writes on ends by that.
                drop((stdout, stderr));
                process.stop(running.config.stop_timeout()).await;
            }
        }
    }
}

impl Running {
    async fn poll(&mut self) -> Result<Option<SourceBatch>, ConnectError> {
        loop {
            if self.collect.room() == 0 || self.context.is_interrupted() {
                return Ok(self.give());
            }
            match &mut self.state {
                State::Starting(at) => {
                    let at = *at;
                    tokio::select! {
                        () = self.context.interrupted() => continue,
                        () = tokio::time::sleep_until(at) => {}
                    }
                    self.begin().await?;
                }
                State::Started(_) => {
                    if self.read().await? {
                        return Ok(self.give());
                    }
                }
                State::Over => self.context.interrupted().await,
            }
        }
    }

    /// The lines at hand.
    fn give(&mut self) -> Option<SourceBatch> {
        self.due = None;
        self.collect.take()
    }

    async fn begin(&mut self) -> Result<(), ConnectError> {
        let mut process = Process::start(&self.config).await?;
        let (stdout, stderr) = process.take_pipes();
        let lines = || Lines::new(self.config.line_max(), self.config.line_too_long);
        self.state = State::Started(Box::new(Run {
            process,
            since: Instant::now(),
            stdout: Pipe::new(stdout, lines()),
            stderr: Pipe::new(stderr, lines()),
        }));
        Ok(())
    }

    /// Reads on; true if the lines at hand are to be given.
    async fn read(&mut self) -> Result<bool, ConnectError> {
        let State::Started(run) = &mut self.state else {
            return Ok(false);
        };
        // What was read and found no room in the last batch.
        run.stdout.cut(&mut self.collect, &mut self.hurt);
        match self.config.stderr() {
            Stderr::Records => run.stderr.cut(&mut self.collect, &mut self.hurt),
            _ => run.stderr.tell(&mut self.complaints),
        }
        let now = Instant::now();
        if !self.collect.is_empty() {
            let due = *self.due.get_or_insert(now + self.config.batch_timeout());
            if due <= now || self.collect.room() == 0 {
                return Ok(true);
            }
        }
        match run.event(&self.context, self.due).await {
            Event::Interrupted | Event::Due => Ok(true),
            Event::Read => Ok(false),
            Event::Ended(_) if !self.collect.is_empty() => Ok(true),
            Event::Ended(status) => self.ended(status).map(|()| false),
        }
    }

    /// The command has ended, and all that it has printed is given.
    fn ended(&mut self, status: io::Result<ExitStatus>) -> Result<(), ConnectError> {
        let State::Started(run) = std::mem::replace(&mut self.state, State::Over) else {
            return Ok(());
        };
        let ran = run.since.elapsed();
        self.complaints.tell_left_out();
        let status = status.map_err(|error| {
            ConnectError::connect("cannot tell how the command has ended").caused_by(error)
        })?;
        let id = self.context.id();
        let hurt = std::mem::take(&mut self.hurt);
        if hurt > 0 {
            log::warn!(
                "{id}: {hurt} lines were longer than max.line.bytes and cut short or left out"
            );
        }
        let last = self.complaints.take_last();
        let last = last.map_or_else(String::new, |last| format!("; its last words: {last}"));
        let has_failed = !status.success();
        if !self.config.restarts_after(has_failed) {
            if has_failed {
                return Err(ConnectError::connect(format!(
                    "the command has failed with {status}{last}; with restart=on-failure it is started again"
                )));
            }
            log::info!("{id}: the command has ended with {status}, and is not started again");
            return Ok(());
        }
        let Some(pause) = self.restarts.pause_after(has_failed, ran) else {
            return Err(ConnectError::connect(format!(
                "the command has failed with {status}{last}; it has failed as often as restart.failures.max allows"
            )));
        };
        self.tell_restart(has_failed, status, pause, &last);
        self.state = State::Starting(Instant::now() + pause);
        Ok(())
    }

    fn tell_restart(&self, has_failed: bool, status: ExitStatus, pause: Duration, last: &str) {
        let level = match has_failed {
            true => log::Level::Warn,
            false => log::Level::Info,
        };
        log::log!(
            level,
            "{}: the command has ended with {status}, and is started again in {} ms{last}",
            self.context.id(),
            pause.as_millis()
        );
    }
}

impl Run {
    /// Waits for what happens next.
    async fn event(&mut self, context: &SourceContext, due: Option<Instant>) -> Event {
        let waiting = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        let is_over = self.stdout.is_over() && self.stderr.is_over();
        tokio::select! {
            biased;
            () = context.interrupted() => Event::Interrupted,
            () = self.stdout.read() => Event::Read,
            () = self.stderr.read() => Event::Read,
            status = self.process.ended(), if is_over => Event::Ended(status),
            () = waiting => Event::Due,
        }
    }
}

/// One end of a pipe, and what was read of it.
#[derive(Debug)]
struct Pipe<R> {
    /// None where nothing is read, or no more.
    reader: Option<R>,
    lines: Lines,
}

impl<R: AsyncRead + Unpin> Pipe<R> {
    fn new(reader: Option<R>, mut lines: Lines) -> Self {
        if reader.is_none() {
            lines.end();
        }
        Self { reader, lines }
    }

    /// Reads some; never completes where nothing more comes.
    async fn read(&mut self) {
        let Some(reader) = &mut self.reader else {
            return std::future::pending().await;
        };
        let mut bounded = reader.take(READ_BYTES);
        let buffer = self.lines.buffer();
        let is_end = match bounded.read_buf(buffer).await {
            Ok(bytes) => bytes == 0,
            Err(error) => {
                log::warn!("cannot read what the command prints: {error}");
                true
            }
        };
        if is_end {
            self.reader = None;
            self.lines.end();
        }
    }

    /// Whether nothing more comes, and all that came is given.
    fn is_over(&self) -> bool {
        self.reader.is_none() && self.lines.is_done()
    }

    /// Adds whole lines to a batch, as far as it has room.
    fn cut(&mut self, collect: &mut Collect, hurt: &mut u64) {
        let room = collect.room();
        let (_, cut) = self.lines.cut(room, |line| collect.add(line));
        *hurt += cut;
    }

    /// Logs whole lines.
    fn tell(&mut self, complaints: &mut Complaints) {
        self.lines.cut(usize::MAX, |line| complaints.add(line));
    }
}
