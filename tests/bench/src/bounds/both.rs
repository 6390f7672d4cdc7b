//! File to log and log to file at once: two threads in one process, the second following the first.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Instant;

use anyhow::{Context, anyhow};

use super::{file_to_log, log_to_file};
use crate::case::{Codec, Sample};
use crate::input::Input;

/// Turns `input` into a log at `log` while another thread turns that log into lines at `output`.
pub(crate) fn run(
    input: &Input,
    log: &Path,
    output: &Path,
    codec: Codec,
) -> anyhow::Result<Sample> {
    let mut lines =
        File::open(&input.path).with_context(|| format!("cannot open {}", input.path.display()))?;
    let mut appender =
        File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
    let follower = File::open(log).with_context(|| format!("cannot open {}", log.display()))?;
    let output =
        File::create(output).with_context(|| format!("cannot create {}", output.display()))?;
    let progress = Progress::default();
    let started = Instant::now();
    let records = thread::scope(|scope| {
        let sink =
            scope.spawn(|| log_to_file::decode_to(&mut Follower::new(follower, &progress), output));
        let written = file_to_log::encode_lines(&mut lines, codec, |batch| {
            appender.write_all(batch)?;
            progress.advance(batch.len() as u64);
            Ok(())
        });
        progress.finish();
        let records = sink
            .join()
            .map_err(|_| anyhow!("the sink thread panicked"))??;
        written?;
        anyhow::Ok(records)
    })?;
    Ok(Sample {
        bytes: input.bytes(),
        records,
        elapsed: started.elapsed(),
    })
}

/// How far the log is written.
#[derive(Default)]
struct Progress {
    state: Mutex<(u64, bool)>,
    moved: Condvar,
}

impl Progress {
    fn advance(&self, bytes: u64) {
        self.state.lock().expect("no holder panics").0 += bytes;
        self.moved.notify_one();
    }

    fn finish(&self) {
        self.state.lock().expect("no holder panics").1 = true;
        self.moved.notify_one();
    }

    /// Waits until more than `position` is written or nothing follows; returns the end.
    fn wait_past(&self, position: u64) -> u64 {
        let state = self.state.lock().expect("no holder panics");
        self.moved
            .wait_while(state, |(end, finished)| *end <= position && !*finished)
            .expect("no holder panics")
            .0
    }
}

/// Reads the log up to what is written, waiting for more.
struct Follower<'a> {
    log: File,
    position: u64,
    known_end: u64,
    progress: &'a Progress,
}

impl<'a> Follower<'a> {
    fn new(log: File, progress: &'a Progress) -> Self {
        Self {
            log,
            position: 0,
            known_end: 0,
            progress,
        }
    }
}

impl Read for Follower<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.position == self.known_end {
            self.known_end = self.progress.wait_past(self.position);
        }
        let readable = target.len().min((self.known_end - self.position) as usize);
        let read = self.log.read(&mut target[..readable])?;
        self.position += read as u64;
        Ok(read)
    }
}
