//! The task: takes the next file that no longer grows, gives its records in batches, and finishes files whose records are
//! all acknowledged.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millrace_api::{ConnectError, Properties, SourceBatch, SourceContext, SourceTask};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::batch::{Filling, Shape, Source};
use crate::config::{OnInvalid, Order, SpoolConfig};
use crate::finish::Finish;
use crate::flight::{Fate, InFlight};
use crate::names::Names;
use crate::offsets;
use crate::reader::{Reader, Stuck};
use crate::record::Reading;
use crate::scan::{self, Found, Settling};

/// Files that were read and are not acknowledged; further ones wait.
const IN_FLIGHT_MAX: usize = 1_000;

/// Reads the files of a folder.
#[derive(Default)]
pub(crate) struct SpoolDirTask {
    running: Option<Running>,
}

/// A started task.
struct Running {
    context: SourceContext,
    folder: PathBuf,
    names: Names,
    order: Order,
    on_invalid: OnInvalid,
    record_max: usize,
    stable_for: Duration,
    scan_interval: Duration,
    reading: Reading,
    shape: Shape,
    finish: Finish,
    settling: Settling,
    began: Instant,
    looked: Option<Instant>,
    queue: VecDeque<Found>,
    current: Option<Current>,
    in_flight: Vec<InFlight>,
    woken: Arc<Notify>,
    /// Told by the next poll, after the records before.
    failure: Option<ConnectError>,
}

/// The file that is being read.
struct Current {
    reader: Reader,
    source: Source,
    left_out: u64,
}

#[async_trait]
impl SourceTask for SpoolDirTask {
    async fn start(
        &mut self,
        properties: &Properties,
        context: SourceContext,
    ) -> Result<(), ConnectError> {
        let config = SpoolConfig::read(properties)?;
        let running = Running::new(&config, context)?;
        let places = config.places();
        blocking(move || places.prepare())
            .await?
            .map_err(ConnectError::config)?;
        self.running = Some(running);
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

    async fn commit(&mut self) {
        self.finish().await;
    }

    async fn stop(&mut self) {
        self.finish().await;
        self.running = None;
    }
}

impl SpoolDirTask {
    /// Finishes what is acknowledged; what cannot be finished is told when the next poll tries again.
    async fn finish(&mut self) {
        if let Some(running) = &mut self.running
            && let Err(error) = running.finish_acknowledged().await
        {
            log::warn!("{} {error}", running.context.id());
        }
    }
}

impl Running {
    fn new(config: &SpoolConfig, context: SourceContext) -> Result<Self, ConnectError> {
        Ok(Self {
            context,
            folder: config.folder(),
            names: config.names()?,
            order: config.order,
            on_invalid: config.on_invalid,
            record_max: config.record_max(),
            stable_for: config.stable_for(),
            scan_interval: config.scan_interval(),
            reading: Reading {
                format: config.format,
                separator: config.separator(),
            },
            shape: Shape::new(config),
            finish: Finish::new(config),
            settling: Settling::default(),
            began: Instant::now(),
            looked: None,
            queue: VecDeque::new(),
            current: None,
            in_flight: Vec::new(),
            woken: Arc::default(),
            failure: None,
        })
    }

    async fn poll(&mut self) -> Result<Option<SourceBatch>, ConnectError> {
        loop {
            if self.context.is_interrupted() {
                return Ok(None);
            }
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            self.finish_acknowledged().await?;
            if let Some(batch) = self.read_batch().await {
                return Ok(Some(batch));
            }
            let is_waiting = self.failure.is_none();
            if is_waiting && !self.wait().await {
                return Ok(None);
            }
        }
    }

    /// Waits until an acknowledgement, or the next look at the folder; false if the task is interrupted.
    async fn wait(&self) -> bool {
        let next = self
            .looked
            .map_or(self.began, |looked| looked + self.scan_interval);
        tokio::select! {
            () = self.woken.notified() => true,
            () = tokio::time::sleep_until(next) => true,
            () = self.context.interrupted() => false,
        }
    }

    /// The next records, of as many files as a batch holds; none if there are none. What goes wrong is told by the next
    /// poll, for the records before it have been taken out of their file.
    async fn read_batch(&mut self) -> Option<SourceBatch> {
        let mut filling = Filling::default();
        while !filling.is_full(&self.shape) && self.failure.is_none() {
            match self.read_some(&mut filling).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => self.failure = Some(error),
            }
        }
        filling.finish(&self.shape, &self.woken)
    }

    /// Opens a file if none is open, and reads on in it; false if there is none.
    async fn read_some(&mut self, filling: &mut Filling) -> Result<bool, ConnectError> {
        if self.current.is_none() && !self.open_next().await? {
            return Ok(false);
        }
        self.read_into(filling)?;
        Ok(true)
    }

    /// Opens the next file that can be opened; false if there is none.
    async fn open_next(&mut self) -> Result<bool, ConnectError> {
        if self.queue.is_empty() {
            self.look().await?;
        }
        if self.in_flight.len() >= IN_FLIGHT_MAX {
            return Ok(false);
        }
        let Some(found) = self.queue.pop_front() else {
            return Ok(false);
        };
        let path = self.folder.join(&found.name);
        let (opening, stamp) = (path.clone(), found.stamp);
        let Reading { format, separator } = self.reading.clone();
        let record_max = self.record_max;
        let opened =
            blocking(move || Reader::open(opening, stamp, format, separator, record_max)).await?;
        let source = Source::new(
            &found.name.to_string_lossy(),
            &path,
            offsets::partition(&path, stamp),
        );
        match opened {
            Ok(Some(reader)) => {
                self.current = Some(Current {
                    reader,
                    source,
                    left_out: 0,
                });
                self.start_current(stamp).await?;
            }
            // It was changed after it was found, and is found again.
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let unread = InFlight {
                    path,
                    stamp,
                    fate: Fate::Failed,
                    open: source.open,
                };
                self.give_up(unread, &format!("it cannot be opened: {error}"));
            }
        }
        Ok(true)
    }

    async fn start_current(&mut self, stamp: scan::Stamp) -> Result<(), ConnectError> {
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        let stored = self
            .context
            .offset(current.source.partition.partition())
            .await?;
        let position = match stored {
            Some(offset) => offsets::position(&offset, stamp)?,
            None => 0,
        };
        match current.reader.start(position) {
            Ok(()) => {
                log::info!(
                    "{} reads {} from byte {position}",
                    self.context.id(),
                    current.reader.path.display()
                );
            }
            Err(Stuck::Invalid { at, why } | Stuck::Unusable { at, why }) => {
                self.give_up_current(at, &why);
            }
            Err(Stuck::Io(error)) => return Err(self.cannot_read(error)),
        }
        Ok(())
    }

    /// Reads on in the current file until the batch is full or the file ends.
    fn read_into(&mut self, filling: &mut Filling) -> Result<(), ConnectError> {
        if let Some(current) = &self.current {
            filling.begin(&current.source);
        }
        while !filling.is_full(&self.shape)
            && let Some(current) = &mut self.current
        {
            let cut = match current.reader.next() {
                Ok(Some(cut)) => cut,
                Ok(None) => return self.end_current(),
                Err(Stuck::Io(error)) => return Err(self.cannot_read(error)),
                Err(Stuck::Unusable { at, why }) => {
                    self.give_up_current(at, &why);
                    return Ok(());
                }
                Err(Stuck::Invalid { at, why }) => {
                    self.leave_out(at, &why);
                    continue;
                }
            };
            let bytes = current.reader.bytes(cut);
            match self.reading.content(bytes, current.reader.schema.as_ref()) {
                Ok(content) => filling.push(&self.shape, &current.source, content, cut),
                Err(why) => self.leave_out(cut.at, &why),
            }
        }
        Ok(())
    }

    /// A record is none: it is left out, or the file is given up.
    fn leave_out(&mut self, at: u64, why: &str) {
        if self.on_invalid != OnInvalid::Skip {
            self.give_up_current(at, why);
            return;
        }
        if let Some(current) = &mut self.current {
            current.left_out += 1;
            if current.left_out == 1 {
                let (task, path) = (self.context.id(), current.reader.path.display());
                log::warn!("{task} leaves out the record at byte {at} of {path}: {why}");
            }
        }
    }

    /// The file was read to its end.
    fn end_current(&mut self) -> Result<(), ConnectError> {
        let Some(current) = &self.current else {
            return Ok(());
        };
        match current.reader.has_changed() {
            Ok(false) => {}
            Ok(true) => {
                let at = current.reader.position();
                self.give_up_current(at, "the file was written to while it was read");
                return Ok(());
            }
            Err(error) => return Err(self.cannot_read(error)),
        }
        if let Some(current) = self.current.take() {
            if current.left_out > 0 {
                let (task, path) = (self.context.id(), current.reader.path.display());
                log::warn!("{task} has left out {} records of {path}", current.left_out);
            }
            self.in_flight.push(current.into_flight(Fate::Done));
        }
        Ok(())
    }

    fn give_up_current(&mut self, at: u64, why: &str) {
        if let Some(current) = self.current.take() {
            let why = format!("at byte {at}: {why}");
            self.give_up(current.into_flight(Fate::Failed), &why);
        }
    }

    /// A file cannot be read, or not read on: it is set aside once the records before are acknowledged, or the task fails.
    fn give_up(&mut self, file: InFlight, why: &str) {
        let path = file.path.display();
        if self.on_invalid == OnInvalid::SetAside {
            log::error!("{} sets {path} aside, {why}", self.context.id());
            self.in_flight.push(file);
        } else {
            self.failure = Some(ConnectError::data(format!(
                "cannot read {path}, {why}; mend the file, or set on.invalid to set-aside"
            )));
        }
    }

    fn cannot_read(&self, error: io::Error) -> ConnectError {
        let path = self.current.as_ref().map(|current| &current.reader.path);
        let path = path.unwrap_or(&self.folder).display();
        ConnectError::connect(format!("cannot read {path}")).caused_by(error)
    }

    /// Looks at the folder, if it is time to.
    async fn look(&mut self) -> Result<(), ConnectError> {
        let now = Instant::now();
        if self
            .looked
            .is_some_and(|looked| now < looked + self.scan_interval)
        {
            return Ok(());
        }
        let (folder, names, order) = (self.folder.clone(), self.names.clone(), self.order);
        let found = blocking(move || scan::look(&folder, &names, order)).await?;
        self.looked = Some(now);
        let found = found.map_err(|error| {
            ConnectError::retriable(format!("cannot read the folder {}", self.folder.display()))
                .caused_by(error)
        })?;
        let elapsed = now.saturating_duration_since(self.began);
        let mut settled = self.settling.settled(found, elapsed, self.stable_for);
        let in_flight: HashSet<_> = self
            .in_flight
            .iter()
            .filter_map(|file| file.path.file_name())
            .collect();
        settled.retain(|file| !in_flight.contains(file.name.as_os_str()));
        self.queue = settled.into();
        Ok(())
    }

    async fn finish_acknowledged(&mut self) -> Result<(), ConnectError> {
        let mut index = 0;
        while index < self.in_flight.len() {
            if !self.in_flight[index].is_acknowledged() {
                index += 1;
                continue;
            }
            let file = self.in_flight.remove(index);
            let finish = self.finish.clone();
            let (file, finished) = blocking(move || {
                let finished = finish.apply(&file);
                (file, finished)
            })
            .await?;
            if let Err(error) = finished {
                let path = file.path.display().to_string();
                self.in_flight.push(file);
                return Err(ConnectError::connect(format!(
                    "cannot put {path} away, whose records are in the topic; give the right to write to its folder and to where it goes"
                ))
                .caused_by(error));
            }
        }
        Ok(())
    }
}

impl Current {
    fn into_flight(self, fate: Fate) -> InFlight {
        InFlight {
            path: self.reader.path,
            stamp: self.reader.stamp,
            fate,
            open: self.source.open,
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ConnectError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| ConnectError::connect("cannot run on the blocking pool").caused_by(error))
}

impl std::fmt::Debug for SpoolDirTask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let folder = self.running.as_ref().map(|running| &running.folder);
        f.debug_struct("SpoolDirTask")
            .field("folder", &folder)
            .finish_non_exhaustive()
    }
}
