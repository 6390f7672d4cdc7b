//! What can go wrong with files: what was tried on which path, why it failed, and what helps. All of it may pass, since
//! somebody makes room or gives the right, so that the worker tries again.

use std::io;
use std::path::{Path, PathBuf};

use millrace_api::ConnectError;

/// An operation on a file that failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The system refused it.
    Io {
        /// What was tried, such as "write".
        what: &'static str,
        path: PathBuf,
        error: io::Error,
    },
    /// Another task writes the files of this partition.
    TakenOver { partition: String, path: PathBuf },
    /// A journal that is no journal.
    Journal { path: PathBuf, why: String },
}

impl Failure {
    /// For `map_err`.
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |error| Self::Io { what, path, error }
    }
}

impl From<Failure> for ConnectError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Io { what, path, error } => {
                let mut text = format!("cannot {what} {}", path.display());
                if let Some(advice) = advice(error.kind()) {
                    text.push_str("; ");
                    text.push_str(advice);
                }
                Self::retriable(text).caused_by(error)
            }
            Failure::TakenOver { partition, path } => Self::retriable(format!(
                "another task has taken over the files of {partition} in {}; if that is not a task of this connector, \
                 give the connectors different names or directories",
                path.display()
            )),
            Failure::Journal { path, why } => Self::connect(format!(
                "cannot read the journal {}: {why}; without it (delete it) the consumer goes on from its group's offsets",
                path.display()
            )),
        }
    }
}

fn advice(kind: io::ErrorKind) -> Option<&'static str> {
    Some(match kind {
        io::ErrorKind::StorageFull => "the disk is full: make room, and it goes on by itself",
        io::ErrorKind::QuotaExceeded => {
            "the user's quota is used up: make room or raise it, and it goes on by itself"
        }
        io::ErrorKind::PermissionDenied => {
            "this process may not do that: give its user the right to write there, and it goes on by itself"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "the file system is read-only: mount it for writing, and it goes on by itself"
        }
        io::ErrorKind::CrossesDevices => {
            "the folder is on another file system than directory, so nothing can be renamed into it"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "a file stands where a folder is needed: move it away, and it goes on by itself"
        }
        _ => return None,
    })
}
