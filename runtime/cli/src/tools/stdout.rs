//! Standard output: whole writes, and knowing when nobody reads any more.
//!
//! A reader that has gone (`millrace consume ... | head`) is no error: the tool ends, and cleanly.

use std::io::{self, Write as _};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use thiserror::Error;

/// Why something could not be printed.
#[derive(Debug, Error)]
pub(crate) enum OutputError {
    /// The other end of the pipe is closed.
    #[error("nobody reads standard output any more")]
    Closed,
    /// Anything else: a full disk, say.
    #[error("cannot write to standard output: {0}")]
    Io(io::Error),
}

impl From<io::Error> for OutputError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::Closed
        } else {
            Self::Io(error)
        }
    }
}

/// Writes all of it, now.
pub(crate) fn print(bytes: impl AsRef<[u8]>) -> Result<(), OutputError> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes.as_ref())?;
    stdout.flush()?;
    Ok(())
}

/// Writes a JSON document and a newline.
pub(crate) fn print_json(document: &serde_json::Value) -> Result<(), OutputError> {
    print(format!("{document}\n"))
}

/// Whether the reader has gone. A tool that waits for records asks now and then, for it may have nothing to write.
pub(crate) fn is_closed() -> bool {
    let stdout = io::stdout();
    let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
    let now = Timespec::default();
    poll(&mut watched, Some(&now)).is_ok() && watched[0].revents().contains(PollFlags::ERR)
}
