//! FileTail over many quiet files and some busy ones: memory, the processor time that the quiet ones take, and the time
//! from the write of a line until a consumer has it.
//!
//! The worker is the real binary with its included broker, everything by its defaults but a commit of offsets each
//! second. Writer and consumer are in this process and share its clock; they share the machine's processors with what is
//! measured, too.

mod files;
mod reader;
mod writer;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{anyhow, ensure};

use super::latency::percentiles;
use super::server::WorkerServer;
use super::wait_until;
use crate::case::Codec;
use crate::report::Figure;
use crate::resources::{processor_seconds, resident_mb};
use files::Files;

const QUIET_TOPIC: &str = "quiet";
const BUSY_TOPIC: &str = "busy";

/// After this a process that has read all files has settled.
const SETTLED: Duration = Duration::from_secs(5);
/// So long the processor's time is watched while nothing is written: several looks at the folders, one each ten seconds.
const WATCHED: Duration = Duration::from_secs(40);
/// Lines written first, which are not counted: connections, caches and the first opening of each file.
const WARM_UP: Duration = Duration::from_secs(5);
/// So long lines are written that are.
const MEASURED: Duration = Duration::from_secs(30);

/// Measures all of it once.
pub(crate) fn many_files() -> anyhow::Result<Vec<Figure>> {
    let server = WorkerServer::start(Codec::Plain)?;
    let files = Files::create(&server.file("logs"))?;
    for topic in [QUIET_TOPIC, BUSY_TOPIC] {
        server.client.create_topic(topic)?;
    }
    let started = Instant::now();
    server.create("tail", &files.connector())?;
    let mut looks = 0;
    wait_until("reading all files", || {
        looks += 1;
        if looks % 1000 == 0 {
            server.check("tail")?;
        }
        Ok(server.client.end_offset(QUIET_TOPIC)? >= files::LINES)
    })?;
    let found = started.elapsed();
    let process = server.millrace.id();
    thread::sleep(SETTLED);
    let quiet = processor_percent(process, || {
        thread::sleep(WATCHED);
        Ok(())
    })?;
    let mut times = Vec::new();
    let busy = processor_percent(process, || {
        times = under_load(&server, &files)?;
        Ok(())
    })?;
    let memory = resident_mb(process, "VmRSS:")?;
    let peak = resident_mb(process, "VmHWM:")?;
    let (many, few, speed) = (files::QUIET, files::BUSY, writer::LINES_A_SECOND);
    let mut figures = vec![
        Figure::of(
            format!("{many} files read the first time"),
            "s",
            &[found.as_secs_f64()],
        ),
        Figure::of("processor, all files quiet", "%", &[quiet]),
        Figure::of(
            format!("processor, {few} at {speed} lines/s in all"),
            "%",
            &[busy],
        ),
        Figure::of("resident memory", "MB", &[memory]),
        Figure::of("its peak", "MB", &[peak]),
    ];
    figures.extend(percentiles("write to consumer", times));
    Ok(figures)
}

/// Percent of one processor that the process uses during `work`.
fn processor_percent(
    process: u32,
    work: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let (before, started) = (processor_seconds(process)?, Instant::now());
    work()?;
    let used = processor_seconds(process)? - before;
    Ok(100.0 * used / started.elapsed().as_secs_f64())
}

/// The times of the lines that count, each from right before its write until the consumer has it.
fn under_load(server: &WorkerServer, files: &Files) -> anyhow::Result<Vec<Duration>> {
    let mut busy = files.open_busy()?;
    let origin = Instant::now();
    let written = AtomicU64::new(u64::MAX);
    thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let lines = writer::write(&mut busy, origin, WARM_UP + MEASURED);
            // A reader that waits for more than was written ends when nothing comes.
            written.store(*lines.as_ref().unwrap_or(&0), Ordering::Release);
            lines
        });
        let times = server
            .client
            .runtime
            .block_on(reader::read(&server.client, origin, &written));
        let lines = writing
            .join()
            .map_err(|_| anyhow!("the writer panicked"))??;
        let times = times?;
        ensure!(
            times.len() as u64 == lines,
            "{} of {lines} lines came",
            times.len()
        );
        let counts = times.into_iter().filter(|(written, _)| *written >= WARM_UP);
        Ok(counts.map(|(_, took)| took).collect())
    })
}
