//! Start-up until REST answers, and memory: idle, and at its peak while a file is shipped end to end.

use std::time::{Duration, Instant};

use super::pass_through;
use super::server::WorkerServer;
use crate::case::Codec;
use crate::input::Input;
use crate::report::Figure;
use crate::resources::resident_mb;

/// After this a process that does nothing has settled.
const SETTLED: Duration = Duration::from_secs(2);

/// Measures `rounds` starts, and one process that ships `input`.
pub(crate) fn footprint(input: &Input, rounds: usize) -> anyhow::Result<Vec<Figure>> {
    // The first start builds the binary and fills the page cache with it.
    drop(WorkerServer::start(Codec::Plain)?);
    let mut starts = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let started = Instant::now();
        let server = WorkerServer::start(Codec::Plain)?;
        server.check_answers()?;
        starts.push(started.elapsed().as_secs_f64() * 1e3);
    }
    let mut server = WorkerServer::start(Codec::Plain)?;
    std::thread::sleep(SETTLED);
    let idle = resident_mb(server.millrace.id(), "VmRSS:")?;
    pass_through::run_once(&mut server, input)?;
    let peak = resident_mb(server.millrace.id(), "VmHWM:")?;
    let shipped = input.bytes() / 1_000_000;
    Ok(vec![
        Figure::of("start-up to REST ready", "ms", &starts),
        Figure::of("resident memory, idle", "MB", &[idle]),
        Figure::of(format!("peak memory, {shipped} MB shipped"), "MB", &[peak]),
    ])
}
