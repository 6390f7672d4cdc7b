//! Where lines are printed: standard output, or what a program that embeds the sink hands in.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A shared writer; cloning it clones a handle.
#[derive(Clone)]
pub struct Output {
    writer: Arc<Mutex<dyn Write + Send>>,
    is_terminal: bool,
    is_stdout: bool,
}

impl Output {
    /// Prints to `writer`, which may block: it is called on the blocking pool.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self {
            writer: Arc::new(Mutex::new(writer)),
            is_terminal: false,
            is_stdout: false,
        }
    }

    /// Whether someone looks at it.
    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Whether nobody reads standard output any more, which shows without writing to it.
    pub(crate) fn is_closed(&self) -> bool {
        let stdout = io::stdout();
        let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
        let at_once = Timespec::default();
        self.is_stdout
            && poll(&mut watched, Some(&at_once)).is_ok()
            && watched[0].revents().contains(PollFlags::ERR)
    }

    /// Writes all of `lines`.
    pub(crate) fn print(&self, lines: &[u8]) -> io::Result<()> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write_all(lines)?;
        writer.flush()
    }
}

impl Default for Output {
    fn default() -> Self {
        Self {
            is_terminal: io::stdout().is_terminal(),
            is_stdout: true,
            ..Self::new(io::stdout())
        }
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Output")
    }
}
