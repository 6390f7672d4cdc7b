//! Figures of the process itself, as the system counts them: `/proc/self` where there is one.
//!
//! The names are those that every Prometheus client library uses. Facts: proc(5).

use std::sync::Arc;
use std::time::Duration;

use super::{Collect, Exposition, Family};
use crate::clock::Clock;

const CPU: Family = Family::counter(
    "process_cpu_seconds_total",
    &[],
    "Processor time of the process in user and system mode, in seconds",
);
const RESIDENT: Family = Family::gauge(
    "process_resident_memory_bytes",
    &[],
    "Memory of the process that is resident, in bytes",
);
const VIRTUAL: Family = Family::gauge(
    "process_virtual_memory_bytes",
    &[],
    "Address space of the process, in bytes",
);
const OPEN_FDS: Family = Family::gauge("process_open_fds", &[], "Open file descriptors");
const MAX_FDS: Family = Family::gauge(
    "process_max_fds",
    &[],
    "How many file descriptors may be open",
);
const THREADS: Family = Family::gauge("process_threads", &[], "Threads of the process");
const STARTED: Family = Family::gauge(
    "process_start_time_seconds",
    &[],
    "When the process started, in seconds since 1970",
);
const UPTIME: Family = Family::gauge(
    "millrace_uptime_seconds",
    &[],
    "How long the process has been running, in seconds",
);
const BUILD: Family = Family::gauge(
    "millrace_build_info",
    &["version"],
    "Always 1; the label names the version",
);

/// Collects the figures of this process.
#[derive(Debug)]
pub struct ProcessMetrics {
    clock: Arc<dyn Clock>,
    version: &'static str,
    started_ms: i64,
    started: Duration,
}

impl ProcessMetrics {
    /// For a process of this version that starts now.
    pub fn new(clock: Arc<dyn Clock>, version: &'static str) -> Self {
        Self {
            started_ms: clock.now_ms(),
            started: clock.monotonic(),
            clock,
            version,
        }
    }
}

impl Collect for ProcessMetrics {
    fn collect(&self, into: &mut Exposition) {
        into.family(&BUILD).add(&[self.version], 1_u64);
        into.single(&STARTED, self.started_ms as f64 / 1e3);
        let uptime = self.clock.monotonic().saturating_sub(self.started);
        into.single(&UPTIME, uptime.as_secs_f64());
        let status = Status::read();
        let figures = [
            (CPU, cpu_seconds()),
            (RESIDENT, status.bytes("VmRSS:")),
            (VIRTUAL, status.bytes("VmSize:")),
            (THREADS, status.number("Threads:")),
            (OPEN_FDS, open_descriptors()),
            (MAX_FDS, descriptors_max()),
        ];
        for (family, figure) in &figures {
            let mut samples = into.family(family);
            if let Some(figure) = figure {
                samples.add(&[], *figure);
            }
        }
    }
}

/// The lines of `/proc/self/status`: a name and a number, of KiB where it is memory.
struct Status(String);

impl Status {
    fn read() -> Self {
        Self(read("/proc/self/status").unwrap_or_default())
    }

    fn number(&self, name: &str) -> Option<f64> {
        let line = self.0.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    }

    fn bytes(&self, name: &str) -> Option<f64> {
        self.number(name).map(|kib| kib * 1024.0)
    }
}

fn cpu_seconds() -> Option<f64> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the kernel's own directory, listed on the blocking pool"
)]
fn open_descriptors() -> Option<f64> {
    let entries = std::fs::read_dir("/proc/self/fd").ok()?;
    // One of them is the listing's own.
    Some(entries.count().saturating_sub(1) as f64)
}

fn descriptors_max() -> Option<f64> {
    let limits = read("/proc/self/limits")?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[expect(
    clippy::disallowed_methods,
    reason = "small files that the kernel makes up, read on the blocking pool"
)]
fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::clock;
    use crate::metrics::Format;

    #[test]
    fn the_process_tells_of_itself() {
        let metrics = ProcessMetrics::new(clock::system(), "1.2.3");
        let mut exposition = Exposition::new(Format::Prometheus);
        metrics.collect(&mut exposition);
        let text = exposition.finish();
        assert!(text.contains("millrace_build_info{version=\"1.2.3\"} 1\n"));
        for family in [CPU, RESIDENT, VIRTUAL, OPEN_FDS, MAX_FDS, THREADS] {
            let line = text
                .lines()
                .find(|line| line.starts_with(&format!("{} ", family.name)));
            let value: f64 = line.unwrap().split_once(' ').unwrap().1.parse().unwrap();
            assert!(value > 0.0, "{line:?}");
        }
    }
}
