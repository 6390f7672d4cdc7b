//! Files that grow all the while: numbered lines, which the sources read.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::anyhow;

/// So many lines are written at a time, with a pause behind them.
const LINES: u64 = 10;
const PAUSE: Duration = Duration::from_millis(10);

/// What stands behind a line's number.
const FILLER: &str =
    "a line that is written while brokers are killed and come back, and is to arrive in its order";

/// The end of a file that holds a whole line for certain.
const TAIL_BYTES: u64 = 4096;

/// Writes to one file until it is stopped.
pub(super) struct Writer {
    written: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<std::io::Result<()>>,
}

impl Writer {
    pub(super) fn start(path: &Path) -> anyhow::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let (written, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let (count, stopped) = (Arc::clone(&written), Arc::clone(&stop));
        let thread = thread::spawn(move || write(file, &count, &stopped));
        Ok(Self {
            written,
            stop,
            thread,
        })
    }

    /// How many lines it has written.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// Stops it; how many lines it has written.
    pub(super) fn stop(self) -> anyhow::Result<u64> {
        self.stop.store(true, Ordering::Release);
        let ended = self.thread.join();
        ended.map_err(|_| anyhow!("a writer panicked"))??;
        Ok(self.written.load(Ordering::Acquire))
    }
}

fn write(mut file: File, written: &AtomicU64, stop: &AtomicBool) -> std::io::Result<()> {
    let mut next = 0;
    while !stop.load(Ordering::Acquire) {
        let lines: String = (next..next + LINES)
            .map(|number| format!("{number:012} {FILLER}\n"))
            .collect();
        file.write_all(lines.as_bytes())?;
        next += LINES;
        written.store(next, Ordering::Release);
        thread::park_timeout(PAUSE);
    }
    Ok(())
}

/// The number of the last whole line of a file; none where there is no such line.
pub(super) fn last_number(path: &Path) -> Option<u64> {
    let mut file = File::open(path).ok()?;
    let len = fs::metadata(path).ok()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(TAIL_BYTES)))
        .ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let whole = &text[..text.rfind('\n')?];
    let line = whole.rsplit('\n').next()?;
    line.split(' ').next()?.parse().ok()
}
