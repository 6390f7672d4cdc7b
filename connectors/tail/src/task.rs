//! The task: finds files, reads those that have something to read, and waits.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millrace_api::{Column, ConnectError, Properties, SourceBatch, SourceContext, SourceTask};
use tokio::task::{JoinError, JoinHandle, spawn_blocking, yield_now};
use tokio::time::Instant;

use crate::collect::Collector;
use crate::config::{Compression, StartPosition, TailConfig};
use crate::connector::SHARE;
use crate::encoding::Encoding;
use crate::files::Files;
use crate::flume::FlumePositions;
use crate::headers::{self, HeaderKind};
use crate::identity::FileId;
use crate::lag::Lag;
use crate::open::{Opening, Request, open};
use crate::pace::Pace;
use crate::scan::{Findings, Strays, Wanted, scan, scan_settled};
use crate::state::{Due, Place, Waits};
use crate::tally::Tally;
use crate::template::Router;
use crate::turn::{Flush, Reader, Turn};
use crate::watch::FolderWatch;
use archives::LeftAlone;
use cut::FileCut;
use unpack::Unpacking;

mod archives;
mod cut;
mod discover;
mod unpack;

/// Bytes after which a poll returns.
const POLL_BYTES_MAX: usize = 1 << 20;
/// Files opened by one trip to the blocking pool.
const OPEN_AT_ONCE: usize = 64;
/// Turns after which other tasks get theirs, though nothing was found.
const TURNS_AT_ONCE: usize = 256;
/// Shortest and longest wait for a change.
const WAIT_MIN: Duration = Duration::from_millis(1);
const WAIT_MAX: Duration = Duration::from_secs(3600);
/// Once everything was read, what is written within this time is read together: a batch for each line of files that are
/// written to all the time would cost a hundred times the line.
const GATHER: Duration = Duration::from_millis(2);
/// How often files are looked at for which something may become due.
const SWEEP: Duration = Duration::from_millis(200);

/// Reads its share of the files.
#[derive(Default)]
pub struct FileTailTask {
    running: Option<Running>,
}

/// A started task.
pub(super) struct Running {
    context: SourceContext,
    share: Share,
    wanted: Wanted,
    watch: Arc<FolderWatch>,
    waits: Waits,
    close_inactive: Duration,
    ignore_older: Option<Duration>,
    start: StartPosition,
    flume: FlumePositions,
    open_max: usize,
    rows_max: usize,
    router: Router,
    header_kinds: Arc<[HeaderKind]>,
    encoding: Encoding,
    value: Column,
    reader: Reader,
    out: Collector,
    files: Files,
    scanning: Option<JoinHandle<Findings>>,
    found: Option<Findings>,
    pace: Pace,
    /// Whether the folders were looked at since the start.
    looked: bool,
    started: Instant,
    /// When lines were last handed out.
    read: Duration,
    swept: Duration,
    tally: Tally,
    /// Files that were cut, and wait for their copies to be looked for.
    cuts: Vec<FileCut>,
    /// Looks that were taken in and fell into no change of names.
    looks: u64,
    /// Folders that could not be read at the last look.
    unreadable: HashSet<PathBuf>,
    /// Files that were renamed and whose names nobody has taken yet.
    renamed: Vec<FileId>,
    /// Looks in a row that fell into changes of names.
    unsettled_looks: u32,
    /// Compressed files that are not read.
    left_alone: HashMap<FileId, LeftAlone>,
    unpacking: Unpacking,
    lag: Lag,
}

/// Which of the files are this task's.
#[derive(Debug, Clone, Copy)]
struct Share {
    task: u64,
    tasks: u64,
}

impl Share {
    fn read(properties: &Properties) -> Self {
        let parts = properties
            .get(SHARE)
            .and_then(|share| share.split_once('/'))
            .and_then(|(task, tasks)| Some((task.parse().ok()?, tasks.parse().ok()?)));
        let (task, tasks) = parts.unwrap_or((0, 1));
        Self { task, tasks }
    }

    fn has(self, id: FileId) -> bool {
        id.task(self.tasks) == self.task
    }
}

#[async_trait]
impl SourceTask for FileTailTask {
    async fn start(
        &mut self,
        properties: &Properties,
        context: SourceContext,
    ) -> Result<(), ConnectError> {
        let config = TailConfig::read(properties)?;
        let watched = config.watch;
        let watch = blocking(move || FolderWatch::new(watched)).await?;
        let file = config.start_from_flume.clone();
        let flume = blocking(move || TailConfig::flume_positions(file.as_deref())).await?;
        let flume = flume.map_err(ConnectError::config)?;
        if flume.len() > 0 {
            log::info!(
                "goes on where Flume stopped, with positions of {} files",
                flume.len()
            );
        }
        let rows_max = usize::try_from(config.batch_size).unwrap_or(1);
        self.running = Some(Running {
            context,
            share: Share::read(properties),
            wanted: Wanted {
                globs: Arc::new(config.globs()?),
                strays: Strays::All,
                packed: (config.compression == Compression::Auto).then(Arc::default),
            },
            watch: Arc::new(watch),
            waits: config.waits(),
            close_inactive: config.close_inactive(),
            ignore_older: config.ignore_older(),
            start: config.start_position,
            flume,
            open_max: usize::try_from(config.open_files_max).unwrap_or(1),
            rows_max,
            header_kinds: config.header_kinds(),
            router: config.router(headers::host())?,
            encoding: config.encoding,
            value: config.value(),
            reader: Reader::new(
                config.cutter(),
                config.encoding,
                config.grouper()?,
                config.invalid_bytes,
                rows_max,
            ),
            out: Collector::new(),
            files: Files::default(),
            scanning: None,
            found: None,
            pace: Pace::new(config.scan_interval()),
            looked: false,
            started: Instant::now(),
            read: Duration::ZERO,
            swept: Duration::ZERO,
            tally: Tally::default(),
            cuts: Vec::new(),
            looks: 0,
            unreadable: HashSet::new(),
            renamed: Vec::new(),
            unsettled_looks: 0,
            left_alone: HashMap::new(),
            unpacking: Unpacking::new(config.cutter()),
            lag: Lag::default(),
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
        if let Some(running) = self.running.take() {
            // Closing many files and watches may take a moment.
            spawn_blocking(move || drop(running));
        }
    }
}

impl Running {
    async fn poll(&mut self) -> Result<Option<SourceBatch>, ConnectError> {
        self.gather().await;
        loop {
            self.hear();
            self.scan().await?;
            self.sweep();
            self.open_files().await?;
            self.open_archive().await?;
            self.find_copies().await?;
            let batch = self.read_files();
            self.tell_lag();
            if !batch.is_empty() {
                self.read = self.now();
                return Ok(Some(batch));
            }
            if self.context.is_interrupted() {
                return Ok(None);
            }
            if self.files.has_work() {
                yield_now().await;
            } else if !self.wait().await? {
                return Ok(None);
            }
        }
    }

    /// Lets lines come together after the last ones were read.
    async fn gather(&self) {
        let rest = (self.read + GATHER).saturating_sub(self.now());
        if !rest.is_zero() && !self.files.has_work() {
            // Interrupted, it has nothing to wait for.
            drop(tokio::time::timeout(rest, self.context.interrupted()).await);
        }
    }

    /// Tells the worker what is not read yet, when it is time.
    fn tell_lag(&mut self) {
        let now = self.now();
        if let Some(backlog) = self.lag.look(&self.files, now) {
            self.context.tell_backlog(backlog);
        }
    }

    /// Time since the start of the task.
    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Takes in what the watch has heard.
    fn hear(&mut self) {
        let changes = self.watch.take();
        if changes.names {
            self.pace.hurry();
        }
        for path in &changes.written {
            if let Some(id) = self.files.at(path) {
                self.files.make_ready(id);
            }
        }
    }

    /// Starts a look at the folders when it is time, and takes in what the last one has found.
    async fn scan(&mut self) -> Result<(), ConnectError> {
        if let Some(scanning) = self.scanning.take_if(|scanning| scanning.is_finished()) {
            self.found = Some(found(scanning.await)?);
        }
        if let Some(findings) = self.found.take() {
            self.take_in(findings).await?;
            self.pace.end(self.now(), self.watch.is_whole());
        }
        if self.scanning.is_none() && self.pace.is_due(self.now()) {
            self.pace.begin(self.now());
            self.scanning = Some(self.spawn_scan());
        }
        Ok(())
    }

    fn spawn_scan(&mut self) -> JoinHandle<Findings> {
        if self.looked {
            let inodes = self.files.ids().map(|id| id.inode).collect();
            self.wanted.strays = Strays::Inodes(Arc::new(inodes));
        }
        if self.wanted.packed.is_some() {
            self.wanted.packed = Some(Arc::new(self.known_archives()));
        }
        let first = !self.looked;
        let (wanted, watch) = (self.wanted.clone(), Arc::clone(&self.watch));
        spawn_blocking(move || {
            watch.forget_missing();
            if first {
                scan_settled(&wanted, |folder| watch.add(folder))
            } else {
                scan(&wanted, |folder| watch.add(folder))
            }
        })
    }

    /// Looks for what has become due because nothing was written.
    fn sweep(&mut self) {
        let now = self.now();
        if self.files.timed.is_empty() || now < self.swept + SWEEP {
            return;
        }
        self.swept = now;
        let timed: Vec<_> = self.files.timed.iter().copied().collect();
        for id in timed {
            let Some(entry) = self.files.get_mut(id) else {
                continue;
            };
            match entry.state.due(now, &self.waits) {
                Due::Nothing => {
                    if entry.state.place() == Place::Named && entry.state.begun() == 0 {
                        self.files.timed.remove(&id);
                    }
                    continue;
                }
                Due::Group => entry.flush = Flush::Group,
                Due::Flush => entry.flush = Flush::Line,
                Due::Release => (entry.flush, entry.release) = (Flush::Line, true),
            }
            if entry.release && entry.open.is_none() && entry.state.place() == Place::Gone {
                self.give_up(id);
            } else {
                self.files.make_ready(id);
            }
        }
    }

    /// Forgets a file that cannot be read any more.
    fn give_up(&mut self, id: FileId) {
        if let Some(entry) = self.files.remove(id) {
            self.tally.gone(&entry.path, entry.unread());
        }
    }

    /// Opens files that have something to read.
    async fn open_files(&mut self) -> Result<(), ConnectError> {
        let ids = self.files.take_closed(OPEN_AT_ONCE.min(self.open_max));
        if ids.is_empty() {
            return Ok(());
        }
        let closed = self.files.close_above(self.open_max - ids.len());
        let files = &self.files;
        let requests: Vec<_> = ids
            .into_iter()
            .filter_map(|id| {
                let entry = files.get(id)?;
                Some(Request {
                    id,
                    path: Arc::clone(&entry.path),
                    position: entry.state.position(),
                    expected: entry.expected,
                    born: entry.born,
                    encoding: self.encoding,
                    unpack: None,
                })
            })
            .collect();
        let openings = blocking(move || {
            drop(closed);
            let open_each = |request: Request| (request.id, open(&request));
            requests.into_iter().map(open_each).collect::<VecDeque<_>>()
        });
        for (id, opening) in openings.await? {
            self.take_in_opening(id, opening);
        }
        Ok(())
    }

    fn take_in_opening(&mut self, id: FileId, opening: Opening) {
        let Some(entry) = self.files.get_mut(id) else {
            return;
        };
        match opening {
            Opening::Opened(opened) => {
                if let Some(expected) = entry.expected.take().filter(|_| !opened.is_expected) {
                    if entry.state.place() != Place::Named {
                        // Another file has the inode of one that was rotated.
                        self.files.remove(id);
                        return;
                    }
                    // It stands in no line until its copy was looked for.
                    self.files.after_turn(id, false);
                    self.files.opened(id, opened.file);
                    self.cut_before(id, expected);
                    return;
                }
                if std::mem::take(&mut entry.from_flume) && !opened.at_line {
                    log::warn!(
                        "{} has no line end before the position that Flume stored for its inode, so that it is another file; reading it from its start",
                        entry.path.display()
                    );
                    entry.state.skip_to(0);
                }
                if std::mem::take(&mut entry.from_end) {
                    entry.state.skip_to(opened.position);
                    if !opened.at_line {
                        entry.state.leave_out_line();
                    }
                }
                if opened.len >= entry.state.position() && entry.book.matches(&opened.head) {
                    entry.book.remember(&opened.head, entry.state.position());
                } else if entry.state.place() != Place::Named {
                    // Of the file there is nothing but its inode: a file that is not meant has it now.
                    self.files.remove(id);
                    return;
                }
                self.files.opened(id, opened.file);
            }
            Opening::Moved => {
                self.files.put_off(id);
                self.pace.hurry();
            }
            Opening::Failed(error) => {
                if !std::mem::replace(&mut entry.failed, true) {
                    log::warn!(
                        "cannot open {} and will try again: {error}",
                        entry.path.display()
                    );
                }
                self.files.failed(id);
            }
        }
    }

    /// Lines that are there now, as many as a poll may give.
    fn read_files(&mut self) -> SourceBatch {
        for _ in 0..TURNS_AT_ONCE {
            if self.out.rows() >= self.rows_max || self.out.bytes() >= POLL_BYTES_MAX {
                break;
            }
            let Some(id) = self.files.next_ready() else {
                break;
            };
            self.read_file(id);
        }
        let batch = self.out.take();
        if batch.is_empty() {
            self.out.rest();
        }
        batch
    }

    fn read_file(&mut self, id: FileId) {
        let now = self.now();
        let Some(entry) = self.files.get_mut(id) else {
            return;
        };
        let Some(source) = &entry.open else { return };
        let turn = Turn {
            source,
            state: &mut entry.state,
            book: &entry.book,
            run: &entry.run,
            key: entry.key.as_deref(),
            headers: &entry.headers,
            now,
            flush: entry.flush,
        };
        let outcome = match self.reader.turn(turn, &mut self.out) {
            Ok(outcome) => outcome,
            Err(error) => {
                if !std::mem::replace(&mut entry.failed, true) {
                    log::warn!(
                        "cannot read {} and will try again: {error}",
                        entry.path.display()
                    );
                }
                self.files.failed(id);
                return;
            }
        };
        if outcome.anew {
            self.cut(id);
            return;
        }
        self.tally.add(&outcome);
        let begun = entry.state.begun() > 0;
        let released = entry.release;
        let is_deleted = entry.state.place() == Place::Gone;
        if outcome.more {
            self.files.after_turn(id, true);
            return;
        }
        if entry.archive.is_some() {
            self.unpacked_to_its_end(id);
            return;
        }
        entry.flush = Flush::Nothing;
        entry.state.caught_up();
        self.files.after_turn(id, false);
        if released {
            if is_deleted {
                self.tally.released();
            }
            self.files.remove(id);
            return;
        }
        if begun {
            self.files.timed.insert(id);
        }
        self.files.let_follow(id);
    }

    /// Waits until something may have changed; false if the task is to pause or stop.
    async fn wait(&mut self) -> Result<bool, ConnectError> {
        let now = self.now();
        let mut until = self.pace.next();
        if !self.files.timed.is_empty() {
            until = until.min(self.swept + SWEEP);
        }
        until = until.min(self.lag.next());
        let wait = until.saturating_sub(now).clamp(WAIT_MIN, WAIT_MAX);
        let scanned = async {
            match &mut self.scanning {
                Some(scanning) => scanning.await,
                None => std::future::pending().await,
            }
        };
        let unpacked = async {
            match &mut self.unpacking.opening {
                Some(opening) => opening.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.watch.changed() => {}
            opened = unpacked => {
                self.unpacking.opening = None;
                self.unpacking.opened = Some(unpack::opened(opened)?);
            }
            findings = scanned => {
                self.scanning = None;
                self.found = Some(found(findings)?);
            }
            () = tokio::time::sleep(wait) => {}
            () = self.context.interrupted() => return Ok(false),
        }
        Ok(true)
    }
}

/// What a look at the folders has found.
fn found(findings: Result<Findings, JoinError>) -> Result<Findings, ConnectError> {
    findings.map_err(|error| {
        ConnectError::connect("cannot look for files on the blocking pool").caused_by(error)
    })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ConnectError> {
    spawn_blocking(work)
        .await
        .map_err(|error| ConnectError::connect("cannot run on the blocking pool").caused_by(error))
}

impl std::fmt::Debug for FileTailTask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let files = self.running.as_ref().map(|running| running.files.len());
        f.debug_struct("FileTailTask")
            .field("files", &files)
            .finish_non_exhaustive()
    }
}
