//! The task: opens its input, waits for it to grow, and gives batches of lines.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use millrace_api::{
    Column, ConnectError, Properties, Schema, SourceBatch, SourceContext, SourceRun, SourceTask,
};

use super::connector::parse;
use super::input::{Fate, Found, OpenFile, open};
use super::lines::LineSplitter;
use super::offsets;
use super::stdin::Stdin;
use super::watch::Watch;

/// How long a reader waits before it looks by itself, whatever the watcher says.
const RESCAN: Duration = Duration::from_secs(1);

/// The same where the watcher learns of everything: a look wakes two threads, and there may be a thousand readers.
const RARE_RESCAN: Duration = Duration::from_secs(30);

/// Bytes of blocks after which a poll returns, whatever `batch.size` says.
const POLL_BYTES_MAX: usize = 1 << 20;

/// Reads the lines of one file, or of standard input.
#[derive(Default)]
pub struct FileStreamSourceTask {
    running: Option<Running>,
}

/// A started task.
struct Running {
    context: SourceContext,
    /// None for standard input.
    path: Option<Arc<Path>>,
    run: SourceRun,
    lines_per_poll: usize,
    lines: LineSplitter,
    input: Input,
    watch: Option<Watch>,
    told: Told,
}

enum Input {
    /// Not opened yet, or missing.
    Closed,
    File(OpenFile),
    Pipe(tokio::net::unix::pipe::Receiver),
    Stdin(Stdin),
    /// Standard input has ended.
    Ended,
}

/// What was noticed at the end of the file, so that it is told or acted on once.
#[derive(Default)]
struct Told {
    missing: bool,
    unwatched: bool,
    /// The file gave nothing at the last look.
    idle: bool,
    /// Its name already belonged to another file at the last look.
    replaced: bool,
}

#[async_trait]
impl SourceTask for FileStreamSourceTask {
    async fn start(
        &mut self,
        properties: &Properties,
        context: SourceContext,
    ) -> Result<(), ConnectError> {
        let config = parse(properties)?;
        let source = offsets::partition(config.file());
        let position = match (config.file(), context.offset(source.partition()).await?) {
            (Some(_), Some(offset)) => offsets::position(&offset)?.unwrap_or(0),
            _ => 0,
        };
        self.running = Some(Running {
            context,
            path: config.file().map(|file| PathBuf::from(file).into()),
            lines_per_poll: config.lines_per_poll(),
            run: SourceRun {
                end: 0,
                topic: config.topic.into(),
                partition: None,
                source,
                key: Column::Null,
                value: Column::Text(Some(Schema::string())),
                headers: None,
            },
            lines: LineSplitter::new(position),
            input: Input::Closed,
            watch: None,
            told: Told::default(),
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
        self.running = None;
    }
}

impl Running {
    async fn poll(&mut self) -> Result<Option<SourceBatch>, ConnectError> {
        loop {
            let batch = self.read_batch()?;
            if !batch.is_empty() {
                self.told = Told::default();
                return Ok(Some(batch));
            }
            if self.context.is_interrupted() {
                return Ok(None);
            }
            if !self.wait_for_input().await? {
                return Ok(None);
            }
        }
    }

    /// Lines that are there now, as many as a poll may give.
    fn read_batch(&mut self) -> Result<SourceBatch, ConnectError> {
        let mut batch = SourceBatch::new();
        batch.begin_run(self.run.clone());
        let now = now_ms();
        loop {
            self.lines
                .take(self.lines_per_poll - batch.len(), now, &mut batch);
            if batch.len() >= self.lines_per_poll || batch.block_bytes() >= POLL_BYTES_MAX {
                return Ok(batch);
            }
            if self.read()? == 0 {
                return Ok(batch);
            }
        }
    }

    /// Reads once, without waiting; 0 if nothing is there.
    fn read(&mut self) -> Result<usize, ConnectError> {
        if matches!(self.input, Input::Closed | Input::Ended) {
            return Ok(0);
        }
        let position = self.lines.read_position();
        let room = self
            .lines
            .room()
            .map_err(|error| cannot_read(self.path.as_deref()).caused_by(error))?;
        let result = match &mut self.input {
            Input::File(file) => file.read_at(room, position),
            Input::Pipe(pipe) => match pipe.try_read(room) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
                result => result,
            },
            Input::Stdin(stdin) => Ok(stdin.read(room)),
            Input::Closed | Input::Ended => Ok(0),
        };
        let read = result.map_err(|error| self.read_failure(position).caused_by(error))?;
        self.lines.advance(read);
        Ok(read)
    }

    fn read_failure(&self, position: u64) -> ConnectError {
        ConnectError::connect(format!("cannot read {} at byte {position}", self.name()))
    }

    fn name(&self) -> String {
        name_of(self.path.as_deref())
    }

    /// Waits until reading may give more; false if the task is interrupted.
    async fn wait_for_input(&mut self) -> Result<bool, ConnectError> {
        self.lines.rest();
        match (&mut self.input, self.path.clone()) {
            (Input::Closed, None) => self.open_stdin().await,
            (Input::Closed, Some(path)) => self.open_file(path).await,
            (Input::File(_), Some(path)) => self.wait_for_growth(path).await,
            (Input::Pipe(pipe), _) => tokio::select! {
                ready = pipe.readable() => match ready {
                    Ok(()) => Ok(true),
                    Err(error) => Err(self.read_failure(self.lines.read_position()).caused_by(error)),
                },
                () = self.context.interrupted() => Ok(false),
            },
            (Input::Stdin(_), _) => self.wait_for_stdin().await,
            (Input::Ended | Input::File(_), _) => {
                self.context.interrupted().await;
                Ok(false)
            }
        }
    }

    async fn open_stdin(&mut self) -> Result<bool, ConnectError> {
        tokio::select! {
            stdin = Stdin::acquire() => self.input = Input::Stdin(stdin),
            () = self.context.interrupted() => return Ok(false),
        }
        Ok(true)
    }

    async fn wait_for_stdin(&mut self) -> Result<bool, ConnectError> {
        let Input::Stdin(stdin) = &mut self.input else {
            return Ok(true);
        };
        let readable = tokio::select! {
            readable = stdin.readable() => readable,
            () = self.context.interrupted() => return Ok(false),
        };
        match readable {
            Ok(true) => {}
            Ok(false) => {
                log::info!("standard input has ended");
                self.input = Input::Ended;
            }
            Err(error) => {
                return Err(self
                    .read_failure(self.lines.read_position())
                    .caused_by(error));
            }
        }
        Ok(true)
    }

    async fn open_file(&mut self, path: Arc<Path>) -> Result<bool, ConnectError> {
        let runtime = tokio::runtime::Handle::current();
        let opening = Arc::clone(&path);
        let found = blocking(move || {
            // A pipe registers itself with the runtime.
            let _inside = runtime.enter();
            open(&opening)
        });
        match found.await?? {
            Found::File(file, len) => {
                if self.lines.read_position() > len {
                    log::warn!(
                        "{} has {len} bytes, fewer than the stored position {}: it was cut or replaced; reading it from its start",
                        self.name(),
                        self.lines.read_position(),
                    );
                    self.lines = LineSplitter::new(0);
                }
                if std::mem::take(&mut self.told.missing) {
                    log::info!("{} has appeared", self.name());
                }
                self.watch = None;
                self.input = Input::File(file);
                Ok(true)
            }
            Found::Pipe(pipe) => {
                self.input = Input::Pipe(pipe);
                Ok(true)
            }
            Found::Missing => {
                if !std::mem::replace(&mut self.told.missing, true) {
                    log::warn!("{} does not exist; waiting for it to appear", self.name());
                }
                self.wait_for_change(&path).await
            }
        }
    }

    /// At the end of the file: after a wait that gave nothing, looks whether it is still the file it was.
    async fn wait_for_growth(&mut self, path: Arc<Path>) -> Result<bool, ConnectError> {
        if !std::mem::replace(&mut self.told.idle, true) {
            return self.wait_for_change(&path).await;
        }
        match self.fate(&path).await? {
            Fate::Unchanged => self.wait_for_change(&path).await,
            // Nobody tells when there is such a file again.
            Fate::Nameless => self.wait(None).await,
            Fate::Truncated { len } => {
                log::warn!(
                    "{} was cut to {len} bytes, of which {} were read; reading on from its start",
                    self.name(),
                    self.lines.read_position(),
                );
                self.lines = LineSplitter::new(0);
                Ok(true)
            }
            // Whoever writes may hold the old file for a moment more.
            Fate::Replaced if !std::mem::replace(&mut self.told.replaced, true) => {
                self.wait(None).await
            }
            Fate::Replaced => {
                self.leave_replaced_file();
                Ok(true)
            }
        }
    }

    fn leave_replaced_file(&mut self) {
        let begun = self.lines.begun_len();
        let dropped = if begun == 0 {
            String::new()
        } else {
            format!("; its last {begun} bytes had no line end")
        };
        log::info!(
            "{} was replaced; reading the new file from its start{dropped}",
            self.name()
        );
        self.lines = LineSplitter::new(0);
        self.input = Input::Closed;
        self.watch = None;
        self.told = Told::default();
    }

    async fn fate(&mut self, path: &Arc<Path>) -> Result<Fate, ConnectError> {
        let Input::File(file) = std::mem::replace(&mut self.input, Input::Closed) else {
            return Ok(Fate::Unchanged);
        };
        let (path, position) = (Arc::clone(path), self.lines.read_position());
        let (file, fate) = blocking(move || {
            let fate = file.fate(&path, position);
            (file, fate)
        })
        .await?;
        self.input = Input::File(file);
        fate.map_err(|error| self.read_failure(position).caused_by(error))
    }

    /// Waits for a hint from the watcher, or for the next look.
    async fn wait_for_change(&mut self, path: &Arc<Path>) -> Result<bool, ConnectError> {
        if self.watch.is_some() {
            return self.wait(self.watch.as_ref()).await;
        }
        let watched = Arc::clone(path);
        match blocking(move || Watch::on(&watched)).await? {
            // What happened before the watch began is found by looking once more.
            Ok(watch) => {
                self.watch = Some(watch);
                Ok(true)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.told.unwatched, true) {
                    log::debug!(
                        "cannot watch {}, looking every {RESCAN:?}: {error}",
                        self.name()
                    );
                }
                self.wait(None).await
            }
        }
    }

    async fn wait(&self, watch: Option<&Watch>) -> Result<bool, ConnectError> {
        let changed = async {
            match watch {
                Some(watch) => watch.changed().await,
                None => std::future::pending().await,
            }
        };
        let pause = match watch {
            Some(watch) if watch.is_complete() => RARE_RESCAN,
            _ => RESCAN,
        };
        tokio::select! {
            () = changed => Ok(true),
            () = tokio::time::sleep(pause) => Ok(true),
            () = self.context.interrupted() => Ok(false),
        }
    }
}

fn name_of(path: Option<&Path>) -> String {
    path.map_or_else(
        || "standard input".to_owned(),
        |path| path.display().to_string(),
    )
}

fn cannot_read(path: Option<&Path>) -> ConnectError {
    ConnectError::connect(format!("cannot read {}", name_of(path)))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ConnectError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| ConnectError::connect("cannot run on the blocking pool").caused_by(error))
}

impl std::fmt::Debug for FileStreamSourceTask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.running.as_ref().map(Running::name);
        f.debug_struct("FileStreamSourceTask")
            .field("input", &name)
            .finish_non_exhaustive()
    }
}

/// Milliseconds since the epoch: as in Java, a record is of the time at which its line is read.
fn now_ms() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the API hands a connector no clock"
    )]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64)
}
